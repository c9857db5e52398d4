"""What the hub's own dialect shares with OpenAI's: the parts of a message, errors, and the list of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from llm_hub.api.bodies import StrictModel, read_image_url, read_pdf
from llm_hub.api.dialects.dialect import ListedModel, ModelListFormat
from llm_hub.api.open_parts import UNREAD_PART, OpenModel, UnreadPart
from llm_hub.api.shapes import ErrorObject
from llm_hub.chat import Part, Text

if TYPE_CHECKING:
    from llm_hub.chat import Image


class ImageURL(StrictModel):
    url: str


class TextPart(StrictModel):
    type: Literal["text"]
    text: str


class ImagePart(StrictModel):
    type: Literal["image_url"]
    image_url: ImageURL

    def image(self, field: str) -> Image:
        """The image. `field` is the part's place in the body. Raises `Refusal`."""
        return read_image_url(self.image_url.url, f"{field}.image_url.url")


class FileData(OpenModel):
    file_data: str
    filename: str | None = None


class FilePart(OpenModel):
    """A PDF whose data is in the body."""

    type: Literal["file"]
    file: FileData


TextOrImage = Annotated[TextPart | ImagePart, Field(discriminator="type")]


def read_content(
    content: str | Sequence[TextPart | ImagePart | FilePart | UnreadPart], field: str
) -> str | tuple[Part, ...]:
    """A message's content as the hub knows it. `field` is its place in the body. Raises `Refusal`."""
    if isinstance(content, str):
        return content
    return tuple(_read_part(part, f"{field}.{number}") for number, part in enumerate(content))


def _read_part(part: TextPart | ImagePart | FilePart | UnreadPart, field: str) -> Part:
    match part:
        case TextPart(text=text):
            return Text(text)
        case ImagePart():
            return part.image(field)
        case FilePart(file=file):
            return read_pdf(file.filename, file.file_data, f"{field}.file.file_data")
        case UnreadPart():
            return Text(UNREAD_PART)


class OpenAIError(TypedDict):
    error: ErrorObject


def openai_error(status: int, error: ErrorObject) -> tuple[int, OpenAIError]:
    """A refusal: the status, and the body."""
    return status, {"error": error}


class OpenAIModel(TypedDict):
    """A model. When it was made nobody says: 0 is OpenAI's word for that."""

    id: str
    object: Literal["model"]
    created: Literal[0]
    owned_by: str


class OpenAIModelList(TypedDict):
    object: Literal["list"]
    data: list[OpenAIModel]


def _model(model: ListedModel) -> OpenAIModel:
    return {"id": model.id, "object": "model", "created": 0, "owned_by": model.owner}


def _model_list(models: Sequence[ListedModel]) -> OpenAIModelList:
    return {"object": "list", "data": [_model(model) for model in models]}


OPENAI_MODELS = ModelListFormat(
    model=_model, model_list=_model_list, model_shape=OpenAIModel, model_list_shape=OpenAIModelList
)

"""The contents of the messages of `POST /v1/responses`, and of the outputs of tools: text, images, files."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from llm_hub.api.bodies import (
    FailFastList,
    is_pdf_url,
    is_readable_image,
    is_web_address,
    read_document_url,
    read_image_url,
    read_pdf,
)
from llm_hub.api.open_parts import UNREAD_PART, OpenModel, UnreadPart
from llm_hub.api.refusals import Refusal
from llm_hub.chat import Document, Image, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXT_TYPES = ("input_text", "output_text", "text")


class InputText(OpenModel):
    type: Literal["input_text", "output_text", "text"]
    text: str


class RefusalText(OpenModel):
    type: Literal["refusal"]
    refusal: str


class InputImage(OpenModel):
    """An image whose data is in the body, or that its provider fetches."""

    type: Literal["input_image"]
    image_url: str

    def image(self, field: str) -> Image:
        """The image. `field` is the part's place in the body. Raises `Refusal`."""
        return read_image_url(self.image_url, f"{field}.image_url")


class InputPDF(OpenModel):
    """A PDF whose data is in the body."""

    type: Literal["input_file"]
    file_data: str
    filename: str | None = None

    def document(self, field: str) -> Document:
        """The document. `field` is the part's place in the body. Raises `Refusal`."""
        return read_pdf(self.filename, self.file_data, f"{field}.file_data")


class LinkedFile(OpenModel):
    """A document that its provider fetches."""

    type: Literal["input_file"]
    file_url: str
    filename: str | None = None

    def document(self, field: str) -> Document:  # noqa: ARG002  # as an `InputPDF`'s
        return read_document_url(self.file_url, self.filename)


class InputTextFile(OpenModel):
    """A file of plain text, whose data is in the body and which any model can read."""

    type: Literal["input_file"]
    file_data: str
    filename: str | None = None

    def text(self, field: str) -> str:
        """The file's name and text. `field` is the part's place in the body. Raises `Refusal`."""
        try:
            text = base64.b64decode(self.file_data.partition(";base64,")[2], validate=True).decode()
        except (binascii.Error, ValueError):
            field = f"{field}.file_data"
            raise Refusal(400, f"{field}: that is not base64 of a text in UTF-8.", field=field) from None
        return f"{self.filename}\n\n{text}" if self.filename else text


def _part_kind(part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else "text"
    if kind in _TEXT_TYPES:
        return "text"
    if kind == "refusal":
        return "refusal"
    address = part.get("image_url") if kind == "input_image" else None
    if kind == "input_image" and isinstance(address, str) and is_readable_image(address):
        return "image"
    if kind == "input_file" and is_web_address(part.get("file_url")):
        return "linked_file"
    data = part.get("file_data") if kind == "input_file" else None
    if isinstance(data, str) and data.startswith("data:text/") and ";base64," in data[:200]:
        return "file"
    return "pdf" if kind == "input_file" and is_pdf_url(data) else "other"


InputPart = Annotated[
    Annotated[InputText, Tag("text")]
    | Annotated[RefusalText, Tag("refusal")]
    | Annotated[InputImage, Tag("image")]
    | Annotated[InputTextFile, Tag("file")]
    | Annotated[InputPDF, Tag("pdf")]
    | Annotated[LinkedFile, Tag("linked_file")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_part_kind),
]
"""A part that the hub can read, or one without which the answer would not be what was asked for."""
Content = str | FailFastList[InputPart]


def read_content(content: str | Sequence[InputPart], field: str) -> tuple[Text | Image | Document, ...]:
    """The parts of a content, which stands at `field` of the body. Raises `Refusal`."""
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_read_part(part, f"{field}.{number}") for number, part in enumerate(content))


def _read_part(part: InputPart, field: str) -> Text | Image | Document:
    match part:
        case InputText():
            return Text(part.text)
        case RefusalText():
            return Text(part.refusal)
        case InputImage():
            return part.image(field)
        case InputTextFile():
            return Text(part.text(field))
        case InputPDF() | LinkedFile():
            return part.document(field)
    return Text(UNREAD_PART)

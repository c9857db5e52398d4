"""What requests may say. Whatever they may not is refused with the field's name, and never repeated."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_hub.api.refusals import Refused
from llm_hub.chat import ChatRequest, Image, Message, Part, Role, Text

MOST_MESSAGES = 2000
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")

Body = TypeVar("Body", bound=BaseModel)
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)


class ImageURL(_Strict):
    url: str
    detail: str | None = None


class TextPart(_Strict):
    type: Literal["text"]
    text: str


class ImagePart(_Strict):
    type: Literal["image_url"]
    image_url: ImageURL


class Turn(_Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]
    name: str | None = None

    def message(self, where: str) -> Message:
        """The turn as the hub knows it. `where` is its place in the body, for a refusal."""
        role = Role.SYSTEM if self.role == "developer" else Role(self.role)
        if isinstance(self.content, str):
            return Message(role, self.content)
        parts: list[Part] = []
        for number, part in enumerate(self.content):
            if isinstance(part, TextPart):
                parts.append(Text(part.text))
            else:
                parts.append(_image(part.image_url.url, f"{where}.content.{number}.image_url.url"))
        return Message(role, tuple(parts))


Turns = Annotated[list[Turn], Field(min_length=1, max_length=MOST_MESSAGES)]


class Chat(_Strict):
    """The body of `POST /v1/chat`."""

    messages: Turns
    model: Name = "auto"
    stream: bool = False
    temperature: Temperature | None = None
    max_tokens: Tokens | None = None
    fallback: list[Name] | None = Field(None, max_length=20)

    def request(self) -> ChatRequest:
        fallback = None if self.fallback is None else tuple(self.fallback)
        return ChatRequest(_messages(self.messages), self.model, self.temperature, self.max_tokens, fallback)


class StreamOptions(_Strict):
    include_usage: bool = False
    include_obfuscation: bool = False


class Completion(_Strict):
    """The body of `POST /v1/chat/completions`, as far as every provider can honour it."""

    messages: Turns
    model: Name = "auto"
    models: list[Name] | None = Field(None, max_length=20)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    n: Literal[1] = 1
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None

    def request(self) -> ChatRequest:
        """`models` is the ordered chain: its first is asked first, unless `model` names another one."""
        chain = list(self.models or ())
        model = self.model
        if chain and model == "auto":
            model = chain.pop(0)
        fallback = None if self.models is None else tuple(name for name in chain if name != model)
        limit = self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens
        return ChatRequest(_messages(self.messages), model, self.temperature, limit, fallback)


def parse(kind: type[Body], raw: bytes) -> Body:
    """A body. Raises `Refused` with the field's name."""
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(400, "The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise Refused(400, "The body must be a JSON object.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        said = "is not supported." if first["type"] == "extra_forbidden" else f"{first['msg']}."
        raise Refused(400, f"{field}: {said}", field=field) from None


def _messages(turns: list[Turn]) -> tuple[Message, ...]:
    return tuple(turn.message(f"messages.{number}") for number, turn in enumerate(turns))


def _image(url: str, where: str) -> Image:
    head, _, data = url.partition(";base64,")
    kind = head.removeprefix("data:")
    if kind not in IMAGES or not head.startswith("data:"):
        raise Refused(
            400, f"{where}: an image is sent as data:image/png;base64,… (PNG, JPEG, GIF or WebP).", field=where
        )
    try:
        return Image(base64.b64decode(data, validate=True), kind)
    except binascii.Error:
        raise Refused(400, f"{where}: that is not base64.", field=where) from None


def dump(value: Any) -> bytes:
    """JSON."""
    return orjson.dumps(value)

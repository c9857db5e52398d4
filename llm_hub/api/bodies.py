"""What requests may say, as far as all endpoints have it in common. Each dialect's own words stand in its module.

What a request may not say is refused with the field's name, and never repeated.
"""

from __future__ import annotations

import base64
import binascii
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from llm_hub.api.refusals import Refused
from llm_hub.chat import ChatRequest, Image, Message, Part, Role, Text
from llm_hub.wire.json_limits import holds_more

MAX_MESSAGES = 2000
MAX_BODY_VALUES = 32_000
"""Objects, lists and what is in them, altogether: reading, checking or refusing more would hold up everybody else."""
MAX_DEPTH = 100
"""Levels of a JSON schema or a call's arguments: what serialises them further on recurses."""
MAX_FIELD_CHARS = 200
"""Characters of a name that a refusal repeats, of each that leads to the field."""
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def _shallow(value: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        inner = (item for one in level for item in (one.values() if isinstance(one, dict) else one))
        level = [item for item in inner if isinstance(item, dict | list)]
        if not level:
            return value
    raise PydanticCustomError("too_deep", "is nested too deeply")


Item = TypeVar("Item")
Several = Annotated[list[Item], Field(fail_fast=True)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
StopText = Annotated[str, Field(min_length=1, max_length=1000)]
JSONObject = Annotated[dict[str, Any], AfterValidator(_shallow)]


class StrictModel(BaseModel):
    """Takes nothing that it does not name, and no number for a text."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)


class ChatBody(StrictModel):
    """The body of an endpoint that chats."""

    asks_nothing: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    """Fields that clients send, with the values that ask for nothing. No other value can be honoured."""

    stream: bool | None = False

    @abstractmethod
    def request(self) -> ChatRequest:
        """What the hub is asked. Raises `Refused`."""


Body = TypeVar("Body", bound=ChatBody)


class ImageURL(StrictModel):
    url: str
    detail: str | None = None


class TextPart(StrictModel):
    type: Literal["text"]
    text: str


class ImagePart(StrictModel):
    type: Literal["image_url"]
    image_url: ImageURL


TextOrImage = Annotated[TextPart | ImagePart, Field(discriminator="type")]


def content(said: str | Sequence[TextPart | ImagePart], where: str) -> str | tuple[Part, ...]:
    """A message's content as the hub knows it. `where` is its place in the body, for a refusal."""
    if isinstance(said, str):
        return said
    return tuple(
        Text(part.text) if isinstance(part, TextPart) else _linked(part, f"{where}.{number}")
        for number, part in enumerate(said)
    )


def _linked(part: ImagePart, where: str) -> Image:
    field = f"{where}.image_url.url"
    head, _, data = part.image_url.url.partition(";base64,")
    if not head.startswith("data:"):
        raise Refused(
            400, f"{field}: an image is sent as data:image/png;base64,… (PNG, JPEG, GIF or WebP).", field=field
        )
    return image(head.removeprefix("data:"), data, field)


def image(media_type: str, data: str, where: str) -> Image:
    """An image from base64. Raises `Refused`."""
    if media_type not in IMAGES:
        raise Refused(400, f"{where}: an image is one of {', '.join(IMAGES)}.", field=where)
    try:
        return Image(base64.b64decode(data, validate=True), media_type)
    except (binascii.Error, ValueError):
        raise Refused(400, f"{where}: that is not base64.", field=where) from None


class HubChatTurn(StrictModel):
    """A message of the small dialect."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Several[TextOrImage]
    name: str | None = None

    def message(self, where: str) -> Message:
        role = "system" if self.role == "developer" else self.role
        return Message(Role(role), content(self.content, f"{where}.content"))


class HubChatBody(ChatBody):
    """The body of `POST /v1/chat`."""

    messages: Annotated[Several[HubChatTurn], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Name = "auto"
    temperature: Temperature | None = None
    max_tokens: Tokens | None = None
    fallback: Annotated[list[Name], Field(max_length=20)] | None = None

    def request(self) -> ChatRequest:
        fallback = None if self.fallback is None else tuple(self.fallback)
        messages = tuple(turn.message(f"messages.{number}") for number, turn in enumerate(self.messages))
        return ChatRequest(messages, self.model, self.temperature, self.max_tokens, fallback)


def parse(kind: type[Body], raw: bytes) -> Body:
    """A body. Raises `Refused` with the field's name."""
    if holds_more(raw, MAX_BODY_VALUES):
        raise Refused(400, f"The body has more than {MAX_BODY_VALUES} fields, messages or other entries of lists.")
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(400, "The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise Refused(400, "The body must be a JSON object.")
    for name in kind.asks_nothing.keys() & data.keys():
        _check_nothing(name, data.pop(name), kind.asks_nothing[name])
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise _refusal(max(found, key=_meant), data) from None


def _meant(error: ErrorDetails) -> tuple[int, bool, bool]:
    """Of a union's members the one that was meant got furthest: it is of the right type, or at least has its tag."""
    other = error["type"] == "missing" or error["type"].endswith("_type")
    return len(error["loc"]), error["type"] == "union_tag_invalid", not other


def _check_nothing(name: str, value: object, harmless: tuple[object, ...]) -> None:
    if any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in harmless):
        return
    shown = [orjson.dumps(one).decode() for one in harmless if one is not None]
    said = f"only {' or '.join(shown)} can be honoured." if shown else "is not supported."
    raise Refused(400, f"{name}: {said}", field=name, code="unsupported_parameter")


def _refusal(error: ErrorDetails, data: object) -> Refused:
    place = _place(error, data)
    field = ".".join(str(part)[:MAX_FIELD_CHARS] for part in place)
    match error["type"]:
        case "extra_forbidden":
            return Refused(400, f"{field}: is not supported.", field=field, code="unsupported_parameter")
        case "union_tag_invalid" | "union_tag_not_found":
            expected = error["ctx"].get("expected_tags")
            said = f"must be one of {expected}" if expected else "says which kind it is, and is missing"
            field = ".".join((field, error["ctx"]["discriminator"].strip("'")))
        case "model_type" | "model_attributes_type" | "dict_type":
            said = "must be an object"
        case _:
            said = error["msg"]
    return Refused(400, f"{field}: {said}.", field=field)


def _place(error: ErrorDetails, data: Any) -> list[str | int]:
    """Where in the body the error is: its location without the names of pydantic's own types."""
    place: list[str | int] = []
    last = len(error["loc"]) - 1
    for number, part in enumerate(error["loc"]):
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if inside:
            data = data[part]
        elif error["type"] != "missing" or number < last:
            continue
        place.append(part)
    return place


def dump(value: Any) -> bytes:
    """JSON."""
    return orjson.dumps(value)

"""What the bodies of requests have in common in all dialects. Each dialect's own fields stand in its module.

What a body may not contain is refused with the field's name. The value itself is never repeated.
"""

from __future__ import annotations

import binascii
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, TypeVar
from urllib.parse import unquote

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from llm_hub.api.refusals import Refusal
from llm_hub.chat import ChatRequest, Document, Image
from llm_hub.chat.exact_json import load_exactly
from llm_hub.documents.kinds import PDF_TYPE, clean_name
from llm_hub.redaction import redact
from llm_hub.wire.json_limits import holds_more

if TYPE_CHECKING:
    from llm_hub.api.stored_answers import CallerAnswers

MAX_MESSAGES = 20_000
MAX_MODELS = 20
"""Models of a fallback chain."""
MAX_TOOLS = 1000
MAX_BODY_VALUES = 250_000
"""Objects, lists and their entries in a body, altogether: twenty thousand messages of an agent have as many."""
MAX_DEPTH = 100
"""Levels of a JSON schema or of a call's arguments: what serialises them further on recurses."""
_MAX_FIELD_DEPTH = MAX_DEPTH + 20
"""Levels of any field of a body, in which a schema or arguments stand some levels down."""
MAX_FIELD_CHARS = 200
"""Characters of each part of a field's name that a refusal repeats."""
_PIECE_CHARS = 2**20
"""Characters of base64 that are decoded at once, in whole groups of four."""
_MAX_STOP_TEXTS = 1000
_MAX_STOP_CHARS = 10_000
"""Of each such text. The embedded model and others look for all of them in each piece of an answer."""
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_WEB = ("https://", "http://")


def are_usual_stops(texts: Sequence[str]) -> bool:
    """Whether texts that end an answer mean something to all vendors. What an empty one means, one may know."""
    return len(texts) <= _MAX_STOP_TEXTS and all(0 < len(text) <= _MAX_STOP_CHARS for text in texts)


def _is_deeper(value: object, levels: int) -> bool:
    """Whether lists and objects are nested in each other on more levels than that."""
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        inner = (item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer))
        level = [item for item in inner if isinstance(item, dict | list)]
        if not level:
            return False
    return bool(level)


def _check_depth(value: dict[str, Any]) -> dict[str, Any]:
    if _is_deeper(value, MAX_DEPTH + 1):
        raise PydanticCustomError("too_deep", "is nested too deeply")
    return value


Item = TypeVar("Item")
FailFastList = Annotated[list[Item], Field(fail_fast=True)]
"""A list of which only the first wrong item is reported."""
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
"""A setting whose bounds are its vendor's."""
MAX_TOKEN_LIMIT = 10_000_000
TokenLimit = Annotated[int, Field(ge=1, le=MAX_TOKEN_LIMIT)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
ModelChain = Annotated[list[Name], Field(max_length=MAX_MODELS)]
Effort = Annotated[str, Field(min_length=1, max_length=100)]
"""A word of the vendor's for how long the model reasons."""
JSONObject = Annotated[dict[str, Any], AfterValidator(_check_depth)]


class StrictModel(BaseModel):
    """A part of a body. A field that it does not name is refused, and so is a value of another type.

    What pydantic checks it with is built when the first such body comes, not at the start, of which it was a seventh.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True, defer_build=True)

    is_unread: ClassVar[bool] = False
    """Whether the hub does not know what it says: see open_parts.py."""


class SentBody(NamedTuple):
    """What a body was made of. pydantic takes five microseconds to read it from the body: it is read once."""

    fields: dict[str, Any]
    """The JSON object that was parsed."""
    headers: Mapping[str, str]
    """The headers of the request that belong to the dialect's protocol."""
    query: str
    """What the request's URL has after its path."""

    @property
    def passed_query(self) -> str:
        """The query as it goes on to the vendor: one with a key in it goes to nobody."""
        return self.query if redact(self.query) == self.query else ""


class ChatBody(StrictModel):
    """The body of an endpoint that chats."""

    refused_fields: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    """Fields that clients send and whose answer the hub could not pass on, whichever provider gave it. Each has the
    values that change nothing: those are accepted, and any other is refused."""

    protocol: ClassVar[str] = ""
    """The vendor's protocol, as `OriginalRequest` names it; "" for the hub's own dialect."""

    __slots__ = ("_sent",)
    if TYPE_CHECKING:
        _sent: SentBody
        """Set by `parse`. A private attribute of pydantic's would be looked for in three places each time."""

    stream: bool | None = False

    def recall(self, answers: CallerAnswers) -> None:
        """Takes up the earlier answers that the body refers to. Raises `Refusal`."""

    @abstractmethod
    def request(self) -> ChatRequest:
        """The request to the hub. Raises `Refusal`."""


Body = TypeVar("Body", bound=ChatBody)


def is_readable_image(url: str) -> bool:
    """Whether an address holds the data of an image that every vendor takes, or is one on the web. What is no address
    is read as if it did, which says what is wrong."""
    head = url[:100]
    if not head.startswith("data:"):
        return "://" not in head or head.startswith(_WEB)
    media_type, is_base64, _ = head.removeprefix("data:").partition(";base64,")
    return bool(is_base64) and media_type in IMAGE_TYPES


def read_image(media_type: str, data: str, field: str) -> Image:
    """An image from base64. `field` is its place in the body. Raises `Refusal`."""
    if media_type not in IMAGE_TYPES:
        raise Refusal(400, f"{field}: an image is one of {', '.join(IMAGE_TYPES)}.", field=field)
    return Image(_decode(data, field), media_type)


def read_image_url(url: str, field: str) -> Image:
    """An image from an address that holds its data, or that its provider fetches. Raises `Refusal`."""
    if url.startswith(_WEB):
        return Image(url=url)
    head, _, data = url.partition(";base64,")
    if not head.startswith("data:"):
        problem = "an image is sent as data:image/png;base64,… (PNG, JPEG, GIF or WebP), or as a web address."
        raise Refusal(400, f"{field}: {problem}", field=field)
    return read_image(head.removeprefix("data:"), data, field)


def is_web_address(url: object) -> bool:
    """Whether a provider can fetch what is there."""
    return isinstance(url, str) and url.startswith(_WEB)


def read_document_url(url: str, name: str | None = None) -> Document:
    """A document at an address, which its provider fetches. Where it has no name, the address has one."""
    name = name or unquote(url.partition("?")[0]).rpartition("/")[2] or "document.pdf"
    return Document(clean_name(name), PDF_TYPE, None, url=url)


def is_pdf_url(url: object) -> bool:
    """Whether an address holds the data of a PDF, which every provider takes as it is or as text."""
    return isinstance(url, str) and url.startswith(f"data:{PDF_TYPE};base64,")


def read_pdf(name: str | None, data: str, field: str) -> Document:
    """A PDF from base64, or from an address that holds it. `field` is its place in the body. Raises `Refusal`.

    Nobody reads its text before a provider needs that.
    """
    return Document(clean_name(name or "document.pdf"), PDF_TYPE, None, _decode(data.rpartition(",")[2], field))


def _decode(data: str, field: str) -> bytes:
    pieces = [data[start : start + _PIECE_CHARS] for start in range(0, len(data), _PIECE_CHARS)]
    try:  # piece by piece: Python runs nothing else while it decodes one
        if not any(piece.endswith("=") for piece in pieces[:-1]):  # the end of base64, in the middle
            return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in pieces)
    except (binascii.Error, ValueError):
        pass
    raise Refusal(400, f"{field}: that is not base64.", field=field)


def parse(model: type[Body], raw: bytes, headers: Mapping[str, str] | None = None, query: str = "") -> Body:
    """The body of a request. Raises `Refusal` with the name of the first field that is wrong.

    `headers` are those that belong to the dialect's protocol, and `query` is the URL's.
    """
    if holds_more(raw, MAX_BODY_VALUES):
        raise Refusal(400, f"The body has more than {MAX_BODY_VALUES} fields, messages or other entries of lists.")
    try:
        data = load_exactly(raw)
    except orjson.JSONDecodeError:
        raise Refusal(400, "The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise Refusal(400, "The body must be a JSON object.")
    for name in model.refused_fields.keys() & data.keys():
        _check_neutral(name, data[name], model.refused_fields[name])
    for name in data.keys() - model.__pydantic_fields__.keys():
        if len(name) > MAX_FIELD_CHARS or redact(name) != name:  # a key in the wrong place goes to nobody
            raise _unsupported(name[:MAX_FIELD_CHARS])
    try:
        body = model.model_validate({name: value for name, value in data.items() if name not in model.refused_fields})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise _refusal(max(details, key=_likelihood), data) from None
    if raw.count(b"[") + raw.count(b"{") > _MAX_FIELD_DEPTH:
        for name, value in data.items():
            if _is_deeper(value, _MAX_FIELD_DEPTH):
                raise Refusal(400, f"{name}: is nested too deeply.", field=name)
    body._sent = SentBody(data, headers or {}, query)  # noqa: SLF001  # what the body was made of
    return body


def is_neutral(value: object, neutral: tuple[object, ...]) -> bool:
    """Whether a field's value is one of those that change nothing. `True == 1` in Python, but not in JSON."""
    return any(value == allowed and isinstance(value, bool) == isinstance(allowed, bool) for allowed in neutral)


def _likelihood(error: ErrorDetails) -> tuple[int, bool, bool]:
    """How likely it is that this error is about what the client meant, since each member of a union reports its own.

    The member that was meant got furthest into the body, and the value has its type, or at least its tag.
    """
    wrong_type = error["type"] == "missing" or error["type"].endswith("_type")
    return len(error["loc"]), error["type"] == "union_tag_invalid", not wrong_type


def _check_neutral(name: str, value: object, neutral: tuple[object, ...]) -> None:
    if is_neutral(value, neutral):
        return
    texts = [orjson.dumps(allowed).decode() for allowed in neutral if allowed is not None]
    if not texts:
        raise _unsupported(name)
    raise Refusal(400, f"{name}: only {' or '.join(texts)} can be honoured.", field=name, code="unsupported_parameter")


def _unsupported(field: str) -> Refusal:
    return Refusal(400, f"{field}: is not supported.", field=field, code="unsupported_parameter")


def _refusal(error: ErrorDetails, data: object) -> Refusal:
    field = ".".join(str(part)[:MAX_FIELD_CHARS] for part in _location(error, data))
    match error["type"]:
        case "extra_forbidden":
            return _unsupported(field)
        case "union_tag_invalid" | "union_tag_not_found":
            expected = error["ctx"].get("expected_tags")
            problem = f"must be one of {expected}" if expected else "says which kind it is, and is missing"
            field = ".".join((field, error["ctx"]["discriminator"].strip("'")))
        case "model_type" | "model_attributes_type" | "dict_type":
            problem = "must be an object"
        case _:
            problem = error["msg"]
    return Refusal(400, f"{field}: {problem}.", field=field)


def _location(error: ErrorDetails, data: Any) -> list[str | int]:
    """Where in the body the error is: pydantic's location without the names of its own types."""
    location: list[str | int] = []
    last = len(error["loc"]) - 1
    for number, part in enumerate(error["loc"]):
        is_in_body = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if is_in_body:
            data = data[part]
        elif error["type"] != "missing" or number < last:
            continue
        location.append(part)
    return location

"""Open parts of bodies: they may have fields, and be of kinds, that the hub does not know.

Those go on as they came to a provider of the client's protocol. For any other one it is listed here what it could not
be told, and whether an answer without that would still be what was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from llm_hub.api.bodies import MAX_TOKEN_LIMIT, ChatBody, StrictModel, is_neutral
from llm_hub.chat import OriginalRequest
from llm_hub.chat.exact_json import ExactFloat
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_LISTED_FIELDS = 50
"""Fields that an answer names as ignored, at most."""
UNREAD_PART = "(A part that only a provider of the same protocol can read.)"
"""What stands in the hub's messages for an `UnreadPart`. Nobody is sent it: others are not asked at all."""
_NOTHING: tuple[object, ...] = (None, [])
"""Values of a field that ask for nothing."""
_PRICED_LIFETIMES = (None, "5m", "1h")
"""Lifetimes of what a mark keeps in Anthropic's cache, as far as their prices are known."""
TOKEN_LIMITS = (1, MAX_TOKEN_LIMIT)
"""A limit that means the same to all vendors: 0 and -1 mean something to some."""
_PLAIN_TYPES = frozenset({str, int, float, ExactFloat, bool, dict, type(None)})
"""Types of the values in a part that are neither parts themselves nor lists of them."""


class OpenModel(StrictModel):
    """A part of a body that may have more fields than the hub knows."""

    model_config = ConfigDict(extra="allow")


class UnreadPart(OpenModel):
    """A part of a kind that the hub does not know, and without which the answer would not be what was asked for."""

    is_unread = True
    type: Annotated[str, Field(min_length=1, max_length=100)]


class UnreadObject(OpenModel):
    """An object that the hub does not read, and without which the answer would not be what was asked for."""

    is_unread = True


class UnreadTurn(UnreadObject):
    """A message of a role that the hub does not know."""

    role: Annotated[str, Field(min_length=1, max_length=100)]


class OptionalPart(OpenModel):
    """A part of a kind that the hub does not know, and that an answer is good without: another model's reasoning."""

    is_unread = True
    type: Annotated[str, Field(min_length=1, max_length=100)]


def kind_among(*known: str, is_read: Callable[[dict[str, Any]], bool] = lambda _: True) -> Discriminator:
    """Tells the parts of the kinds `known` from those of any other, whose tag is "other".

    `is_read` says of a part of a known kind whether the hub can read it: if not, it is another one, too.
    """

    def kind(value: Any) -> str:
        if not isinstance(value, dict):
            return known[0]  # which says that it must be an object
        return value["type"] if value.get("type") in known and is_read(value) else "other"

    return Discriminator(kind)


def role_among(*known: str) -> Discriminator:
    """Tells the messages of the roles `known` from those of any other, whose tag is "other"."""

    def role(value: Any) -> str:
        name = value.get("role") if isinstance(value, dict) else None
        return name if name in known else "other"

    return Discriminator(role)


def unread_fields(part: BaseModel) -> list[tuple[str, object]]:
    """The fields in a part of a body that the hub does not know, each with its place in the part and its value.

    A whole part that the hub does not know is listed itself.
    """
    found = [(name, value) for name, value in (part.__pydantic_extra__ or {}).items() if value not in _NOTHING]
    for name, value in part.__dict__.items():
        if value is None or (kind := value.__class__) in _PLAIN_TYPES:
            continue
        if kind is list:
            for number, item in enumerate(value):
                if inner := _unread(item):
                    found += [(f"{name}.{number}{path}", value) for path, value in inner]
        elif inner := _unread(value):
            found += [(f"{name}{path}", value) for path, value in inner]
    return found


def _unread(value: Any) -> list[tuple[str, object]]:
    kind = value.__class__  # a value is plain or a part: to ask pydantic whether it is one would take some time
    if kind in _PLAIN_TYPES:
        return []
    if kind.is_unread:
        return [("", value)]
    return [(f".{path}", inner) for path, inner in unread_fields(value)]


class OpenBody(ChatBody):
    """The body of a vendor's endpoint, whose fields are an open list."""

    model_config = ConfigDict(extra="allow")

    own_fields: ClassVar[frozenset[str]] = frozenset({"models", "order", "api_key"})
    """Fields that are the hub's own and no vendor's. A key has no place in a body: it is refused, or null."""
    neutral_values: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    """Fields that the hub does not know, each with the values that change nothing."""
    essential_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that the hub does not know, and without which the answer would not be what was asked for."""
    free_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that the hub does not know, and with which tokens cost what they cost without."""

    common_ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"temperature": (0, 2), "top_p": (0, 1)}
    """The values of settings that mean something to all vendors. For others only one of the protocol is asked."""

    def common_value(self, name: str) -> Any:
        """A setting's value, where it means the same to all vendors."""
        value = getattr(self, name)
        return value if _is_within(value, self.common_ranges[name]) else None

    def original(self, messages: int) -> OriginalRequest:
        """The request as its client wrote it. `messages` is the number of the hub's messages that were made of it."""
        sent = self._sent
        untranslated: dict[str, None] = {}
        essential = [
            name
            for name, bounds in self.common_ranges.items()
            if name in sent.fields and not _is_within(getattr(self, name), bounds)
        ]
        surcharged: list[str] = []
        lifetimes: set[object] = set()
        for path, value in unread_fields(self):
            if is_neutral(value, self.neutral_values.get(path, ())):
                continue
            lifetime = _cache_lifetime(path, value)
            lifetimes.add(lifetime)
            if isinstance(value, UnreadPart | UnreadObject) or path in self.essential_fields:
                essential.append(redact(path))
                is_surcharged = path not in self.free_fields
            else:
                untranslated[listed(path, value)] = None
                is_surcharged = "." not in path and path not in self.free_fields
            if is_surcharged or lifetime not in _PRICED_LIFETIMES:
                surcharged.append(redact(path))
        return OriginalRequest(
            self.protocol,
            self._own_words(sent.fields),
            messages,
            sent.headers,
            tuple(untranslated)[:MAX_LISTED_FIELDS],
            tuple(essential[:MAX_LISTED_FIELDS]),
            tuple(surcharged[:MAX_LISTED_FIELDS]),
            query=sent.passed_query,
            caches_an_hour="1h" in lifetimes,
        )

    def _own_words(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The body as its client wrote it, without the hub's fields and without the state of other vendors' calls."""
        return {name: value for name, value in sent.items() if name not in self.own_fields}


def _is_within(value: float | None, bounds: tuple[float, float]) -> bool:
    return value is None or bounds[0] <= value <= bounds[1]


def _cache_lifetime(path: str, value: object) -> str | None:
    """How long a mark for Anthropic's cache asks to keep what is before it: an hour costs more than five minutes."""
    if isinstance(value, OptionalPart):
        mark: object = (value.model_extra or {}).get("cache_control")
    else:
        mark = value if path.endswith("cache_control") else None
    return str(mark["ttl"]) if isinstance(mark, dict) and mark.get("ttl") is not None else None


def listed(path: str, value: object) -> str:
    """How an answer names a field that was ignored: without the numbers of its messages and parts, and without keys."""
    path = f"{path}.{value.type}" if isinstance(value, OptionalPart) else path
    return redact(".".join(name[:100] for name in path.split(".") if not name.isdigit()))

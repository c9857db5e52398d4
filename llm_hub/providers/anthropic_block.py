"""A block of an answer of Anthropic's, as it came."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from llm_hub.chat.exact_json import dump_exactly, load_exactly
from llm_hub.chat.tool_calls import merge_fields
from llm_hub.providers.anthropic_body import REASONING_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HUB_BLOCKS = ("text", "thinking", "tool_use")
"""The blocks that the hub has words for."""
_UNNAMED_BLOCKS = (*_HUB_BLOCKS, "redacted_thinking")
"""The blocks whose absence needs no word: reasoning that nobody can read is not missed."""
TEXT_FIELDS = frozenset({"text", "thinking", "partial_json"})
"""The fields of a piece that have the hub's words."""


class MessageBlock:
    """A block of the answer: as it came in `value`, which gets what its deltas add when the block ends.

    `number` counts the answer's blocks. `pieces_before` are the pieces of text, or of reasoning, that the answer had
    when the block began. `is_late`: it follows a call of a tool, and is for clients to be told of it in its place, with
    the calls: text, and for clients of the same protocol whatever else there is. What was signed in one order is
    refused in another.
    """

    __slots__ = ("begun", "deltas", "events", "is_late", "is_open", "kind", "later_events", "number", "pieces",
        "pieces_before", "value")  # fmt: skip

    def __init__(self, value: dict[str, Any], kind: str, number: int, pieces_before: int, *, is_late: bool) -> None:
        self.value = value
        self.kind = kind
        self.number = number
        self.pieces_before = pieces_before
        self.is_late = is_late
        self.is_open = True
        self.pieces: dict[str, list[Any]] = {}
        """What its deltas brought for each field, the input of a tool as `partial_json`."""
        self.events: dict[str, dict[str, Any]] = {}
        """What its events have beside the block and its pieces: by their type, or by that of their delta."""
        self.begun: Mapping[str, Any] = {}
        """The block as it came, without what its deltas have added."""
        self.deltas: list[Mapping[str, Any]] = []
        """The events that brought what the hub has no word for, where clients are not told of them one by one."""
        self.later_events: list[Mapping[str, Any]] = []
        """Events that follow it and that the hub has no word for, where the block is for clients to be told of with
        the calls."""

    def keep_fields(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Keeps what an event of a kind has beside the hub's words. Of pieces that become one, the last ones hold."""
        if fields:
            merge_fields(self.events.setdefault(kind, {}), fields)

    def add_unknown(self, event: Mapping[str, Any]) -> None:
        """Adds a piece of a block that the hub has no word for."""
        self.deltas.append(event)
        for name, piece in event["delta"].items():
            if name != "type":
                self.pieces.setdefault(name, []).append(piece)

    @property
    def as_told(self) -> dict[str, Any]:
        """What clients of the same protocol are told of the block as a whole, beside its value."""
        return {"begun": self.begun, "deltas": self.deltas, "events": self.events, "later_events": self.later_events}

    def add_pieces(self) -> None:
        """Adds what the deltas brought: texts and lists grow, anything else is replaced."""
        self.begun = dict(self.value)
        if pieces := [as_json(piece) for piece in self.pieces.pop("partial_json", ()) if piece]:
            self.value["input"] = decode_input("".join(pieces))
        for name, added in self.pieces.items():
            pieces = [piece for piece in (self.value.get(name), *added) if piece is not None]
            if all(isinstance(piece, str) for piece in pieces):
                self.value[name] = "".join(pieces)
            elif all(isinstance(piece, list) for piece in pieces):
                self.value[name] = list(chain.from_iterable(pieces))
            elif pieces:
                self.value[name] = pieces[-1]

    @property
    def is_vendors(self) -> bool:
        """Whether the hub has no word for the block."""
        return self.kind not in _HUB_BLOCKS

    @property
    def can_be_kept(self) -> bool:
        """Whether the vendor would take the block back: it refuses empty texts and inputs that are no objects."""
        if self.kind == "text":
            return bool(self.value.get("text"))
        if self.kind == "thinking":
            return bool(self.value.get("thinking") or self.value.get("signature"))
        return self.kind != "tool_use" or isinstance(self.value.get("input"), dict)


def vendors_kinds(blocks: Iterable[MessageBlock]) -> str:
    """Which blocks an answer has that only clients of Anthropic's protocol are sent, as a sentence names them."""
    return " and ".join(dict.fromkeys(block.kind for block in blocks if block.kind not in _UNNAMED_BLOCKS))


def signed_reasoning(blocks: Iterable[MessageBlock]) -> list[dict[str, Any]]:
    """The blocks of reasoning that the vendor takes back, as it has signed them."""
    reasoning = [block.value for block in blocks if block.kind in REASONING_BLOCKS]
    return [value for value in reasoning if value.get("signature") or value.get("data")]


def as_json(value: object) -> str:
    return value if isinstance(value, str) else dump_exactly(value).decode()


def decode_input(text: str) -> Any:
    """A tool's input; None for what is cut off. Several servers write JSON inside JSON."""
    try:
        value = load_exactly(text.encode())
        return load_exactly(value.encode()) if isinstance(value, str) else value
    except ValueError:
        return None

"""A block of an answer of Anthropic's, as it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from llm_hub.chat.exact_json import dump_exactly, load_exactly
from llm_hub.tool_calls import merge_fields

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class MessageBlock:
    """A block of the answer: as it came in `value`, which gets what its deltas add when the block ends.

    `number` counts the answer's blocks. `pieces_before` are the pieces of text, or of reasoning, that the answer had
    when the block began. `pieces` has what its deltas brought for each field, the input of a tool as `partial_json`.
    """

    value: dict[str, Any]
    kind: str
    number: int
    pieces_before: int
    pieces: dict[str, list[Any]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What its events have beside the block and its pieces: by their type, or by that of their delta."""
    is_open: bool = True
    is_late: bool = False
    """Whether it follows a call of a tool, and is for clients to be told of it in its place, with the calls: text, and
    for clients of the same protocol whatever else there is. What was signed in one order is refused in another."""

    def keep_fields(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Keeps what an event of a kind has beside the hub's words. Of pieces that become one, the last ones hold."""
        if fields:
            merge_fields(self.events.setdefault(kind, {}), fields)

    def add_pieces(self) -> None:
        """Adds what the deltas brought: texts and lists grow, anything else is replaced."""
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
    def can_be_kept(self) -> bool:
        """Whether the vendor would take the block back: it refuses empty texts and inputs that are no objects."""
        if self.kind == "text":
            return bool(self.value.get("text"))
        if self.kind == "thinking":
            return bool(self.value.get("thinking") or self.value.get("signature"))
        return self.kind != "tool_use" or isinstance(self.value.get("input"), dict)


def as_json(value: object) -> str:
    return value if isinstance(value, str) else dump_exactly(value).decode()


def decode_input(text: str) -> Any:
    """A tool's input; None for what is cut off. Several servers write JSON inside JSON."""
    try:
        value = load_exactly(text.encode())
        return load_exactly(value.encode()) if isinstance(value, str) else value
    except ValueError:
        return None

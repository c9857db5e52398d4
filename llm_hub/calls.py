"""A model's calls of tools while they stream, from the pieces of any protocol to whole calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import orjson

from llm_hub.chat import ToolCall, ToolCallDelta
from llm_hub.errors import StreamBroken

MOST_CALLS = 1000
"""In one answer."""


@dataclass(slots=True)
class _Call:
    """A call whose arguments are still streaming."""

    index: int
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)

    def whole(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.arguments).strip() or "{}")


class Calls:
    """The calls of one answer."""

    __slots__ = ("_begun", "_places")

    def __init__(self) -> None:
        self._begun: list[_Call] = []
        self._places: dict[int, _Call] = {}
        """The last call at each of the vendor's places."""

    def take(self, place: int | None, call_id: str, name: str, arguments: str) -> ToolCallDelta | None:
        """Takes the next piece; None for one that begins a call without a name. Raises `StreamBroken` for too many.

        `place` is the vendor's number for the call, which several servers give to every call alike: another id
        together with a name begins another call, too. None is for a call that comes whole.
        """
        call = None if place is None else self._places.get(place)
        if call is not None and not (name and call_id and call_id != call.id):
            call.arguments.append(arguments)
            return ToolCallDelta(call.index, "", "", arguments)
        if not (name and isinstance(name, str) and isinstance(call_id, str)):
            return None
        if len(self._begun) >= MOST_CALLS:
            raise StreamBroken(f"The answer calls more than {MOST_CALLS} tools at once.")
        call = _Call(len(self._begun), call_id or f"call_{uuid4().hex}", name, [arguments])
        self._begun.append(call)
        if place is not None:
            self._places[place] = call
        return ToolCallDelta(call.index, call.id, name, arguments)

    def length(self) -> int:
        """Characters of the arguments so far."""
        return sum(sum(map(len, call.arguments)) for call in self._begun)

    def whole(self, *, cut: bool) -> tuple[ToolCall, ...]:
        """The calls. `cut`: the answer ran into its limit, and a call that it cut off is none."""
        calls = tuple(call.whole() for call in self._begun)
        return tuple(call for call in calls if _is_json(call.arguments)) if cut else calls


def deltas(calls: Sequence[ToolCall]) -> list[ToolCallDelta]:
    """Whole calls as events, each in one piece."""
    return [ToolCallDelta(index, call.id, call.name, call.arguments) for index, call in enumerate(calls)]


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True

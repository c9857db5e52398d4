"""Puts the calls of tools of one answer together, from the pieces in which servers stream them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_hub.chat import ToolCall, ToolCallDelta, decode_json
from llm_hub.errors import StreamBroken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_TOOL_CALLS = 1000
"""Tool calls in one answer. More is what a model in a loop writes, and no program runs them."""

_MAX_BLANK_PIECES = 20
"""Pieces of arguments that are looked at to find an empty object: white space may be among them."""
_MARKS = re.compile(r'\\(?:.|$)|["{}\[\]]', re.DOTALL)
"""What opens and closes a JSON value, and what is escaped. A backslash that ends a piece escapes the next one's first.
"""


@dataclass(slots=True, repr=False, eq=False)
class _PartialCall:
    """A tool call whose arguments are still streaming."""

    index: int
    position: int | None
    vendor_id: str
    id: str
    name: str
    extra: dict[str, Any]
    arguments: list[str] = field(default_factory=list)
    has_arguments: bool = False
    """Whether the arguments have begun: white space is no beginning."""
    is_shown: bool = False
    """Whether the call's pieces are handed on as they come: its name is known, and its arguments are an object."""
    _depth: int = 0
    _in_string: bool = False
    _escapes: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the arguments so far are a whole JSON value, as far as its brackets and quotes tell."""
        return self.has_arguments and not self._depth and not self._in_string

    def add(self, arguments: str) -> None:
        """Adds a piece of the arguments. Reads it once: a hostile server may send very many pieces."""
        self.arguments.append(arguments)
        if not arguments:
            return
        self.has_arguments = self.has_arguments or not arguments.isspace()
        start, self._escapes = int(self._escapes), False
        for mark in _MARKS.finditer(arguments, start):
            match mark[0]:
                case "\\":
                    self._escapes = True
                case '"':
                    self._in_string = not self._in_string
                case "{" | "[" if not self._in_string:
                    self._depth += 1
                case "}" | "]" if not self._in_string:
                    self._depth -= 1

    @property
    def is_placeholder(self) -> bool:
        """Whether the arguments so far are `{}`: several servers begin a call so, and then stream the arguments."""
        return self.is_whole and len(self.arguments) < _MAX_BLANK_PIECES and "".join(self.arguments).strip() == "{}"

    def repeats(self, arguments: str) -> bool:
        """Whether a piece says all of the arguments once more, as some servers end a call: vllm-project/vllm#51697."""
        return self.is_whole and "".join(self.arguments).strip() == arguments.strip()


class ToolCallBuilder:
    """Puts the tool calls of one answer together.

    A piece belongs to a call by the vendor's number for it (its position), by its id, or by following the piece before
    it, whatever the server gives. A piece with a name begins another call where it cannot belong to the one it would:
    its id or its name is another, or that call's arguments are whole. A name may come in pieces, too, at the call's
    position or under its id: it ends where the arguments begin.
    """

    __slots__ = ("_by_id", "_by_position", "_calls")

    def __init__(self) -> None:
        self._calls: list[_PartialCall] = []
        self._by_position: dict[int, _PartialCall] = {}
        """The last call at each of the vendor's positions."""
        self._by_id: dict[str, _PartialCall] = {}
        """The last call with each of the vendor's ids."""

    def __len__(self) -> int:
        return len(self._calls)

    def add(
        self,
        position: int | None,
        call_id: str = "",
        name: str = "",
        arguments: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> ToolCallDelta | None:
        """Adds the next piece of a call. None: it is held back until the call's name and arguments can be told.

        `position` is the vendor's number for the call, None where it gives none. A call without an id of its own gets
        one. `extra` are the call's other fields. Raises `StreamBroken` for more than `MAX_TOOL_CALLS`.
        """
        call_id, name = (value if isinstance(value, str) else "" for value in (call_id, name))
        call = self._find(position, call_id, name, arguments)
        is_placed = position is not None or bool(call_id)
        if call is None or (name and self._begins_another(call, call_id, name, arguments, is_placed=is_placed)):
            call = self._begin(position, call_id)
        elif call_id in ("", call.vendor_id) and call.repeats(arguments):
            return None
        if call_id:
            call.vendor_id = call.vendor_id or call_id
            self._by_id.setdefault(call_id, call)
        if name != call.name:  # servers that name the tool in every piece name it whole
            call.name += name
        if extra:
            merge_fields(call.extra, extra)
        if call.is_placeholder and arguments and not arguments.isspace():
            call.arguments.clear()
        call.add(arguments)
        if call.is_shown:
            return ToolCallDelta(call.index, "", "", arguments)
        return self._show(call)

    def _find(self, position: int | None, call_id: str, name: str, arguments: str) -> _PartialCall | None:
        """The call that a piece would belong to; None: it begins one."""
        same_id = self._by_id.get(call_id)
        last = self._calls[-1] if self._calls else None
        if position is None:
            if same_id is not None or not call_id or last is None or last.is_whole:
                return same_id if call_id else last
            # Either the call's id comes late, or the server makes one up for each piece, or another call begins.
            is_piece = not name and arguments and arguments.lstrip()[:1] != "{"
            return last if is_piece or not last.vendor_id else None
        call = self._by_position.get(position)
        if call is not None:  # which may be the position of all calls, whose pieces come in turns
            return same_id if same_id is not None and same_id.position == position else call
        if name or same_id is not None:
            return None if name else same_id
        # A server that counts pieces instead of calls goes on with the last one.
        return last if last is not None and last.name and not (call_id or last.is_whole) else None

    @staticmethod
    def _begins_another(call: _PartialCall, call_id: str, name: str, arguments: str, *, is_placed: bool) -> bool:
        """Whether a piece with a name begins another call than the one whose place it takes. `is_placed`: the piece
        says itself where it belongs, so that another name may go on with the call's own."""
        if not call.name:
            return False
        if name != call.name:
            return call.has_arguments or not is_placed or call_id not in ("", call.vendor_id)
        if call_id and call.vendor_id:
            is_other = call.is_whole and bool(arguments) and not (call.is_placeholder or call.repeats(arguments))
            return call_id != call.vendor_id or is_other
        return call.is_whole and bool(arguments)

    def _begin(self, position: int | None, call_id: str) -> _PartialCall:
        if len(self._calls) >= MAX_TOOL_CALLS:
            raise StreamBroken(f"The answer calls more than {MAX_TOOL_CALLS} tools at once.")
        own_id = call_id if call_id and call_id not in self._by_id else f"call_{os.urandom(16).hex()}"
        call = _PartialCall(len(self._calls), position, call_id, own_id, "", {})
        self._calls.append(call)
        if position is not None:
            self._by_position[position] = call
        if call_id:
            self._by_id[call_id] = call
        return call

    def _show(self, call: _PartialCall) -> ToolCallDelta | None:
        """The first piece of a call, with all that was held back. Calls are shown in order. A name waits for the
        arguments: more of it may come. Arguments that begin as no object wait for the end: they may be encoded twice.
        So does an empty object, which may be a placeholder."""
        arguments = "".join(call.arguments)
        is_next = call.index == 0 or self._calls[call.index - 1].is_shown
        if not (is_next and call.name) or arguments.lstrip()[:1] != "{" or call.is_placeholder:
            return None
        call.is_shown = True
        return ToolCallDelta(call.index, call.id, call.name, arguments, dict(call.extra))

    def add_rest(self) -> list[ToolCallDelta]:
        """The pieces that waited for the end of the answer, as far as they are calls."""
        deltas = []
        for call in self._calls:
            arguments = None if call.is_shown or not call.name else read_arguments("".join(call.arguments))
            if arguments is not None:
                call.is_shown = True
                deltas.append(ToolCallDelta(call.index, call.id, call.name, arguments, dict(call.extra)))
        return deltas

    def count_characters(self) -> int:
        """Characters of all arguments so far."""
        return sum(sum(map(len, call.arguments)) for call in self._calls)

    def build(self) -> tuple[tuple[ToolCall, ...], tuple[str, ...]]:
        """The calls, and the names of those that are none: their arguments are no JSON object, or nobody was named."""
        calls, broken = [], []
        for call in self._calls:
            arguments = read_arguments("".join(call.arguments))
            if arguments is None or not call.name:
                broken.append(call.name)
            else:
                calls.append(ToolCall(call.id, call.name, arguments, call.extra))
        return tuple(calls), tuple(broken)


def merge_fields(known: dict[str, Any], others: Mapping[str, Any]) -> None:
    """Adds the fields of another piece: objects grow, and of other values the last one holds that is not null."""
    for name, value in others.items():
        before = known.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            before.update(value)
        elif value is not None or name not in known:
            known[name] = {**value} if isinstance(value, dict) else value


def read_arguments(text: str) -> str | None:
    """The JSON object that the text is, as it was written; None for what is no object.

    No text and null are a call without arguments. Some servers encode the object's JSON as a JSON string once more.
    """
    for _ in range(3):
        text = text.strip()
        if text in ("", "null"):
            return "{}"
        try:
            value = decode_json(text)
        except (ValueError, TypeError, RecursionError):
            return None
        if not isinstance(value, str):
            return text if isinstance(value, dict) else None
        text = value
    return None


def tool_call_deltas(calls: Sequence[ToolCall]) -> list[ToolCallDelta]:
    """Complete tool calls as events, each call in one piece."""
    return [
        ToolCallDelta(index, call.id, call.name, call.arguments, call.extra, call.state)
        for index, call in enumerate(calls)
    ]

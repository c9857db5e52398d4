"""How calls of tools are written for OpenAI's clients: each in the way in which the client has described its tools."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from llm_hub.api.carried_state import write_state
from llm_hub.api.dialects.custom_tools import custom_input
from llm_hub.chat import ToolCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.api.dialects.chat_completions_answer import (
        CallDelta,
        CompletionCall,
        CompletionFunction,
        CompletionMessage,
        Delta,
        FunctionDelta,
    )
    from llm_hub.chat import ToolCallDelta

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CallFormat:
    """`custom_tools` are the names of the tools whose calls are text. `is_legacy`: the client gave `functions`, of
    which one is called, as OpenAI's did before there were tools."""

    custom_tools: frozenset[str] = frozenset()
    is_legacy: bool = False

    def message(self, calls: tuple[ToolCall, ...]) -> CompletionMessage:
        """The fields of a message that has these calls."""
        if self.is_legacy:
            return cast("CompletionMessage", {"function_call": _function(calls[0])})
        return cast("CompletionMessage", {"tool_calls": [self._call(call) for call in calls]})

    def delta(self, piece: ToolCallDelta) -> Delta:
        """A piece of a call. Only the first of each has a name; that of a custom tool comes in one piece."""
        if self.is_legacy:
            return {"function_call": _function(piece)} if not piece.index else {}
        if piece.name in self.custom_tools:
            call = self._call(ToolCall(piece.id, piece.name, piece.arguments, piece.extra, piece.state))
            return {"tool_calls": [cast("CallDelta", {"index": piece.index, **call})]}
        extra = _extra(piece)
        function = {**extra.get("function", _NO_FIELDS), "arguments": piece.arguments}
        written: CallDelta = {"index": piece.index, "function": cast("FunctionDelta", function)}
        if piece.name:
            written["id"], written["type"] = piece.id, "function"
            written["function"]["name"] = piece.name
        return {"tool_calls": [cast("CallDelta", {**extra, **written}) if extra else written]}

    def _call(self, call: ToolCall) -> CompletionCall:
        written: dict[str, Any] = {"id": call.id}
        if call.name in self.custom_tools:
            custom = {**call.extra.get("custom", _NO_FIELDS), "name": call.name, "input": custom_input(call)}
            written |= {"type": "custom", "custom": custom}
        else:
            written |= {"type": "function", "function": _function(call)}
        return cast("CompletionCall", {**_extra(call), **written})


def _function(call: ToolCall | ToolCallDelta) -> CompletionFunction:
    fields = call.extra.get("function", _NO_FIELDS)
    return cast("CompletionFunction", {**fields, "name": call.name, "arguments": call.arguments})


def _extra(call: ToolCall | ToolCallDelta) -> Mapping[str, Any]:
    """A call's fields in its vendor's own words, and what a vendor of another protocol wants back with it."""
    state = write_state(call, "openai") if call.state is not None else ""
    if not state:
        return call.extra
    return {**call.extra, "extra_content": {**(call.extra.get("extra_content") or {}), "llm_hub": state}}

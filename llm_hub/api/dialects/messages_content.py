"""What an answer to `POST /v1/messages` says in Anthropic's words: its blocks, its end and its tokens."""

from __future__ import annotations

import uuid
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast

from llm_hub.api.carried_state import write_state
from llm_hub.api.dialects.dialect import as_told
from llm_hub.chat import decode_json
from llm_hub.errors import StreamBroken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.api.dialects.messages_answer import (
        AnswerText,
        AnswerThinking,
        AnswerToolUse,
        MessageHead,
        MessageUsage,
        StopFields,
        VendorBlock,
    )
    from llm_hub.chat import LLMResponse, ToolCall

NO_MORE_COUNTS: Mapping[str, Any] = {
    "cache_creation": None,
    "cache_creation_input_tokens": None,
    "cache_read_input_tokens": None,
    "inference_geo": None,
    "output_tokens_details": None,
    "server_tool_use": None,
    "service_tier": None,
}
"""Figures of a message's usage that newest clients look for, and that other providers' answers do not have."""
NO_MORE_FIELDS: Mapping[str, Any] = {"container": None, "stop_details": None}
"""The fields of a message that only Anthropic's own answers have a value for, and that newest clients look for."""
CALLED_BY_MODEL: Mapping[str, Any] = {"caller": {"type": "direct"}}
"""Who makes a call. With Anthropic's models it may also be a program on its servers."""
EMPTY_TEXT: AnswerText = {"type": "text", "text": "", "citations": None}
EMPTY_THINKING: AnswerThinking = {"type": "thinking", "thinking": "", "signature": ""}
_NO_MORE_EVENTS: Mapping[str, Any] = {
    "message_delta": {"delta": NO_MORE_FIELDS},
    "message_stop": {},
    "blocks": repeat({"events": {}, "deltas": (), "later_events": ()}),
}
_STOP_REASONS = {"length": "max_tokens", "tool_calls": "tool_use"}
_OPENAIS_REASONS = ("stop", "length", "tool_calls")


def vendors_fields(response: LLMResponse) -> Mapping[str, Any]:
    """What the answer has in its vendor's own words, where that speaks Anthropic's protocol."""
    original = response.original
    return original.body if original is not None and original.protocol == "anthropic" else {}


def stream_events(response: LLMResponse) -> Mapping[str, Any]:
    """What the events of Anthropic's stream had beside the hub's words."""
    events: Mapping[str, Any] = vendors_fields(response).get("stream_events", _NO_MORE_EVENTS)
    return events


def vendors_blocks(response: LLMResponse) -> list[Any] | None:
    """The blocks as they came, with those calls that the answer makes; None: they did not come as blocks."""
    blocks = vendors_fields(response).get("content")
    if blocks is None:
        return None
    calls = {call.id: call for call in response.tool_calls}
    written = [block for block in blocks if block.get("type") != "tool_use" or calls.pop(block.get("id"), None)]
    return [*written, *(tool_use(call, call_arguments(call)) for call in calls.values())]


def tool_use(call: ToolCall, arguments: dict[str, Any], original: Mapping[str, Any] = CALLED_BY_MODEL) -> AnswerToolUse:
    """The block of a call. It has the fields of Anthropic's own block, where there is one."""
    block = {**original, "type": "tool_use", "id": call.id, "name": call.name, "input": arguments}
    return cast("AnswerToolUse", block)


def state_block(call: ToolCall) -> VendorBlock | None:
    """What the vendor wants back with a call, as a block that clients return unread; None: nothing."""
    mark = write_state(call, "anthropic")
    return cast("VendorBlock", {"type": "redacted_thinking", "data": mark}) if mark else None


def call_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call. Raises `StreamBroken` where they are no object: a client would act on made-up ones."""
    try:
        arguments = decode_json(call.arguments or "{}")
    except (ValueError, TypeError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise StreamBroken(f"The model called {call.name} with arguments that are no JSON object.")
    return arguments


def stop_fields(response: LLMResponse) -> StopFields:
    """Why the answer ended, in Anthropic's own word if it is its answer. Any other vendor's own word is `end_turn`.

    Servers that only speak Anthropic's protocol may write OpenAI's words, or `end_turn` beside a call of a tool, which
    would then not be run: vllm-project/agentic-api#296, strands-agents/harness-sdk#1827.
    """
    original = vendors_fields(response)
    reason = original.get("stop_reason")
    is_wrong = reason in _OPENAIS_REASONS or (reason == "end_turn" and response.tool_calls)
    if isinstance(reason, str) and not is_wrong:
        return {"stop_reason": reason, "stop_sequence": original.get("stop_sequence")}
    reason = _STOP_REASONS.get(response.finish_reason, "end_turn")
    if response.tool_calls and response.finish_reason != "length":
        reason = "tool_use"
    elif response.stop_sequence and reason == "end_turn":
        return {"stop_reason": "stop_sequence", "stop_sequence": response.stop_sequence}
    return {"stop_reason": reason, "stop_sequence": None}


def count_tokens(response: LLMResponse) -> MessageUsage:
    """The tokens. What was read from the cache, and what was written to it, is no part of `input_tokens` here."""
    usage = response.usage
    cached, written = usage.get("cached_tokens", 0), usage.get("cache_write_tokens", 0)
    counts: MessageUsage = {
        "input_tokens": max(0, usage.get("prompt_tokens", 0) - cached - written),
        "output_tokens": usage.get("completion_tokens", 0),
    }
    if "cached_tokens" in usage:
        counts["cache_read_input_tokens"] = cached
    if "cache_write_tokens" in usage:
        counts["cache_creation_input_tokens"] = written
    if "reasoning_tokens" in usage:
        counts["output_tokens_details"] = {"thinking_tokens": usage["reasoning_tokens"]}
    told = vendors_fields(response).get("usage")
    return cast("MessageUsage", as_told(told, counts) if told else {**NO_MORE_COUNTS, **counts})


def head(model: str, original: Mapping[str, Any]) -> MessageHead:
    """What every message begins with. It has the id of Anthropic's where it is its answer."""
    id_ = original.get("id")
    id_ = id_ if isinstance(id_, str) and id_ else f"msg_{uuid.uuid4().hex}"
    return {"id": id_, "type": "message", "role": "assistant", "model": model}

"""How `POST /v1/messages` answers: Anthropic's message, its events and its errors."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from llm_hub.api.bodies import dump
from llm_hub.api.dialects.dialect import Dialect, Said, hub_of, names_field, sse
from llm_hub.api.dialects.messages_body import MessagesBody
from llm_hub.chat import AttemptStarted, Done, ReasoningDelta, Resumed, TextDelta

if TYPE_CHECKING:
    from llm_hub.chat import Event, LLMResponse, ToolCall

_NAMES = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "top_p": "top_p",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
    "format": "output_config.format",
    "effort": "output_config.effort",
    "stop": "stop_sequences",
}
_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOPPED = {"length": "max_tokens", "tool_calls": "tool_use"}


def _message(body: MessagesBody, response: LLMResponse) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if response.reasoning and body.shows_thinking:
        content.append({"type": "thinking", "thinking": response.reasoning, "signature": ""})
    if response.content:
        content.append({"type": "text", "text": response.content})
    content += [_tool_use(call, call.decoded()) for call in response.tool_calls]
    return {
        **_head(f"{response.provider}/{response.model}"),
        "content": content,
        **_stopped(response),
        "usage": _usage(response),
        "x_llm_hub": hub_of(response),
    }


class MessageWriter:
    """Anthropic's events. Blocks come one after the other; the calls of tools are whole, and last."""

    end = b""

    def __init__(self, *, thinking: bool) -> None:
        self._thinking = thinking
        self._model = ""
        self._begun = False
        self._block = -1
        self._open = ""

    def event(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return self._begin() + self._delta("text", {"type": "text_delta", "text": text})
            case ReasoningDelta(text):
                if not self._thinking:
                    return self._begin()
                return self._begin() + self._delta("thinking", {"type": "thinking_delta", "thinking": text})
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model = f"{provider}/{model}"
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                return self._begin() + self._close() + self._calls(response) + self._end(response)
        return b""

    def error(self, status: int, said: Said) -> bytes:
        return _sse(_error(status, said)[1])

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        usage = {"input_tokens": 0, "output_tokens": 0}  # not known yet: message_delta has them
        message = {**_head(self._model), "content": [], "stop_reason": None, "usage": usage}
        return _sse({"type": "message_start", "message": message})

    def _delta(self, kind: str, delta: dict[str, Any]) -> bytes:
        said = b""
        if self._open != kind:
            block = {"type": "text", "text": ""} if kind == "text" else _NO_THOUGHT
            said = self._close() + self._start(kind, block)
        return said + _sse({"type": "content_block_delta", "index": self._block, "delta": delta})

    def _start(self, kind: str, block: dict[str, Any]) -> bytes:
        self._block += 1
        self._open = kind
        return _sse({"type": "content_block_start", "index": self._block, "content_block": block})

    def _close(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _sse({"type": "content_block_stop", "index": self._block})

    def _calls(self, response: LLMResponse) -> bytes:
        said = b""
        for call in response.tool_calls:
            said += self._start("tool_use", _tool_use(call, {}))
            delta = {"type": "input_json_delta", "partial_json": dump(call.decoded()).decode()}
            said += _sse({"type": "content_block_delta", "index": self._block, "delta": delta}) + self._close()
        return said

    def _end(self, response: LLMResponse) -> bytes:
        usage = _usage(response)
        last = {"type": "message_delta", "delta": _stopped(response), "usage": usage, "x_llm_hub": hub_of(response)}
        return _sse(last) + _sse({"type": "message_stop"})


_NO_THOUGHT = {"type": "thinking", "thinking": "", "signature": ""}


def _sse(said: Any) -> bytes:
    """An event by its type."""
    return sse(dump(said), said["type"])


def _head(model: str) -> dict[str, Any]:
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_sequence": None,
    }


def _tool_use(call: ToolCall, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": given}


def _stopped(response: LLMResponse) -> dict[str, Any]:
    """Why, in Anthropic's words, which its clients know; what another vendor says beyond them is "by itself"."""
    reason = _STOPPED.get(response.finish_reason, "end_turn")
    if response.tool_calls and response.finish_reason != "length":
        reason = "tool_use"
    elif response.stop_sequence and reason == "end_turn":
        return {"stop_reason": "stop_sequence", "stop_sequence": response.stop_sequence}
    return {"stop_reason": reason, "stop_sequence": None}


def _usage(response: LLMResponse) -> dict[str, Any]:
    """Tokens, where Anthropic's clients need a number: 0 is what nobody reported."""
    usage = response.usage
    cached = usage.get("cached_tokens", 0)
    return {
        "input_tokens": max(0, usage.get("prompt_tokens", 0) - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.get("completion_tokens", 0),
        "output_tokens_details": {"thinking_tokens": usage.get("reasoning_tokens", 0)},
    }


def _error(status: int, said: Said) -> tuple[int, Any]:
    """Anthropic has no 502 and 503: a provider that cannot be used is its 500, one that fails for now its 529."""
    if status in (502, 503):
        status = 529 if status == 503 and said.get("code") != "not_configured" else 500
    kind = _KINDS.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    error = {"type": kind, "message": said["message"]}
    if (field := _NAMES.get(said.get("param") or "")) and not names_field(said):
        error["message"] = f"{field}: {said['message']}"
    if "attempts" in said:
        error["attempts"] = said["attempts"]
    return status, {"type": "error", "error": error}


MESSAGES = Dialect(
    body=MessagesBody,
    whole=_message,
    writer=lambda body: MessageWriter(thinking=body.shows_thinking),
    error=_error,
)

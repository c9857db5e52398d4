"""How `POST /v1/chat/completions` answers: OpenAI's completion, its chunks and its errors."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from llm_hub.api.bodies import dump
from llm_hub.api.dialects.chat_completions_body import ChatCompletionsBody
from llm_hub.api.dialects.dialect import Dialect, Said, hub_of, renamed, sse
from llm_hub.chat import AttemptStarted, Done, ReasoningDelta, Resumed, TextDelta, ToolCallDelta

if TYPE_CHECKING:
    from llm_hub.chat import Event, LLMResponse

_NAMES = {"parallel_tools": "parallel_tool_calls", "format": "response_format", "effort": "reasoning_effort"}


def _completion(_: ChatCompletionsBody, response: LLMResponse) -> dict[str, Any]:
    calls = [_call(call.id, call.name, call.arguments) for call in response.tool_calls]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not response.content else response.content,
        "refusal": None,
    }
    if calls:
        message["tool_calls"] = calls
    if response.reasoning:
        message["reasoning_content"] = response.reasoning
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{response.provider}/{response.model}",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(response)}],
        "usage": _usage(response),
        "x_llm_hub": hub_of(response),
    }


class CompletionWriter:
    """OpenAI's chunks. `model` is always the one that answers; the last chunk tells of every attempt."""

    end = b"data: [DONE]\n\n"

    def __init__(self, *, usage: bool) -> None:
        self._with_usage = usage
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._model = ""
        self._begun = False

    def event(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return self._delta({"content": text})
            case ReasoningDelta(text):
                return self._delta({"reasoning_content": text})
            case ToolCallDelta(index, id_, name, arguments):
                call = _call(id_, name, arguments) if name else {"function": {"arguments": arguments}}
                return self._delta({"tool_calls": [{"index": index, **call}]})
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model = f"{provider}/{model}"
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                last = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish(response)}]
                said = sse(dump({**self._chunk(last), "x_llm_hub": hub_of(response)}))
                if self._with_usage:
                    said += sse(dump({**self._chunk([]), "usage": _usage(response)}))
                return said
        return b""

    def error(self, status: int, said: Said) -> bytes:
        return sse(dump(_error(status, said)[1]))

    def _delta(self, delta: dict[str, Any]) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", "content": None, **delta}
        return sse(dump(self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])))

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }


def _call(id_: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def _error(status: int, said: Said) -> tuple[int, object]:
    return status, {"error": renamed(said, _NAMES)}


def _finish(response: LLMResponse) -> str:
    """OpenAI's clients know four words; what a vendor says beyond them means that it stopped by itself."""
    if response.finish_reason in ("length", "tool_calls", "content_filter"):
        return response.finish_reason
    return "tool_calls" if response.tool_calls else "stop"


def _usage(response: LLMResponse) -> dict[str, Any] | None:
    usage = response.usage
    if not usage:
        return None
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": usage.get("total_tokens", prompt + completion),
        "prompt_tokens_details": {"cached_tokens": usage.get("cached_tokens", 0)},
        "completion_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens", 0)},
    }


def _writer(body: ChatCompletionsBody) -> CompletionWriter:
    return CompletionWriter(usage=body.stream_options is not None and bool(body.stream_options.include_usage))


COMPLETIONS = Dialect(body=ChatCompletionsBody, whole=_completion, writer=_writer, error=_error)

"""`POST /v1/chat/completions`, the dialect of OpenAI's clients: how a completion, its chunks and errors are written."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Literal

from llm_hub.api.dialects.chat_completions_answer import CallDelta, Chunk, Completion
from llm_hub.api.dialects.chat_completions_body import ChatCompletionsBody
from llm_hub.api.dialects.dialect import Dialect, StreamEvent, begins_with_field, hub_report
from llm_hub.api.dialects.openai_shapes import OPENAI_MODELS, OpenAIError, openai_error
from llm_hub.api.encoding import dump, sse
from llm_hub.chat import AttemptStarted, Done, ReasoningDelta, Resumed, TextDelta, ToolCallDelta

if TYPE_CHECKING:
    from llm_hub.api.dialects.chat_completions_answer import (
        ChunkChoice,
        CompletionCall,
        CompletionMessage,
        CompletionUsage,
        Delta,
        FinishReason,
    )
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse

_FIELDS = {"parallel_tools": "parallel_tool_calls", "format": "response_format", "effort": "reasoning_effort"}
"""Fields of a `ChatRequest` that OpenAI calls otherwise."""
_FINISH_REASONS: dict[str, FinishReason] = {
    "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter",
}  # fmt: skip


def _completion(_: ChatCompletionsBody, response: LLMResponse) -> Completion:
    calls = [_call(call.id, call.name, call.arguments) for call in response.tool_calls]
    message: CompletionMessage = {
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
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(response)}],
        "usage": _usage(response),
        "x_llm_hub": hub_report(response),
    }


class CompletionWriter:
    """Writes a stream of OpenAI's chunks. `with_usage` adds the one that has the tokens."""

    end = b"data: [DONE]\n\n"

    def __init__(self, *, with_usage: bool) -> None:
        self._with_usage = with_usage
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
            case ToolCallDelta():
                return self._delta({"tool_calls": [_call_delta(event)]})
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model = f"{provider}/{model}"
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                return self._last_chunks(response)
        return b""

    def error(self, status: int, error: ErrorObject) -> bytes:
        return sse(dump(_error(status, error)[1]))

    def _delta(self, delta: Delta) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", "content": None, **delta}
        return sse(dump(self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])))

    def _last_chunks(self, response: LLMResponse) -> bytes:
        last = self._chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish_reason(response)}])
        last["x_llm_hub"] = hub_report(response)
        if not self._with_usage:
            return sse(dump(last))
        tokens = self._chunk([])
        tokens["usage"] = _usage(response)
        return sse(dump(last)) + sse(dump(tokens))

    def _chunk(self, choices: list[ChunkChoice]) -> Chunk:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }


def _call(id_: str, name: str, arguments: str) -> CompletionCall:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def _call_delta(delta: ToolCallDelta) -> CallDelta:
    """A piece of a call. Only the first of each has a name."""
    if not delta.name:
        return {"index": delta.index, "function": {"arguments": delta.arguments}}
    return {
        "index": delta.index,
        "id": delta.id,
        "type": "function",
        "function": {"name": delta.name, "arguments": delta.arguments},
    }


def _error(status: int, error: ErrorObject) -> tuple[int, OpenAIError]:
    """The refusal, whose `param` is OpenAI's name of the field. A field that the body has already has its name."""
    param = error["param"]
    if param in _FIELDS and not begins_with_field(error):
        error = {**error, "param": _FIELDS[param]}
    return openai_error(status, error)


def _finish_reason(response: LLMResponse) -> FinishReason:
    """OpenAI's clients know four reasons. Whatever else a vendor says means that the model stopped by itself."""
    return _FINISH_REASONS.get(response.finish_reason) or ("tool_calls" if response.tool_calls else "stop")


def _usage(response: LLMResponse) -> CompletionUsage | None:
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
    return CompletionWriter(with_usage=body.stream_options is not None and bool(body.stream_options.include_usage))


CHAT_COMPLETIONS = Dialect(
    name="completions",
    path="/v1/chat/completions",
    body=ChatCompletionsBody,
    answer=_completion,
    writer=_writer,
    error=_error,
    models=OPENAI_MODELS,
    answer_shape=Completion,
    error_shape=OpenAIError,
    events=(StreamEvent(Chunk), StreamEvent(OpenAIError), StreamEvent(Literal["[DONE]"], text=True)),
)

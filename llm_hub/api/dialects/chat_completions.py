"""`POST /v1/chat/completions`, the dialect of OpenAI's clients: how a completion, its chunks and errors are written."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Literal, cast

from llm_hub.api.dialects.chat_completions_answer import Chunk, Completion
from llm_hub.api.dialects.chat_completions_body import ChatCompletionsBody
from llm_hub.api.dialects.chat_completions_calls import CallFormat
from llm_hub.api.dialects.citations import cited_pages
from llm_hub.api.dialects.dialect import Dialect, StreamEvent, as_told, begins_with_field, hub_report
from llm_hub.api.dialects.openai_shapes import OPENAI_MODELS, OpenAIError, openai_error
from llm_hub.api.encoding import TextFrame, dump, sse
from llm_hub.chat import AttemptStarted, Done, ReasoningDelta, Resumed, TextDelta, ToolCallDelta, VendorDelta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.api.dialects.chat_completions_answer import (
        ChunkChoice,
        CompletionChoice,
        CompletionMessage,
        CompletionUsage,
        Delta,
        FinishReason,
    )
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse, Usage

_FIELDS = {"parallel_tools": "parallel_tool_calls", "format": "response_format", "effort": "reasoning_effort"}
"""Fields of a `ChatRequest` that OpenAI calls otherwise."""
_STREAMED = frozenset({"role", "content", "reasoning_content", "tool_calls", "function_call"})
"""Fields of a message that have been streamed when its last chunk is written."""
_FIELDS_OF_EVERY_CHUNK = frozenset({"service_tier", "system_fingerprint"})
"""Fields of the answer as a whole, which SDKs read of the very last chunk."""
_FINISH_REASONS: dict[str, FinishReason] = {
    "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter",
}  # fmt: skip


def _completion(body: ChatCompletionsBody, response: LLMResponse) -> Completion:
    calls = response.tool_calls
    call_format = body.call_format
    answer_fields, choice_fields, message_fields = _original_fields(response)
    message: CompletionMessage = {
        "role": "assistant",
        "content": None if (calls or message_fields.get("refusal")) and not response.content else response.content,
        "refusal": message_fields.get("refusal"),
    }
    if calls:
        message |= call_format.message(calls)
    if response.reasoning:
        message["reasoning_content"] = response.reasoning
    message = cast("CompletionMessage", {"annotations": [], **message_fields, **message})
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(response, call_format)}
    completion: Completion = {
        "id": answer_fields.get("id") or f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": answer_fields.get("created") or int(time.time()),
        "model": f"{response.provider}/{response.model}",
        "choices": [cast("CompletionChoice", {**choice, **choice_fields})],
        "usage": _usage(response),
        "x_llm_hub": hub_report(response, "openai"),
    }
    return cast("Completion", {**answer_fields, **completion})


def _original_fields(response: LLMResponse) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
    """What the answer, its choice and its message have in their vendor's own words, where that speaks OpenAI's
    protocol; of any other the web pages that it cites."""
    if response.original is None or response.original.protocol != "openai":
        cited = [{"type": "url_citation", "url_citation": page} for page in cited_pages(response)]
        return {}, {}, {"annotations": cited} if cited else {}
    body = response.original.body
    fields = {name: value for name, value in body.items() if name not in ("message", "choice", "usage")}
    return fields, body.get("choice") or {}, body.get("message") or {}


class CompletionWriter:
    """Writes a stream of OpenAI's chunks. `with_usage` adds the one that has the tokens. What a chunk has beside its
    piece of the answer, such as how likely each token was, stands in that chunk."""

    protocol = "openai"
    end = b"data: [DONE]\n\n"
    sign_of_life = b": the hub is still at work\n\n"  # a comment, as OpenRouter sends it: readers skip it

    def __init__(self, *, with_usage: bool, call_format: CallFormat | None = None) -> None:
        self._with_usage = with_usage
        self._call_format = call_format or CallFormat()
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._model = ""
        self._begun = False
        self._fields: Mapping[str, Any] = {}
        """What the vendor's chunks have alike. The first and the last of the hub's have it as well."""
        self._reasoning_fields: tuple[str, ...] = ("reasoning_content",)
        """The hub's field for reasoning, and the vendor's own."""
        self._logprobs: dict[str, Any] | None = None
        """How likely the tokens of the next piece were."""
        self._has_logprobs = False
        self._choice_fields: Mapping[str, Any] = {}
        """What the vendor's choice has beside the next piece."""
        self._text_frame: TextFrame | None = None
        """For the chunks that have nothing but text."""

    def event(self, event: Event) -> bytes:
        if isinstance(event, TextDelta):  # nearly always: this runs for each token
            return self._text(event.text)
        match event:
            case ReasoningDelta(text):
                return self._delta(cast("Delta", dict.fromkeys(self._reasoning_fields, text)))
            case VendorDelta("openai", {"reasoning_field": name}):
                self._reasoning_fields = ("reasoning_content", name)
            case ToolCallDelta():
                return self._delta(self._call_format.delta(event))
            case VendorDelta("openai", {"logprobs": logprobs}):
                return self._take_logprobs(logprobs)
            case VendorDelta("openai", {"choice": fields}):
                self._choice_fields = {**self._choice_fields, **fields}
            case VendorDelta("openai", fields):
                self._take_fields(fields)
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model, self._text_frame = f"{provider}/{model}", None
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                return self._last_chunks(response)
        return b""

    def error(self, status: int, error: ErrorObject, original: dict[str, Any] | None = None) -> bytes:
        return sse(dump(original or _error(status, error)[1]))

    def _text(self, text: str) -> bytes:
        """A chunk with text alone: all of one model's are alike but for the text itself."""
        if not self._begun or self._logprobs is not None or self._choice_fields:
            return self._delta({"content": text})
        if self._text_frame is None:
            self._text_frame = TextFrame(self._delta({"content": ""}), "content")
        return self._text_frame.write(text)

    def _delta(self, delta: Delta) -> bytes:
        if not self._begun:
            return self._first_chunk({"role": "assistant", "content": None, **delta})
        return sse(dump(self._chunk([self._choice(delta)])))

    def _first_chunk(self, delta: Delta) -> bytes:
        self._begun = True
        return sse(dump({**self._fields, **self._chunk([self._choice(delta)])}))

    def _choice(self, delta: Delta) -> ChunkChoice:
        logprobs, self._logprobs = self._logprobs, None
        choice: ChunkChoice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        if self._choice_fields:
            choice = cast("ChunkChoice", {**choice, **self._choice_fields})
            self._choice_fields = {}
        return choice

    def _take_logprobs(self, logprobs: dict[str, Any]) -> bytes:
        """Keeps how likely the tokens were for the piece that comes next. If none came for those before, as for the
        tokens of a call, they get a chunk of their own."""
        chunk = self._delta({}) if self._logprobs else b""
        self._logprobs, self._has_logprobs = logprobs, True
        return chunk

    def _take_fields(self, fields: Mapping[str, Any]) -> None:
        """The stream is called what its vendor calls it. Once it has begun it keeps its name, whoever goes on."""
        if self._begun:
            return
        self._fields = fields
        if isinstance(id_ := fields.get("id"), str) and id_:
            self._id = id_
        if isinstance(created := fields.get("created"), int):
            self._created = created

    def _last_chunks(self, response: LLMResponse) -> bytes:
        answer_fields, choice_fields, message_fields = _original_fields(response)
        streamed = _STREAMED.union(self._reasoning_fields)
        delta = cast("Delta", {name: value for name, value in message_fields.items() if name not in streamed})
        if not self._begun:
            delta = cast("Delta", {"role": "assistant", "content": None, **delta})
        reason = _finish_reason(response, self._call_format)
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None, **choice_fields}
        if self._has_logprobs:  # the answer has all of them once more
            choice["logprobs"] = self._logprobs
        last = self._chunk([cast("ChunkChoice", choice)])
        last["x_llm_hub"] = hub_report(response, "openai")
        last = cast("Chunk", {**answer_fields, **last})
        if not self._with_usage:
            return sse(dump(last))
        tokens = self._chunk([])
        tokens["usage"] = _usage(response)
        told = {name: answer_fields[name] for name in _FIELDS_OF_EVERY_CHUNK & answer_fields.keys()}
        tokens = cast("Chunk", {**told, **tokens})
        return sse(dump(last)) + sse(dump(tokens))

    def _chunk(self, choices: list[ChunkChoice]) -> Chunk:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }


def _error(status: int, error: ErrorObject) -> tuple[int, OpenAIError]:
    """The refusal, whose `param` is OpenAI's name of the field. A field that the body has already has its name."""
    param = error["param"]
    if param in _FIELDS and not begins_with_field(error):
        error = {**error, "param": _FIELDS[param]}
    return openai_error(status, error)


def _finish_reason(response: LLMResponse, call_format: CallFormat) -> FinishReason:
    """OpenAI's clients know these reasons. Whatever else a vendor says means that the model stopped by itself."""
    reason = _FINISH_REASONS.get(response.finish_reason) or ("tool_calls" if response.tool_calls else "stop")
    return "function_call" if reason == "tool_calls" and call_format.is_legacy else reason


def _usage(response: LLMResponse) -> CompletionUsage | None:
    """The tokens; None where a count is unknown that every client reads: OpenAI's shape has no word for that."""
    original = response.original
    told = original.body.get("usage") if original is not None and original.protocol == "openai" else None
    usage = as_told(told, _counts(response.usage))
    is_whole = all(isinstance(usage.get(name), int) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    return cast("CompletionUsage", usage) if is_whole else None


def _counts(usage: Usage) -> dict[str, Any]:
    """The tokens as the hub knows them, in OpenAI's words; none where prompt or answer are unknown."""
    if "prompt_tokens" not in usage or "completion_tokens" not in usage:
        return {}
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": usage.get("total_tokens", prompt + completion),
    }
    details = {name: count for name, count in usage.items() if name in ("cached_tokens", "cache_write_tokens")}
    if details:
        counts["prompt_tokens_details"] = details
    if "reasoning_tokens" in usage:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage["reasoning_tokens"]}
    return counts


def _writer(body: ChatCompletionsBody) -> CompletionWriter:
    with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    return CompletionWriter(with_usage=with_usage, call_format=body.call_format)


CHAT_COMPLETIONS = Dialect(
    name="completions",
    path="/v1/chat/completions",
    body=ChatCompletionsBody,
    answer=_completion,
    writer=_writer,
    error=_error,
    models=OPENAI_MODELS,
    protocol_headers=("openai-",),
    answer_shape=Completion,
    error_shape=OpenAIError,
    events=(StreamEvent(Chunk), StreamEvent(OpenAIError), StreamEvent(Literal["[DONE]"], text=True)),
)

"""How a stream and a whole answer are written: in the project's own words, and in OpenAI's."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from llm_hub.api.bodies import dump
from llm_hub.api.refusals import attempt_of
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, ReasoningDelta, Resumed, TextDelta

if TYPE_CHECKING:
    from llm_hub.chat import Event, LLMResponse


def chat_body(response: LLMResponse) -> dict[str, Any]:
    """The body of an answer to `POST /v1/chat`."""
    return {
        "content": response.content,
        "model": response.model,
        "provider": response.provider,
        "usage": response.usage,
        "finish_reason": response.finish_reason,
        "attempts": [attempt_of(attempt) for attempt in response.attempts],
    }


class ChatWriter:
    """Unnamed events carry the text itself; `attempt`, `resumed`, `usage` and `error` carry JSON."""

    def event(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return sse(text)
            case AttemptStarted(provider, model, number):
                return sse(dump({"provider": provider, "model": model, "number": number, "outcome": None}), "attempt")
            case AttemptFailed(attempt, retry_in):
                return sse(dump({**attempt_of(attempt), "retry_in": retry_in}), "attempt")
            case Resumed(provider, model, characters):
                return sse(dump({"provider": provider, "model": model, "characters": characters}), "resumed")
            case Done(response):
                body = chat_body(response)
                del body["content"]
                return sse(dump(body), "usage")
        return b""

    def error(self, error: dict[str, object]) -> bytes:
        return sse(dump(error), "error")


def completion_body(response: LLMResponse) -> dict[str, Any]:
    """The body of an answer to `POST /v1/chat/completions`."""
    message: dict[str, Any] = {"role": "assistant", "content": response.content, "refusal": None}
    if response.reasoning:
        message["reasoning_content"] = response.reasoning
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{response.provider}/{response.model}",
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(response.finish_reason)}
        ],
        "usage": _usage(response),
        "x_llm_hub": _hub(response),
    }


class CompletionWriter:
    """OpenAI's chunks. `model` is always the one that answers; the last chunk tells of every attempt."""

    def __init__(self, *, usage: bool) -> None:
        self._with_usage = usage
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._model = ""
        self._begun = False

    def event(self, event: Event) -> bytes:
        match event:
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model = f"{provider}/{model}"
            case TextDelta(text):
                return self._delta({"content": text})
            case ReasoningDelta(text):
                return self._delta({"reasoning_content": text})
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                last = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish(response.finish_reason)}]
                said = sse(dump({**self._chunk(last), "x_llm_hub": _hub(response)}))
                if self._with_usage:
                    said += sse(dump({**self._chunk([]), "usage": _usage(response)}))
                return said
        return b""

    def error(self, error: dict[str, object]) -> bytes:
        return sse(dump({"error": error}))

    def _delta(self, delta: dict[str, Any]) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", **delta}
        return sse(dump(self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])))

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }


def sse(data: str | bytes, name: str = "") -> bytes:
    """One server-sent event. Every line of the data becomes a line of its own, as the standard has it."""
    if isinstance(data, bytes):
        lines = [data]
    else:
        lines = data.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").split(b"\n")
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


def _finish(reason: str) -> str:
    """OpenAI's clients know four words; what a vendor says beyond them means that it stopped by itself."""
    return reason if reason in ("stop", "length", "tool_calls", "content_filter") else "stop"


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


def _hub(response: LLMResponse) -> dict[str, Any]:
    return {
        "provider": response.provider,
        "model": response.model,
        "finish_reason": response.finish_reason,
        "ignored": response.ignored,
        "notes": response.notes,
        "attempts": [attempt_of(attempt) for attempt in response.attempts],
    }

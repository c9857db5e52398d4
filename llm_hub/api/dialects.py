"""What makes a dialect, and the project's own. OpenAI's and Anthropic's stand in completion_*.py and message_*.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from llm_hub.api.bodies import Body, Chat, dump
from llm_hub.api.refusals import attempt_of
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, Resumed, TextDelta
from llm_hub.errors import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_hub.api.answering import Writer
    from llm_hub.chat import Event, LLMResponse

Said = dict[str, Any]
"""An error, as `refusals.error_of` gives it."""


@dataclass(frozen=True, slots=True)
class Dialect(Generic[Body]):
    """How one endpoint is spoken to, and how it answers: whole, as a stream, and when it refuses."""

    body: type[Body]
    whole: Callable[[Body, LLMResponse], object]
    """The body of an answer. Raises `LLMHubError` for one that this dialect has no words for."""
    writer: Callable[[Body], Writer]
    error: Callable[[int, Said], tuple[int, object]]
    """The status and the body of a refusal."""


def hub_of(response: LLMResponse) -> dict[str, Any]:
    """What neither OpenAI nor Anthropic has words for: who really answered, and every attempt."""
    return {
        "provider": response.provider,
        "model": response.model,
        "finish_reason": response.finish_reason,
        "ignored": response.ignored,
        "notes": response.notes,
        "attempts": [attempt_of(attempt) for attempt in response.attempts],
    }


def renamed(said: Said, names: Mapping[str, str]) -> Said:
    """The error with its parameter called as the dialect calls it. One of the body's own fields is so already."""
    param = said.get("param") or ""
    return said if param not in names or names_field(said) else {**said, "param": names[param]}


def names_field(said: Said) -> bool:
    """Whether the message begins with the field of the body that is to blame."""
    return bool(said["message"].startswith(f"{said.get('param')}:"))


def sse(data: str | bytes, name: str = "") -> bytes:
    """One server-sent event. Every line of the data becomes a line of its own, as the standard has it."""
    if isinstance(data, bytes):
        lines = [data]
    else:
        lines = data.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").split(b"\n")
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


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

    end = b"data: [DONE]\n\n"

    def event(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return sse(text) if text != "[DONE]" else sse("[DONE") + sse("]")  # in one piece it would be the end
            case AttemptStarted(provider, model, number):
                asked = {"provider": provider, "model": redact(model), "number": number, "outcome": None}
                return sse(dump(asked), "attempt")
            case AttemptFailed(attempt, retry_in):
                return sse(dump({**attempt_of(attempt), "retry_in": retry_in}), "attempt")
            case Resumed(provider, model, characters):
                going_on = {"provider": provider, "model": redact(model), "characters": characters}
                return sse(dump(going_on), "resumed")
            case Done(response):
                body = chat_body(response)
                del body["content"]
                return sse(dump(body), "usage")
        return b""

    def error(self, status: int, said: Said) -> bytes:  # noqa: ARG002  # a stream has no status any more
        return sse(dump(said), "error")


def error_body(status: int, said: Said) -> tuple[int, object]:
    """A refusal in OpenAI's shape, which is the project's own too."""
    return status, {"error": said}


CHAT = Dialect(
    body=Chat,
    whole=lambda _, response: chat_body(response),
    writer=lambda _: ChatWriter(),
    error=error_body,
)

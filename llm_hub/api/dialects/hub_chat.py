"""`POST /v1/chat`: the hub's own dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.api.bodies import HubChatBody, dump
from llm_hub.api.dialects.dialect import Dialect, Said, sse
from llm_hub.api.refusals import attempt_of
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, Resumed, TextDelta
from llm_hub.redaction import redact

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
    body=HubChatBody,
    whole=lambda _, response: chat_body(response),
    writer=lambda _: ChatWriter(),
    error=error_body,
)

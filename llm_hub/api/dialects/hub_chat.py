"""`POST /v1/chat`, the hub's own dialect: text in, text out, for curl and small programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    ChatBody,
    Effort,
    FailFastList,
    ModelChain,
    Name,
    StrictModel,
    Temperature,
    TokenLimit,
)
from llm_hub.api.dialects.dialect import Dialect, StreamEvent
from llm_hub.api.dialects.openai_shapes import OPENAI_MODELS, OpenAIError, TextOrImage, openai_error, read_content
from llm_hub.api.encoding import dump, sse
from llm_hub.api.refusals import attempt_of
from llm_hub.api.shapes import AttemptReport, Count, ErrorObject, Seconds, TokenCounts
from llm_hub.chat import AttemptFailed, AttemptStarted, ChatRequest, Done, Message, Order, Resumed, Role, TextDelta
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from llm_hub.chat import Event, LLMResponse


class HubChatTurn(StrictModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | FailFastList[TextOrImage]

    def message(self, field: str) -> Message:
        """The hub's message. `field` is the turn's place in the body. Raises `Refusal`."""
        role = "system" if self.role == "developer" else self.role
        return Message(Role(role), read_content(self.content, f"{field}.content"))


class HubChatBody(ChatBody):
    """The body of a request. `fallback` is the chain of models, `order` how they are asked."""

    messages: Annotated[FailFastList[HubChatTurn], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Name = "auto"
    temperature: Temperature | None = None
    max_tokens: TokenLimit | None = None
    effort: Effort | None = None
    fallback: ModelChain | None = None
    order: Order | None = None

    def request(self) -> ChatRequest:
        fallback = None if self.fallback is None else tuple(self.fallback)
        messages = tuple(turn.message(f"messages.{number}") for number, turn in enumerate(self.messages))
        return ChatRequest(
            messages, self.model, self.temperature, self.max_tokens, fallback, effort=self.effort, order=self.order
        )


class HubChatSummary(TypedDict):
    """The data of a stream's event `usage`: an answer without its text, which has been sent."""

    model: str
    provider: str
    usage: TokenCounts
    finish_reason: str
    attempts: list[AttemptReport]


class HubChatAnswer(HubChatSummary):
    """The body of an answer."""

    content: str


class StartedAttempt(TypedDict):
    """The data of an event `attempt` when the attempt begins. `number` counts from 1."""

    provider: str
    model: str
    number: Count
    outcome: None


class FailedAttempt(AttemptReport):
    """The data of an event `attempt` when it has failed. The same model is asked again after `retry_in`, if at all."""

    retry_in: Seconds | None


class ResumedAnswer(TypedDict):
    """The data of an event `resumed`: this model goes on after so many characters."""

    provider: str
    model: str
    characters: Count


def _summary(response: LLMResponse) -> HubChatSummary:
    return {
        "model": response.model,
        "provider": response.provider,
        "usage": response.usage,
        "finish_reason": response.finish_reason,
        "attempts": [attempt_of(attempt) for attempt in response.attempts],
    }


def _answer(_: HubChatBody, response: LLMResponse) -> HubChatAnswer:
    return {"content": response.content, **_summary(response)}


class HubChatWriter:
    """Writes a stream. Unnamed events carry the text itself; `attempt`, `resumed`, `usage` and `error` carry JSON."""

    protocol = ""
    end = b"data: [DONE]\n\n"
    sign_of_life = b": the hub is still at work\n\n"  # a comment, as OpenRouter sends it: readers skip it

    def event(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return sse(text) if text != "[DONE]" else sse("[DONE") + sse("]")  # in one piece it would be the end
            case AttemptStarted(provider, model, number):
                started: StartedAttempt = {
                    "provider": provider, "model": redact(model), "number": number, "outcome": None,
                }  # fmt: skip
                return sse(dump(started), "attempt")
            case AttemptFailed(attempt, retry_in):
                failed: FailedAttempt = {**attempt_of(attempt), "retry_in": retry_in}
                return sse(dump(failed), "attempt")
            case Resumed(provider, model, characters):
                resumed: ResumedAnswer = {"provider": provider, "model": redact(model), "characters": characters}
                return sse(dump(resumed), "resumed")
            case Done(response):
                return sse(dump(_summary(response)), "usage")
        return b""

    def error(self, status: int, error: ErrorObject, original: dict[str, Any] | None = None) -> bytes:  # noqa: ARG002  # a stream has its status already, and the dialect no vendor
        return sse(dump(error), "error")


HUB_CHAT = Dialect(
    name="chat",
    path="/v1/chat",
    body=HubChatBody,
    answer=_answer,
    writer=lambda _: HubChatWriter(),
    error=openai_error,
    models=OPENAI_MODELS,
    answer_shape=HubChatAnswer,
    error_shape=OpenAIError,
    events=(
        StreamEvent(str, text=True),
        StreamEvent(StartedAttempt, "attempt"),
        StreamEvent(FailedAttempt, "attempt"),
        StreamEvent(ResumedAnswer, "resumed"),
        StreamEvent(HubChatSummary, "usage"),
        StreamEvent(ErrorObject, "error"),
    ),
)

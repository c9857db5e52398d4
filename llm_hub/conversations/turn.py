"""Turns, each a prompt and its answer, and the request that asks the next one. The browser only gets them rendered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.conversations.coalescer import Snapshot
from llm_hub.errors import ContentRejected

if TYPE_CHECKING:
    from decimal import Decimal

NO_ANSWER = Snapshot()
Outcome = Literal["pending", "answered", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Question:
    """The target of a prompt, and its settings. None means the model's own default.

    `fallback` is what follows a target that fails; None: the hub's own route. `tries` is how often the hub asks one
    target at most; 0: not known. `effort` is how long to reason.
    """

    provider: str
    model: str
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    fallback: tuple[str, ...] | None = None
    tries: int = 0
    effort: str | None = None

    @property
    def target(self) -> str:
        """As the hub names it. Without a model it is the provider's default one."""
        return f"{self.provider}/{self.model}" if self.model else self.provider


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt and its answer, as far as it has come. `files` are the prompt's images, kept to be shown.

    `price` is the answer's, `prices` those of every attempt at it. `note` is a sentence about the answer for whoever
    comes back to it, such as why it ends in the middle.
    """

    prompt: Message
    question: Question
    files: tuple[str, ...] = ()
    answer: Snapshot = NO_ANSWER
    outcome: Outcome = "pending"
    price: Decimal | None = None
    prices: tuple[Decimal | None, ...] = ()
    note: str = ""

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        answer, prompt = self.answer, self.prompt
        chars = len(prompt.text) + len(answer.text) + len(answer.reasoning)
        events = len(answer.route) + (0 if answer.response is None else len(answer.response.attempts))
        document_bytes = sum(len(each.data) + 2 * len(each.text or "") for each in prompt.documents)
        return 2000 + 2 * chars + 500 * events + sum(len(image.data) for image in prompt.images) + document_bytes

    @property
    def is_history(self) -> bool:
        """Whether later turns build on this one.

        A failed turn without text has nothing to build on, and a rejected one would be rejected again.
        """
        return bool(self.answer.text.strip()) and not isinstance(self.answer.error, ContentRejected)

    def with_outcome(self) -> Turn:
        """The turn as it stands when nothing more comes."""
        if self.outcome != "pending":
            return self
        if self.answer.response is not None:
            return replace(self, outcome="answered")
        return replace(self, outcome="stopped" if self.answer.error is None else "failed")


Turns = tuple[Turn, ...]


def chat_request(history: Turns, turn: Turn) -> ChatRequest:
    """The request that asks `turn` after the turns of `history`. Fallbacks that a person has put in order keep it."""
    question = turn.question
    is_ordered = question.fallback is not None and "auto" not in question.fallback
    messages: list[Message] = []
    if question.system.strip():
        messages.append(Message(Role.SYSTEM, question.system))
    for past in history:
        if past.is_history:
            messages += (past.prompt, Message(Role.ASSISTANT, past.answer.text))
    messages.append(turn.prompt)
    return ChatRequest(
        tuple(messages), question.target, question.temperature, question.max_tokens, question.fallback,
        effort=question.effort, order="given" if is_ordered else None,
    )  # fmt: skip

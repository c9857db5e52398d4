"""Models that fail on purpose, each in a way of its own, so that anyone can watch what happens then without a key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING

from llm_hub.chat import ChatRequest, ModelInfo, Role
from llm_hub.errors import ContentRejected, ModelNotFound, QuotaExhausted, RateLimited, ServerFailed, StreamBroken
from llm_hub.provider import LLMProvider
from llm_hub.response_builder import ResponseBuilder

if TYPE_CHECKING:
    from llm_hub.chat import Event

TEXT = (
    "A lifeboat is a small, rigid or inflatable boat carried for emergency evacuation in the event of a disaster "
    "aboard a ship. Nobody thinks of it while the sea is calm. That is as it should be: what keeps you afloat is best "
    "when you never notice it. The crew drills all the same, again and again, because the hour in which it is needed "
    "is not the hour in which to find out whether it floats. This answer was written by a provider that fails on "
    "purpose. If you can read it to its last word, nothing was lost on the way."
)
MODELS = {
    "steady": "answers, word by word",
    "breaks-off": "loses its connection in the middle of the answer",
    "stalls": "falls silent in the middle of the answer",
    "overloaded": "is overloaded, every time",
    "recovers": "is overloaded two times of three",
    "rate-limited": "asks to wait for a minute",
    "silent": "never begins",
    "garbled": "sends something that is not JSON",
    "empty": "sends an empty answer",
    "no-credit": "has no credit left",
    "refuses": "declines to answer",
}


class ChaosProvider(LLMProvider):
    """The failures of `MODELS`."""

    pace = 0.06
    """Seconds between two words. The first takes five times as long."""

    def __init__(
        self,
        *,
        name: str = "chaos",
        title: str = "Chaos",
        default_model: str = "steady",
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self.title = title
        self.default_model = default_model
        self._sleep = sleep
        self._asked = count(1)

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        builder = ResponseBuilder(self, request)
        await self._sleep(self.pace * 4)
        self._fail_first(builder.model)
        words = _words(request)
        for number, word in enumerate(words):
            if number == len(words) // 2:
                await self._fail_halfway(builder.model)
            await self._sleep(self.pace)
            yield builder.add_text(word)
        asked = sum(len(turn.text.split()) for turn in request.messages)
        builder.usage = {"prompt_tokens": asked, "completion_tokens": len(words), "total_tokens": asked + len(words)}
        builder.finish_reason = "stop"
        yield builder.finish()

    async def models(self) -> tuple[ModelInfo, ...]:
        return tuple(ModelInfo(name, title=f"{name}: {habit}") for name, habit in MODELS.items())

    def _fail_first(self, model: str) -> None:
        """What goes wrong before the first word."""
        match model:
            case "overloaded":
                raise ServerFailed(f"{self.title} is overloaded (503).", status=503, hint="Choose another model.")
            case "recovers" if next(self._asked) % 3:
                raise ServerFailed(f"{self.title} is overloaded (503).", status=503, hint="Try again.")
            case "rate-limited":
                raise RateLimited(
                    f"{self.title}: too many requests.", status=429, retry_after=60.0, hint="Wait a minute."
                )
            case "garbled":
                raise StreamBroken(f"{self.title} sent something that is not JSON.", detail='{"text": "A lifeb')
            case "no-credit":
                raise QuotaExhausted(f"{self.title}: the credit is used up.", status=402, hint="Choose another model.")
            case "refuses":
                raise ContentRejected(f"{self.title} declined to answer.", hint="Rephrase the prompt.")
            case _ if model not in MODELS:
                raise ModelNotFound(f"{self.title} has no model {model}.", hint=f"It has {', '.join(MODELS)}.")

    async def _fail_halfway(self, model: str) -> None:
        """What goes wrong in the middle, or instead of it."""
        match model:
            case "breaks-off":
                raise StreamBroken(f"The connection to {self.title} broke in the middle of its answer.")
            case "stalls" | "silent":
                await asyncio.Event().wait()


def _words(request: ChatRequest) -> list[str]:
    """The answer's words, from where the conversation says that it broke off, each with the space before it."""
    model = request.model
    if model in ("silent", "empty"):
        return [] if model == "empty" else [""]
    said = next((turn.text for turn in reversed(request.messages[:-1]) if turn.role is Role.ASSISTANT), "")
    rest = TEXT[len(said) :] if said and TEXT.startswith(said) and said != TEXT else TEXT
    return [f" {word}" if number or rest is not TEXT else word for number, word in enumerate(rest.split())]

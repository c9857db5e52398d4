"""Questions to a target, and what came back: every figure that a finding may rest on."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llm_hub.chat import AttemptFailed, Done, TextDelta, Usage
from llm_hub.errors import LLMHubError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from decimal import Decimal

    from llm_hub.chat import ChatRequest, Event, LLMResponse
    from llm_hub.gateway.caller import Caller
    from llm_hub.gateway.gateway import Gateway


@dataclass(frozen=True, slots=True)
class ProbeQuestion:
    """A request of a probe. `case` tells the probe's questions apart; the same case may be asked several times.

    `expected` is what a right answer has in it; `is_again` marks a prompt that the target was just sent.
    """

    probe: str
    case: str
    request: ChatRequest
    expected: tuple[str, ...] = ()
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A question with its answer. `pieces` has the seconds at which each piece of text came. `requests` is how many
    were sent, repetitions included. `problem` is why there is no answer, "" where there is one; `price` is US
    dollars, and `listed_price` what it is by the price lists, whatever the provider says that it charged.
    """

    question: ProbeQuestion
    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = ""
    model: str = ""
    usage: Usage | None = None
    pieces: tuple[float, ...] = ()
    first_token: float | None = None
    seconds: float = 0.0
    requests: int = 1
    price: float | None = None
    listed_price: float | None = None
    ignored: tuple[str, ...] = ()
    problem: str = ""
    kind: str = ""

    @property
    def tokens_per_second(self) -> float | None:
        """Of the answer, after its first token; None where it is too short to tell."""
        tokens = (self.usage or {}).get("completion_tokens", 0)
        span = self.seconds - (self.first_token or 0.0)
        return (tokens - 1) / span if tokens > 9 and span > 0 else None


async def ask_all(
    gateway: Gateway,
    caller: Caller,
    target: str,
    questions: list[ProbeQuestion],
    *,
    max_requests: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Sample]:
    """The target's answers, one after the other, until so many requests were sent. No other target is asked. Failures
    bring the target no pause: every question is asked."""
    samples: list[Sample] = []
    left = max_requests
    for question in questions:
        if left <= 0:
            break
        caller.session.try_now(target)
        request = replace(question.request, model=target, fallback=())
        sample = await _ask(gateway.answer(caller, request), caller, question, clock)
        samples.append(sample)
        left -= sample.requests
    return samples


async def _ask(
    events: AsyncGenerator[Event], caller: Caller, question: ProbeQuestion, clock: Callable[[], float]
) -> Sample:
    began, pieces, requests, kind = clock(), list[float](), 0, ""
    response: LLMResponse | None = None
    try:
        async for event in events:
            match event:
                case TextDelta():
                    pieces.append(clock() - began)
                case AttemptFailed(attempt):
                    requests, kind = requests + attempt.was_sent, attempt.outcome
                case Done(response):
                    pass
    except LLMHubError as error:
        kind = kind or getattr(error, "kind", "failed")
        return Sample(question, requests=max(requests, 1), seconds=clock() - began, problem=str(error), kind=kind)
    finally:
        await events.aclose()
    if response is None:
        return Sample(question, requests=max(requests, 1), problem="The answer had no end.")
    prices = caller.session.prices
    return Sample(
        question,
        text=response.content,
        calls=tuple((call.name, call.arguments) for call in response.tool_calls),
        finish=response.finish_reason,
        model=response.model,
        usage=response.usage,
        pieces=tuple(pieces),
        first_token=response.timing.first_token if response.timing else None,
        seconds=clock() - began,
        requests=requests + 1,
        price=_dollars(prices.of(response)),
        listed_price=_dollars(prices.listed(response)),
        ignored=response.ignored,
    )


def _dollars(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


def quantile(values: list[float], share: float) -> float | None:
    """The value below which that share of them lies, one of them itself; None of none."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)] if values else None

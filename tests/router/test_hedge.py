"""A hedged start, in virtual time: the next target is asked as well where the first is slow to begin."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING

import pytest

from llm_hub.access.hedging import HedgeAllowance, MeasuredHedging
from llm_hub.chat import (
    Attempt,
    AttemptFailed,
    AttemptStarted,
    ChatRequest,
    Done,
    LLMResponse,
    Message,
    Role,
    TextDelta,
    Waiting,
)
from llm_hub.errors import ConnectionFailed, InvalidRequest, ProviderError, RouteFailed, ServerFailed
from llm_hub.provider import LLMProvider
from llm_hub.response_builder import ResponseBuilder
from llm_hub.router import Health, LLMRouter, Target, Timeouts
from llm_hub.router.attempt_history import AttemptHistory

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from llm_hub.chat import Event

ASK = ChatRequest((Message(Role.USER, "What does the tide do?"),))
PATIENT = Timeouts(first_token=1000, reasoning=1000, thinking=1000, idle=1000, total=10_000)


def down() -> ServerFailed:
    return ServerFailed("Down.")


class Paced(LLMProvider):
    """Says its name three times, a second apart, the first after `delay` seconds, or fails then. It counts what is
    open."""

    default_model = "m"

    def __init__(self, name: str, delay: float, *, error: ProviderError | None = None, breaks: bool = False) -> None:
        self.name = self.title = name
        self.delay = delay
        self.error = error
        self.breaks = breaks
        self.asked = 0
        self.open = 0

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        self.asked += 1
        self.open += 1
        try:
            builder = ResponseBuilder(self, request)
            yield Waiting(f"{self.name} thinks")
            await asyncio.sleep(self.delay)
            if self.error is not None:
                raise self.error
            for number in range(3):
                if self.breaks and number == 1:
                    raise ServerFailed(f"{self.name} broke off.")
                yield builder.add_text(f"{self.name} ")
                await asyncio.sleep(1)
            builder.usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
            builder.finish_reason = "stop"
            yield builder.finish()
        finally:
            await asyncio.sleep(0)  # to close a connection takes its time
            self.open -= 1


@dataclass
class Policy:
    """Everybody is slow after so many seconds."""

    seconds: float | None = 2.0
    allowed: bool = True
    taken: int = 0

    def delay(self, target: Target) -> float | None:
        return self.seconds

    def take(self) -> bool:
        self.taken += 1
        return self.allowed


@dataclass
class Route:
    """A route through two targets, or three, and what is to be seen of an answer."""

    first: Paced
    second: Paced
    third: Paced | None = None
    policy: Policy = field(default_factory=Policy)
    health: Health = field(default_factory=Health)
    max_retries: int = 0
    records: list[tuple[str, str]] = field(default_factory=list)

    def router(self) -> LLMRouter:
        others = [provider for provider in (self.second, self.third) if provider is not None]
        return LLMRouter(
            self.first,
            others,
            self.max_retries,
            timeouts=PATIENT,
            health=self.health,
            hedging=self.policy,
            record=lambda target, attempt: self.records.append((target.provider.name, attempt.outcome)),
        )

    async def events(self) -> list[Event]:
        async with aclosing(self.router().events(ASK)) as events:
            return [event async for event in events]

    async def answer(self) -> LLMResponse:
        last = (await self.events())[-1]
        assert isinstance(last, Done)
        assert not any(provider.open for provider in (self.first, self.second))
        return last.response


def outcomes(attempts: tuple[Attempt, ...]) -> list[tuple[str, str]]:
    return [(attempt.provider, attempt.outcome) for attempt in attempts]


def first_token(answer: LLMResponse) -> float | None:
    assert answer.timing is not None
    return answer.timing.first_token


async def test_who_begins_in_time_is_asked_alone() -> None:
    route = Route(Paced("first", 1.9), Paced("second", 0.1))
    answer = await route.answer()
    assert answer.content == "first first first "
    assert outcomes(answer.attempts) == [("first", "answered")]
    assert (route.second.asked, route.policy.taken) == (0, 0)


async def test_the_second_goes_on_where_it_begins_first() -> None:
    route = Route(Paced("first", 30), Paced("second", 0.5))
    answer = await route.answer()
    assert answer.content == "second second second "
    assert (answer.provider, first_token(answer)) == ("second", 2.5)
    assert outcomes(answer.attempts) == [("first", "overtaken"), ("second", "answered")]
    overtaken, answered = answer.attempts
    assert overtaken.reason == "first had not begun after 2 s. second was asked as well, and began first."
    assert (overtaken.seconds, answered.started, answered.first_token) == (2.5, 2, 0.5)
    assert route.records == outcomes(answer.attempts)


async def test_the_reader_is_told_who_is_asked_and_sees_no_text_twice() -> None:
    events = await Route(Paced("first", 30), Paced("second", 0.5)).events()
    told = [
        (type(event).__name__, getattr(event, "provider", ""))
        for event in events
        if isinstance(event, AttemptStarted | AttemptFailed | Waiting)
    ]
    assert told == [
        ("AttemptStarted", "first"),
        ("Waiting", ""),
        ("AttemptFailed", ""),
        ("AttemptStarted", "second"),
        ("Waiting", ""),
    ]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "second second second "


async def test_the_first_goes_on_where_it_begins_first_and_the_second_is_closed_at_once() -> None:
    route = Route(Paced("first", 3), Paced("second", 30))
    async with aclosing(route.router().events(ASK)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
        await asyncio.sleep(0.01)
        assert (route.first.open, route.second.open) == (1, 0)
        rest = [event async for event in events]
    assert isinstance(rest[-1], Done)
    answer = rest[-1].response
    assert answer.content == "first first first "
    assert outcomes(answer.attempts) == [("second", "overtaken"), ("first", "answered")]
    assert answer.attempts[0].reason == "It was asked as well after 2 s. first began first."
    assert answer.attempts[0].seconds == 1


async def test_what_the_overtaken_one_read_is_counted_as_the_winner_counted_it() -> None:
    answer = await Route(Paced("first", 30), Paced("second", 0.5)).answer()
    assert answer.attempts[0].usage == {"prompt_tokens": 10, "completion_tokens": 0}
    assert answer.usage == {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}


async def test_overtaking_says_nothing_about_health() -> None:
    route = Route(Paced("first", 30), Paced("second", 0.5))
    for _ in range(5):
        await route.answer()
    assert route.health.current_pause(route.first, "m") is None
    assert route.health.current_pause(route.second, "m") is None


@pytest.mark.parametrize("delay", [1.0, 3.0], ids=["before the second is asked", "while both are asked"])
async def test_a_first_that_fails_leaves_the_answer_to_the_second(delay: float) -> None:
    on_hold = ServerFailed("Down.", retry_after=100)  # it is not asked again
    route = Route(Paced("first", delay, error=on_hold), Paced("second", 4), max_retries=2)
    answer = await route.answer()
    assert answer.content == "second second second "
    assert outcomes(answer.attempts) == [("first", "server_failed"), ("second", "answered")]
    assert (route.first.asked, route.second.asked) == (1, 1)
    assert first_token(answer) == (5 if delay == 1 else 6), "the second had a start where it was asked before"


async def test_a_failed_first_is_not_asked_again_while_the_second_is_at_work() -> None:
    route = Route(Paced("first", 3, error=down()), Paced("second", 4), max_retries=2)
    assert outcomes((await route.answer()).attempts) == [("first", "server_failed"), ("second", "answered")]


async def test_a_second_that_fails_leaves_the_answer_to_the_first() -> None:
    route = Route(Paced("first", 10), Paced("second", 0.5, error=down()))
    answer = await route.answer()
    assert answer.content == "first first first "
    assert outcomes(answer.attempts) == [("second", "server_failed"), ("first", "answered")]
    assert route.second.asked == 1


async def test_where_both_fail_the_third_is_asked_and_none_of_them_twice() -> None:
    route = Route(Paced("first", 3, error=down()), Paced("second", 0.5, error=down()), Paced("third", 1))
    answer = await route.answer()
    assert answer.content == "third third third "
    assert outcomes(answer.attempts) == [
        ("second", "server_failed"),
        ("first", "server_failed"),
        ("third", "answered"),
    ]
    assert [provider.asked for provider in (route.first, route.second)] == [1, 1]


async def test_a_second_whose_server_the_first_has_ruled_out_may_fail_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """Two keys of one server, which the first finds to be gone."""
    first, second = (Paced("first", delay, error=ConnectionFailed("Gone.")) for delay in (3.0, 4.0))
    third = Paced("third", 1)
    router = LLMRouter(
        Target(first, "m", place=1), [Target(second, "m", place=2), third], 0, timeouts=PATIENT, hedging=Policy()
    )
    last = [event async for event in router.events(ASK)][-1]
    assert isinstance(last, Done)
    assert last.response.content == "third third third "
    assert [outcome for _, outcome in outcomes(last.response.attempts)] == ["connection_failed"] * 2 + ["answered"]
    gc.collect()  # an exception of a task that nobody has read is logged when the task goes
    assert not caplog.records


async def test_where_all_fail_the_error_tells_of_each() -> None:
    route = Route(Paced("first", 3, error=down()), Paced("second", 4, error=down()))
    with pytest.raises(RouteFailed) as raised:
        await route.answer()
    assert Counter(outcomes(raised.value.attempts)) == {("first", "server_failed"): 1, ("second", "server_failed"): 1}


async def test_an_error_that_ends_the_answer_ends_the_second_attempt_too() -> None:
    route = Route(Paced("first", 3, error=InvalidRequest("No.")), Paced("second", 30))
    with pytest.raises(InvalidRequest) as raised:
        await route.answer()
    assert Counter(outcomes(raised.value.attempts)) == {("first", "invalid_request"): 1, ("second", "overtaken"): 1}
    assert route.second.open == 0


async def test_a_second_that_breaks_off_after_it_has_won_is_gone_on_with_by_the_third() -> None:
    route = Route(Paced("first", 30), Paced("second", 0.5, breaks=True), Paced("third", 1))
    answer = await route.answer()
    assert answer.content.startswith("second ")
    assert answer.content.endswith("third third third ")
    assert [outcome for _, outcome in outcomes(answer.attempts)] == ["overtaken", "server_failed", "answered"]


@pytest.mark.parametrize("seconds", [1.0, 2.1, 2.6], ids=["before", "while both are asked", "when one has spoken"])
async def test_a_reader_who_leaves_closes_both(seconds: float) -> None:
    route = Route(Paced("first", 30), Paced("second", 0.5))
    reading = asyncio.create_task(route.events())
    await asyncio.sleep(seconds)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (route.first.open, route.second.open) == (0, 0)
    permit = route.health.admit(route.second, "m")
    assert permit is not None


async def test_nobody_is_asked_beside_another_where_no_further_request_may_be_made() -> None:
    route = Route(Paced("first", 5), Paced("second", 0.5), policy=Policy(allowed=False))
    assert outcomes((await route.answer()).attempts) == [("first", "answered")]
    assert route.second.asked == 0


async def test_nobody_is_asked_beside_another_whose_delays_are_unknown() -> None:
    route = Route(Paced("first", 5), Paced("second", 0.5), policy=Policy(seconds=None))
    assert outcomes((await route.answer()).attempts) == [("first", "answered")]


async def test_a_paused_second_is_not_asked_and_costs_no_request() -> None:
    route = Route(Paced("first", 5), Paced("second", 0.5))
    permit = route.health.admit(route.second, "m")
    assert permit is not None
    permit.settle(ServerFailed("Down.", retry_after=100))
    assert outcomes((await route.answer()).attempts) == [("first", "answered")]
    assert (route.second.asked, route.policy.taken) == (0, 0)


class Tailed(LLMProvider):
    """Begins after each of these delays in turn."""

    default_model = "m"

    def __init__(self, name: str, delays: Iterator[float]) -> None:
        self.name = self.title = name
        self.delays = delays
        self.requests = 0

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        self.requests += 1
        builder = ResponseBuilder(self, request)
        await asyncio.sleep(next(self.delays))
        yield builder.add_text("Here.")
        builder.finish_reason = "stop"
        yield builder.finish()


def heavy_tail(seed: int) -> Iterator[float]:
    """Half a second as a rule, and in 3 of 100 cases five to twenty."""
    chance = random.Random(seed)
    while True:
        yield chance.uniform(5, 20) if chance.random() < 0.03 else chance.uniform(0.4, 0.6)


async def first_tokens(hedged: bool, requests: int) -> tuple[list[float], float]:
    """The seconds to the first token of so many answers, and the share of further requests."""
    first, second = Tailed("first", heavy_tail(1)), Tailed("second", heavy_tail(2))
    history, allowance = AttemptHistory(asyncio.get_running_loop().time), HedgeAllowance()
    router = LLMRouter(
        first,
        second,
        timeouts=PATIENT,
        hedging=MeasuredHedging(allowance, lambda name: history if name == "first" else None) if hedged else None,
        record=lambda target, attempt: history.add(attempt) if target.provider is first else None,
    )
    delays = []
    for _ in range(requests):
        events = [event async for event in router.events(ASK)]
        last = events[-1]
        assert isinstance(last, Done)
        assert last.response.timing is not None
        assert last.response.timing.first_token is not None
        delays.append(last.response.timing.first_token)
    return delays, (first.requests + second.requests) / requests - 1


async def test_the_slowest_first_tokens_come_in_half_the_time_for_few_further_requests() -> None:
    alone, none = await first_tokens(hedged=False, requests=300)
    hedged, further = await first_tokens(hedged=True, requests=300)
    assert none == 0
    assert quantiles(hedged, n=100)[98] < quantiles(alone, n=100)[98] / 2
    assert 0 < further <= 0.06

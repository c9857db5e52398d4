"""A probe ends once, whatever happens to it: with its outcome, or without one, and never by being forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from llm_hub.chat import AttemptStarted, ChatRequest, Done, Event, LLMResponse, Message, Role, TextDelta
from llm_hub.errors import PromptTooLong, ProviderError, RateLimited, ServerFailed, StreamBroken
from llm_hub.provider import LLMProvider
from llm_hub.router import Health, LLMRouter
from tests.router.hand_clock import HandClock, settle
from tests.router.routes import no_sleep

PROMPT = ChatRequest((Message(Role.USER, "Tell me."),))
DONE = Done(LLMResponse("all is well", "m", {}, "stop", "scripted"))

Step = Event | Exception | None
"""What a provider does next: an event, a failure, or (None) nothing for ever."""


class Scripted(LLMProvider):
    """Plays one list of steps for each request; the last list again for those that follow. Counts its requests."""

    name = "scripted"
    default_model = "m"

    def __init__(self, *answers: list[Step]) -> None:
        self._answers = answers
        self.requests = 0

    async def events(self, request: ChatRequest) -> AsyncIterator[Event]:  # type: ignore[override]
        steps = self._answers[min(self.requests, len(self._answers) - 1)]
        self.requests += 1
        for step in steps:
            if step is None:
                await asyncio.Event().wait()
            elif isinstance(step, Exception):
                raise step
            else:
                yield step


class Healthy(Scripted):
    name = "healthy"

    def __init__(self) -> None:
        super().__init__([TextDelta("all"), TextDelta(" is well"), DONE])


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def health(clock: HandClock) -> Health:
    return Health(clock=clock)


def route(provider: LLMProvider, health: Health) -> LLMRouter:
    return LLMRouter(provider, Healthy(), health=health, sleep=no_sleep)


def is_probing(health: Health, provider: LLMProvider) -> bool:
    """Whether a probe is under way, or the target is paused."""
    permit = health.admit(provider, "m")
    if permit is not None:
        permit.release()
    return permit is None


async def test_a_probe_that_fails_pauses_its_target_again(health: Health, clock: HandClock) -> None:
    limited = Scripted([RateLimited("slow down", retry_after=60.0)], [RateLimited("slow down")])
    router = route(limited, health)
    await router.complete("hello")
    clock.now += 61
    await router.complete("hello")
    assert limited.requests == 2
    await router.complete("hello")
    assert limited.requests == 2, "the target is paused"
    clock.now += 30
    await router.complete("hello")
    assert limited.requests == 3


async def test_a_probe_that_breaks_in_the_middle_pauses_its_target_again(health: Health, clock: HandClock) -> None:
    broken = Scripted([RateLimited("slow down", retry_after=60.0)], [TextDelta("all"), StreamBroken("cut")])
    router = route(broken, health)
    await router.complete("hello")
    clock.now += 61
    response = await router.complete("hello")
    assert (response.content, broken.requests) == ("all is well", 2)
    await router.complete("hello")
    assert broken.requests == 2, "the target is paused"


async def test_a_probe_that_is_told_to_wait_a_little_is_not_asked_again_before(
    health: Health, clock: HandClock
) -> None:
    waits = (60.0, 3.0, 60.0)
    limited = Scripted(*(list[Step]([RateLimited("slow down", retry_after=seconds)]) for seconds in waits))
    router = route(limited, health)
    await router.complete("hello")
    for seconds, requests in ((61, 2), (2, 2), (1, 3)):
        clock.now += seconds
        await router.complete("hello")
        assert limited.requests == requests


@pytest.mark.parametrize("left_at", [AttemptStarted, TextDelta])
async def test_a_probe_that_the_reader_leaves_makes_room_for_the_next(
    health: Health, clock: HandClock, left_at: type[Event]
) -> None:
    slow = Scripted([RateLimited("slow down", retry_after=60.0)], [TextDelta("all"), None])
    await route(slow, health).complete("hello")
    clock.now += 61
    async with aclosing(route(slow, health).events(PROMPT)) as events:
        async for event in events:
            if isinstance(event, left_at):
                break
        assert is_probing(health, slow)
    assert not is_probing(health, slow)


async def test_a_probe_that_is_cancelled_makes_room_for_the_next(health: Health, clock: HandClock) -> None:
    silent = Scripted([RateLimited("slow down", retry_after=60.0)], [None])
    await route(silent, health).complete("hello")
    clock.now += 61
    task = asyncio.create_task(route(silent, health).complete("hello"))
    await settle()
    assert is_probing(health, silent)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_probing(health, silent)


async def test_a_probe_whose_provider_fails_before_it_is_sent_is_settled(health: Health, clock: HandClock) -> None:
    class Undecided(Scripted):
        def reasons(self, model: str) -> bool:
            if self.requests:
                raise ZeroDivisionError
            return False

    undecided = Undecided([RateLimited("slow down", retry_after=60.0)])
    router = route(undecided, health)
    await router.complete("hello")
    clock.now += 61
    assert (await router.complete("hello")).attempts[-1].provider == "healthy"
    assert is_probing(health, undecided), "the target is paused"
    clock.now += 30
    assert not is_probing(health, undecided)


async def test_a_provider_that_fails_while_it_is_closed_after_its_answer_has_answered(health: Health) -> None:
    class Unclosable(Healthy):
        name = "unclosable"

        async def events(self, request: ChatRequest) -> AsyncIterator[Event]:  # type: ignore[override]
            try:
                async for event in super().events(request):
                    yield event
            finally:
                raise OSError("cannot close")

    provider = Unclosable()
    events = [event async for event in route(provider, health).events(PROMPT)]
    assert isinstance(events[-1], Done)
    assert [attempt.outcome for attempt in events[-1].response.attempts] == ["answered"]
    assert not any(breaker.failures for breaker in health._breakers(provider, "m"))


# Which breakers a failed probe pauses.


def pause(health: Health, provider: LLMProvider, error: ProviderError, times: int = 3) -> None:
    for _ in range(times):
        permit = health.admit(provider, "m")
        assert permit is not None
        permit.settle(error)


@pytest.mark.parametrize("paused_by", [RateLimited("slow down"), ServerFailed("down")])
async def test_a_probe_that_fails_for_another_reason_pauses_its_target_all_the_same(
    health: Health, clock: HandClock, paused_by: ProviderError
) -> None:
    provider = Healthy()
    pause(health, provider, paused_by)
    for error in (RateLimited("slow down"), ServerFailed("down"), StreamBroken("cut")):
        clock.now += 30
        pause(health, provider, error, times=1)
        assert health.admit(provider, "m") is None


def test_a_probe_of_one_key_that_fails_does_not_pause_the_model_for_others(health: Health, clock: HandClock) -> None:
    provider, other = Healthy(), Healthy()
    pause(health, provider, RateLimited("slow down"))
    clock.now += 30
    pause(health, provider, ServerFailed("down"), times=1)
    assert health.admit(provider, "m") is None
    assert health.admit(other, "m") is not None


def test_a_probe_that_meets_a_bad_key_pauses_nothing_for_others(health: Health, clock: HandClock) -> None:
    provider, other = Healthy(), Healthy()
    pause(health, provider, ServerFailed("down"))
    clock.now += 30
    pause(health, provider, RateLimited("slow down"), times=1)
    assert health.admit(provider, "m") is None
    assert health.admit(other, "m") is not None


def test_a_request_from_before_the_pause_does_not_end_the_probe_that_came_after(
    health: Health, clock: HandClock
) -> None:
    provider = Healthy()
    early = health.admit(provider, "m")
    pause(health, provider, ServerFailed("down"))
    clock.now += 30
    probe = health.admit(provider, "m")
    assert early is not None
    assert probe is not None
    early.settle(PromptTooLong("too long"))
    assert health.admit(provider, "m") is None, "the probe is under way"
    probe.settle(None)
    assert health.admit(provider, "m") is not None


def test_a_pause_that_the_provider_asked_for_is_not_shortened_by_requests_from_before(
    health: Health, clock: HandClock
) -> None:
    provider = Healthy()
    early = [health.admit(provider, "m") for _ in range(3)]
    pause(health, provider, RateLimited("slow down", retry_after=60.0), times=1)
    for permit in early:
        assert permit is not None
        permit.settle(RateLimited("slow down"))
    clock.now += 59
    assert health.admit(provider, "m", last_resort=True) is None


def test_only_the_first_outcome_of_an_attempt_counts(health: Health) -> None:
    provider = Healthy()
    permit = health.admit(provider, "m")
    assert permit is not None
    permit.settle(None)
    for _ in range(3):
        permit.settle(ServerFailed("down"))
    assert health.current_pause(provider, "m") is None

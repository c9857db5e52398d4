"""What the router promises beyond the matrix: how often, how soon and in which order targets are asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import fields, replace

import pytest

from llm_hub.chat import (
    AttemptFailed,
    AttemptStarted,
    ChatRequest,
    Done,
    Event,
    LLMResponse,
    Message,
    OriginalAnswer,
    Resumed,
    Role,
    TextDelta,
    Timing,
    ToolCall,
)
from llm_hub.errors import ConfigurationError, ProviderError, RouteFailed, StreamBroken, TimedOut
from llm_hub.provider import LLMProvider
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.router import Health, LLMRouter, Target, Timeouts
from llm_hub.wire import transport
from tests.fault_server import FaultServer, answer_text
from tests.router.routes import KEY, PATIENT, PROTOCOLS, QUICK, no_sleep

PROMPT = ChatRequest((Message(Role.USER, "Tell me."),))


class Recorder:
    """A sleep that takes no time and remembers what it was asked for."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


class Echo(LLMProvider):
    """A healthy provider written the short way."""

    name = "echo"
    default_model = "echo-1"

    async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
        for word in ("all", " is", " well"):
            yield word


WHOLE_ANSWER = LLMResponse(
    content="all is well",
    model="echo-1",
    usage={"completion_tokens": 3},
    finish_reason="tool_calls",
    provider="echo",
    reasoning="is it?",
    timing=Timing(0.1, 0.2),
    ignored=("seed",),
    notes=("It was short.",),
    tool_calls=(ToolCall("call_1", "look", "{}"),),
    stop_sequence="!",
    original=OriginalAnswer("openai", {"id": "c"}),
    late_text=((1, " well"),),
    files=("report.pdf: as text, 12 pages",),
)
"""It has something in every field, save the attempts, which are the router's."""


class Teller(Echo):
    """A provider that gives its whole answer at once."""

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        yield Done(WHOLE_ANSWER)


async def events_of(router: LLMRouter) -> list[Event]:
    async with aclosing(router.events(PROMPT)) as events:
        return [event async for event in events]


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as fault_server:
        yield fault_server


@pytest.fixture
async def openai(fault_server: FaultServer) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(KEY, base_url=fault_server.openai_url)
    yield provider
    await provider.aclose()


async def test_a_router_is_a_provider_like_any_other() -> None:
    router = LLMRouter(Echo())
    assert isinstance(router, LLMProvider)
    assert (await router.complete("hello")).provider == "echo"
    assert "".join([piece async for piece in router.stream("hello")]) == "all is well"
    nested = LLMRouter(router, fallback=Echo())
    assert (await nested.complete("hello")).content == "all is well"


async def test_a_route_changes_nothing_of_an_answer_but_its_timing_and_attempts() -> None:
    unset = {field.name for field in fields(LLMResponse) if getattr(WHOLE_ANSWER, field.name) == field.default}
    assert unset == {"attempts"}
    last = (await events_of(LLMRouter(Teller())))[-1]
    assert isinstance(last, Done)
    answer = last.response
    assert answer == replace(WHOLE_ANSWER, timing=answer.timing, attempts=answer.attempts)
    assert [attempt.outcome for attempt in answer.attempts] == ["answered"]


async def test_persistent_overload_is_asked_three_times_within_four_seconds(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    sleep = Recorder()
    router = LLMRouter(Target(openai, "status-503"), Echo(), sleep=sleep, chance=lambda: 1.0)
    response = await router.complete("hello")
    assert response.content == "all is well"
    assert [exchange.model for exchange in fault_server.exchanges] == ["status-503"] * 3
    assert sleep.waits == [0.5, 1.0], "doubling, and no wait after the last attempt"


async def test_waits_are_jittered_and_capped() -> None:
    class Down(Echo):
        async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
            for piece in list[str]():
                yield piece
            raise StreamBroken("down")

    sleep = Recorder()
    router = LLMRouter(Down(), max_retries=7, sleep=sleep, chance=lambda: 0.5, health=Health(threshold=99))
    with pytest.raises(StreamBroken):
        await router.complete("hello")
    assert sleep.waits == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("retry_after", "waits", "requests"), [("60", [], 1), ("2", [2.0, 2.0], 3), ("0", [0.0, 0.0], 3)]
)
async def test_a_short_retry_after_is_waited_for_and_a_long_one_is_not(
    fault_server: FaultServer, openai: LLMProvider, retry_after: str, waits: list[float], requests: int
) -> None:
    sleep = Recorder()
    router = LLMRouter(Target(openai, f"status-429?retry-after={retry_after}"), Echo(), sleep=sleep)
    assert (await router.complete("hello")).provider == "echo"
    assert sleep.waits == waits
    assert len(fault_server.exchanges) == requests


async def test_a_silent_model_is_asked_once(fault_server: FaultServer, openai: LLMProvider) -> None:
    router = LLMRouter(Target(openai, "stall@headers"), Echo(), timeouts=QUICK, sleep=no_sleep)
    response = await router.complete("hello")
    assert response.provider == "echo"
    assert [attempt.outcome for attempt in response.attempts] == ["timed_out", "answered"]
    await asyncio.wait_for(fault_server.exchanges[0].ended(), 1)


async def test_a_fallback_is_asked_for_its_own_model(fault_server: FaultServer, openai: LLMProvider) -> None:
    router = LLMRouter(Target(openai, "unknown"), [Target(openai, "ok?tokens=2"), Target(openai, "ok?tokens=3")])
    response = await router.complete("hello", "quota")
    assert response.content == answer_text(3) if response.model.endswith("3") else answer_text(2)
    assert fault_server.exchanges[0].model == "quota", "a request names the primary's model"
    assert "quota" not in [exchange.model for exchange in fault_server.exchanges[1:]]


async def test_an_outage_costs_few_attempts_and_its_end_is_noticed_soon(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    now = 0.0
    health = Health(clock=lambda: now)
    router = LLMRouter(Target(openai, "ok"), Echo(), health=health, sleep=no_sleep)
    reached, served = 0, []
    for tick in range(0, 72, 4):
        now = float(tick)
        fault_server.down = tick < 60
        response = await router.complete("hello")
        tried = [a for a in response.attempts if a.provider == "openai" and a.outcome not in ("paused", "answered")]
        reached += len(tried)
        if response.provider == "openai":
            served.append(tick)
    assert reached <= 4
    assert served[0] <= 65


async def test_fifty_requests_on_a_half_open_breaker_make_one_probe(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    now = 0.0
    health = Health(clock=lambda: now)
    router = LLMRouter(Target(openai, "status-503"), Echo(), health=health, sleep=no_sleep)
    await router.complete("hello")
    now = 31.0
    before = len(fault_server.exchanges)
    responses = await asyncio.gather(*(router.complete("hello") for _ in range(50)))
    assert {response.provider for response in responses} == {"echo"}
    assert len(fault_server.exchanges) - before == 1


async def test_every_step_of_the_route_is_an_event(fault_server: FaultServer, openai: LLMProvider) -> None:
    router = LLMRouter(Target(openai, "cut@mid"), Target(openai, "ok?like=o1"), timeouts=PATIENT, sleep=no_sleep)
    events = await events_of(router)
    steps = [event for event in events if isinstance(event, AttemptStarted | AttemptFailed | Resumed)]
    assert isinstance(steps[0], AttemptStarted)
    assert isinstance(steps[1], AttemptFailed)
    assert steps[1].attempt.outcome == "stream_broken"
    assert isinstance(steps[2], Resumed)
    assert steps[2].characters == sum(len(e.text) for e in events[: events.index(steps[2])] if isinstance(e, TextDelta))


async def test_a_last_target_that_broke_off_resumes_its_own_text_once(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    router = LLMRouter(Target(openai, "cut@mid?times=1&like=o1"), timeouts=PATIENT, sleep=no_sleep)
    response = await router.complete("hello")
    assert response.content == answer_text()
    assert len(fault_server.exchanges) == 2


async def test_a_model_that_always_breaks_off_ends_in_an_error_not_in_a_loop(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    router = LLMRouter(Target(openai, "cut@mid"), timeouts=PATIENT, sleep=no_sleep)
    with pytest.raises(StreamBroken) as caught:
        await router.complete("hello")
    assert len(fault_server.exchanges) == len(caught.value.attempts) == 2


async def test_resuming_can_be_turned_off(fault_server: FaultServer, openai: LLMProvider) -> None:
    router = LLMRouter(Target(openai, "cut@mid"), Echo(), timeouts=PATIENT, sleep=no_sleep, resume=False)
    with pytest.raises(StreamBroken):
        await router.complete("hello")
    assert len(fault_server.exchanges) == 1


async def test_a_provider_that_raises_an_error_of_its_own_does_not_end_the_route(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Buggy(Echo):
        name = "buggy"

        async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
            for piece in list[str]():
                yield piece
            raise ZeroDivisionError("sk-secret123")

    response = await LLMRouter(Buggy(), Echo(), sleep=no_sleep).complete("hello")
    assert response.provider == "echo"
    assert "ZeroDivisionError" in response.attempts[0].reason
    assert "secret" not in response.attempts[0].reason


async def test_a_slow_reader_is_not_taken_for_a_silent_provider(fault_server: FaultServer, openai: LLMProvider) -> None:
    short_idle = Timeouts(first_token=20, reasoning=20, thinking=20, idle=0.05, total=60)
    router = LLMRouter(Target(openai, "ok?tokens=3"), timeouts=short_idle)
    text = ""
    async with aclosing(router.events(PROMPT)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                text += event.text
                loop = asyncio.get_running_loop()
                passed = loop.create_future()
                loop.call_later(0.2, passed.set_result, None)  # four times the limit: the reader's own time
                await passed
    assert text == answer_text(3)


async def test_the_total_time_ends_an_answer(fault_server: FaultServer, openai: LLMProvider) -> None:
    short_total = Timeouts(first_token=20, reasoning=20, thinking=20, idle=20, total=0.3)
    router = LLMRouter(Target(openai, "stall@mid"), timeouts=short_total)
    with pytest.raises(TimedOut):
        await router.complete("hello")


@pytest.mark.parametrize("state", ["stall@headers", "stall@first", "stall@mid", "ok?tokens=100&rate=20"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_cancelled_answer_closes_its_connection_and_starts_no_other_attempt(
    fault_server: FaultServer, protocol: str, state: str
) -> None:
    provider, health = PROTOCOLS[protocol](fault_server), Health()
    router = LLMRouter(Target(provider, state), Target(provider, "ok"), health=health)
    task = asyncio.create_task(router.complete("hello"))
    await fault_server.exchanges.until(lambda exchanges: any(exchange.model == state for exchange in exchanges))
    exchange = next(exchange for exchange in fault_server.exchanges if exchange.model == state)
    if state not in ("stall@headers", "stall@first"):
        await fault_server.exchanges.until(lambda _: exchange.tokens_sent > 0)
    for _ in range(3):  # a user's Stop, several times over
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(exchange.ended(), 1)
    assert exchange.client_left
    assert {sent.model for sent in fault_server.exchanges if sent.method == "POST"} == {state}
    assert health.current_pause(provider, state) is None
    assert all(breaker.failures == 0 for breaker in health._breakers(provider, state))
    await provider.aclose()


async def test_an_answer_cancelled_while_it_waits_for_a_retry_starts_no_other_attempt(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    waiting, forever = asyncio.Event(), asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await forever.wait()

    router = LLMRouter(Target(openai, "status-503"), Target(openai, "ok"), sleep=sleep)
    task = asyncio.create_task(router.complete("hello"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(fault_server.exchanges) == 1


async def test_a_cancelled_probe_makes_room_for_the_next(fault_server: FaultServer, openai: LLMProvider) -> None:
    now = 0.0
    health = Health(clock=lambda: now)
    for _ in range(3):
        permit = health.admit(openai, "stall@headers")
        assert permit is not None
        permit.settle(TimedOut("silent"))
    now = 31.0
    task = asyncio.create_task(LLMRouter(Target(openai, "stall@headers"), health=health).complete("hello"))
    await fault_server.next_exchange(1)
    assert health.admit(openai, "stall@headers") is None, "the probe is under way"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert health.admit(openai, "stall@headers") is not None


async def test_a_paused_route_says_when_it_may_be_asked_again(openai: LLMProvider) -> None:
    router = LLMRouter(Target(openai, "status-429?retry-after=60"), sleep=no_sleep)
    with pytest.raises(ProviderError, match="too many requests"):
        await router.complete("hello")
    with pytest.raises(ProviderError, match=r"is paused: .* It is asked again in \d\d s"):
        await router.complete("hello")


async def test_of_a_route_the_next_step_is_what_a_person_can_mend_before_any_wait(openai: LLMProvider) -> None:
    busy = Target(openai, "status-429?retry-after=60")
    for other, hint in (("status-429?retry-after=20", "Ask again in 20 s"), ("quota", "Add credit at the provider")):
        with pytest.raises(RouteFailed) as caught:
            await LLMRouter(busy, Target(openai, other), health=Health(), sleep=no_sleep).complete("hello")
        assert caught.value.hint.startswith(hint)


async def test_a_sole_model_that_is_back_is_asked_again_before_its_pause_is_over(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    router = LLMRouter(Target(openai, "status-503?times=3"), sleep=no_sleep)
    with pytest.raises(ProviderError):
        await router.complete("hello")
    assert (await router.complete("hello")).content == answer_text()


async def test_every_answer_that_broke_in_a_short_outage_is_completed(
    fault_server: FaultServer, openai: LLMProvider
) -> None:
    router = LLMRouter(Target(openai, "cut@mid?times=8"), timeouts=PATIENT, sleep=no_sleep)
    answers = await asyncio.gather(*(router.complete("hello") for _ in range(8)))
    assert {answer.content for answer in answers} == {answer_text()}


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("no"), StreamBroken("no")])
async def test_a_provider_that_gives_up_inside_does_not_end_the_route(error: BaseException) -> None:
    class Inside(Echo):
        name = "inside"

        async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
            yield "all is"
            raise error

    response = await LLMRouter(Inside(), Echo(), sleep=no_sleep).complete("hello")
    assert (response.content, response.provider) == ("all is well", "echo")


async def test_a_piece_that_is_no_text_does_not_end_the_route() -> None:
    class Bytes(Echo):
        name = "bytes"

        async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
            yield b"all"  # type: ignore[misc]

    response = await LLMRouter(Bytes(), Echo(), sleep=no_sleep).complete("hello")
    assert (response.content, response.provider) == ("all is well", "echo")


async def test_a_provider_that_ignores_its_cancellation_has_timed_out_all_the_same() -> None:
    class Deaf(Echo):
        name = "deaf"

        async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            yield "too late"

    response = await LLMRouter(Deaf(), Echo(), timeouts=QUICK, sleep=no_sleep).complete("hello")
    assert [attempt.outcome for attempt in response.attempts] == ["timed_out", "answered"]
    assert response.content == "all is well"


async def test_a_route_within_a_route_tells_of_every_attempt(openai: LLMProvider) -> None:
    inner = LLMRouter(Target(openai, "unknown"), Echo(), sleep=no_sleep)
    response = await LLMRouter(inner, sleep=no_sleep).complete("hello", "unknown")
    assert [(attempt.provider, attempt.outcome) for attempt in response.attempts] == [
        ("openai", "model_not_found"),
        ("echo", "answered"),
    ]


@pytest.mark.parametrize(("primary", "fallback"), [(None, None), ("openai", None), (Echo(), "echo"), (Echo(), [None])])
def test_a_route_is_made_of_providers_and_nothing_else(primary: object, fallback: object) -> None:
    with pytest.raises(ConfigurationError, match="providers and Targets"):
        LLMRouter(primary, fallback)  # type: ignore[arg-type]


async def test_a_probe_closed_before_it_was_sent_makes_room_for_the_next() -> None:
    health, echo = Health(cooldown=0.0), Echo()
    for _ in range(3):
        health.settle(echo, "echo-1", StreamBroken("cut"))
    async with aclosing(LLMRouter(echo, health=health).events(PROMPT)) as events:
        assert isinstance(await anext(events), AttemptStarted)
        assert health.admit(echo, "echo-1") is None, "the probe is under way"
    permit = health.admit(echo, "echo-1")
    assert permit is not None
    assert permit.is_probe


async def test_a_text_without_an_end_is_not_resumed(openai: OpenAIProvider) -> None:
    router = LLMRouter(Target(openai, "endless?text=long&size=50000"), Echo(), timeouts=PATIENT, sleep=no_sleep)
    with pytest.raises(StreamBroken, match="no end") as caught:
        await events_of(router)
    assert [attempt.provider for attempt in caught.value.attempts] == ["openai"]


async def test_a_target_that_sends_pings_without_an_end_is_asked_once(
    openai: OpenAIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_STREAM_BYTES", 2**20)
    router = LLMRouter(Target(openai, "endless?of=pings"), Echo(), timeouts=PATIENT, sleep=no_sleep)
    response = await router.complete("Tell me.")
    assert response.content == "all is well"
    assert [attempt.outcome for attempt in response.attempts] == ["stream_broken", "answered"]

"""One mechanism ends a wait: whoever has a reason interrupts it, and nobody else's cancellation is lost."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import pytest
import uvloop

from llm_hub.chat import AttemptFailed, AttemptStarted, ChatRequest, Event, Message, Role
from llm_hub.errors import ShuttingDown, StreamBroken, TimedOut
from llm_hub.provider import LLMProvider
from llm_hub.router import Health, LLMRouter
from llm_hub.router.deadlines import GRACE_AFTER_SLEEP, SourceCancelled, Wait, happens_within
from llm_hub.router.interruptible_answers import InterruptibleAnswers
from tests.router.hand_clock import HandClock, settle

PROMPT = ChatRequest((Message(Role.USER, "Tell me."),))


class Reason(Exception):
    """Why a wait was interrupted."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def wait_forever(wait: Wait) -> None:
    """Waits in a block, and leaves no cancellation behind if the block ends with a reason."""
    try:
        with wait:
            await asyncio.Event().wait()
    except Reason:
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        raise


async def started(wait: Wait) -> asyncio.Task[None]:
    task = asyncio.create_task(wait_forever(wait))
    await settle()
    return task


async def test_a_wait_ends_with_the_reason_it_was_interrupted_for() -> None:
    wait, reason = Wait(), Reason()
    task = await started(wait)
    wait.interrupt(reason)
    wait.interrupt(Reason())
    with pytest.raises(Reason) as caught:
        await task
    assert caught.value is reason, "only the first reason counts"


async def test_an_interruption_while_nobody_waits_is_raised_by_the_next_wait() -> None:
    wait = Wait()
    with wait:
        pass
    wait.interrupt(Reason())
    await asyncio.sleep(0)  # it cancels nobody
    with pytest.raises(Reason), wait:
        pytest.fail("the block is not entered")


@pytest.mark.parametrize("interrupted_first", [True, False])
async def test_a_cancellation_from_elsewhere_stays_one(interrupted_first: bool) -> None:
    wait = Wait()
    task = await started(wait)
    if interrupted_first:
        wait.interrupt(Reason())
        task.cancel()
    else:
        task.cancel()
        wait.interrupt(Reason())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_source_that_takes_no_notice_is_interrupted_all_the_same() -> None:
    wait = Wait()

    async def ignore_cancellation() -> str:
        with wait:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return "too late"

    task = asyncio.create_task(ignore_cancellation())
    await settle()
    wait.interrupt(Reason())
    with pytest.raises(Reason):
        await task


async def test_a_source_that_fails_because_it_was_cancelled_is_interrupted_all_the_same() -> None:
    wait = Wait()

    async def fail_on_cancellation() -> None:
        with wait:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("closed") from None

    task = asyncio.create_task(fail_on_cancellation())
    await settle()
    wait.interrupt(Reason())
    with pytest.raises(Reason):
        await task
    assert task.cancelling() == 0


async def test_a_source_that_was_cancelled_by_nobody_gave_up_by_itself() -> None:
    with pytest.raises(SourceCancelled), Wait():
        raise asyncio.CancelledError


@pytest.mark.parametrize("interrupted", ["outer", "inner"])
async def test_of_nested_waits_each_takes_back_only_its_own_cancellation(interrupted: str) -> None:
    waits = {"outer": Wait(), "inner": Wait()}
    ended: list[str] = []

    async def nested() -> None:
        try:
            with waits["outer"]:
                try:
                    with waits["inner"]:
                        await asyncio.Event().wait()
                except Reason:
                    ended.append("inner")
        except Reason:
            ended.append("outer")

    task = asyncio.create_task(nested())
    await settle()
    waits[interrupted].interrupt(Reason())
    await task
    assert ended == [interrupted]
    assert task.cancelling() == 0


async def test_where_both_of_two_nested_waits_are_interrupted_the_outer_reason_counts() -> None:
    outer, inner = Wait(), Wait()

    async def nested() -> None:
        with outer, suppress(Reason), inner:
            await asyncio.Event().wait()

    task = asyncio.create_task(nested())
    await settle()
    inner.interrupt(Reason("time"))
    outer.interrupt(Reason("stop"))
    with pytest.raises(Reason, match="stop"):
        await task


async def test_a_block_that_takes_longer_than_its_limit_is_interrupted(clock: HandClock) -> None:
    wait = Wait(clock)
    wait.limit(12, Reason)
    task = await started(wait)
    await clock.advance(11.9)
    assert not task.done()
    await clock.advance(0.1)
    with pytest.raises(Reason):
        await task


async def test_the_limit_counts_from_the_beginning_of_the_last_block(clock: HandClock) -> None:
    wait = Wait(clock)
    wait.limit(12, Reason)
    for _ in range(5):
        with wait:
            await clock.advance(11)
    task = await started(wait)
    await clock.advance(11)
    assert not task.done()
    await clock.advance(1)
    with pytest.raises(Reason):
        await task


async def test_time_stands_still_while_the_reader_has_the_turn(clock: HandClock) -> None:
    wait = Wait(clock)
    wait.limit(12, Reason)
    with wait:
        pass
    await clock.advance(1000)
    task = await started(wait)
    await clock.advance(11)
    assert not task.done()
    await clock.advance(1)
    with pytest.raises(Reason):
        await task


async def test_no_block_goes_on_after_the_deadline(clock: HandClock) -> None:
    wait = Wait(clock)
    wait.limit(12, Reason, deadline=clock.now + 20)
    for _ in range(2):
        with wait:
            await clock.advance(9)
    task = await started(wait)
    await clock.advance(2)
    with pytest.raises(Reason):
        await task


@pytest.mark.parametrize(("limit", "later_limit"), [(600.0, 15.0), (12.0, 15.0)])
async def test_a_limit_may_change_from_block_to_block(clock: HandClock, limit: float, later_limit: float) -> None:
    wait = Wait(clock)
    wait.limit(limit, Reason)
    with wait:
        await clock.advance(5)
    wait.limit(later_limit, Reason)
    task = await started(wait)
    await clock.advance(later_limit - 0.1)
    assert not task.done()
    await clock.advance(0.1)
    with pytest.raises(Reason):
        await task


async def test_a_thousand_blocks_need_one_timer_and_closing_ends_it(clock: HandClock) -> None:
    wait = Wait(clock)
    wait.limit(12, Reason)
    for _ in range(1000):
        with wait:
            pass
    assert (clock.timers, clock.pending) == (1, 1)
    wait.close()
    assert clock.pending == 0


async def test_an_event_that_happens_in_time_is_waited_for_and_no_longer(clock: HandClock) -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(happens_within(event, 5, clock))
    await clock.advance(4)
    event.set()
    assert await waiting
    assert clock.pending == 0


async def test_an_event_that_does_not_happen_is_waited_for_until_the_time_is_up(clock: HandClock) -> None:
    waiting = asyncio.create_task(happens_within(asyncio.Event(), 5, clock))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.1)
    assert not await waiting


async def test_where_no_time_is_left_nothing_is_waited_for(clock: HandClock) -> None:
    event = asyncio.Event()
    assert not await happens_within(event, 0, clock)
    event.set()
    assert await happens_within(event, -1, clock)
    assert clock.timers == 0


class Silent(LLMProvider):
    """Never answers."""

    name = "silent"
    default_model = "silent-1"
    closed = False

    async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            self.closed = True


class Brief(LLMProvider):
    """Answers in a word."""

    name = "brief"
    default_model = "brief-1"

    async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
        yield "Yes."


class Down(LLMProvider):
    """Fails at once."""

    name = "down"
    default_model = "down-1"

    async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
        for piece in list[str]():
            yield piece
        raise StreamBroken("down")


async def read(running: InterruptibleAnswers, router: LLMRouter, events: list[Event]) -> None:
    """Reads an answer as the gateway does."""
    with running.answer() as wait:
        async with aclosing(router.events(PROMPT)) as source:
            while True:
                with wait:
                    event = await anext(source)
                events.append(event)


async def test_a_stop_ends_an_answer_before_its_first_token_and_closes_its_provider() -> None:
    running, silent, events = InterruptibleAnswers(), Silent(), list[Event]()
    router = LLMRouter(silent, Silent())
    task = asyncio.create_task(read(running, router, events))
    await settle()
    assert len(running) == 1
    running.end()
    with pytest.raises(ShuttingDown, match="before the answer was complete"):
        await task
    assert silent.closed
    assert [type(event) for event in events] == [AttemptStarted]
    assert router.health.current_pause(silent, "silent-1") is None
    assert len(running) == 0


async def test_an_answer_that_is_over_leaves_nothing_for_the_garbage_collector() -> None:
    """A wait knows whom to ask for the error when its time is up, who holds the request. A cycle would keep both."""
    router = LLMRouter(Brief())
    [event async for event in router.events(PROMPT)]
    while gc.collect():  # what earlier tests have left; its finalizers leave more
        pass
    [event async for event in router.events(PROMPT)]
    assert gc.collect() == 0


async def test_a_stop_ends_an_answer_that_waits_for_its_next_attempt() -> None:
    running, events = InterruptibleAnswers(), list[Event]()

    async def sleep(_: float) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(read(running, LLMRouter(Down(), sleep=sleep), events))
    await settle()
    running.end()
    with pytest.raises(ShuttingDown):
        await task
    assert [type(event) for event in events] == [AttemptStarted, AttemptFailed]


async def test_whoever_waits_for_running_answers_is_told_when_the_last_has_ended() -> None:
    running = InterruptibleAnswers()
    with running.answer():
        with running.answer():
            nobody_left = asyncio.create_task(running.none())
        await settle()
        assert not nobody_left.done()
    await nobody_left


async def test_once_closed_no_answer_begins_and_running_ones_go_on() -> None:
    running = InterruptibleAnswers()
    with running.answer() as wait:
        running.close()
        with wait:
            pass
        with pytest.raises(ShuttingDown, match="takes no new requests"), running.answer():
            pass
        assert len(running) == 1


async def test_a_hub_that_slept_reads_first_what_came_meanwhile(clock: HandClock) -> None:
    wait, has_come = Wait(clock), asyncio.Event()
    wait.limit(12, Reason)

    async def read() -> None:
        with wait:
            await has_come.wait()

    task = asyncio.create_task(read())
    await clock.advance(3600)
    has_come.set()
    await task
    wait.close()


async def test_a_hub_that_slept_waits_only_a_little_longer(clock: HandClock) -> None:
    wait = Wait(clock)
    wait.limit(12, Reason)
    task = await started(wait)
    await clock.advance(3600)
    await clock.advance(GRACE_AFTER_SLEEP - 1)
    assert not task.done()
    await clock.advance(1)
    with pytest.raises(Reason):
        await task


async def test_a_hub_that_slept_waits_no_longer_than_the_deadline(clock: HandClock) -> None:
    wait = Wait(clock)
    wait.limit(12, Reason, deadline=clock.now + 40)
    task = await started(wait)
    await clock.advance(38)  # the limit is over, and the timer is late
    assert not task.done()
    await clock.advance(2)
    with pytest.raises(Reason):
        await task


async def test_a_hub_that_slept_past_the_deadline_ends_the_answer_and_blames_nobody(clock: HandClock) -> None:
    silent, health = Silent(), Health(threshold=1, clock=clock)
    router = LLMRouter(silent, timers=clock, health=health)
    task = asyncio.create_task(read(InterruptibleAnswers(), router, []))
    await clock.advance(3600)
    with pytest.raises(TimedOut, match="took too long altogether"):
        await task
    assert silent.closed
    assert health.current_pause(silent, "silent-1") is None


def test_every_loop_ends_a_wait_whose_time_is_over_at_once() -> None:
    async def read() -> None:
        wait, now = Wait(), asyncio.get_running_loop().time()
        wait.limit(60, Reason, deadline=now - 1)  # due before now: uvloop's handle for that has no time
        wait.limit(0.001, Reason, deadline=now - 1)
        try:
            with wait:
                await asyncio.Event().wait()
        finally:
            wait.close()

    for new_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=new_loop) as runner, pytest.raises(Reason):
            runner.run(read())

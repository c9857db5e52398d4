"""The engine between an answer's events and a page, on a clock that does not take time."""

from __future__ import annotations

import asyncio
import selectors
from contextlib import aclosing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from llm_hub.chat import AttemptStarted, Done, LLMResponse, ReasoningDelta, TextDelta, Waiting
from llm_hub.conversations.coalescer import Coalescer, Snapshot
from llm_hub.errors import ServerFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    from llm_hub.chat import Event

T = TypeVar("T")
DONE = Done(LLMResponse("", "model", {}, "stop", "provider"))


class _Selector(selectors.SelectSelector):
    """Does not wait: it moves the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0
        return super().select(0)


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, with time that passes as soon as everybody waits for it."""
    selector = _Selector()

    def loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop(selector)
        loop.time = lambda: selector.now  # type: ignore[method-assign]
        return loop

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)


async def script(*steps: Event | float | Exception, closed: list[float] | None = None) -> AsyncGenerator[Event]:
    """Events, pauses in seconds, and a failure."""
    try:
        for step in steps:
            if isinstance(step, int | float):
                await asyncio.sleep(step)
            elif isinstance(step, Exception):
                raise step
            else:
                yield step
    finally:
        if closed is not None:
            closed.append(asyncio.get_running_loop().time())


def snapshots(*steps: Event | float | Exception, coalescer: Coalescer | None = None) -> list[Snapshot]:
    async def main() -> list[Snapshot]:
        async with aclosing((coalescer or Coalescer()).snapshots(script(*steps))) as stream:
            return [snapshot async for snapshot in stream]

    return run(main())


def tokens(count: int, rate: float) -> list[Event | float]:
    return [step for number in range(count) for step in (TextDelta(f"{number} "), 1 / rate)]


def test_nothing_is_lost_and_nothing_is_repeated() -> None:
    sent = snapshots(*tokens(100, 200), DONE)
    assert sent[-1].text == "".join(f"{number} " for number in range(100))
    assert sent[-1].response is DONE.response
    assert all(later.text.startswith(earlier.text) for earlier, later in pairwise(sent))


@pytest.mark.parametrize("rate", [50, 200, 1000])
def test_a_fast_stream_is_shown_twelve_times_a_second(rate: float) -> None:
    sent = snapshots(*tokens(int(rate * 5), rate), DONE)
    assert 55 <= len(sent) <= 65


def test_a_slow_stream_is_shown_token_by_token() -> None:
    sent = snapshots(*tokens(10, 5), DONE)
    assert [snapshot.text.count(" ") for snapshot in sent[:10]] == list(range(1, 11))


def test_the_first_token_goes_out_at_once() -> None:
    sent = snapshots(Waiting("Loading a model"), 0.01, TextDelta("first"), 5.0, DONE)
    assert [round(snapshot.elapsed, 3) for snapshot in sent[:2]] == [0, 0.01]
    assert (sent[0].waiting, sent[1].waiting, sent[1].text) == ("Loading a model", "", "first")
    assert sent[1].first_token == pytest.approx(0.01)


def test_a_change_of_route_goes_out_at_once() -> None:
    attempt = AttemptStarted("other", "model", 2)
    sent = snapshots(TextDelta("a"), 0.001, attempt, 0.5, DONE)
    assert sent[1].route == (attempt,)
    assert sent[1].elapsed == pytest.approx(0.001)


def test_a_snapshot_goes_out_every_second_of_silence() -> None:
    sent = snapshots(3.5, TextDelta("late"), DONE)
    assert [round(snapshot.elapsed, 2) for snapshot in sent] == [1, 2, 3, 3.5]


def test_a_failure_comes_with_everything_before_it() -> None:
    failure = ServerFailed("It broke.")
    last = snapshots(TextDelta("before"), 0.01, failure)[-1]
    assert (last.text, last.error, last.response) == ("before", failure, None)


def test_how_long_the_reasoning_took_is_told_once_it_is_over() -> None:
    sent = snapshots(0.5, ReasoningDelta("so"), 2.0, TextDelta("thus"), 0.5, DONE)
    assert sent[0].reasoned is None
    assert sent[-1].reasoned == pytest.approx(2.0)


@pytest.mark.parametrize("moment", ["silent", "streaming"])
def test_closing_closes_the_source_at_once(moment: str) -> None:
    closed: list[float] = []
    coalescer = Coalescer()

    async def main() -> None:
        steps = (10.0,) if moment == "silent" else tokens(1000, 100)
        sent = coalescer.snapshots(script(*steps, closed=closed))
        await anext(sent)
        await anext(sent)
        assert coalescer.running == 1
        closed_at = asyncio.get_running_loop().time()
        await sent.aclose()
        assert closed == [closed_at]
        assert coalescer.running == 0

    run(main())


def test_cancelling_whoever_reads_closes_the_source() -> None:
    closed: list[float] = []

    async def read() -> None:
        async with aclosing(Coalescer().snapshots(script(100.0, closed=closed))) as sent:
            async for _ in sent:
                pass

    async def main() -> None:
        reader = asyncio.create_task(read())
        await asyncio.sleep(0.5)  # of the loop's own clock, which only goes on when nothing else can happen
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert closed == [0.5]

    run(main())


def test_stopping_ends_every_stream_with_what_it_has() -> None:
    coalescer = Coalescer()

    async def main() -> list[Snapshot]:
        async with aclosing(coalescer.snapshots(script(TextDelta("half"), 100.0))) as sent:
            first = await anext(sent)
            coalescer.stop()
            return [first, *[snapshot async for snapshot in sent]]

    last = run(main())[-1]
    assert (last.text, last.error, last.response) == ("half", None, None)


def test_many_streams_are_shown_more_slowly() -> None:
    coalescer = Coalescer(crowd=3)

    async def count() -> int:
        async with aclosing(coalescer.snapshots(script(*tokens(500, 100), DONE))) as sent:
            return len([snapshot async for snapshot in sent])

    async def main() -> list[int]:
        return await asyncio.gather(*(count() for _ in range(5)))

    assert all(38 <= number <= 45 for number in run(main()))


def test_a_source_that_never_waits_lets_others_run() -> None:
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    async def main() -> None:
        task = asyncio.create_task(other())
        async with aclosing(Coalescer().snapshots(script(*[TextDelta("x")] * 10_000, DONE))) as sent:
            async for _ in sent:
                pass
        task.cancel()
        assert others > 100

    run(main())

"""Everything that may end the wait for an answer's next event: the clocks, and the stop of the hub."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.chat import Done, TextDelta, Waiting
from llm_hub.errors import ShuttingDown, StreamBroken, TimedOut

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.chat import Event


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds. Text and reasoning are progress; pings, comments and empty chunks are not.

    `first_token` is for models that answer at once, `reasoning` for those that think first, `loading` for one that
    says that it is being loaded; `idle` between two tokens; `total` for everything together, waits included.
    """

    first_token: float = 12.0
    reasoning: float = 120.0
    loading: float = 600.0
    idle: float = 15.0
    total: float = 600.0


class _Watch:
    """Cancels the task that waits for the next event when its time is up."""

    __slots__ = ("_deadline", "_loop", "_timer", "fired", "limit", "since", "task")

    def __init__(self, limit: float, deadline: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = deadline
        self.limit = limit
        self.since = self._loop.time()
        self.task: asyncio.Task[object] | None = None
        self.fired = False
        self._timer = self._loop.call_at(min(self.since + limit, deadline), self._look)

    def _look(self) -> None:
        now = self._loop.time()
        due = min(self.since + self.limit, self._deadline)
        if self.task is None:
            due = now + self.limit  # the reader is slow: its time is not the provider's
        elif now >= due:
            self.fired = True
            self.task.cancel()
            return
        self._timer = self._loop.call_at(due, self._look)

    def change(self, limit: float) -> None:
        """Another limit from now on. The timer is moved only if it would look too late."""
        self.limit = limit
        due = min(self._loop.time() + limit, self._deadline)
        if due < self._timer.when():
            self._timer.cancel()
            self._timer = self._loop.call_at(due, self._look)

    def close(self) -> None:
        self._timer.cancel()


async def watched(
    events: AsyncGenerator[Event], clocks: Clocks, *, first_token: float, deadline: float, who: str
) -> AsyncGenerator[Event]:
    """The same events. Raises `TimedOut` when the next one does not come in time, and closes their source.

    `first_token` is the limit in seconds for the first text or reasoning, `deadline` the loop's time for all of it.
    """
    watch = _Watch(first_token, deadline)
    loop = asyncio.get_running_loop()
    started = False
    async with aclosing(events):
        try:
            while True:
                watch.since = loop.time()
                watch.task = asyncio.current_task()
                try:
                    event = await anext(events)
                except StopAsyncIteration:
                    return
                except asyncio.CancelledError:
                    if watch.task is None or (watch.task.uncancel() if watch.fired else watch.task.cancelling()):
                        raise
                    if watch.fired:
                        raise _timed_out(who, started, watch, loop.time() >= deadline) from None
                    raise StreamBroken(f"{who} gave up in the middle.") from None  # cancelled inside, not from here
                if isinstance(event, TextDelta) and not isinstance(event.text, str):
                    raise StreamBroken(f"{who} sent a piece of text that is none.")
                if watch.fired and watch.task is not None and not watch.task.uncancel():
                    raise _timed_out(who, started, watch, loop.time() >= deadline)  # the provider took no notice
                watch.task = None
                if not started:
                    if isinstance(event, Waiting):
                        watch.change(clocks.loading)
                    else:
                        started = True
                        watch.change(clocks.idle)
                yield event
        finally:
            watch.close()


def _timed_out(who: str, started: bool, watch: _Watch, overall: bool) -> TimedOut:
    if overall:
        return TimedOut(f"{who} took too long altogether.", hint="Ask for less, or choose a faster model.")
    what = "stopped in the middle of its answer" if started else "did not begin to answer"
    return TimedOut(f"{who} {what} within {watch.limit:g} seconds.", hint="Try again, or choose another provider.")


@dataclass(slots=True, eq=False)
class _RunningAnswer:
    """`task` is the one that waits for the next event, None while the reader has the turn."""

    task: asyncio.Task[object] | None = None
    ended: bool = False

    def end(self) -> None:
        self.ended = True
        if self.task is not None:
            self.task.cancel()

    def cancelled(self) -> bool:
        """Whether it was `end` alone that cancelled the waiting task, which then goes on."""
        return self.ended and self.task is not None and self.task.uncancel() == 0


class Running:
    """Every answer on its way, whoever asked for it."""

    def __init__(self) -> None:
        self._answers: set[_RunningAnswer] = set()
        self._none = asyncio.Event()
        self._none.set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._answers)

    async def none(self) -> None:
        """Returns when no answer is being written."""
        await self._none.wait()

    def close(self) -> None:
        """From now on no answer begins."""
        self._closed = True

    def end(self) -> None:
        """Ends every answer: its stream raises `ShuttingDown`, as soon as its reader takes notice."""
        for answer in self._answers:
            answer.end()

    async def watch(self, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """The same events. Closes their source."""
        async with aclosing(events):
            if self._closed:
                raise ShuttingDown("LLM Hub is being stopped and takes no new requests.")
            answer = _RunningAnswer()
            self._answers.add(answer)
            self._none.clear()
            try:
                while not answer.ended:
                    answer.task = asyncio.current_task()
                    try:
                        event = await anext(events)
                    except StopAsyncIteration:
                        return
                    except asyncio.CancelledError:
                        if answer.cancelled():
                            break
                        raise
                    if answer.cancelled():  # the source took no notice
                        break
                    answer.task = None
                    yield event
                    if isinstance(event, Done):
                        return
            finally:
                self._answers.discard(answer)
                if not self._answers:
                    self._none.set()
            raise ShuttingDown("LLM Hub was stopped before the answer was complete.")

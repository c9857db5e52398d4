"""The one place that ends a wait early: when time is up, when the hub stops, or when the reader has left.

    wait = Wait()
    with wait:
        event = await anext(events)

Whoever has a reason to end it calls `wait.interrupt(reason)`. The waiting task is cancelled, so that everything below
it closes in order, and the block raises `reason` in place of the `CancelledError`.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import CancelledError, current_task
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a route waits, in seconds.

    A server that sends nothing at all, not even the head of its reply, may be dead: `first_token` is for models that
    answer at once, `reasoning` for those that think first. Which of them holds, or `thinking` at once, is said by
    `LLMProvider.first_silence`. One that is alive, as the head of its reply or a ping shows, has `thinking` until its
    next token, and `loading` where it says that it is loading the model. `idle` is the time between two tokens without
    any sign of life. `total` is the time for the whole answer, with all attempts and the waits between them.
    """

    first_token: float = 12.0
    reasoning: float = 30.0
    thinking: float = 120.0
    loading: float = 600.0
    idle: float = 15.0
    total: float = 600.0


MAX_DELAY = 1.0
"""Seconds that a timer may be late. After a longer delay the hub has slept: a closed laptop, a stopped process."""
GRACE_AFTER_SLEEP = 5.0
"""Seconds that a wait goes on after such a sleep: what came meanwhile is read, and nobody is blamed for the time."""


class Timers(Protocol):
    """A clock, and calls at a time of that clock. An event loop is one; tests pass one that they move by hand."""

    def time(self) -> float:
        """Now, in seconds."""

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Calls `callback` at `when`, unless the handle is cancelled before."""


class SourceCancelled(Exception):
    """What was waited for ended with a `CancelledError`, although nobody had cancelled the waiting task."""


class Wait:
    """A wait that can be interrupted. It may be entered again and again, by one task at a time, but not within itself.

    Waits of several owners nest: each cancels the task for its own reason, and takes back only its own cancellation.
    Where the task was cancelled by anybody else, too, the `CancelledError` goes on, whatever the reason was.

    Nothing is cancelled between two blocks, while the reader has the turn: an interruption is then raised by the next
    block, and the time that `limit` allows stands still. One timer serves all blocks, and looks at when the last one
    began, so that a block costs no timer of its own. `close` ends that timer. A timer that is called far too late says
    that the hub has slept: the block then gets a short time of its own, within the deadline.
    """

    __slots__ = (
        "_deadline",
        "_due",
        "_expired",
        "_limit",
        "_loop",
        "_now",
        "_reason",
        "_since",
        "_task",
        "_timer",
        "_timers",
    )

    def __init__(self, timers: Timers | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers = timers or self._loop
        self._now = self._timers.time
        self._task: asyncio.Task[object] | None = None
        self._since = 0.0
        self._reason: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def __enter__(self) -> None:
        if self._reason is not None:
            raise self._reason
        if self._timer is not None:
            self._since = self._now()
        self._task = current_task(self._loop)  # told the loop, it need not look for it

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._reason is None:
            if kind is CancelledError and task is not None and not task.cancelling():
                raise SourceCancelled from None
            return
        ends_here = task is not None and not task.uncancel()
        if ends_here and (error is None or isinstance(error, Exception | CancelledError)):
            raise self._reason from None  # also where the cancellation was taken no notice of

    def interrupt(self, reason: Exception) -> None:
        """Ends the wait with `reason`. Only the first reason counts."""
        if self._reason is None:
            self._reason = reason
            if self._task is not None:
                self._task.cancel()

    def limit(self, seconds: float, expired: Callable[[], Exception], *, deadline: float = math.inf) -> None:
        """From now on each block may take so many `seconds`, and none may go on after `deadline`, a time of the clock.

        A block that takes longer is interrupted with the error that `expired` makes.
        """
        self._limit, self._expired, self._deadline = seconds, expired, deadline
        timer, due = self._timer, min(self._now() + seconds, deadline)
        if timer is not None:
            if self._due <= due:
                return  # it looks soon enough, and goes on from there
            timer.cancel()
        self._look_at(due)

    def close(self) -> None:
        """Ends the timer, and lets go of who set the limit: it holds this wait, mostly, and a whole request."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            del self._expired

    def _look(self) -> None:
        """Interrupts a block that has used up its time, or comes back when it will have."""
        now = self._now()
        due = min(self._since + self._limit, self._deadline)
        if self._task is None:
            due = now + self._limit  # the reader has the turn: its time is not the provider's
        elif now >= due:
            if now - self._due <= MAX_DELAY or now >= self._deadline:
                self.interrupt(self._expired())
                return
            due = min(now + min(self._limit, GRACE_AFTER_SLEEP), self._deadline)
        self._look_at(due)

    def _look_at(self, due: float) -> None:
        """Sets the timer. Its time is kept here, since uvloop's handle does not tell it where it is due at once."""
        self._due = due
        self._timer = self._timers.call_at(due, self._look)


async def happens_within(event: asyncio.Event, seconds: float, timers: Timers | None = None) -> bool:
    """Waits until `event` is set, but no longer than so many seconds. Whether it is set."""
    if seconds > 0 and not event.is_set():
        wait = Wait(timers)
        wait.limit(seconds, TimeoutError)
        try:
            with wait:
                await event.wait()
        except TimeoutError:
            pass
        finally:
            wait.close()
    return event.is_set()

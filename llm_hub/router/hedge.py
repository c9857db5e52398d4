"""A hedged start: where the first target is slow to begin, the next one is asked as well, and who speaks first goes on.

    the first  asked ················· speaks: the second is closed
    the second           asked ······· speaks: the first is closed, and the route goes on with the second
               |- delay -|

Before its first token nothing of an answer has been shown, so neither can spoil the other's. The second attempt is
counted as `overtaken` where the first wins, and the first where the second does.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from llm_hub.chat import Done
from llm_hub.errors import Overtaken
from llm_hub.router.routed_answer import RoutedAnswer
from llm_hub.router.target_attempt import TargetAttempt

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llm_hub.chat import Event
    from llm_hub.errors import ProviderError
    from llm_hub.router.deadlines import Timers
    from llm_hub.router.routed_answer import AttemptTiming
    from llm_hub.router.target import Target


class HedgePolicy(Protocol):
    """When a second target is asked."""

    def delay(self, target: Target) -> float | None:
        """The seconds after which a target is slow to begin; None: that is not known of it."""

    def take(self) -> bool:
        """Whether a second request may be made now. It counts as made."""


class Hedge:
    """The second attempt at the start of one answer, from the moment that the first one is made.

    `begin` makes the second attempt after `delay` seconds, or None where nobody can be asked.
    """

    def __init__(
        self, first: TargetAttempt, delay: float, begin: Callable[[], SecondAttempt | None], timers: Timers
    ) -> None:
        self.second: SecondAttempt | None = None
        """The second attempt, for as long as it may win."""
        self._first = first
        self._delay = delay
        self._begin = begin
        self._asked: SecondAttempt | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer = timers.call_at(timers.time() + delay, self._ask_second)

    def note_first_token(self, timing: AttemptTiming) -> None:
        """One of the two has spoken: the other is closed."""
        second, first = self.second, self._first
        if second is not None and timing is second.timing:
            reason = f"{first.target.title} had not begun after {self._delay:.2g} s"
            reason = f"{reason}. {second.target.title} was asked as well, and began first."
            first.wait.interrupt(Overtaken(reason))
        else:
            self.call_off(f"{first.target.title} began first.")

    async def decide(self) -> None:
        """The first attempt has failed: waits until the second one has spoken, or failed as well."""
        self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    def take_second(self, target: Target) -> SecondAttempt | None:
        """The second attempt, if it is at that target, which the route goes on with. Another one is closed."""
        if self.second is not None and self.second.target is target:
            second, self.second = self.second, None
            return second
        self.call_off(f"{target.title} was asked in its place.")
        return None

    def call_off(self, reason: str) -> None:
        """The answer needs no second attempt, or none any longer: `reason` says why, after what was done."""
        self._timer.cancel()
        if self.second is not None and self._task is not None:
            self.second.overtake(Overtaken(f"It was asked as well after {self._delay:.2g} s. {reason}"))
            self._task.cancel()
        self.second = None

    async def aclose(self) -> None:
        """The answer is over: closes the second attempt's connection, if it is open still."""
        self._timer.cancel()
        if self._task is not None and self._asked is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            await self._asked.aclose()

    def _ask_second(self) -> None:
        self.second = self._asked = self._begin()
        if self.second is not None:
            self.second.open()
            self._task = asyncio.get_running_loop().create_task(self._read_second(self.second))

    async def _read_second(self, second: SecondAttempt) -> None:
        """Reads the second attempt until it speaks. Where it fails, that is counted, and the first one goes on."""
        if not await second.begins():
            self.second = None


class SecondAttempt(TargetAttempt):
    """An attempt that is read until it speaks while another one is waited for, and then whole by the route."""

    def open(self) -> None:
        """Asks the target, whose time counts from now."""
        self._events = super().ask()
        self._opening: list[Event] = []

    async def begins(self) -> bool:
        """Reads until the first token, or the end of an answer without any. Whether it came so far; if not, the
        failure has been counted."""
        try:
            while not self._has_token and not (self._opening and isinstance(self._opening[-1], Done)):
                with self.wait:
                    event = await anext(self._events)
                self._opening.append(event)
                self._await_next(event)
        except Exception as error:  # noqa: BLE001  # a provider may be anybody's: the first attempt goes on
            self.fail(error)
            if self.target in self._answer.targets_left:  # a failure of the first may have ruled out its server
                self._answer.targets_left.remove(self.target)
            await self.aclose()
            return False
        return True

    async def ask(self) -> AsyncGenerator[Event]:
        """Its events, from the first one on. It has been asked already."""
        async with aclosing(self._events) as events:
            for event in self._opening:
                yield event
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Closes its connection."""
        await self._events.aclose()
        self.close()

    def overtake(self, error: Overtaken) -> None:
        """Another attempt was faster."""
        self._answer.record_attempt(self.target, self.timing, error)
        self._answer.tell(self.target)


class HedgedAnswer(RoutedAnswer):
    """An answer with the hedge at its start, where it has one."""

    hedge: Hedge | None = None

    @property
    def may_be_hedged(self) -> bool:
        """Whether nothing was tried before the attempt that begins, and somebody else is left."""
        return self.hedge is None and not self.attempts and bool(self.targets_left)

    @property
    def has_second(self) -> bool:
        """Whether a second target is at work beside the first."""
        return self.hedge is not None and self.hedge.second is not None

    def take_second(self, target: Target) -> SecondAttempt | None:
        """The attempt that has been made at this target already, which comes next; None: there is none."""
        return None if self.hedge is None else self.hedge.take_second(target)

    def mark_first_token(self, timing: AttemptTiming) -> None:
        super().mark_first_token(timing)
        if self.hedge is not None:
            self.hedge.note_first_token(timing)

    async def decide(self) -> None:
        """The first target has failed: waits for the second one's first token, where it was asked."""
        if self.hedge is not None:
            await self.hedge.decide()

    def failure(self, final: ProviderError | None = None) -> ProviderError:
        if self.hedge is not None:
            self.hedge.call_off("The answer was over before it began.")
        return super().failure(final)

    async def aclose(self) -> None:
        """Closes what is open beside the attempt that the route reads."""
        if self.hedge is not None:
            await self.hedge.aclose()

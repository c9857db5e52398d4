"""A clock that tests move by hand, and whose timers are called when it gets there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class HandClock:
    """Seconds, told by a call. It is also what `deadlines.Timers` asks for; `timers` counts those that were set."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.timers = 0
        self._waiting: list[tuple[asyncio.TimerHandle, Callable[[], object]]] = []

    def __call__(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, (), asyncio.get_running_loop())
        self.timers += 1
        self._waiting.append((handle, callback))
        return handle

    @property
    def pending(self) -> int:
        """Timers that were neither called nor cancelled."""
        return sum(not handle.cancelled() for handle, _ in self._waiting)

    async def advance(self, seconds: float) -> None:
        """Moves the clock, and lets everybody do what there is to do then."""
        await settle()
        self.now += seconds
        while due := [entry for entry in self._waiting if entry[0].when() <= self.now]:
            self._waiting = [entry for entry in self._waiting if entry not in due]
            for handle, callback in due:
                if not handle.cancelled():
                    callback()
            await settle()


async def settle() -> None:
    """Lets every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)

"""An event loop whose clock jumps over every wait: tests of timeouts neither wait nor depend on the machine's speed.

    async with asyncio.timeout(60):       # in a VirtualTimeLoop:
        await reader.read()               # nothing will ever come,
                                          # so TimeoutError is raised at once, 60 s later by `loop.time()`

Time stands still while there is anything to do, so a busy machine makes no timeout fire early. When nothing is left to
do, the clock jumps to the next timer. (trio's `MockClock` does the same and calls it autojump.)

Both ends of every socket must live in this loop, as a test's provider and its `FaultServer` do. Jobs in the loop's
executor are waited for. Other threads and processes are not seen: tests that need them use an ordinary loop.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import Any

SETTLE = 0.005
"""Real seconds without any event after which nothing more will come. The kernel delivers what is sent to a socket of
the same machine at once, so this is only a margin."""


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the loop's clock where another selector would sleep until the next timer."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0 or self.loop.jobs:
            return super().select(timeout)
        events = super().select(min(timeout, SETTLE))
        if not events:
            self.loop.now += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop. `now` is its time, in seconds; `jobs` counts the executor's jobs that are not done."""

    def __init__(self) -> None:
        self.now = float(int(time.monotonic()))  # of a whole second, so that sums of whole waits are exact
        self.jobs = 0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # any
        job = super().run_in_executor(executor, func, *args)
        self.jobs += 1
        job.add_done_callback(self._count_done_job)
        return job

    def _count_done_job(self, _: object) -> None:
        self.jobs -= 1

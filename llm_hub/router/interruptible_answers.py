"""Every answer on its way: what a stop of the hub waits for, and ends when its patience is over."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llm_hub.errors import ShuttingDown
from llm_hub.router.deadlines import Wait

if TYPE_CHECKING:
    from collections.abc import Iterator


class InterruptibleAnswers:
    """Every answer on its way, whoever asked for it: what a stop of the hub waits for, and may end."""

    def __init__(self) -> None:
        self._waits: set[Wait] = set()
        self._none = asyncio.Event()
        self._none.set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waits)

    @contextmanager
    def answer(self) -> Iterator[Wait]:
        """Counts one answer for as long as the block takes, and gives the wait that `end` interrupts.

        Everything that the answer waits for belongs into that wait. Raises `ShuttingDown` once no answer may begin.
        """
        if self._closed:
            raise ShuttingDown("LLM Hub is being stopped and takes no new requests.")
        wait = Wait()
        self._waits.add(wait)
        self._none.clear()
        try:
            yield wait
        finally:
            self._waits.discard(wait)
            if not self._waits:
                self._none.set()

    async def none(self) -> None:
        """Returns when no answer is being written."""
        await self._none.wait()

    def close(self) -> None:
        """From now on no answer begins."""
        self._closed = True

    def end(self) -> None:
        """Interrupts every answer wherever it waits: it raises `ShuttingDown`."""
        for wait in self._waits:
            wait.interrupt(ShuttingDown("LLM Hub was stopped before the answer was complete."))

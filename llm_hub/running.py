"""The answers that are being written: how many there are, and how they end when the hub is stopped."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.chat import Done
from llm_hub.errors import ShuttingDown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.chat import Event


@dataclass(slots=True, eq=False)
class _Answer:
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
        self._answers: set[_Answer] = set()
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
            answer = _Answer()
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

"""Every answer on its way: what a stop of the hub waits for, and ends when its patience is over."""

from __future__ import annotations

import asyncio

from llm_hub.errors import ShuttingDown
from llm_hub.router.deadlines import Wait


class _AnswerBlock:
    """One answer on its way, as a block. A class, since a generator costs every answer more."""

    __slots__ = ("_answers", "_wait")

    def __init__(self, answers: InterruptibleAnswers) -> None:
        self._answers = answers

    def __enter__(self) -> Wait:
        self._wait = self._answers.begin()
        return self._wait

    def __exit__(self, *_: object) -> None:
        self._answers.finish(self._wait)


class InterruptibleAnswers:
    """Every answer on its way, whoever asked for it: what a stop of the hub waits for, and may end."""

    def __init__(self) -> None:
        self._waits: set[Wait] = set()
        self._none = asyncio.Event()
        self._none.set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waits)

    def answer(self) -> _AnswerBlock:
        """Counts one answer for as long as the block takes, and gives the wait that `end` interrupts.

        Everything that the answer waits for belongs into that wait. Raises `ShuttingDown` once no answer may begin.
        """
        return _AnswerBlock(self)

    def begin(self) -> Wait:
        """An answer begins."""
        if self._closed:
            raise ShuttingDown("LLM Hub is being stopped and takes no new requests.")
        wait = Wait()
        self._waits.add(wait)
        self._none.clear()
        return wait

    def finish(self, wait: Wait) -> None:
        """The answer with that wait is over."""
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

"""An answer that is being written on the server, whoever looks at it: a page that closes or reloads ends nothing."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from llm_hub.conversations.coalescer import Snapshot
    from llm_hub.conversations.conversation import Conversation
    from llm_hub.conversations.turn import Turn

log = logging.getLogger(__name__)

SAVE_INTERVAL = 1.0
"""Seconds between two writes of a growing answer: a hub that is killed loses no more, and the write's own time."""


class RunningAnswer:
    """Writes the snapshots of an answer into its turn of a conversation, until they end or somebody stops it.

    `finish` makes the last state of the turn, `save` writes the conversation to where it is kept, and never raises.
    """

    def __init__(
        self,
        conversation: Conversation,
        number: int,
        snapshots: AsyncGenerator[Snapshot],
        *,
        finish: Callable[[Turn], Turn],
        save: Callable[[], Awaitable[None]],
    ) -> None:
        self.conversation = conversation
        self.number = number
        self._snapshots = snapshots
        self._finish = finish
        self._save = save
        self._saving = asyncio.create_task(self._run_save())
        self._ended = asyncio.Event()
        self._is_stopped = False
        self.task = asyncio.create_task(self._write())

    async def keep_prompt(self) -> None:
        """Returns once the prompt is kept: a page that was told that it has arrived forgets it. Where writing takes
        long, the page is told all the same."""
        await asyncio.wait({self._saving}, timeout=SAVE_INTERVAL)

    async def stop(self) -> None:
        """Ends the answer where it is, and returns once its turn has ended. The last write may still go on."""
        self._is_stopped = True
        await asyncio.sleep(0)  # a task that is cancelled before its first step takes none, not even its last
        if not self.has_ended:
            self.task.cancel()
        await self._ended.wait()

    async def settle(self) -> None:
        """Returns once its turn has ended if somebody has stopped it, and at once otherwise."""
        if self._is_stopped:
            await self._ended.wait()

    @property
    def has_ended(self) -> bool:
        """Whether the turn is complete, or as complete as it will ever be."""
        return self._ended.is_set()

    async def _write(self) -> None:
        now = asyncio.get_running_loop().time
        saved_at = now()
        turn = self.conversation.node(self.number).turn
        try:
            async with aclosing(self._snapshots) as snapshots:
                async for snapshot in snapshots:
                    turn = replace(turn, answer=snapshot)
                    self.conversation.update(self.number, turn)
                    if now() - saved_at >= SAVE_INTERVAL and self._saving.done():
                        saved_at = now()
                        self._saving = asyncio.create_task(self._run_save())
        finally:
            self.conversation.update(self.number, self._finished(turn))
            self._ended.set()
            self._saving = asyncio.create_task(self._run_save())
            await asyncio.shield(self._saving)

    def _finished(self, turn: Turn) -> Turn:
        try:
            return self._finish(turn)
        except Exception:
            log.exception("An answer could not be completed.")
            return turn.with_outcome()
        finally:
            _forget_frames(turn.answer.error)

    async def _run_save(self) -> None:
        await self._save()


def _forget_frames(error: BaseException | None) -> None:
    """Leaves of an error what it says. Its frames, and those of what it came from, hold the whole request and its
    reply for as long as the conversation is in memory."""
    if error is not None:
        error.__traceback__ = error.__cause__ = error.__context__ = None

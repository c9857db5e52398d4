"""The answers that are being written now, by the conversation they belong to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_hub.conversations.conversation import Conversation
    from llm_hub.conversations.running_answer import RunningAnswer


class AnswersBeingWritten:
    """Knows each answer from its start until its task has ended."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], dict[int, RunningAnswer]] = {}

    def __contains__(self, conversation: Conversation) -> bool:
        return conversation.key in self._running

    def add(self, conversation: Conversation, answer: RunningAnswer) -> None:
        """Takes an answer in, which leaves by itself at its end, and then wakes who waits for its conversation."""
        self._running.setdefault(conversation.key, {})[answer.number] = answer
        answer.task.add_done_callback(lambda _: self._forget(conversation, answer.number))

    def unfinished(self, conversation: Conversation, pane: int | None = None) -> list[RunningAnswer]:
        """Those of a conversation, or of one of its panes, that have not come to their end."""
        running = self._running.get(conversation.key, {})
        return [
            answer for number, answer in running.items()
            if not answer.has_ended and pane in (None, conversation.node(number).pane)
        ]  # fmt: skip

    async def stop_all(self) -> None:
        """Ends every answer, and waits until it is written to where it is kept."""
        running = [answer for answers in self._running.values() for answer in answers.values()]
        await asyncio.gather(*(answer.stop() for answer in running))
        await asyncio.gather(*(answer.task for answer in running), return_exceptions=True)

    def _forget(self, conversation: Conversation, number: int) -> None:
        running = self._running.get(conversation.key, {})
        running.pop(number, None)
        if not running:
            self._running.pop(conversation.key, None)
        conversation.wake()

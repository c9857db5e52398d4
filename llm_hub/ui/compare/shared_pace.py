"""The pace of a blind comparison, kept with the comparison and not with a page: a reload does not begin it anew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llm_hub.arena.blind import Pace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_hub.conversations.conversation import Conversation, Node

_keepers: set[asyncio.Task[None]] = set()


def begin_pace(conversation: Conversation, nodes: Iterable[Node]) -> None:
    """Has these turns shown at one pace: that of the answers that are being written, if there are some."""
    running = (conversation.paced[number] for number in conversation.paced if _is_pending(conversation, number))
    nodes = list(nodes)
    pace = next(running, None)
    if pace is None:
        pace = Pace([node.pane for node in nodes], asyncio.get_running_loop().time)
    conversation.paced |= {node.number: pace for node in nodes}
    keeper = asyncio.create_task(_keep_pace(conversation, [node.number for node in nodes]))
    _keepers.add(keeper)
    keeper.add_done_callback(_keepers.discard)


async def _keep_pace(conversation: Conversation, numbers: list[int]) -> None:
    """Notes how far these turns have come until all have ended, whether a page looks at them or none."""
    paces = {number: conversation.paced[number] for number in numbers}
    while numbers:
        version = conversation.version
        for number in list(numbers):
            node, is_over = conversation.node(number), not _is_pending(conversation, number)
            paces[number].note_progress(node.pane, len(node.turn.answer.text), over=is_over)
            paces[number].characters()
            if is_over:
                numbers.remove(number)
        if numbers and conversation.version == version:
            await conversation.next_change()


def _is_pending(conversation: Conversation, number: int) -> bool:
    return conversation.node(number).turn.outcome == "pending"

"""Which handler shows a tab the conversation that it has open. A later one takes the place of an earlier one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import gradio as gr

    from llm_hub.conversations.conversation import Conversation
    from llm_hub.ui.chat.chat_view import ShownTurns

MAX_WAIT = 5.0
"""Seconds for an earlier handler to end. Its tab may be gone, and then Gradio never goes on with it."""


@dataclass(eq=False)
class Watcher:
    """A handler that shows a conversation as it grows, for as long as it `is_current`. In a chat, `leaf` is the last
    turn that it shows, `before` what the tab was given last before it, None where that is not known, and `given` what
    it has itself given the tab at its end."""

    conversation: Conversation
    leaf: int = 0
    before: ShownTurns | None = None
    given: ShownTurns | None = None
    is_current: bool = True
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Lets the handler end once it looks again."""
        self.is_current = False
        self.conversation.wake()


class Watchers:
    """The watchers of all tabs, by Gradio's session. One object serves all visitors."""

    def __init__(self) -> None:
        self._watchers: dict[str, Watcher] = {}
        self._wishes: dict[str, int] = {}
        self._given: dict[str, ShownTurns] = {}

    @asynccontextmanager
    async def watch(self, visitor: gr.Request, conversation: Conversation, leaf: int = 0) -> AsyncIterator[Watcher]:
        """While the block runs, it alone shows its tab a conversation. An earlier watcher of the tab has ended by then:
        what it gave has been sent, so that nothing of it can come after what this one gives.
        """
        tab = visitor.session_hash or ""
        watcher = Watcher(conversation, leaf)
        earlier, self._watchers[tab] = self._watchers.get(tab), watcher
        try:
            if earlier is not None:
                await _end(earlier)
            watcher.before = self._given.pop(tab, None)
            yield watcher
        finally:
            if watcher.is_current and watcher.given is not None:
                self._given[tab] = watcher.given
            watcher.is_current = False
            watcher.ended.set()
            if self._watchers.get(tab) is watcher:
                del self._watchers[tab]

    async def turn_away(self, visitor: gr.Request, wish: int) -> bool:
        """The tab is to show something else, by its wish of this number. False if it has had a later one by now: then
        that one's stays, since wishes may arrive in another order than they were sent.
        """
        tab = visitor.session_hash or ""
        if wish < self._wishes.get(tab, 0):
            return False
        self._wishes[tab] = wish
        await self.leave(visitor)
        return self._wishes.get(tab) == wish

    def leaf(self, visitor: gr.Request, conversation: Conversation) -> int:
        """The last turn of a conversation that the tab is being shown right now; 0: it is shown nothing of it."""
        watcher = self._watchers.get(visitor.session_hash or "")
        return watcher.leaf if watcher is not None and watcher.conversation is conversation else 0

    def drop(self, visitor: gr.Request) -> None:
        """The tab is gone, or its connection: nobody waits for the end of what it was being shown."""
        tab = visitor.session_hash or ""
        self._wishes.pop(tab, None)
        self._given.pop(tab, None)
        if (watcher := self._watchers.pop(tab, None)) is not None:
            watcher.stop()

    async def leave(self, visitor: gr.Request) -> None:
        """The tab shows no conversation any more."""
        tab = visitor.session_hash or ""
        if (watcher := self._watchers.pop(tab, None)) is not None:
            await _end(watcher)
        self._given.pop(tab, None)


async def _end(watcher: Watcher) -> None:
    watcher.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(MAX_WAIT):
            await watcher.ended.wait()

"""The conversations that are open now, and the answers that are being written in them.

Where they are kept depends on whose they are. The owner's, on their own computer, are kept in the hub's database.
Those of visitors of a public hub are kept in their own browsers, which hand them over to go on with them: the server
has them in memory alone, for as long as they are used.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Literal, Protocol

from llm_hub.conversations.conversation import Conversation, Kind
from llm_hub.conversations.running_answer import RunningAnswer
from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from llm_hub.chat import Event
    from llm_hub.conversations.coalescer import Coalescer
    from llm_hub.conversations.turn import Turn

log = logging.getLogger(__name__)

BROWSER_HEADER = "x-llm-hub-browser"
"""The header in which a browser sends its secret, by which its conversations are found. No other visitor knows it."""
MAX_OPEN = 1000
"""Conversations in memory. Those that were not used for longest are dropped first, unless they are being answered."""
MAX_IDLE_SECONDS = 3600.0
"""Seconds without use after which a conversation is dropped from memory."""

Keeping = Literal["database", "browser", "off"]
"""Where conversations are kept; "off": nowhere, once their tab is closed."""


class ConversationStore(Protocol):
    """Where the owner's conversations are kept. Every method may raise `ConfigurationError`."""

    async def save(self, conversation: Conversation, since: int) -> None:
        """Writes the head, and the turns that have changed since this version."""

    async def load(self, name: str) -> Conversation | None:
        """The conversation with this id; None: there is none, or it is deleted."""

    async def heads(self, search: str = "", *, limit: int = 500) -> list[dict[str, Any]]:
        """What the list shows, pinned ones first and then the newest; with a `search`, where its words occur."""

    async def change(
        self, name: str, *, title: str | None = None, pinned: bool | None = None, deleted: bool | None = None
    ) -> dict[str, Any] | None:
        """Renames, pins or deletes a conversation, or takes its deletion back. Gives its head; None: no such one."""


class OpenConversations:
    """Opens, begins, answers and saves conversations. Without a `store` they are kept in browsers, or not at all."""

    def __init__(
        self,
        store: ConversationStore | None = None,
        *,
        keeping: Keeping | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.keeping: Keeping = keeping or ("browser" if store is None else "database")
        self._clock = clock
        self._open: OrderedDict[tuple[str, str], Conversation] = OrderedDict()
        self._used_at: dict[tuple[str, str], float] = {}
        self._saved: dict[tuple[str, str], int] = {}
        """By conversation, the version that the store has."""
        self._running: dict[tuple[str, str], dict[int, RunningAnswer]] = {}

    def owner(self, headers: Mapping[str, str]) -> str:
        """Whose conversations a request may see: "" is the owner of the hub, any other a hash of a browser's secret."""
        if self.store is not None:
            return ""
        secret = headers.get(BROWSER_HEADER, "")
        return hashlib.sha256((secret if len(secret) >= 32 else secrets.token_urlsafe()).encode()).hexdigest()

    def begin(self, owner: str, kind: Kind = "chat", *, is_kept: bool = True) -> Conversation:
        """A new conversation. It is kept from its first turn on, unless it is a temporary one."""
        conversation = Conversation(kind=kind, owner=owner, is_kept=is_kept and self.keeping != "off")
        self._remember(conversation)
        return conversation

    async def find(self, owner: str, name: str) -> Conversation | None:
        """The conversation with this id, from memory or from the store; None: `owner` has none."""
        conversation = self._open.get((owner, name))
        if conversation is None and self.store is not None:
            conversation = await self.store.load(name)
            if conversation is not None:
                # Two pages may ask at once: both must get the same.
                conversation = self._open.get((owner, name), conversation)
                self._saved.setdefault((owner, name), conversation.version)
        if conversation is not None:
            self._remember(conversation)
        return conversation

    def adopt(self, conversation: Conversation) -> Conversation:
        """Takes over what a browser has kept. What is in memory is newer, where there is any."""
        open_one = self._open.get((conversation.owner, conversation.id))
        if open_one is None or (open_one.version < conversation.version and not self.is_answering(open_one)):
            open_one = conversation
        self._remember(open_one)
        return open_one

    def answer(
        self,
        conversation: Conversation,
        number: int,
        events: AsyncGenerator[Event],
        *,
        coalescer: Coalescer,
        finish: Callable[[Turn], Turn],
    ) -> RunningAnswer:
        """Begins to write the answer of a turn from a gateway's events. It goes on whatever the page does."""
        self._remember(conversation)

        async def save() -> None:
            await self.save(conversation)

        answer = RunningAnswer(conversation, number, coalescer.snapshots(events), finish=finish, save=save)
        running = self._running.setdefault(_key(conversation), {})
        running[number] = answer
        answer.task.add_done_callback(lambda _: self._forget_answer(conversation, number))
        return answer

    def is_answering(self, conversation: Conversation, pane: int | None = None) -> bool:
        """Whether an answer is being written in it, or in one of its panes."""
        return bool(self._running_in(conversation, pane))

    async def stop(self, conversation: Conversation, pane: int | None = None) -> None:
        """Ends the answers that are being written in it, where they are."""
        for answer in self._running_in(conversation, pane):
            await answer.stop()

    async def save(self, conversation: Conversation) -> None:
        """Writes what has changed to the store. What goes wrong becomes its `problem`: the next save tries again."""
        if self.store is None or not conversation.is_kept or not conversation.nodes:
            return
        key, version = _key(conversation), conversation.version
        try:
            await self.store.save(conversation, self._saved.get(key, 0))
        except ConfigurationError as error:
            conversation.problem = f"This conversation is not kept: {error}"
        else:
            conversation.problem = ""
            self._saved[key] = max(version, self._saved.get(key, 0))

    async def aclose(self) -> None:
        """Ends every answer, and writes it to where it is kept."""
        for answer in [answer for running in self._running.values() for answer in running.values()]:
            await answer.stop()

    def _running_in(self, conversation: Conversation, pane: int | None) -> list[RunningAnswer]:
        running = self._running.get(_key(conversation), {})
        return [answer for number, answer in running.items() if pane in (None, conversation.node(number).pane)]

    def _forget_answer(self, conversation: Conversation, number: int) -> None:
        running = self._running.get(_key(conversation), {})
        running.pop(number, None)
        if not running:
            self._running.pop(_key(conversation), None)
        conversation.wake()

    def _remember(self, conversation: Conversation) -> None:
        key, now = _key(conversation), self._clock()
        self._open[key] = conversation
        self._open.move_to_end(key)
        self._used_at[key] = now
        for old in list(self._open)[: max(0, len(self._open) - MAX_OPEN) + 8]:
            over = len(self._open) > MAX_OPEN or now - self._used_at[old] > MAX_IDLE_SECONDS
            if over and old != key and old not in self._running:
                for kept in (self._open, self._used_at, self._saved):
                    kept.pop(old, None)


def _key(conversation: Conversation) -> tuple[str, str]:
    return conversation.owner, conversation.id

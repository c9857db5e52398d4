"""The conversations that are open now, and the answers that are being written in them.

Where they are kept depends on whose they are. The owner's, on their own computer, are kept in the hub's database.
Those of visitors of a public hub are kept in their own browsers, which hand them over to go on with them: the server
has them in memory alone, for as long as they are used.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, Literal, Protocol

from llm_hub.conversations.conversation import Conversation, Kind
from llm_hub.conversations.document import write_document, write_head
from llm_hub.conversations.running_answer import RunningAnswer
from llm_hub.errors import ConfigurationError
from llm_hub.redaction import redact

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
MAX_OPEN_BYTES, MAX_OWNER_BYTES = 256 * 2**20, 64 * 2**20
"""Bytes of those conversations in memory: of all, and of one visitor."""
MAX_IDLE_SECONDS = 3600.0
"""Seconds without use after which a conversation is dropped from memory."""
SWEEP_INTERVAL = 600.0
"""Seconds between two sweeps."""

Keeping = Literal["database", "browser", "off"]
"""Where conversations are kept; "off": nowhere, once their tab is closed."""


class ConversationStore(Protocol):
    """Where the owner's conversations are kept. Every method may raise `ConfigurationError`."""

    async def save(self, conversation: Conversation, since: int) -> None:
        """Writes the head, and the turns that have changed since this version."""

    async def version(self, name: str) -> int:
        """The version that is stored under this id; 0: there is none, or it is deleted."""

    async def load(self, name: str) -> Conversation | None:
        """The conversation with this id; None: there is none, or it is deleted."""

    async def heads(self, search: str = "", *, limit: int = 500) -> list[dict[str, Any]]:
        """What the list shows, pinned ones first and then the newest; with a `search`, where its words occur."""

    async def change(
        self, name: str, *, title: str | None = None, pinned: bool | None = None, deleted: bool | None = None
    ) -> dict[str, Any] | None:
        """Renames, pins or deletes a conversation, or takes its deletion back. Gives its head; None: no such one."""

    async def sweep(self) -> int:
        """Deletes for good what was deleted long enough ago. Returns how many conversations there were."""


class OpenConversations:
    """Opens, begins, answers and saves conversations. Without a `store` they are kept in browsers, or not at all."""

    def __init__(
        self,
        store: ConversationStore | None = None,
        *,
        keeping: Keeping | None = None,
        redact: Callable[[str], str] = redact,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.keeping: Keeping = keeping or ("browser" if store is None else "database")
        self._redact = redact
        self._clock = clock
        self._open: OrderedDict[tuple[str, str], Conversation] = OrderedDict()
        self._used_at: dict[tuple[str, str], float] = {}
        self._saving = asyncio.Lock()
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
        """The conversation with this id, from memory or from the store; None: `owner` has none, or has deleted it.

        Raises `ConfigurationError` if it is not in memory and the store fails.
        """
        conversation = self._open.get((owner, name))
        if self.store is not None and (conversation is None or await self._is_newer_in_store(conversation)):
            loaded = await self.store.load(name)
            # Two pages may ask at once: both must get the same.
            newest = self._open.get((owner, name))
            if loaded is not None and (newest is None or (newest is conversation and not self.is_answering(newest))):
                newest = loaded
            conversation = newest
        if conversation is None or conversation.is_deleted:
            return None
        self._remember(conversation)
        return conversation

    async def _is_newer_in_store(self, conversation: Conversation) -> bool:
        """Whether another hub with the same database has gone on with it."""
        assert self.store is not None  # noqa: S101
        try:
            version = await self.store.version(conversation.id)
        except ConfigurationError:
            return False
        return version > max(conversation.version, conversation.saved_version) and not self.is_answering(conversation)

    async def heads(self, owner: str, search: str = "") -> tuple[list[dict[str, Any]], str]:
        """What the list of kept conversations shows, and a problem: then only those in memory are in it."""
        if self.store is None:
            return [], ""
        try:
            heads = await self.store.heads(search)
        except ConfigurationError as error:
            kept = [each for each in self._open.values() if each.is_kept and each.nodes and not each.is_deleted]
            return [write_head(each) for each in reversed(kept)], str(error)
        for head in heads:
            conversation = self._open.get((owner, head["id"]))
            head["running"] = conversation is not None and self.is_answering(conversation)
        return heads, ""

    async def change(
        self,
        owner: str,
        name: str,
        *,
        title: str | None = None,
        pinned: bool | None = None,
        deleted: bool | None = None,
    ) -> dict[str, Any] | None:
        """Renames, pins or deletes a conversation, or takes its deletion back. Gives its head; None: no such one.

        Raises `ConfigurationError`.
        """
        conversation = self._open.get((owner, name))
        if conversation is not None:
            if title is not None:
                conversation.rename(title)
            if pinned is not None:
                conversation.pin(pinned=pinned)
            if deleted is not None:
                conversation.is_deleted = deleted
            if self.store is not None and conversation.saved_version and deleted is not None:
                await self.store.change(name, deleted=deleted)
            if problem := await self.save(conversation):
                raise ConfigurationError(problem)
            return write_head(conversation)
        return (
            None if self.store is None else await self.store.change(name, title=title, pinned=pinned, deleted=deleted)
        )

    def document(self, conversation: Conversation, since: int = 0) -> dict[str, Any]:
        """The conversation as a JSON object, with the turns that have changed since this version, and without keys."""
        return write_document(conversation, since, redact=self._redact)

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

    async def save(self, conversation: Conversation) -> str:
        """Writes what has changed to the store. Gives what went wrong, "" if nothing did: it is tried again later.

        The conversation's `problem` says the same.
        """
        if self.store is None or not conversation.is_kept or not conversation.nodes:
            return ""
        async with self._saving:
            version = conversation.version
            if version == conversation.saved_version:
                return conversation.problem
            try:
                await self.store.save(conversation, conversation.saved_version)
            except ConfigurationError as error:
                conversation.problem = f"This conversation is not saved. {error}"
            except Exception:
                log.exception("A conversation could not be saved.")
                conversation.problem = "This conversation is not saved: something went wrong inside LLM Hub."
            else:
                conversation.saved_version, conversation.problem = version, ""
        return conversation.problem

    async def sweep_forever(self, every: float = SWEEP_INTERVAL) -> None:
        """Sweeps every so many seconds, for as long as the hub runs."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.sweep()
            except ConfigurationError:  # which the database has logged
                continue
            except Exception:
                log.exception("Old conversations could not be deleted.")

    async def sweep(self) -> None:
        """Drops from memory what nobody uses, writes what could not be written, and deletes what was deleted before."""
        for conversation in [each for each in self._open.values() if each.problem]:
            await self.save(conversation)
        self._drop_old()
        if self.store is not None:
            await self.store.sweep()

    async def aclose(self) -> None:
        """Ends every answer, and writes it to where it is kept."""
        running = [answer for answers in self._running.values() for answer in answers.values()]
        await asyncio.gather(*(answer.stop() for answer in running))

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
        key = _key(conversation)
        is_new = self._open.get(key) is not conversation
        self._open[key] = conversation
        self._open.move_to_end(key)
        self._used_at[key] = self._clock()
        if is_new:
            self._drop_old(key)

    def _drop_old(self, newest: tuple[str, str] | None = None) -> None:
        """Drops conversations that were not used for long, or are too many: of their owner, or of all."""
        now = self._clock()
        all_bytes, owner_bytes = 0, Counter[str]()
        for place, key in enumerate(reversed(list(self._open))):
            owner, size = key[0], self._open[key].bytes
            idle = now - self._used_at[key] > MAX_IDLE_SECONDS
            full = place >= MAX_OPEN or all_bytes + size > MAX_OPEN_BYTES or owner_bytes[owner] + size > MAX_OWNER_BYTES
            if (idle or full) and key != newest and key not in self._running and self._is_safe(self._open[key]):
                del self._open[key], self._used_at[key]
            else:
                all_bytes += size
                owner_bytes[owner] += size

    def _is_safe(self, conversation: Conversation) -> bool:
        """Whether nothing is lost with it: it is kept elsewhere, or belongs to a visitor, whose browser keeps it."""
        return self.store is None or not conversation.problem


def _key(conversation: Conversation) -> tuple[str, str]:
    return conversation.owner, conversation.id

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
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from llm_hub.conversations.answers_being_written import AnswersBeingWritten
from llm_hub.conversations.conversation import Conversation, Kind
from llm_hub.conversations.conversation_memory import ConversationMemory
from llm_hub.conversations.document import write_document, write_head
from llm_hub.conversations.hidden_names import give_up_names, hides_names
from llm_hub.conversations.imports.merge import new_ones
from llm_hub.conversations.running_answer import RunningAnswer
from llm_hub.errors import ConfigurationError
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from llm_hub.chat import Event
    from llm_hub.conversations.coalescer import Coalescer
    from llm_hub.conversations.conversation_store import ConversationStore
    from llm_hub.conversations.turn import Turn

log = logging.getLogger(__name__)

BROWSER_HEADER = "x-llm-hub-browser"
"""The header in which a browser sends its secret, by which its conversations are found. No other visitor knows it."""
SWEEP_INTERVAL = 600.0
"""Seconds between two sweeps."""

Keeping = Literal["database", "browser", "off"]
"""Where conversations are kept; "off": nowhere, once their tab is closed."""


class OpenConversations:
    """Opens, begins, answers and saves conversations. Without a `store` they are kept in browsers, or not at all.

    `is_here` says by a request's headers whether the hub's owner asks. To anybody else the store is closed.
    """

    def __init__(
        self,
        store: ConversationStore | None = None,
        *,
        keeping: Keeping | None = None,
        redact: Callable[[str], str] = redact,
        is_here: Callable[[Mapping[str, str]], bool] = lambda _: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.keeping: Keeping = keeping or ("browser" if store is None else "database")
        self.redact = redact
        self._is_here = is_here
        self._memory = ConversationMemory(is_busy=self._is_needed, clock=clock)
        self._saving = asyncio.Lock()
        self._running = AnswersBeingWritten()

    def owner(self, headers: Mapping[str, str]) -> str:
        """Whose conversations a request may see: "" is the owner of the hub, any other a hash of a browser's secret."""
        if self.store is not None and self._is_here(headers):
            return ""
        secret = headers.get(BROWSER_HEADER, "")
        return hashlib.sha256((secret if len(secret) >= 32 else secrets.token_urlsafe()).encode()).hexdigest()

    def begin(self, owner: str, kind: Kind = "chat", *, name: str = "", is_kept: bool = True) -> Conversation:
        """A new conversation. It is kept from its first turn on, unless it is a temporary one.

        `name` is the id that its page gives it: the page finds it by that, also if it never heard that it has begun.
        """
        is_kept = is_kept and self.keeping_of(owner) != "off"
        conversation = Conversation(kind=kind, owner=owner, is_kept=is_kept)
        if name and self._memory.get(owner, name) is None:
            conversation.id = name
        self._memory.hold(conversation)
        return conversation

    async def find(self, owner: str, name: str) -> Conversation | None:
        """The conversation with this id, from memory or from the store; None: `owner` has none, or has deleted it.

        Raises `ConfigurationError` if it is not in memory and the store fails.
        """
        conversation = self._memory.get(owner, name)
        store = self.store_of(owner)
        if store is not None and (conversation is None or await self._has_changed_in(store, conversation)):
            loaded = await store.load(name)
            # Two pages may ask at once: both must get the same.
            newest = self._memory.get(owner, name)
            conversation = loaded if newest is conversation else newest
        if conversation is None or conversation.is_deleted:
            return None
        self._memory.hold(conversation)
        return conversation

    def store_of(self, owner: str) -> ConversationStore | None:
        """Where this owner's conversations are kept: the store is the hub's owner's alone."""
        return self.store if owner == "" else None

    def keeping_of(self, owner: str) -> Keeping:
        """Where this owner's conversations are kept: nobody's but the hub's owner's where the hub has a store."""
        return "off" if self.store is not None and owner else self.keeping

    async def _has_changed_in(self, store: ConversationStore, conversation: Conversation) -> bool:
        """Whether another hub with the same database has gone on with it, or has deleted it."""
        if conversation.version != conversation.saved_version or self.is_answering(conversation):
            return False
        try:
            version = (await store.versions([conversation.id])).get(conversation.id, 0)
        except ConfigurationError:
            return False
        is_still_unused = conversation.version == conversation.saved_version and not self.is_answering(conversation)
        return is_still_unused and (version > conversation.version or not version)

    async def heads(self, owner: str, search: str = "") -> tuple[list[dict[str, Any]], str]:
        """What the list of kept conversations shows, and a problem, if there is one.

        Those that could not be written are in the list as long as they are in memory.
        """
        if (store := self.store_of(owner)) is None:
            return [], ""
        heads, problem = [], ""
        try:
            heads = await store.heads(search)
        except ConfigurationError as error:
            problem = str(error)
        for head in heads:
            conversation = self._memory.get(owner, head["id"])
            head["running"] = conversation is not None and self.is_answering(conversation)
        known = {head["id"] for head in heads}
        for conversation in self._memory.newest_first():
            is_unread = conversation.problem or (problem and conversation.is_kept and conversation.nodes)
            is_missing = conversation.owner == owner and not conversation.is_deleted and conversation.id not in known
            if is_unread and is_missing and not search:
                heads.append(write_head(conversation))
                problem = problem or conversation.problem
        return heads, problem

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
        conversation = self._memory.get(owner, name)
        store = self.store_of(owner)
        if conversation is None:
            return None if store is None else await store.change(name, title=title, pinned=pinned, deleted=deleted)
        if deleted is not None:
            if store is not None and conversation.saved_version:
                await store.change(name, deleted=deleted)
            conversation.mark_deleted(deleted=deleted)
        if title is not None:
            conversation.rename(title)
        if pinned is not None:
            conversation.pin(pinned=pinned)
        await self.save(conversation)
        if conversation.problem:
            raise ConfigurationError(conversation.problem)
        return write_head(conversation)

    async def take_in(self, store: ConversationStore, imported: Sequence[Conversation]) -> list[dict[str, Any]]:
        """Writes imported conversations to the store, all or none, and gives the heads of those that were not there."""

        names = {conversation.id for conversation in imported}

        async def find(name: str) -> tuple[Conversation | None, bool]:
            there = self._memory.get("", name)
            if there is None and (name in stored or name not in names):
                there = await store.load(name)
            return there, there is not None and (self.is_answering(there) or there.version != there.saved_version)

        for conversation in imported:
            give_up_names(conversation)  # answers that somebody wrote into a file must not count
        async with self._saving:
            stored = await store.versions(list(names))
            written = await new_ones(imported, find)
            await store.replace(written)
        return [write_head(conversation) for conversation in written]

    def document(self, conversation: Conversation, since: int = 0) -> dict[str, Any]:
        """The conversation as a JSON object, with the turns that have changed since this version, and without keys."""
        return write_document(conversation, since, redact=self.redact)

    def adopt(self, conversation: Conversation) -> Conversation:
        """Takes over what a browser has kept. What is in memory is newer, where there is any."""
        conversation.is_kept = conversation.is_kept and self.keeping != "off"
        give_up_names(conversation)
        open_one = self._memory.get(conversation.owner, conversation.id)
        if open_one is None or (
            open_one.version < conversation.version and not (self.is_answering(open_one) or hides_names(open_one))
        ):
            open_one = conversation
        self._memory.hold(open_one)
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
        self._memory.hold(conversation)

        async def save() -> None:
            await self.save(conversation)

        answer = RunningAnswer(conversation, number, coalescer.snapshots(events), finish=finish, save=save)
        self._running.add(conversation, answer)
        return answer

    def is_answering(self, conversation: Conversation, pane: int | None = None) -> bool:
        """Whether an answer is being written in it, or in one of its panes."""
        return bool(self._running.unfinished(conversation, pane))

    async def stop(self, conversation: Conversation, pane: int | None = None, *, number: int | None = None) -> None:
        """Ends the answers that are being written in it, where they are: all, a pane's, or that of one turn."""
        running = self._running.unfinished(conversation, pane)
        await asyncio.gather(*(answer.stop() for answer in running if number in (None, answer.number)))

    async def settle(self, conversation: Conversation) -> None:
        """Waits for the end of the answers that somebody has stopped: the next prompt is not to be told to wait."""
        for answer in self._running.unfinished(conversation):
            await answer.settle()

    async def save(self, conversation: Conversation) -> None:
        """Writes what has changed to the store. What goes wrong becomes its `problem`: the next save tries again."""
        store = self.store_of(conversation.owner)
        if store is None or not conversation.is_kept or not conversation.nodes:
            return
        async with self._saving:
            version = conversation.version
            if version == conversation.saved_version:
                return
            try:
                await store.save(conversation, conversation.saved_version)
            except ConfigurationError as error:
                conversation.problem = f"This conversation is not kept: {error}"
            except Exception:
                log.exception("A conversation could not be written.")
                conversation.problem = "This conversation is not kept: something went wrong inside LLM Hub."
            else:
                conversation.saved_version, conversation.problem = version, ""

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
        for conversation in [each for each in self._memory.newest_first() if each.problem]:
            await self.save(conversation)
        self._memory.drop_old()
        if self.store is not None:
            await self.store.sweep()

    async def aclose(self) -> None:
        """Ends every answer, and writes it to where it is kept."""
        await self._running.stop_all()

    def _is_needed(self, conversation: Conversation) -> bool:
        """Whether something would be lost with it."""
        return conversation in self._running or (self.store is not None and bool(conversation.problem))

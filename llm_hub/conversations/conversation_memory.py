"""The conversations in memory: those in use, as long as there is room for them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from llm_hub.conversations.hidden_names import hides_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llm_hub.conversations.conversation import Conversation

MAX_OPEN = 1000
"""Conversations in memory. Those that were not used for longest are dropped first."""
MAX_OPEN_BYTES, MAX_OWNER_BYTES = 256 * 2**20, 64 * 2**20
"""Bytes of those conversations, about: of all, and of one visitor."""
MAX_IDLE_SECONDS = 3600.0
"""Seconds without use after which a conversation is dropped that is also kept elsewhere."""
MAX_UNKEPT_SECONDS = 86400.0
"""The same for one that is kept nowhere else as a whole, such as a temporary one."""

Key = tuple[str, str]
"""A conversation's owner and its id."""


class ConversationMemory:
    """Holds conversations by owner and id. One that `is_busy` is never dropped."""

    def __init__(self, *, is_busy: Callable[[Conversation], bool], clock: Callable[[], float]) -> None:
        self._is_busy = is_busy
        self._clock = clock
        self._by_key: OrderedDict[Key, Conversation] = OrderedDict()
        self._used_at: dict[Key, float] = {}

    def get(self, owner: str, name: str) -> Conversation | None:
        """The conversation with this id, if it is here."""
        return self._by_key.get((owner, name))

    def newest_first(self) -> Iterable[Conversation]:
        """All that are here; the last one that was used comes first."""
        return reversed(list(self._by_key.values()))

    def hold(self, conversation: Conversation) -> None:
        """Puts a conversation here, or notes that it is used."""
        key = conversation.key
        is_new = self._by_key.get(key) is not conversation
        self._by_key[key] = conversation
        self._by_key.move_to_end(key)
        self._used_at[key] = self._clock()
        if is_new:
            self.drop_old()

    def drop_old(self) -> None:
        """Drops those that were not used for long, or are too many: of their owner, or of all. The newest one stays."""
        now = self._clock()
        all_bytes, owner_bytes = 0, Counter[str]()
        for place, (key, conversation) in enumerate(reversed(list(self._by_key.items()))):
            owner, size = key[0], conversation.bytes
            is_elsewhere = conversation.is_kept and not hides_names(conversation)
            idle = now - self._used_at[key] > (MAX_IDLE_SECONDS if is_elsewhere else MAX_UNKEPT_SECONDS)
            full = (
                place >= MAX_OPEN
                or all_bytes + size > MAX_OPEN_BYTES
                or owner_bytes[owner] + size > MAX_OWNER_BYTES
            )  # fmt: skip
            if place and (idle or full) and not self._is_busy(conversation):
                del self._by_key[key], self._used_at[key]
            else:
                all_bytes += size
                owner_bytes[owner] += size

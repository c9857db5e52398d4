"""What keeps the owner's conversations, as those who use it see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.conversations.conversation import Conversation


class ConversationStore(Protocol):
    """Where the owner's conversations are kept. Every method may raise `ConfigurationError`."""

    async def save(self, conversation: Conversation, since: int = 0) -> None:
        """Writes the head, and the turns that have changed since this version."""

    async def replace(self, conversations: Sequence[Conversation]) -> None:
        """Writes whole conversations in the place of what is there under their ids: all of them, or none."""

    async def versions(self, names: Sequence[str]) -> dict[str, int]:
        """By id, the versions of those that are stored; without what is deleted."""

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

"""Where conversations are kept, under one interface for the contract suite: the store itself, and the hub over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

import httpx
from starlette.applications import Starlette

from llm_hub.api import conversations as endpoints
from llm_hub.conversations.document import read_document
from llm_hub.conversations.open_conversations import OpenConversations
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.redaction import Redactor
from llm_hub.storage.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from llm_hub.conversations.conversation import Conversation

KEY = "a-visitors-secret-key"
"""A key that is held: it stands in nothing that is kept."""


class Clock:
    """Seconds since 1970, as a test sets them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Kept(Protocol):
    """What the contract suite asks of a store."""

    async def save(self, conversation: Conversation, since: int = 0) -> None: ...

    async def load(self, name: str) -> Conversation | None: ...

    async def heads(self, search: str = "") -> list[dict[str, Any]]: ...

    async def change(
        self, name: str, *, title: str | None = None, pinned: bool | None = None, deleted: bool | None = None
    ) -> dict[str, Any] | None: ...


class OpenStore:
    """A store and its database, of which a second one can be opened, as another hub would."""

    def __init__(self, url: str, clock: Clock) -> None:
        redactor = Redactor()
        redactor.hold(KEY)
        self.url, self.clock, self.redactor = url, clock, redactor
        self.database = Database(url)
        self.others: list[OpenStore] = []
        self.store = SqlConversationStore(self.database, redact=redactor, clock=clock)

    def reopened(self) -> OpenStore:
        self.others.append(OpenStore(self.url, self.clock))
        return self.others[-1]

    async def clear(self) -> None:
        """Deletes everything."""
        schema = await self.database.schema()

        def delete(connection: Connection) -> None:
            for table in (schema.prompt_images, schema.prompt_files, schema.turns, schema.conversations):
                connection.execute(table.delete())

        await self.database.run(delete)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for opened in (self, *self.others):
            await opened.database.aclose()


class HTTPKept:
    """A hub that keeps its owner's conversations in a store. It is asked over HTTP, as the page does."""

    def __init__(self, opened: OpenStore) -> None:
        self._open = OpenConversations(opened.store, redact=opened.redactor)
        app = Starlette(routes=endpoints.routes(self._open))
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub")

    async def save(self, conversation: Conversation, since: int = 0) -> None:
        conversation.saved_version = since
        await self._open.save(conversation)
        assert conversation.problem == ""

    async def load(self, name: str) -> Conversation | None:
        reply = await self._client.get(f"/conversations/{name}")
        assert reply.headers["cache-control"] == "no-store"
        if reply.status_code == 404:
            assert "not here" in reply.json()["problem"]
            return None
        return read_document(reply.raise_for_status().content)

    async def heads(self, search: str = "") -> list[dict[str, Any]]:
        reply = (await self._client.get("/conversations", params={"search": search})).raise_for_status().json()
        assert (reply["keeping"], reply["problem"]) == ("database", "")
        heads: list[dict[str, Any]] = reply["conversations"]
        return heads

    async def change(
        self, name: str, *, title: str | None = None, pinned: bool | None = None, deleted: bool | None = None
    ) -> dict[str, Any] | None:
        changes = {"title": title, "pinned": pinned, "deleted": deleted}
        reply = await self._client.patch(
            f"/conversations/{name}", json={key: value for key, value in changes.items() if value is not None}
        )
        head: dict[str, Any] = reply.json()
        return None if reply.status_code == 404 else head

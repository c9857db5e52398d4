"""The owner's conversations in the hub's database: a row for each conversation, for each turn, and for each file.

A growing answer is written again and again, so its turn's row is small: the files of its prompt are written once, to
tables of their own, which neither the list nor a search reads. What a search reads is a column of folded text.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from llm_hub.conversations.conversation import Conversation, Node, plain_title
from llm_hub.conversations.conversation_rows import (
    file_rows,
    head_columns,
    head_row,
    image_rows,
    read_conversation,
    read_head,
    turn_row,
)
from llm_hub.conversations.search_text import excerpt, fold
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from sqlalchemy import Connection, Table

    from llm_hub.storage.database import Database

UNDO_SECONDS = 86400.0
"""Seconds in which a deletion can be taken back. Then the conversation's rows are deleted."""
MAX_SEARCH_WORDS = 8
"""Words of a search that are looked for."""
BATCH = 50
"""Conversations that one statement writes, deletes or looks for."""

Item = TypeVar("Item")


class SqlConversationStore:
    """Implements `ConversationStore`. `redact` takes keys out of the errors of providers."""

    def __init__(
        self, database: Database, *, redact: Callable[[str], str] = redact, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._redact = redact
        self._clock = clock

    async def save(self, conversation: Conversation, since: int = 0) -> None:
        """Writes the head, and the turns that have changed since this version. What is newer there stays."""
        schema = await self._database.schema()
        nodes = [node for node in conversation.nodes if node.version > since]
        head = head_row(conversation)
        turns = [turn_row(conversation, node, self._redact) for node in nodes]
        files = _file_rows(schema, conversation, nodes)

        def write(connection: Connection) -> None:
            _write_newer(connection, schema.conversations, [head], fixed=("created_at", "deleted_at"))
            if turns:
                _write_newer(connection, schema.turns, turns)
            for table, rows in files:
                connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)

        await self._database.run(write)

    async def replace(self, conversations: Sequence[Conversation]) -> None:
        """Writes whole conversations in the place of what is there under their ids: all of them, or none."""
        schema = await self._database.schema()

        def write(connection: Connection) -> None:
            for some in _in_batches(conversations):
                _delete(connection, schema, [each.id for each in some])
                connection.execute(schema.conversations.insert(), [head_row(each) for each in some])
                turns = [turn_row(each, node, self._redact) for each in some for node in each.nodes]
                connection.execute(schema.turns.insert(), turns)
                for each in some:
                    for table, rows in _file_rows(schema, each, each.nodes):
                        connection.execute(table.insert(), rows)

        await self._database.run(write)

    async def versions(self, names: Sequence[str]) -> dict[str, int]:
        """By id, the versions of those that are stored; without what is deleted."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return {}
        from sqlalchemy import select

        rows = schema.conversations.c
        query = select(rows.id, rows.version).where(rows.deleted_at.is_(None))
        batches = [query.where(rows.id.in_(some)) for some in _in_batches(names)]
        found = await self._database.run(
            lambda connection: [row for batch in batches for row in connection.execute(batch)]
        )
        return {row.id: row.version for row in found}

    async def load(self, name: str) -> Conversation | None:
        """The conversation with this id; None: there is none, or it is deleted."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return None
        from sqlalchemy import select

        heads, turns = schema.conversations, schema.turns
        head_query = select(heads).where(heads.c.id == name, heads.c.deleted_at.is_(None))
        turn_columns = (turns.c.number, turns.c.parent, turns.c.pane, turns.c.version, turns.c.document)
        turn_query = select(*turn_columns).where(turns.c.conversation_id == name).order_by(turns.c.number)
        file_queries = [
            select(table).where(table.c.conversation_id == name).order_by(table.c.number, table.c.place)
            for table in (schema.prompt_images, schema.prompt_files)
        ]

        def read(connection: Connection) -> tuple[Any, list[list[Any]]]:
            head = connection.execute(head_query).one_or_none()
            queries = () if head is None else (turn_query, *file_queries)
            return head, [list(connection.execute(query)) for query in queries]

        head, rows = await self._database.run(read)
        return None if head is None else read_conversation(head, *rows)

    async def heads(self, search: str = "", *, limit: int = 500) -> list[dict[str, Any]]:
        """What the list shows, pinned ones first and then the newest; with a `search`, where all of its words occur."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return []
        words = list(dict.fromkeys(fold(search).split()))[:MAX_SEARCH_WORDS]
        return await self._database.run(lambda connection: _read_heads(connection, schema, words, limit))

    async def change(
        self, name: str, *, title: str | None = None, pinned: bool | None = None, deleted: bool | None = None
    ) -> dict[str, Any] | None:
        """Renames, pins or deletes a conversation, or takes its deletion back. Gives its head; None: no such one."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return None
        from sqlalchemy import select, update

        rows = schema.conversations.c
        values: dict[Any, Any] = {rows.version: rows.version + 1}
        if title is not None:
            values[rows.title] = plain_title(title)
            values[rows.folded_title] = fold(plain_title(title))
        if pinned is not None:
            values[rows.pinned] = pinned
        if deleted is not None:
            values[rows.deleted_at] = self._clock() if deleted else None
        change = update(schema.conversations).where(rows.id == name).values(values)

        def write(connection: Connection) -> dict[str, Any] | None:
            connection.execute(change)
            row = connection.execute(select(*head_columns(schema)).where(rows.id == name)).one_or_none()
            return None if row is None else read_head(row)

        return await self._database.run(write)

    async def sweep(self) -> int:
        """Deletes what was marked as deleted a day ago. Returns how many conversations there were."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return 0
        from sqlalchemy import select

        rows = schema.conversations.c
        old = select(rows.id).where(rows.deleted_at < self._clock() - UNDO_SECONDS)

        def write(connection: Connection) -> int:
            names = list(connection.execute(old).scalars())
            for some in _in_batches(names):
                _delete(connection, schema, some)
            return len(names)

        return await self._database.run(write)


def _in_batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """As many at once as a statement takes, and as the hub's other work can wait for."""
    for begin in range(0, len(items), BATCH):
        yield items[begin : begin + BATCH]


def _delete(connection: Connection, schema: ModuleType, names: Sequence[str]) -> None:
    from sqlalchemy import delete

    for table in (schema.prompt_images, schema.prompt_files, schema.turns):
        connection.execute(delete(table).where(table.c.conversation_id.in_(names)))
    connection.execute(delete(schema.conversations).where(schema.conversations.c.id.in_(names)))


def _file_rows(
    schema: ModuleType, conversation: Conversation, nodes: Sequence[Node]
) -> list[tuple[Table, list[dict[str, Any]]]]:
    """The rows of the files of some turns' prompts, by table; without those that have none."""
    rows = (
        (schema.prompt_images, [row for node in nodes for row in image_rows(conversation, node)]),
        (schema.prompt_files, [row for node in nodes for row in file_rows(conversation, node)]),
    )
    return [(table, found) for table, found in rows if found]


def _insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases have in the same words."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def _write_newer(
    connection: Connection, table: Table, rows: list[dict[str, Any]], *, fixed: tuple[str, ...] = ()
) -> None:
    """Writes rows that are not there yet, or are there in an older version. `fixed` columns stay as they are."""
    statement = _insert(connection, table)
    changing = [column.name for column in table.c if not column.primary_key and column.name not in fixed]
    statement = statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: statement.excluded[name] for name in changing},
        where=table.c.version < statement.excluded.version,
    )
    connection.execute(statement, rows)


def _read_heads(connection: Connection, schema: ModuleType, words: list[str], limit: int) -> list[dict[str, Any]]:
    from sqlalchemy import exists, func, or_, select

    heads, turns = schema.conversations, schema.turns
    query = select(*head_columns(schema)).where(heads.c.deleted_at.is_(None))
    query = query.order_by(heads.c.pinned.desc(), heads.c.changed_at.desc(), heads.c.id).limit(limit)
    if not words:
        return [read_head(row) for row in connection.execute(query)]
    place = func.strpos if connection.dialect.name == "postgresql" else func.instr
    here = turns.c.conversation_id == heads.c.id
    # A conversation's texts are read until a word is found. The longest word is rarely found: it comes first.
    for word in sorted(words, key=len, reverse=True):
        in_turns = exists().where(here, place(turns.c.folded, word) > 0).correlate(heads)
        query = query.where(or_(place(heads.c.folded_title, word) > 0, in_turns))
    found = select(turns.c.document).where(here, or_(*(place(turns.c.folded, word) > 0 for word in words)))
    found = found.order_by(turns.c.number).limit(1).correlate(heads)
    rows = connection.execute(query.add_columns(found.scalar_subquery().label("document")))
    return [{**read_head(row), "excerpt": excerpt(_text(row), words)} for row in rows]


def _text(row: Any) -> str:
    """The text of the turn that a search has found, or the title."""
    try:
        document = orjson.loads(row.document or "{}")
        texts = (document["prompt"].get("text", ""), document.get("text", ""), document.get("reasoning", ""))
    except (orjson.JSONDecodeError, LookupError):  # a broken one is told to whoever opens it
        return str(row.title)
    return "\n".join(texts)

"""The tables, and how an older database becomes a newer one.

A few tables do not need Alembic. The migrations are functions in order, and a table with one row holds the number of
those that have run. Each runs once, in the same transaction that raises this number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

metadata = MetaData()

votes = Table(
    "votes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True, comment="seconds since 1970, UTC"),
    Column("verdict", String(8), nullable=False, comment="best, tie or bad"),
    Column("conversation", Text, comment="JSON; only where the voter ticked that it be kept"),
)
contestants = Table(
    "contestants",
    metadata,
    Column("vote_id", ForeignKey("votes.id", ondelete="CASCADE"), primary_key=True),
    Column("seat", Integer, primary_key=True, autoincrement=False, comment="from the left, from 0"),
    Column("target", String(400), nullable=False, comment="provider/model"),
    Column("won", Boolean, nullable=False),
)
requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("day", Integer, nullable=False, index=True, comment="days since 1970, UTC"),
    Column("who", String(100), nullable=False, comment="the name of a key of the API, or page"),
    Column("way", String(100), nullable=False, comment="chat, compare, or the endpoint's path"),
    Column("target", String(400), nullable=False, comment="provider/model that answered, or was first asked"),
    Column("outcome", String(40), nullable=False, comment="answered, cancelled, or the error's kind"),
    Column("attempts", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("first_token", Float, comment="seconds; none came where it is null"),
    Column("prompt_tokens", BigInteger, comment="as the providers counted; null where none did"),
    Column("completion_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger, comment="part of completion_tokens"),
    Column("cached_tokens", BigInteger, comment="part of prompt_tokens"),
    Column("nanodollars", BigInteger, comment="billionths of a US dollar; null where the price is not known"),
)
conversations = Table(
    "conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False, comment="chat or comparison"),
    Column("title", Text, nullable=False, comment="empty until somebody gives one"),
    Column("first_line", Text, nullable=False, comment="of the first prompt: it stands for a missing title"),
    Column("folded_title", Text, nullable=False, comment="what a search reads of the title"),
    Column("pinned", Boolean, nullable=False),
    Column("created_at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("changed_at", Float, nullable=False),
    Column("deleted_at", Float, comment="null unless it is to be swept"),
    Column("version", BigInteger, nullable=False, comment="counts its changes"),
    Column("leaves", Text, nullable=False, comment="JSON: by pane, the last turn that is shown"),
    Column("setup", Text, nullable=False, comment="JSON: what a comparison has beside its turns"),
)
turns = Table(
    "turns",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="from 1, as they were asked"),
    Column("parent", Integer, nullable=False, comment="number of the turn before it; 0 at the beginning"),
    Column("pane", Integer, nullable=False),
    Column("version", BigInteger, nullable=False, comment="the conversation's, when this turn changed last"),
    Column("folded", Text, nullable=False, comment="what a search reads of the prompt and the answer"),
    Column("document", Text, nullable=False, comment="JSON, without the prompt's files"),
)
prompt_images = Table(
    "prompt_images",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="the turn's"),
    Column("place", Integer, primary_key=True, autoincrement=False, comment="among the prompt's images, from 0"),
    Column("type", String(64), nullable=False, comment="image/png, …"),
    Column("data", LargeBinary, nullable=False),
)
prompt_files = Table(
    "prompt_files",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="the turn's"),
    Column("place", Integer, primary_key=True, autoincrement=False, comment="among the prompt's documents, from 0"),
    Column("name", Text, nullable=False),
    Column("type", String(100), nullable=False, comment="application/pdf, …"),
    Column("pages", Integer, nullable=False, comment="0 where nobody knows"),
    Column("text", Text, nullable=False, comment="what stands in the file"),
    Column("data", LargeBinary, nullable=False, comment="empty where the file is its text"),
)
runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("created_at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("size", Integer, nullable=False, comment="how many cells it has"),
    Column("plan", Text, nullable=False, comment="JSON: prompts, targets, checks, settings"),
    Column("holder", String(64), nullable=False, comment="the process that works on it; empty for none"),
    Column("held_at", Float, nullable=False, comment="when that process said so last"),
)
run_cells = Table(
    "run_cells",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False, comment="JSON: the answer or the failure, and the figures"),
)
checkups = Table(
    "checkups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("cards", Text, nullable=False, comment="JSON: a card for each target, with all of its evidence"),
)
_version = Table("schema_version", MetaData(), Column("version", Integer, nullable=False))

_LOCK = 0x6C6C6D687562
"""The advisory lock that keeps two servers from migrating one PostgreSQL database at once. Any fixed number will do."""


def _create_votes(connection: Connection) -> None:
    metadata.create_all(connection, tables=[votes, contestants])


def _create_requests(connection: Connection) -> None:
    metadata.create_all(connection, tables=[requests])


def _create_conversations(connection: Connection) -> None:
    binary = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    for statement in _CONVERSATIONS.format(binary=binary).split(";"):
        connection.execute(text(statement))


_CONVERSATIONS = """
CREATE TABLE conversations (
    id VARCHAR(64) PRIMARY KEY,
    kind VARCHAR(16) NOT NULL,
    title TEXT NOT NULL,
    first_line TEXT NOT NULL,
    folded_title TEXT NOT NULL,
    pinned BOOLEAN NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL,
    deleted_at DOUBLE PRECISION,
    version BIGINT NOT NULL,
    leaves TEXT NOT NULL,
    setup TEXT NOT NULL
);
CREATE TABLE turns (
    conversation_id VARCHAR(64) NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    pane INTEGER NOT NULL,
    version BIGINT NOT NULL,
    folded TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (conversation_id, number)
);
CREATE TABLE prompt_images (
    conversation_id VARCHAR(64) NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    type VARCHAR(64) NOT NULL,
    data {binary} NOT NULL,
    PRIMARY KEY (conversation_id, number, place)
)
"""


def _create_prompt_files(connection: Connection) -> None:
    binary = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
    connection.execute(text(_PROMPT_FILES.format(binary=binary)))


_PROMPT_FILES = """
CREATE TABLE prompt_files (
    conversation_id VARCHAR(64) NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    type VARCHAR(100) NOT NULL,
    pages INTEGER NOT NULL,
    text TEXT NOT NULL,
    data {binary} NOT NULL,
    PRIMARY KEY (conversation_id, number, place)
)
"""


def _create_runs(connection: Connection) -> None:
    for statement in _RUNS.split(";"):
        connection.execute(text(statement))


_RUNS = """
CREATE TABLE runs (
    id VARCHAR(64) PRIMARY KEY,
    title TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    size INTEGER NOT NULL,
    plan TEXT NOT NULL,
    holder VARCHAR(64) NOT NULL,
    held_at DOUBLE PRECISION NOT NULL
);
CREATE TABLE run_cells (
    run_id VARCHAR(64) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
)
"""


def _create_checkups(connection: Connection) -> None:
    number = "SERIAL" if connection.dialect.name == "postgresql" else "INTEGER"
    connection.execute(text(_CHECKUPS.format(number=number)))


_CHECKUPS = """
CREATE TABLE checkups (
    id {number} PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL,
    cards TEXT NOT NULL
)
"""

MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _create_votes, _create_requests, _create_conversations, _create_prompt_files, _create_runs,
    _create_checkups,
)  # fmt: skip
"""Never change a migration: add one. Write it in SQL, since the tables above are always the newest ones."""


def upgrade(connection: Connection) -> None:
    """Brings the database of this connection's transaction up to date. Raises `ConfigurationError` for a newer one."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    _version.create(connection, checkfirst=True)
    version = connection.execute(select(_version.c.version)).scalar()
    if version is None:
        connection.execute(insert(_version).values(version=0))
    if (version or 0) > len(MIGRATIONS):
        raise ConfigurationError(
            "The database was written by a newer version of LLM Hub.",
            hint="Update LLM Hub, or set LLM_HUB_DATABASE_URL to another database.",
        )
    for number, migrate in enumerate(MIGRATIONS[version or 0 :], (version or 0) + 1):
        migrate(connection)
        connection.execute(_version.update().values(version=number))

"""How an older database becomes a newer one.

A few tables do not need Alembic. The migrations are functions in order, and a table with one row holds the number of
those that have run. Each runs once, in the same transaction that raises this number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, MetaData, Table, func, insert, inspect, select, text

from llm_hub.errors import ConfigurationError
from llm_hub.storage.schema import contestants, metadata, requests, votes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

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


def _create_target_hours(connection: Connection) -> None:
    connection.execute(text(_TARGET_HOURS))


_TARGET_HOURS = """
CREATE TABLE target_hours (
    writer VARCHAR(16) NOT NULL,
    target VARCHAR(400) NOT NULL,
    hour INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    delays TEXT NOT NULL,
    PRIMARY KEY (writer, target, hour)
)
"""


def _create_api_keys(connection: Connection) -> None:
    connection.execute(text(_API_KEYS))


_API_KEYS = """
CREATE TABLE api_keys (
    name VARCHAR(60) PRIMARY KEY,
    digest VARCHAR(64) NOT NULL UNIQUE,
    ending VARCHAR(4) NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    requests BIGINT,
    tokens BIGINT,
    microdollars BIGINT
)
"""


def _create_reservations(connection: Connection) -> None:
    for statement in _RESERVATIONS.split(";"):
        connection.execute(text(statement))


_RESERVATIONS = """
CREATE TABLE reservations (
    id VARCHAR(32) PRIMARY KEY,
    day INTEGER NOT NULL,
    who VARCHAR(100) NOT NULL,
    nanodollars BIGINT NOT NULL
);
CREATE INDEX ix_reservations_day ON reservations (day)
"""


def _add_reported_prices(connection: Connection) -> None:
    columns = {column["name"] for column in inspect(connection).get_columns("requests")}
    if "reported_nanodollars" not in columns:  # the second migration makes the newest table
        connection.execute(text("ALTER TABLE requests ADD COLUMN reported_nanodollars BIGINT"))


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _create_votes, _create_requests, _create_conversations, _create_prompt_files, _create_runs,
    _create_checkups, _create_target_hours, _create_api_keys, _create_reservations, _add_reported_prices,
)  # fmt: skip
"""Never change a migration: add one. Write it in SQL, since the tables of schema.py are always the newest ones."""


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

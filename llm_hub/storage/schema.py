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
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    select,
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
_version = Table("schema_version", MetaData(), Column("version", Integer, nullable=False))

_LOCK = 0x6C6C6D687562
"""The advisory lock that keeps two servers from migrating one PostgreSQL database at once. Any fixed number will do."""


def _create_votes(connection: Connection) -> None:
    metadata.create_all(connection, tables=[votes, contestants])


def _create_requests(connection: Connection) -> None:
    metadata.create_all(connection, tables=[requests])


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_votes, _create_requests)
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

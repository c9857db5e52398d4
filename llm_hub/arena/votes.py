"""The votes, in a database. SQLAlchemy is imported when the first vote is written or read."""

from __future__ import annotations

import asyncio
import logging
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_hub.arena.ratings import Vote
from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

log = logging.getLogger(__name__)

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg"}


class Votes:
    """The database behind an address such as sqlite:///llm-hub.db or postgresql://user:password@host/name.

    A SQLite file is made by the first vote. What goes wrong is a `ConfigurationError`, which never shows the address.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._clock = clock
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()

    async def add(self, vote: Vote) -> None:
        """Keeps a vote, with the time of now."""
        schema = await self._schema()
        at = self._clock()

        def write(connection: Connection) -> None:
            row = {"at": at, "verdict": vote.verdict, "conversation": vote.conversation}
            key = connection.execute(schema.votes.insert().values(row).returning(schema.votes.c.id)).scalar_one()
            seats = [
                {"vote_id": key, "seat": seat, "target": target, "won": seat == vote.winner}
                for seat, target in enumerate(vote.targets)
            ]
            connection.execute(schema.contestants.insert(), seats)

        await self._run(write)

    async def since(self, seconds: float | None = None) -> list[Vote]:
        """The votes of the last `seconds`, or all, in the order they were cast. Without their conversations."""
        schema = await self._schema()
        if self._unmade():
            return []
        from sqlalchemy import select

        votes, contestants = schema.votes, schema.contestants
        wanted = select(votes.c.id, votes.c.at, votes.c.verdict, contestants.c.target, contestants.c.won)
        wanted = wanted.join(contestants).order_by(votes.c.id, contestants.c.seat)
        if seconds is not None:
            wanted = wanted.where(votes.c.at >= self._clock() - seconds)
        found: dict[int, list[Any]] = {}
        for row in await self._run(lambda connection: connection.execute(wanted).all()):
            found.setdefault(row.id, []).append(row)
        return [
            Vote(
                targets=tuple(row.target for row in rows),
                verdict=rows[0].verdict,
                winner=next((seat for seat, row in enumerate(rows) if row.won), None),
                at=rows[0].at,
            )
            for rows in found.values()
        ]

    async def aclose(self) -> None:
        """Closes every connection."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    def _unmade(self) -> bool:
        """Whether this is a SQLite file that no vote has made yet."""
        scheme, _, path = self._url.partition(":///")
        return self._engine is None and scheme.startswith("sqlite") and bool(path) and not Path(path).exists()

    async def _schema(self) -> ModuleType:
        return await asyncio.to_thread(import_module, "llm_hub.arena.schema")

    async def _run(self, work: Callable[[Connection], Any]) -> Any:
        """Does some work in one transaction."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            engine = await self._opened()
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        except (SQLAlchemyError, OSError) as error:
            # The error's own text may show the address, and with it a password.
            log.error("The votes' database failed: %s", type(error).__name__)  # noqa: TRY400
            raise ConfigurationError(
                "The votes' database cannot be used.", hint="Check LLM_HUB_DATABASE_URL and its server or folder."
            ) from None

    async def _opened(self) -> AsyncEngine:
        async with self._opening:
            if self._engine is None:
                engine = _engine(self._url)
                try:
                    async with engine.begin() as connection:
                        await connection.run_sync((await self._schema()).upgrade)
                except BaseException:
                    await engine.dispose()
                    raise
                self._engine = engine
        return self._engine


def _engine(url: str) -> AsyncEngine:
    from sqlalchemy import event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.ext.asyncio import create_async_engine

    try:
        address = make_url(url)
    except ArgumentError:
        raise ConfigurationError("LLM_HUB_DATABASE_URL is no address of a database.") from None
    driver = DRIVERS.get(address.get_backend_name())
    if driver is None:
        raise ConfigurationError("LLM_HUB_DATABASE_URL: only SQLite and PostgreSQL are known.")
    try:
        engine = create_async_engine(address.set(drivername=driver), pool_pre_ping=driver.startswith("postgresql"))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"LLM_HUB_DATABASE_URL needs the package {error.name}.", hint=f"Install it: pip install {error.name}."
        ) from None
    if driver.startswith("sqlite"):
        # Python's driver begins no transaction before DDL by itself: so it is told when.
        event.listen(engine.sync_engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine

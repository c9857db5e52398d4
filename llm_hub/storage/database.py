"""The database at LLM_HUB_DATABASE_URL. SQLAlchemy is slow to import: that is done in a thread, after the start."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llm_hub.errors import ConfigurationError
from llm_hub.storage.database_problems import is_bad_file, problem_of, sqlite_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread
    from types import ModuleType

    import aiosqlite
    from sqlalchemy import Connection, Engine

log = logging.getLogger(__name__)

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg"}
LOG_INTERVAL = 60.0
"""Seconds after a logged failure in which no other failure is logged."""

MAX_LOCK_SECONDS = 30.0
"""Seconds that a SQLite file is waited for that others write. A slow disk makes many writers wait, and none in turn."""
Result = TypeVar("Result")


class Database:
    """The database at a URL such as sqlite:///llm-hub.db or postgresql://user:password@host/name.

    A SQLite file is made by the first write. Every failure is a `ConfigurationError`, which never shows the URL.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._opening = asyncio.Lock()
        self._logged_at = -LOG_INTERVAL

    @property
    def is_missing(self) -> bool:
        """Whether this is a SQLite file that does not exist yet, since nothing has been written."""
        scheme, _, path = self._url.partition(":///")
        return self._engine is None and scheme.startswith("sqlite") and bool(path) and not Path(path).exists()

    async def schema(self) -> ModuleType:
        """The tables (`llm_hub.storage.schema`), imported in a thread."""
        return await asyncio.to_thread(import_module, "llm_hub.storage.schema")

    async def load(self) -> None:
        """Imports everything that the first write needs. Opens no connection and makes no file."""
        await self.schema()
        with suppress(ConfigurationError):  # `run` raises it again
            await asyncio.to_thread(_create_engine, self._url)

    async def ping(self) -> None:
        """Checks that the database can be connected to, and changes nothing. Raises `ConfigurationError`."""
        if self.is_missing:
            _check_folder(Path(self._url.partition(":///")[2]))
            return
        await self.load()
        from sqlalchemy.exc import SQLAlchemyError

        engine = await asyncio.to_thread(_create_engine, self._url)
        try:
            await _transact(engine, lambda _: None)
        except (SQLAlchemyError, OSError) as error:
            raise problem_of(error) from None
        finally:
            await _dispose(engine)

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Calls `work` inside one transaction, and returns its result. Raises `ConfigurationError`."""
        await self.schema()
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return await _transact(await self._open_engine(), work)
        except (ConfigurationError, SQLAlchemyError, OSError) as error:
            problem = problem_of(error)
            self._log_failure(error, problem)
            if is_bad_file(error):
                await self.aclose()  # whatever takes the file's place is opened anew
            raise problem from None

    async def aclose(self) -> None:
        """Closes every connection."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await _dispose(engine)

    def _log_failure(self, error: Exception, problem: ConfigurationError) -> None:
        """Logs a failure by its type and what is known of it: the error's own text may show the URL with a password."""
        now = time.monotonic()
        if now - self._logged_at >= LOG_INTERVAL:
            self._logged_at = now
            log.error("The database failed (%s). %s", type(error).__name__, problem)

    async def _open_engine(self) -> Engine:
        async with self._opening:
            if self._engine is None:
                from llm_hub.storage.migrations import upgrade

                engine = _create_engine(self._url)
                try:
                    await _transact(engine, upgrade)
                except BaseException:
                    await _dispose(engine)
                    raise
                self._engine = engine
        return self._engine


def _check_folder(file: Path) -> None:
    folder = file.absolute().parent
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"No file can be made in {folder}.", hint="Check LLM_HUB_DATABASE_URL.")


async def _transact(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """Calls `work` inside one transaction. Where that is cancelled, it is rolled back.

    SQLAlchemy's `AsyncEngine` does the same, but its module imports the ORM: 6 MB that nobody here uses.
    """
    from sqlalchemy.util.concurrency import greenlet_spawn

    def transaction() -> Result:
        with connection.begin():
            return work(connection)

    connection = await greenlet_spawn(engine.connect)
    try:
        return await greenlet_spawn(transaction)
    finally:
        closing = asyncio.create_task(greenlet_spawn(connection.close))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:  # a connection that is half closed would be thrown away, with what is in memory
            await asyncio.wait([closing])
            raise


async def _dispose(engine: Engine) -> None:
    from sqlalchemy.util.concurrency import greenlet_spawn

    await greenlet_spawn(engine.dispose)


def _create_engine(url: str) -> Engine:
    """An engine whose driver is asynchronous: what uses its connections runs in `greenlet_spawn`."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(url)
    except ArgumentError:
        raise ConfigurationError("LLM_HUB_DATABASE_URL is no address of a database.") from None
    driver = DRIVERS.get(address.get_backend_name())
    if driver is None:
        raise ConfigurationError("LLM_HUB_DATABASE_URL: only SQLite and PostgreSQL are known.")
    try:
        if driver.startswith("postgresql"):
            from llm_hub.storage.postgres_address import read_address

            address, options = read_address(address)
            engine = create_engine(address.set(drivername=driver), pool_pre_ping=True, connect_args=options)
        else:
            engine = create_engine(address.set(drivername=driver))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"LLM_HUB_DATABASE_URL needs the package {error.name}.", hint=f"Install it: pip install {error.name}."
        ) from None
    if driver.startswith("sqlite"):
        # Python's driver begins no transaction before DDL: SQLAlchemy has to begin each one itself.
        event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(engine, "begin", _begin)
        event.listen(engine, "do_connect", _connect_by_own_function)
    return engine


def _begin(connection: Connection) -> None:
    """Begins a transaction that may write, so that it need not wait in its middle. A file that is read-only is read."""
    from sqlalchemy.exc import OperationalError

    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if sqlite_code(error) != sqlite3.SQLITE_READONLY:
            raise
        connection.exec_driver_sql("BEGIN")


def _connect_by_own_function(_dialect: object, _record: object, _arguments: object, options: dict[str, object]) -> None:
    """Has SQLAlchemy's dialect open a SQLite file by `_open_file`."""
    options["async_creator_fn"] = _open_file
    options.setdefault("timeout", MAX_LOCK_SECONDS)


async def _open_file(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    """Opens a SQLite file as aiosqlite does; if that fails, waits until the connection's thread has ended.

    aiosqlite 0.22 leaves that thread to end by itself. It then reports to an event loop that may have been closed, and
    writes a traceback.
    """
    import aiosqlite

    connection = aiosqlite.connect(*arguments, **options)
    thread: Thread = connection._thread  # noqa: SLF001 SQLAlchemy takes it, too: nothing public leads to it
    thread.daemon = True
    try:
        return await connection
    except BaseException:
        await asyncio.to_thread(thread.join)
        raise

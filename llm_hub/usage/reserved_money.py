"""Money that counts against the limits of today and is in no row of the ledger.

A hub that is killed forgets its counts, and providers take their money all the same. So where money is limited, the
most that a request may cost is written here before anybody is asked, and again before a further attempt that may cost
more.
The transaction that writes the request's row of the ledger takes it out. What that row has no price for (an answer that
broke off is estimated) stays, and so does what a killed hub had reserved: it counts as spent until its day is over.

Requests that come at once wait for one transaction together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llm_hub.errors import ConfigurationError
from llm_hub.logs import printable
from llm_hub.usage.amounts import DAY, NANO
from llm_hub.usage.limit_errors import LimitNotKept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from sqlalchemy import Connection

    from llm_hub.storage.database import Database

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that a request waits until its money is written. A database takes some milliseconds, unless it is locked."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a request's reserved money when its row is written: `unpriced` of it stays, the rest is over."""

    reservation: str
    caller: str
    unpriced: Decimal


class ReservedMoney:
    """The reserved money of a database. `lock` is held while it is written, and by the ledger while that writes."""

    is_awaited = True
    """Whether requests wait until their money is written. They need not where a killed hub's counts are in Redis."""

    def __init__(self, database: Database, lock: asyncio.Lock, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._lock = lock
        self._clock = clock
        self._changes: dict[str, tuple[str, Decimal] | None] = {}
        """By reservation, what is to be written: the caller and the money, None for no more."""
        self._waiting: list[asyncio.Future[None]] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def _today(self) -> int:
        return int(self._clock() // DAY)

    async def write(self, reservation: str, caller: str, money: Decimal) -> None:
        """Returns when it is written that a request has reserved so much. Raises `LimitNotKept`."""
        self._changes[reservation] = caller, money
        if not self.is_awaited:
            self._start()
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(written)
        self._start()
        try:
            async with asyncio.timeout(PATIENCE):
                await written
        except TimeoutError:
            raise LimitNotKept(ConfigurationError("The database does not answer.")) from None

    def drop(self, reservation: str) -> None:
        """Nobody was asked. Returns at once."""
        self._changes[reservation] = None
        self._start()

    def settle(self, connection: Connection, schema: ModuleType, settlements: Iterable[Settlement]) -> None:
        """Does so in the transaction that writes the requests' rows, while the lock is held."""
        rows: dict[str, tuple[str, Decimal] | None] = {}
        for settlement in settlements:
            self._changes.pop(settlement.reservation, None)  # of a client that left meanwhile
            is_over = settlement.unpriced <= 0
            rows[settlement.reservation] = None if is_over else (settlement.caller, settlement.unpriced)
        if rows:
            self._apply(connection, schema, rows)

    async def today(self) -> dict[str, Decimal]:
        """By caller, the money of today. Raises `ConfigurationError`."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return {}
        from sqlalchemy import func, select

        rows = schema.reservations.c
        query = select(rows.who, func.sum(rows.nanodollars)).where(rows.day >= self._today).group_by(rows.who)
        found = await self._database.run(lambda connection: connection.execute(query).all())
        return {who: Decimal(int(sum_)) / NANO for who, sum_ in found}

    async def aclose(self) -> None:
        """Writes what waits, if the database works."""
        if self._writer is not None:
            await self._writer

    def _start(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Writes until there is nothing more. What could not be taken out waits for the next time."""
        while self._changes:
            async with self._lock:
                changes, self._changes = self._changes, {}
                waiting, self._waiting = self._waiting, []
                problem = await self._try(changes)
            for written in waiting:
                if not written.done():
                    if problem is None:
                        written.set_result(None)
                    else:
                        written.set_exception(LimitNotKept(problem))
            if problem is not None:
                for name, row in changes.items():
                    if row is None:
                        self._changes.setdefault(name, None)
                if not self._waiting:
                    break
        self._writer = None

    async def _try(self, changes: dict[str, tuple[str, Decimal] | None]) -> ConfigurationError | None:
        """Writes these in one transaction. What went wrong, None for nothing."""
        try:
            schema = await self._database.schema()
            await self._database.run(lambda connection: self._apply(connection, schema, changes))
        except ConfigurationError as error:
            return error
        except Exception:
            log.exception("Reserved money could not be written.")
            return ConfigurationError("The database cannot be used.")
        return None

    def _apply(
        self, connection: Connection, schema: ModuleType, changes: dict[str, tuple[str, Decimal] | None]
    ) -> None:
        """Puts these in the place of what is written of the same reservations, and deletes what is over."""
        table, today = schema.reservations, self._today
        rows: list[dict[str, Any]] = [
            {"id": name, "day": today, "who": printable(row[0][:100]), "nanodollars": int(row[1] * NANO)}
            for name, row in changes.items()
            if row is not None
        ]
        connection.execute(table.delete().where(table.c.id.in_(list(changes)) | (table.c.day < today - 1)))
        if rows:
            connection.execute(table.insert(), rows)

"""The ledger: one row for every request that reached a provider, without any text of the prompt or the answer.

Rows are written in the background, in batches: no answer waits for the database, or fails with it. Another task in the
background deletes the rows that are too old.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, get_args

from llm_hub.errors import ConfigurationError
from llm_hub.logs import printable
from llm_hub.usage.amounts import DAY, NANO
from llm_hub.usage.reserved_money import ReservedMoney
from llm_hub.usage.usage_sums import Total, UsageSums

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection

    from llm_hub.chat import Usage
    from llm_hub.storage.database import Database
    from llm_hub.usage.reserved_money import Settlement

log = logging.getLogger(__name__)

MAX_WAITING_ENTRIES = 20_000
"""Rows that wait to be written. If the database fails for so long that more come, the oldest are lost."""
WRITE_INTERVAL = 1.0
"""Seconds that rows are gathered before they are written together."""
RETRY_INTERVAL = 10.0
"""Seconds after which a database that failed is tried again."""
SWEEP_INTERVAL = 3600.0
"""Seconds between two sweeps, which delete the rows that are too old."""
SWEEP_BATCH_ROWS = 1000
"""Rows that one transaction of a sweep deletes: others can write before the next one."""
SWEEP_PAUSE = 0.05
"""Seconds between two transactions of a sweep."""
Count = Literal["prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"]
COUNTS: tuple[Count, ...] = get_args(Count)
MONEY = ("nanodollars", "reported_nanodollars")
"""The columns of a request's price, and of the part of it that providers say they charged."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A request. `target` is the model that answered; if none did, the first one that was tried.

    `caller` is the name of a key of the API, or "page"; `surface` is where it was asked (chat, compare, /v1/…);
    `outcome` is "answered", "cancelled" or the error's kind. `price` is in US dollars, None where it is not known, and
    `reported_price` the part of it that providers say they charged; the rest is by price lists.
    `settlement` says what becomes of the money that the request had reserved, if that was written.
    """

    at: float
    caller: str
    surface: str
    target: str
    outcome: str
    attempts: int
    seconds: float
    first_token: float | None
    usage: Usage
    price: Decimal | None
    reported_price: Decimal = Decimal(0)
    settlement: Settlement | None = None


class Ledger:
    """The rows of a database. Each is kept for `days` days; 0 keeps them for ever."""

    def __init__(self, database: Database, *, days: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._days = days
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._lost_rows = 0
        self._writer: asyncio.Task[None] | None = None
        self._write_lock = asyncio.Lock()
        self.reserved = ReservedMoney(database, self._write_lock, clock=clock)
        """Money that counts and is in no row."""
        self._closing = asyncio.Event()

    @property
    def today(self) -> int:
        """The present day, in days since 1970-01-01, UTC."""
        return int(self._clock() // DAY)

    def note(self, entry: Entry) -> None:
        """Adds a row, which is written soon. Returns at once."""
        if len(self._waiting) >= MAX_WAITING_ENTRIES:
            self._waiting.popleft()
            self._lost_rows += 1
        self._waiting.append(entry)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def totals(self, since: int = 0, caller: str | None = None) -> list[Total]:
        """Sums by day, caller and target, from the day `since` on: of everybody, or of one caller.

        Rows that cannot be written count, too, where the database can be read. Raises `ConfigurationError`.
        """
        try:
            await self.flush()
        except ConfigurationError:
            if self._database.is_missing:
                raise
            async with self._write_lock:  # else a row might be written meanwhile, and count twice
                totals = await self._read_totals(since, caller)
                waiting = [_total(_row(entry)) for entry in self._waiting]
                return totals + [total for total in waiting if total.day >= since and caller in (None, total.caller)]
        return await self._read_totals(since, caller)

    async def _read_totals(self, since: int, caller: str | None) -> list[Total]:
        """The sums of what is written."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return []
        from sqlalchemy import case, func, select

        rows = schema.requests.c
        answered = rows.outcome == "answered"
        sums = {
            "requests": func.count(),
            "answered": func.sum(case((answered, 1), else_=0)),
            "unpriced": func.sum(case((answered & rows.nanodollars.is_(None), 1), else_=0)),
            **{name: func.coalesce(func.sum(rows[name]), 0) for name in (*COUNTS, *MONEY)},
        }
        query = select(rows.day, rows.who, rows.target, *(column.label(name) for name, column in sums.items()))
        query = query.where(rows.day >= since).group_by(rows.day, rows.who, rows.target).order_by(rows.day)
        if caller is not None:
            query = query.where(rows.who == caller)
        sum_rows = await self._database.run(lambda connection: connection.execute(query).all())
        totals = []
        for row in sum_rows:
            numbers = {name: int(getattr(row, name)) for name in sums}
            price, reported = (Decimal(numbers.pop(name)) / NANO for name in MONEY)
            used = UsageSums(price=price, reported_price=reported, **numbers)
            totals.append(Total(row.day, row.who, row.target, used))
        return totals

    async def flush(self) -> None:
        """Writes the rows that wait. If that raises `ConfigurationError`, they go on waiting."""
        async with self._write_lock:
            if not self._waiting:
                return
            schema = await self._database.schema()
            batch, self._waiting = self._waiting, deque()
            rows = [_row(entry) for entry in batch]
            settlements = [entry.settlement for entry in batch if entry.settlement is not None]

            def write(connection: Connection) -> None:
                connection.execute(schema.requests.insert(), rows)
                self.reserved.settle(connection, schema, settlements)

            try:
                await self._database.run(write)
            except ConfigurationError:
                self._waiting.extendleft(reversed(batch))
                raise
            if self._lost_rows:
                log.error("%d requests are missing from the ledger: the database failed for too long.", self._lost_rows)
                self._lost_rows = 0

    async def sweep_forever(self, every: float = SWEEP_INTERVAL) -> None:
        """Sweeps every so many seconds, for as long as the hub runs."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.sweep()
            except ConfigurationError:  # which the database has logged
                continue
            except Exception:
                log.exception("Old rows of the ledger could not be deleted.")

    async def sweep(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> int:
        """Deletes the rows that are older than the ledger keeps them, in small steps. Returns how many there were.

        After each step others can write: it waits by `pause`, which gets seconds. Raises `ConfigurationError`.
        """
        if not self._days or self._database.is_missing:
            return 0
        schema = await self._database.schema()
        from sqlalchemy import delete, select

        rows = schema.requests.c
        old = select(rows.id).where(rows.day <= self.today - self._days).order_by(rows.day).limit(SWEEP_BATCH_ROWS)
        deletion = delete(schema.requests).where(rows.id.in_(old))
        deleted = 0
        while count := await self._database.run(lambda connection: connection.execute(deletion).rowcount):
            deleted += count
            await pause(SWEEP_PAUSE)
        return deleted

    async def aclose(self) -> None:
        """Writes the rows that wait, if the database works."""
        self._closing.set()
        await self.reserved.aclose()
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        """Writes batches until no row waits."""
        pause = WRITE_INTERVAL
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            pause = WRITE_INTERVAL
            try:
                await self.flush()
            except ConfigurationError:  # which the database has logged
                pause = RETRY_INTERVAL
                if self._closing.is_set():
                    log.error("%d requests are missing from the ledger.", len(self._waiting))  # noqa: TRY400
                    break
            except Exception:
                log.exception("Rows of the ledger could not be written.")
        self._writer = None


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "day": int(entry.at // DAY),
        "who": _name(entry.caller, 100),
        "way": _name(entry.surface, 100),
        "target": _name(entry.target, 400),
        "outcome": _name(entry.outcome, 40),
        "attempts": entry.attempts,
        "seconds": entry.seconds,
        "first_token": entry.first_token,
        **{column: _count(entry.usage.get(column)) for column in COUNTS},
        "nanodollars": None if entry.price is None else _count(int(entry.price * NANO)),
        "reported_nanodollars": _count(int(entry.reported_price * NANO)) if entry.reported_price else None,
    }


def _total(row: dict[str, Any]) -> Total:
    """The sums of one row, as `totals` has them."""
    is_answered = row["outcome"] == "answered"
    used = UsageSums(
        requests=1,
        answered=int(is_answered),
        unpriced=int(is_answered and row["nanodollars"] is None),
        price=Decimal(row["nanodollars"] or 0) / NANO,
        reported_price=Decimal(row["reported_nanodollars"] or 0) / NANO,
        **{name: row[name] or 0 for name in COUNTS},
    )
    return Total(row["day"], row["who"], row["target"], used)


def _name(text: str, most: int) -> str:
    """A name from a request, without the characters that a database refuses, such as lone surrogates and NUL."""
    return printable(text[:most])


def _count(number: object) -> int | None:
    """A count from a provider; None if it is no count, or too large for the column."""
    return number if isinstance(number, int) and 0 <= number < 2**53 else None

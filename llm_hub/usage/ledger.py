"""The ledger: one row for every request that reached a provider, and never a word of what was said.

Rows are written in the background, in batches: no answer waits for the database, or fails with it. Those that are older
than they are kept are deleted there, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from llm_hub.errors import ConfigurationError
from llm_hub.logs import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from sqlalchemy import Connection

    from llm_hub.chat import Usage
    from llm_hub.storage.database import Database

log = logging.getLogger(__name__)

DAY = 86400
"""Seconds. Days are those of UTC."""
NANO = 10**9
"""Prices are kept in billionths of a US dollar: whole numbers add up exactly."""
MAX_WAITING_ENTRIES = 20_000
"""Rows that wait for the database at most; then the oldest are lost."""
BATCH = 1.0
"""Seconds between two writings."""
PAUSE = 10.0
"""Seconds until a database that failed is tried again."""
SWEEP = 3600.0
"""Seconds between two looks for rows that are too old."""
SWEPT = 1000
"""Rows that are deleted at once: others may write in between."""
BREATH = 0.05
"""Seconds between two such deletions."""
Count = Literal["prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens"]
COUNTS: tuple[Count, ...] = get_args(Count)

Key = TypeVar("Key", bound="Hashable")


@dataclass(frozen=True, slots=True)
class Entry:
    """A request. `target` is the model that answered, or where none did the first that was asked.

    `caller` is the name of a key of the API, or "page"; `surface` is where it was asked (chat, compare, /v1/…);
    `outcome` is "answered", "cancelled" or the error's kind. `price` is in US dollars, None where it is not known.
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


@dataclass(frozen=True, slots=True)
class Used:
    """What requests used together. `unpriced` are the answers without a price, which `price` knows nothing of."""

    requests: int = 0
    answered: int = 0
    unpriced: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    price: Decimal = Decimal(0)

    def __add__(self, other: Used) -> Used:
        return Used(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Total:
    """What somebody used of a target on a day. `day` counts from 1970-01-01."""

    day: int
    caller: str
    target: str
    used: Used


def sum_by(totals: Iterable[Total], key: Callable[[Total], Key]) -> dict[Key, Used]:
    """What the totals of one key add up to, by key."""
    sums: dict[Key, Used] = {}
    for total in totals:
        name = key(total)
        sums[name] = sums.get(name, Used()) + total.used
    return sums


class Ledger:
    """The rows of a database, each kept for so many `days`; 0: for ever."""

    def __init__(self, database: Database, *, days: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._days = days
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._lost = 0
        self._writer: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._hurry = asyncio.Event()

    @property
    def today(self) -> int:
        """The number of the day."""
        return int(self._clock() // DAY)

    def note(self, entry: Entry) -> None:
        """Keeps a row, later."""
        if len(self._waiting) >= MAX_WAITING_ENTRIES:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(entry)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def totals(self, since: int = 0, caller: str | None = None) -> list[Total]:
        """Sums by day, asker and target, from the day `since` on: everybody's, or those of one asker.

        Raises `ConfigurationError`.
        """
        await self.flush()
        schema = await self._database.schema()
        if self._database.unmade:
            return []
        from sqlalchemy import case, func, select

        rows = schema.requests.c
        answered = rows.outcome == "answered"
        sums = {
            "requests": func.count(),
            "answered": func.sum(case((answered, 1), else_=0)),
            "unpriced": func.sum(case((answered & rows.nanodollars.is_(None), 1), else_=0)),
            **{name: func.coalesce(func.sum(rows[name]), 0) for name in (*COUNTS, "nanodollars")},
        }
        wanted = select(rows.day, rows.who, rows.target, *(column.label(name) for name, column in sums.items()))
        wanted = wanted.where(rows.day >= since).group_by(rows.day, rows.who, rows.target).order_by(rows.day)
        if caller is not None:
            wanted = wanted.where(rows.who == caller)
        found = await self._database.run(lambda connection: connection.execute(wanted).all())
        totals = []
        for row in found:
            numbers = {name: int(getattr(row, name)) for name in sums}
            price = Decimal(numbers.pop("nanodollars")) / NANO
            totals.append(Total(row.day, row.who, row.target, Used(price=price, **numbers)))
        return totals

    async def flush(self) -> None:
        """Writes what waits. Raises `ConfigurationError`, and then it goes on waiting."""
        async with self._writing:
            if not self._waiting:
                return
            schema = await self._database.schema()
            batch, self._waiting = self._waiting, deque()
            rows = [_row(entry) for entry in batch]

            def write(connection: Connection) -> None:
                connection.execute(schema.requests.insert(), rows)

            try:
                await self._database.run(write)
            except ConfigurationError:
                self._waiting.extendleft(reversed(batch))
                raise
            if self._lost:
                log.error("%d requests are missing from the ledger: the database failed for too long.", self._lost)
                self._lost = 0

    async def sweep_forever(self, every: float = SWEEP) -> None:
        """Deletes what is too old, for as long as the hub runs."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.sweep()
            except ConfigurationError:  # which the database has logged
                continue
            except Exception:
                log.exception("Old rows of the ledger could not be deleted.")

    async def sweep(self) -> int:
        """Deletes the rows of days that are over and not kept any more, few at a time, and gives how many there were.

        Raises `ConfigurationError`.
        """
        if not self._days or self._database.unmade:
            return 0
        schema = await self._database.schema()
        from sqlalchemy import delete, select

        rows = schema.requests.c
        old = select(rows.id).where(rows.day <= self.today - self._days).order_by(rows.day).limit(SWEPT)
        deletion = delete(schema.requests).where(rows.id.in_(old))
        deleted = 0
        while found := await self._database.run(lambda connection: connection.execute(deletion).rowcount):
            deleted += found
            await asyncio.sleep(BREATH)
        return deleted

    async def aclose(self) -> None:
        """Writes what waits, if the database lets it."""
        self._hurry.set()
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        """Writes for as long as there is something to write."""
        pause = BATCH
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
            pause = BATCH
            try:
                await self.flush()
            except ConfigurationError:  # which the database has logged
                pause = PAUSE
                if self._hurry.is_set():
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
    }


def _name(text: str, most: int) -> str:
    """Names come from requests: without what a database refuses, such as halves of characters and NUL."""
    return printable(text[:most])


def _count(number: object) -> int | None:
    """Counts come from providers: what is none, or does not fit into a column, is not known."""
    return number if isinstance(number, int) and 0 <= number < 2**53 else None

"""How each target did in each of the last 24 hours: attempts that were answered and that failed, and first tokens.

Counted in memory from the attempts, and written to the database in the background, so that a restart keeps it. Each
process has rows of its own there: several hubs with one database add up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_hub.errors import ConfigurationError
from llm_hub.logs import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from llm_hub.chat import Attempt
    from llm_hub.storage.database import Database

log = logging.getLogger(__name__)

HOURS = 24
HOUR = 3600
"""Seconds."""
WRITE_INTERVAL = 30.0
"""Seconds between two looks at what is to be written. A hub that is killed forgets that much."""
MAX_TARGETS = 300
"""Targets that are counted in an hour."""
STEP = math.log(1.1)
"""First tokens are counted in steps of 10 %: a median is exact to 5 %."""


@dataclass(slots=True)
class HourCounts:
    """What one target did in one hour. `delays` counts first tokens by their step."""

    answered: int = 0
    failed: int = 0
    delays: Counter[int] = field(default_factory=Counter)

    def add(self, attempt: Attempt) -> None:
        """One more attempt that is over."""
        if attempt.outcome != "answered":
            self.failed += 1
            return
        self.answered += 1
        if attempt.first_token is not None:
            self.delays[round(math.log(max(attempt.first_token, 0.001)) / STEP)] += 1

    def __add__(self, other: HourCounts) -> HourCounts:
        return HourCounts(self.answered + other.answered, self.failed + other.failed, self.delays + other.delays)

    @property
    def attempts(self) -> int:
        """How many there were."""
        return self.answered + self.failed

    @property
    def first_token(self) -> float | None:
        """The median of the seconds until the first token; None: none came."""
        passed, middle = 0, (self.delays.total() + 1) / 2
        for step in sorted(self.delays):
            passed += self.delays[step]
            if passed >= middle:
                return math.exp(step * STEP)
        return None


class TargetDays:
    """The last 24 hours of every target, in memory alone or with a database. `now` is the time of day, in seconds."""

    def __init__(self, database: Database | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._writer = secrets.token_hex(8)
        self._own: dict[tuple[str, int], HourCounts] = {}
        self._unknown: dict[tuple[str, int], HourCounts] = {}
        """Those of targets that may not be named: never written, and only counted by `note`."""
        self._others: dict[tuple[str, int], HourCounts] = {}
        """What other processes have written, those before this one among them."""
        self._changed: set[tuple[str, int]] = set()
        self.changes = 0
        """Grows whenever `of` would give something else, but for time that passes."""

    @property
    def hour(self) -> int:
        """The present hour, in hours since 1970."""
        return int(self._now() // HOUR)

    @property
    def targets(self) -> frozenset[str]:
        """Those that were asked in the last 24 hours."""
        first = self.hour - HOURS + 1
        return frozenset(target for target, hour in (*self._own, *self._others) if hour >= first)

    def of(self, target: str) -> list[HourCounts]:
        """A target's last 24 hours, the present one last."""
        last, nothing = self.hour, HourCounts()
        places = [(target, hour) for hour in range(last - HOURS + 1, last + 1)]
        return [self._own.get(place, nothing) + self._others.get(place, nothing) for place in places]

    def note(self, target: str, attempt: Attempt, *, is_known: bool = True) -> None:
        """An attempt at a target is over. Where its name may not be kept (it may be a key in the wrong place), the
        attempt counts once it may, within the hour. Returns at once.
        """
        if attempt.outcome != "answered" and not attempt.has_failed:
            return
        place = (target, self.hour)
        counts = self._own if is_known else self._unknown
        if place not in counts:
            self._forget_old()
            if sum(hour == place[1] for _, hour in counts) >= MAX_TARGETS:
                return
            counts[place] = HourCounts()
        counts[place].add(attempt)
        if is_known:
            if place in self._unknown:
                self._own[place] += self._unknown.pop(place)
            self._changed.add(place)
            self.changes += 1

    async def load(self) -> None:
        """Reads what others have written. Raises `ConfigurationError`."""
        if self._database is None or self._database.is_missing:
            return
        table = (await self._database.schema()).target_hours
        from sqlalchemy import select

        first = self.hour - HOURS + 1
        query = select(table).where(table.c.hour >= first, table.c.writer != self._writer)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        others: dict[tuple[str, int], HourCounts] = {}
        for row in rows:
            delays = Counter({int(step): count for step, count in json.loads(row.delays).items()})
            place = (row.target, row.hour)
            others[place] = others.get(place, HourCounts()) + HourCounts(row.answered, row.failed, delays)
        self._others = others
        self.changes += 1

    async def flush(self) -> None:
        """Writes what has changed, and deletes what is too old. If it raises `ConfigurationError`, that waits."""
        if self._database is None or not self._changed:
            return
        table = (await self._database.schema()).target_hours
        changed, self._changed = self._changed, set()
        rows = [self._row(place) for place in sorted(changed) if place in self._own]
        first = self.hour - HOURS + 1

        def write(connection: Connection) -> None:
            own = table.c.writer == self._writer
            for row in rows:
                connection.execute(
                    table.delete().where(own, table.c.target == row["target"], table.c.hour == row["hour"])
                )
            connection.execute(table.delete().where(table.c.hour < first))
            if rows:
                connection.execute(table.insert(), rows)

        try:
            await self._database.run(write)
        except ConfigurationError:
            self._changed |= changed
            raise

    async def write_forever(self) -> None:
        """Reads what is there, and then writes every so many seconds, for as long as the hub runs."""
        await self._quietly((self.load,))
        while True:
            await asyncio.sleep(WRITE_INTERVAL)
            if self._changed:
                await self._quietly((self.flush, self.load))

    async def aclose(self) -> None:
        """Writes what is not written yet, if the database works."""
        await self._quietly((self.flush,))

    async def _quietly(self, steps: Iterable[Callable[[], Any]]) -> None:
        try:
            for step in steps:
                await step()
        except ConfigurationError:  # which the database has logged
            pass
        except Exception:
            log.exception("The last day of the targets could not be kept.")

    def _row(self, place: tuple[str, int]) -> dict[str, Any]:
        target, hour = place
        counts = self._own[place]
        delays = json.dumps({str(step): count for step, count in counts.delays.items()})
        return {
            "writer": self._writer, "target": printable(target[:400]), "hour": hour,
            "answered": counts.answered, "failed": counts.failed, "delays": delays,
        }  # fmt: skip

    def _forget_old(self) -> None:
        first = self.hour - HOURS + 1
        for counts in (self._own, self._unknown, self._others):
            for place in [place for place in counts if place[1] < first]:
                del counts[place]

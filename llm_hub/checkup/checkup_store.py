"""Earlier check-ups, in the hub's database."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.checkup.card import cards_as_json, read_cards

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from llm_hub.checkup.checkup import Card
    from llm_hub.storage.database import Database

MAX_KEPT = 60
"""Check-ups, the newest: two months of one a night. Older ones are deleted."""


@dataclass(frozen=True, slots=True)
class PastCheckup:
    """A check-up that was made. `at` is in seconds since 1970."""

    at: float
    cards: tuple[Card, ...]


class CheckupStore:
    """The check-ups of a database. Its methods raise `ConfigurationError`."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def add(self, cards: Sequence[Card]) -> None:
        """Keeps a check-up of this moment, and deletes those that are too many."""
        table = (await self._database.schema()).checkups
        from sqlalchemy import select

        row = {"at": self._clock(), "cards": cards_as_json(cards)}
        newest = select(table.c.id).order_by(table.c.id.desc()).limit(MAX_KEPT)

        def write(connection: Connection) -> None:
            connection.execute(table.insert(), [row])
            connection.execute(table.delete().where(table.c.id.not_in(connection.execute(newest).scalars().all())))

        await self._database.run(write)

    async def latest(self, count: int = 1) -> list[PastCheckup]:
        """The newest so many, the newest first."""
        table = (await self._database.schema()).checkups
        if self._database.is_missing:
            return []
        from sqlalchemy import select

        query = select(table.c.at, table.c.cards).order_by(table.c.id.desc()).limit(count)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [PastCheckup(at, read_cards(cards)) for at, cards in rows]

"""The votes of blind comparisons, in a database. `ui/compare/blind_vote.py` decides which votes are cast at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llm_hub.arena.ratings import Vote
from llm_hub.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection


class Votes:
    """The votes of a database, given as such or by its URL. Its methods raise `ConfigurationError`."""

    def __init__(self, database: Database | str, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(database) if isinstance(database, str) else database
        self._clock = clock

    async def add(self, vote: Vote) -> None:
        """Saves a vote with the present time."""
        schema = await self._database.schema()
        at = self._clock()

        def write(connection: Connection) -> None:
            row = {"at": at, "verdict": vote.verdict, "conversation": vote.conversation}
            key = connection.execute(schema.votes.insert().values(row).returning(schema.votes.c.id)).scalar_one()
            seats = [
                {"vote_id": key, "seat": seat, "target": target, "won": seat == vote.winner}
                for seat, target in enumerate(vote.targets)
            ]
            connection.execute(schema.contestants.insert(), seats)

        await self._database.run(write)

    async def since(self, seconds: float | None = None) -> list[Vote]:
        """The votes of the last `seconds`, or all, in the order they were cast. Without their conversations."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return []
        from sqlalchemy import select

        votes, contestants = schema.votes, schema.contestants
        query = select(votes.c.id, votes.c.at, votes.c.verdict, contestants.c.target, contestants.c.won)
        query = query.join(contestants).order_by(votes.c.id, contestants.c.seat)
        if seconds is not None:
            query = query.where(votes.c.at >= self._clock() - seconds)
        rows_by_vote: dict[int, list[Any]] = {}
        for row in await self._database.run(lambda connection: connection.execute(query).all()):
            rows_by_vote.setdefault(row.id, []).append(row)
        return [
            Vote(
                targets=tuple(row.target for row in rows),
                verdict=rows[0].verdict,
                winner=next((seat for seat, row in enumerate(rows) if row.won), None),
                at=rows[0].at,
            )
            for rows in rows_by_vote.values()
        ]

    async def aclose(self) -> None:
        """Closes the database."""
        await self._database.aclose()

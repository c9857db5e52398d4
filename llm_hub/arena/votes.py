"""The votes, in a database. Which votes count is checked before: see `ui/compare/blind_vote.py`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llm_hub.arena.ratings import Vote
from llm_hub.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection


class Votes:
    """The votes of a database, or of the one that an address leads to. Raises `ConfigurationError`."""

    def __init__(self, database: Database | str, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(database) if isinstance(database, str) else database
        self._clock = clock

    async def add(self, vote: Vote) -> None:
        """Keeps a vote, with the time of now."""
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
        if self._database.unmade:
            return []
        from sqlalchemy import select

        votes, contestants = schema.votes, schema.contestants
        wanted = select(votes.c.id, votes.c.at, votes.c.verdict, contestants.c.target, contestants.c.won)
        wanted = wanted.join(contestants).order_by(votes.c.id, contestants.c.seat)
        if seconds is not None:
            wanted = wanted.where(votes.c.at >= self._clock() - seconds)
        found: dict[int, list[Any]] = {}
        for row in await self._database.run(lambda connection: connection.execute(wanted).all()):
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
        """Closes the database."""
        await self._database.aclose()

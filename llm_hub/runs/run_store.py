"""Runs in the hub's database: a row for each run, and one for each cell, written as it is answered.

Who works on a run holds it by a name and a time that is renewed. Nobody else takes it over before that time is old, so
that two processes never ask the same cells; one that was killed is waited for no longer than that.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from llm_hub.errors import ConfigurationError
from llm_hub.runs.cell import Cell, read_cell, write_cell
from llm_hub.runs.run_plan import RunPlan, read_plan, write_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from llm_hub.storage.database import Database

HOLD_SECONDS = 10.0
"""Seconds after which a run belongs to nobody if whoever worked on it has not said that it still does."""


@dataclass(frozen=True, slots=True)
class RunHead:
    """A run as a list shows it. `size` is the number of its cells, `written` how many of them have been written."""

    id: str
    title: str
    created_at: float
    size: int
    written: int


class StoredRun(NamedTuple):
    """A run as it is written: its cells, and those of its judge, by number."""

    plan: RunPlan
    cells: dict[int, Cell]
    verdicts: dict[int, Cell]


class RunStore:
    """The runs of a database."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[tuple[str, Cell, asyncio.Future[None]]] = []
        """Cells that are to be written, with their runs."""
        self._writer: asyncio.Task[None] | None = None

    async def create(self, run_id: str, plan: RunPlan) -> None:
        """Writes a new run. Raises `ConfigurationError` where the database fails."""
        schema = await self._database.schema()
        row = {
            "id": run_id,
            "title": plan.prompts.name,
            "created_at": self._clock(),
            "size": plan.size,
            "plan": orjson.dumps(write_plan(plan)).decode(),
            "holder": "",
            "held_at": 0.0,
        }
        await self._database.run(lambda connection: connection.execute(schema.runs.insert(), [row]))

    async def update(self, run_id: str, plan: RunPlan) -> None:
        """Writes a run's plan anew."""
        schema = await self._database.schema()
        change = schema.runs.update().where(schema.runs.c.id == run_id)
        document = orjson.dumps(write_plan(plan)).decode()
        await self._database.run(lambda connection: connection.execute(change.values(plan=document)))

    async def load(self, run_id: str) -> StoredRun | None:
        """The run of that id with the cells that are written; None: there is none."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return None
        from sqlalchemy import select

        runs, cells = schema.runs, schema.run_cells

        def read(connection: Connection) -> tuple[str | None, Sequence[Any]]:
            plan = connection.execute(select(runs.c.plan).where(runs.c.id == run_id)).scalar()
            query = select(cells.c.document).where(cells.c.run_id == run_id)
            return plan, connection.execute(query.order_by(cells.c.number)).scalars().all()

        plan, documents = await self._database.run(read)
        if plan is None:
            return None
        cells_by_number = _read_cells(documents)
        return StoredRun(
            read_plan(orjson.loads(plan)),
            {number: cell for number, cell in cells_by_number.items() if number >= 0},
            {number: cell for number, cell in cells_by_number.items() if number < 0},
        )

    async def heads(self, limit: int = 200) -> list[RunHead]:
        """The newest runs."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return []
        from sqlalchemy import func, select

        runs, cells = schema.runs.c, schema.run_cells.c
        written = select(func.count()).where(cells.run_id == runs.id, cells.number >= 0).scalar_subquery()
        query = select(runs.id, runs.title, runs.created_at, runs.size, written)
        query = query.order_by(runs.created_at.desc(), runs.id).limit(limit)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [RunHead(*row) for row in rows]

    async def titles(self, limit: int = 200) -> list[tuple[str, str, float]]:
        """The newest runs: the id of each, its title and when it was begun."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return []
        from sqlalchemy import select

        runs = schema.runs.c
        query = select(runs.id, runs.title, runs.created_at).order_by(runs.created_at.desc(), runs.id).limit(limit)
        rows = await self._database.run(lambda connection: connection.execute(query).all())
        return [(row.id, row.title, row.created_at) for row in rows]

    async def write(self, run_id: str, cell: Cell) -> None:
        """Writes one cell, in the place of what stood there. Those that come while others are written go together:
        a transaction for each would take longer than many an answer."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((run_id, cell, written))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        """Writes cells until none waits, whatever becomes of those who wait for them."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._write_together([(run_id, cell) for run_id, cell, _ in batch])
            except Exception as error:  # noqa: BLE001  # it is raised where the cell was given
                for *_, written in batch:
                    if not written.done():
                        written.set_exception(error)
            for *_, written in batch:
                if not written.done():
                    written.set_result(None)
        self._writer = None

    async def _write_together(self, batch: list[tuple[str, Cell]]) -> None:
        schema = await self._database.schema()
        table = schema.run_cells
        rows = [
            {"run_id": run_id, "number": cell.number, "document": orjson.dumps(write_cell(cell)).decode()}
            for run_id, cell in batch
        ]

        def write(connection: Connection) -> None:
            for row in rows:
                place = (table.c.run_id == row["run_id"]) & (table.c.number == row["number"])
                connection.execute(table.delete().where(place))
            connection.execute(table.insert(), rows)

        await self._database.run(write)

    async def delete(self, run_id: str) -> None:
        """Deletes a run with its cells."""
        schema = await self._database.schema()
        if self._database.is_missing:
            return

        def delete(connection: Connection) -> None:
            connection.execute(schema.run_cells.delete().where(schema.run_cells.c.run_id == run_id))
            connection.execute(schema.runs.delete().where(schema.runs.c.id == run_id))

        await self._database.run(delete)

    async def hold(self, run_id: str, holder: str) -> float:
        """Takes the run, or renews the hold. Returns 0, or the seconds until another's hold is old.

        Raises `ConfigurationError` where there is no such run.
        """
        schema = await self._database.schema()
        from sqlalchemy import select

        runs, now = schema.runs, self._clock()

        def take(connection: Connection) -> float:
            query = select(runs.c.holder, runs.c.held_at).where(runs.c.id == run_id)
            row = connection.execute(query.with_for_update()).one_or_none()
            if row is None:
                raise ConfigurationError(f"There is no run {run_id}.")
            left = row.held_at + HOLD_SECONDS - now
            if row.holder not in ("", holder) and left > 0:
                return float(left)
            connection.execute(runs.update().where(runs.c.id == run_id).values(holder=holder, held_at=now))
            return 0.0

        return await self._database.run(take)

    async def release(self, run_id: str, holder: str) -> None:
        """Gives the run back, once its last cells are written."""
        if self._writer is not None:
            await self._writer
        schema = await self._database.schema()
        runs = schema.runs
        change = runs.update().where(runs.c.id == run_id, runs.c.holder == holder).values(holder="")
        await self._database.run(lambda connection: connection.execute(change))


def _read_cells(documents: Iterable[str]) -> dict[int, Cell]:
    cells = (read_cell(orjson.loads(document)) for document in documents)
    return {cell.number: cell for cell in cells}

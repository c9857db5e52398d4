"""Runs in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llm_hub.runs.cell import Cell
from llm_hub.runs.marking import with_marks
from llm_hub.runs.run_store import RunStore, StoredRun
from llm_hub.storage.database import Database
from tests.runs.hubs import RUN, open_hub
from tests.runs.test_runner import asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.fault_server import FaultServer


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    database = Database(request.getfixturevalue("postgres") if request.param == "postgres" else url)
    yield database
    await RunStore(database).delete(RUN)
    await database.aclose()


async def test_a_run_with_a_judge_is_asked_marked_and_read_again(
    database: Database, fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        store = hub.store = RunStore(database)
        plan = await hub.plan("cheap/ok dear/ok?tokens=4", prompts=6, judge="cheap/ok?as=judge", max_usd=Decimal(9))
        runner = await hub.start(plan)
        work = asyncio.create_task(runner.run())
        await fault_server.exchanges.until(lambda seen: sum(each.finished for each in seen) >= 4)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        written = (await hub.stored()).cells
        before = len(asked(fault_server))
        run = await hub.work()
        assert len(asked(fault_server)) - before == (12 - len(written)) + 12
        assert (len(run.cells), len(run.verdicts)) == (12, 12)
        assert all(run.cells[number] == cell for number, cell in written.items())
        marked = replace(run.cells[3], mark=True)
        await store.write(RUN, marked)
        await store.update(RUN, with_marks(plan, [marked]))
        found = await hub.stored()
        assert found == StoredRun(replace(plan, checks=("marked:",)), {**run.cells, 3: marked}, run.verdicts)
        (head,) = await store.heads()
        assert (head.id, head.size, head.written) == (RUN, 12, 12)
        assert [title for title in await store.titles() if title[0] == RUN] == [(RUN, "set.txt", head.created_at)]


async def test_one_process_at_a_time_holds_a_run_and_its_cells_go_with_it(
    database: Database, fault_server: FaultServer, tmp_path: Path
) -> None:
    now = 1000.0
    async with open_hub(fault_server, tmp_path) as hub:
        store = RunStore(database, clock=lambda: now)
        await store.create(RUN, await hub.plan("cheap/ok"))
        assert await store.hold(RUN, "one") == 0
        assert await store.hold(RUN, "other") == 10
        now += 10
        assert await store.hold(RUN, "other") == 0, "the first was killed"
        assert await store.hold(RUN, "one") == 10
        await asyncio.gather(*(store.write(RUN, Cell(number, "answered", "\u2028 \U0001d4b3")) for number in range(3)))
        await store.release(RUN, "other")
        found = await store.load(RUN)
        assert found is not None
        assert len(found.cells) == 3
        await store.delete(RUN)
        assert await store.load(RUN) is None
        await store.create(RUN, found.plan)
        assert (await store.load(RUN) or found).cells == {}

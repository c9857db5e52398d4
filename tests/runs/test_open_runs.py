"""The runs of a server: paused, gone on with, asked again where they failed, and listed among the conversations."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette

from llm_hub.api import conversations as endpoints
from llm_hub.conversations.open_conversations import OpenConversations
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.errors import ConfigurationError
from llm_hub.redaction import redact
from llm_hub.runs.open_runs import OpenRuns
from llm_hub.storage.database import Database
from tests.runs.hubs import open_hub
from tests.runs.test_runner import asked, prompt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from llm_hub.runs.open_runs import OpenRun
    from tests.fault_server import FaultServer
    from tests.runs.hubs import Hubs

ONE_TRY = "LLM_HUB_MAX_RETRIES=0\nLLM_HUB_COOLDOWN=0.001\n"


@asynccontextmanager
async def open_runs(fault_server: FaultServer, folder: Path) -> AsyncIterator[tuple[Hubs, OpenRuns]]:
    async with open_hub(fault_server, folder, ONE_TRY) as hub:
        runs = OpenRuns(hub.gateway, hub.store, clean=redact)
        try:
            yield hub, runs
        finally:
            await runs.aclose()


async def end(run: OpenRun) -> None:
    """Waits until nobody works on the run any more."""
    while run.is_running:
        await run.wait(run.version, 30)


async def test_a_run_is_paused_and_gone_on_with(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_runs(fault_server, tmp_path) as (hub, runs):
        fault_server.limit = 3  # tokens of each answer, until more are let through
        run = await runs.start(hub.caller, await hub.plan("cheap/ok", prompts=20))
        assert runs.running is run
        await fault_server.exchanges.until(lambda seen: len(seen) >= 4)
        runs.stop(run.id)
        assert run.is_running, "the answers that are being written are waited for"
        fault_server.limit = None
        await end(run)
        assert (run.ended, len(run.cells), len(asked(fault_server))) == ("stopped", 4, 4)
        assert not runs.is_running(run.id)
        resumed = await runs.resume(hub.caller, run.id)
        await end(resumed)
        assert (resumed.ended, resumed.problem) == ("complete", "")
    assert sorted(map(prompt, asked(fault_server))) == sorted(f"prompt {number}" for number in range(20))


async def test_a_run_that_a_server_left_is_gone_on_with_by_the_next(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_runs(fault_server, tmp_path) as (hub, runs):
        fault_server.limit = 3
        run = await runs.start(hub.caller, await hub.plan("cheap/ok", prompts=6))
        await fault_server.exchanges.until(lambda seen: len(seen) >= 4)
        await runs.aclose()
        assert run.ended == "stopped"
    fault_server.limit = None
    async with open_runs(fault_server, tmp_path) as (hub, runs):
        assert not runs.is_running(run.id)
        resumed = await runs.resume(hub.caller, run.id)
        assert await runs.resume(hub.caller, run.id) is resumed, "a second click begins nothing"
        await end(resumed)
        assert len(resumed.cells) == 6
        with pytest.raises(ConfigurationError, match="not here any more"):
            await runs.resume(hub.caller, "another")


async def test_failed_cells_are_asked_again_alone(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_runs(fault_server, tmp_path) as (hub, runs):
        run = await runs.start(hub.caller, await hub.plan("cheap/status-503?times=2 dear/ok", prompts=3))
        await end(run)
        failed = {number for number, cell in run.cells.items() if not cell.is_answered}
        assert len(failed) == 2
        before = len(asked(fault_server))
        again = await runs.resume(hub.caller, run.id, again=True)
        await end(again)
        assert len(asked(fault_server)) - before == 2
        assert all(cell.is_answered for cell in again.cells.values())
        assert {number for number, cell in again.cells.items() if cell.requests == 2} == failed


async def test_a_judge_is_paused_and_gone_on_with(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_runs(fault_server, tmp_path) as (hub, runs):
        plan = await hub.plan("cheap/ok?tokens=4 dear/ok?tokens=5", prompts=20, judge="ollama/ok?as=judge")
        run = await runs.start(hub.caller, plan)
        await fault_server.exchanges.until(lambda seen: len(seen) > 40)
        runs.stop(run.id)
        await end(run)
        assert (run.ended, len(run.cells)) == ("stopped", 40)
        assert run.judge_left == 40 - len(run.verdicts) > 0
        run = await runs.resume(hub.caller, run.id)
        await end(run)
        assert (run.ended, run.judge_left, len(run.verdicts)) == ("complete", 0, 40)
    assert len(asked(fault_server)) == 40 + 40


async def test_runs_are_in_the_owners_list_of_conversations_alone(fault_server: FaultServer, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'runs.db'}")
    conversations = OpenConversations(SqlConversationStore(database))
    app = Starlette()

    async def listed(client: str, search: str = "") -> list[tuple[str, str, bool]]:
        transport = httpx.ASGITransport(app, client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
            heads = (await browser.get(f"/conversations?search={search}")).json()["conversations"]
        return [(head["kind"], head["shown_title"], head["running"]) for head in heads]

    async with open_runs(fault_server, tmp_path) as (hub, runs):
        app.router.routes += endpoints.routes(conversations, runs.listed)
        fault_server.limit = 3
        run = await runs.start(hub.caller, await hub.plan("cheap/ok"))
        assert await listed("127.0.0.1") == [("run", "set.txt", True)]
        fault_server.limit = None
        await end(run)
        assert await listed("127.0.0.1", "SET") == [("run", "set.txt", False)]
        assert await listed("127.0.0.1", "sea") == []
        assert await listed("203.0.113.7") == []
    await database.aclose()

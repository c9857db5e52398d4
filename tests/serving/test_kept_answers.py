"""Answers outlive their page and their hub: a tab that closes, a stop, a crash in the middle of a sentence."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from llm_hub.conversations.turn_document import INTERRUPTED
from tests.fault_server import FaultServerThread
from tests.ui.site import Site
from tests.ui.tab import Tab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

BRIEF = "ok?tokens=60&rate=10&ends=brief"
ENDLESS = "ok?tokens=100000&rate=50&ends=never"


@pytest.fixture
def fault_server() -> Iterator[FaultServerThread]:
    with FaultServerThread() as fault_server:
        yield fault_server


@pytest.fixture
def site(fault_server: FaultServerThread, tmp_path: Path) -> Site:
    """A hub that is not started yet. Its database is beside its log."""
    environment = {
        "OPENAI_API_KEY": "sk-test-0123456789",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "LLM_HUB_SHUTDOWN_TIMEOUT": "0.5",
    }
    return Site(tmp_path / "log", environment)


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the hub, which is started for it, also again."""
    site.first_ok = site.ready = 0.0
    await asyncio.to_thread(site.start)
    try:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=60) as client:
            yield client
    finally:
        await asyncio.to_thread(site.stop, signal.SIGKILL)


async def ask(client: httpx.AsyncClient, prompt: str, model: str) -> asyncio.Task[Any]:
    """A tab that asks, and waits for the answer."""
    config = (await client.get("/config")).json()
    return asyncio.create_task(Tab(client, config).ask(prompt, chat_provider="openai", chat_model=model))


def written(site: Site) -> dict[str, Any]:
    """The turn as it is in the database by now, {} before the first write."""
    try:
        with closing(sqlite3.connect(f"file:{site.log}.db?mode=ro", uri=True)) as database:
            row = database.execute("select document from turns").fetchone()
    except sqlite3.OperationalError:  # the file, or its tables, are not made yet
        return {}
    turn: dict[str, Any] = json.loads(row[0]) if row else {}
    return turn


async def wait_for_writing(site: Site, outcome: str = "pending", words: int = 20) -> dict[str, Any]:
    """The turn in the database, as soon as it has so many words of an answer."""
    async with asyncio.timeout(60):
        while True:
            turn = written(site)
            if turn.get("outcome") == outcome and len(turn.get("text", "").split()) >= words:
                return turn
            await asyncio.sleep(0.05)  # another process writes: there is nothing to wait on


async def kept_turn(client: httpx.AsyncClient) -> dict[str, Any]:
    """The only turn of the only conversation, as the page fetches it."""
    [head] = (await client.get("/conversations")).json()["conversations"]
    [node] = (await client.get(f"/conversations/{head['id']}")).json()["nodes"]
    turn: dict[str, Any] = node["turn"]
    return turn


async def test_a_hub_that_is_killed_in_the_middle_of_an_answer_has_kept_what_had_come(site: Site) -> None:
    async with running(site) as client:
        asking = await ask(client, "Tell me everything", ENDLESS)
        before = await wait_for_writing(site)
        site.process.kill()
        await asyncio.gather(asking, return_exceptions=True)
    async with running(site) as client:
        turn = await kept_turn(client)
        assert turn["prompt"]["text"] == "Tell me everything"
        assert turn["text"].startswith(before["text"])
        assert (turn["outcome"], turn["note"]) == ("stopped", INTERRUPTED)
        [found] = (await client.get("/conversations", params={"search": "EVERYTHING"})).json()["conversations"]
        assert "Tell me everything" in found["excerpt"]


async def test_a_hub_that_is_stopped_keeps_what_had_come_and_says_why_it_ends(site: Site) -> None:
    async with running(site) as client:
        asking = await ask(client, "Tell me everything", ENDLESS)
        before = await wait_for_writing(site)
        site.process.send_signal(signal.SIGTERM)
        await asyncio.gather(asking, return_exceptions=True)
        assert await asyncio.to_thread(site.process.wait, 60) == 0
    async with running(site) as client:
        turn = await kept_turn(client)
        assert turn["text"].startswith(before["text"])
        assert turn["outcome"] == "failed"
        assert turn["error"]["kind"] == "shutting_down"
    assert "Traceback" not in site.log.read_text()


async def test_an_answer_is_written_to_its_end_when_its_tab_is_gone(site: Site) -> None:
    async with running(site) as client:
        asking = await ask(client, "Be brief", BRIEF)
        await wait_for_writing(site, words=1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        turn = await wait_for_writing(site, "answered", words=60)
        assert await kept_turn(client) == turn | {"prompt": {"text": "Be brief"}}

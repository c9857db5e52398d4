"""How the server ends: what runs is completed, what is new is refused, what is left is ended in order."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fault_server import FaultServerThread
from tests.ui.site import Site
from tests.ui.tab import Tab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.fault_server.log import Exchange

BRIEF = "ok?tokens=60&rate=30&ends=brief"
ENDLESS = "ok?tokens=5000&rate=50&ends=never"
SILENT = "stall@first?ends=silent"
ENDS_IN_TIME = {"LLM_HUB_SHUTDOWN_TIMEOUT": "20"}
ENDS_SOON = {"LLM_HUB_SHUTDOWN_TIMEOUT": "0.5"}


@pytest.fixture
def fault_server() -> Iterator[FaultServerThread]:
    with FaultServerThread() as fault_server:
        yield fault_server


@asynccontextmanager
async def serving(
    fault_server: FaultServerThread, log: Path, **environment: str
) -> AsyncIterator[tuple[Site, httpx.AsyncClient]]:
    keys = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": fault_server.openai_url}
    site = Site(log, keys | environment)
    await asyncio.to_thread(site.start)
    try:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
            yield site, client
    finally:
        await asyncio.to_thread(site.stop, signal.SIGKILL)
    assert "Traceback" not in log.read_text()  # noqa: ASYNC240  # the server is gone by now


def asking(model: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": f"openai/{model}", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}


async def wait_for_answers(fault_server: FaultServerThread, *models: str) -> list[Exchange]:
    """Waits until all of these answers have begun, and those that speak for a while."""

    def running(exchanges: list[Exchange]) -> list[Exchange]:
        answers = [
            exchange
            for exchange in exchanges
            if exchange.model in models and (exchange.tokens_sent > 10 or exchange.model == SILENT)
        ]
        return answers if len(answers) == len(models) else []

    return await asyncio.to_thread(fault_server.wait_for, running)


async def wait_until_refusing(client: httpx.AsyncClient) -> None:
    """Waits until the server says that it stops."""
    async with asyncio.timeout(5):
        while (await client.get("/health")).status_code != 503:  # it says so within a tenth of a second
            pass


async def wait_for_end(site: Site) -> int:
    return await asyncio.to_thread(site.process.wait, 30)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once_also_with_an_open_tab(signum: signal.Signals, tmp_path: Path) -> None:
    with Site(tmp_path / "log") as site:
        opened = threading.Event()

        def tab() -> None:
            with (
                httpx.Client(trust_env=False, timeout=30) as client,
                client.stream("GET", f"{site.url}/gradio_api/heartbeat/abc") as beat,
            ):
                for _ in beat.iter_raw():
                    opened.set()

        visitor = threading.Thread(target=tab, daemon=True)
        visitor.start()
        assert opened.wait(10)
        assert site.stop(signum) < 3  # 0.5 s on an idle machine
        assert site.process.returncode == 0
        visitor.join(5)
        assert "Traceback" not in site.log.read_text()


async def test_running_answers_are_completed_and_new_requests_refused(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_IN_TIME) as (site, client):
        config = (await client.get("/config")).json()
        whole = asyncio.create_task(client.post("/v1/chat", json=asking(BRIEF, stream=False)))
        streamed = asyncio.create_task(client.post("/v1/chat/completions", json=asking(BRIEF)))
        on_page = asyncio.create_task(Tab(client, config).ask("Hello", chat_provider="openai", chat_model=BRIEF))
        await wait_for_answers(fault_server, BRIEF, BRIEF, BRIEF)
        site.process.send_signal(signal.SIGTERM)
        await wait_until_refusing(client)

        for path in ("/v1/chat", "/v1/chat/completions", "/v1/messages"):
            refused = await client.post(path, json=asking(BRIEF))
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            error = refused.json()["error"]
            assert error["type"] == ("overloaded_error" if path == "/v1/messages" else "server_error")
            assert "stopped" in error["message"]
        page = await client.get("/")
        assert (page.status_code, "Starting" in page.text) == (503, True)

        assert (await whole).json()["usage"]["completion_tokens"] == 60
        chunks = [line.removeprefix("data: ") for line in (await streamed).text.splitlines() if line]
        assert chunks[-1] == "[DONE]"
        assert json.loads(chunks[-2])["choices"][0]["finish_reason"] == "stop"
        assert "error" not in (await streamed).text
        last = (await on_page)[-1]
        assert (last.kind, last.message["success"]) == ("process_completed", True)
        assert await wait_for_end(site) == 0
    assert all(exchange.finished for exchange in fault_server.exchanges if exchange.model == BRIEF)
    assert len([exchange for exchange in fault_server.exchanges if exchange.model == BRIEF]) == 3


async def test_what_is_not_complete_in_time_is_ended_in_order(fault_server: FaultServerThread, tmp_path: Path) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_SOON) as (site, client):
        config = (await client.get("/config")).json()
        chat = asyncio.create_task(client.post("/v1/chat", json=asking(ENDLESS)))
        completion = asyncio.create_task(client.post("/v1/chat/completions", json=asking(ENDLESS)))
        whole = asyncio.create_task(client.post("/v1/chat/completions", json=asking(ENDLESS, stream=False)))
        silent = asyncio.create_task(client.post("/v1/chat/completions", json=asking(SILENT)))
        on_page = asyncio.create_task(Tab(client, config).ask("Hello", chat_provider="openai", chat_model=ENDLESS))
        running = await wait_for_answers(fault_server, ENDLESS, ENDLESS, ENDLESS, SILENT, ENDLESS)
        began = time.monotonic()
        site.process.send_signal(signal.SIGTERM)

        text = (await chat).text
        assert text.endswith("data: [DONE]\n\n")
        assert "event: error\n" in text
        *_, error, done = (line.removeprefix("data: ") for line in (await completion).text.splitlines() if line)
        assert done == "[DONE]"
        assert json.loads(error)["error"]["code"] == "shutting_down"
        for reply in (await whole, await silent):
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "shutting_down")
        assert (await on_page)[-1].kind == "process_completed"
        assert await wait_for_end(site) == 0
        assert time.monotonic() - began < 9  # half a second, and what a page may still ask for
    assert all(exchange.client_left for exchange in running)


async def test_a_second_signal_does_not_wait_for_answers(fault_server: FaultServerThread, tmp_path: Path) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_IN_TIME) as (site, client):
        async with client.stream("POST", "/v1/chat", json=asking(ENDLESS)) as reply:
            reply_lines = reply.aiter_lines()
            assert (await anext(reply_lines)).startswith(("event: attempt", "data: "))  # the end will be an event
            site.process.send_signal(signal.SIGTERM)
            await wait_until_refusing(client)
            second = time.monotonic()
            site.process.send_signal(signal.SIGTERM)
            lines = [line async for line in reply_lines]
        assert lines[-2:] == ["data: [DONE]", ""]
        assert await wait_for_end(site) == 0
        assert time.monotonic() - second < 8  # of the 20 seconds; 0.5 s on an idle machine
    assert all(exchange.client_left for exchange in fault_server.exchanges)


async def test_a_reader_who_takes_nothing_does_not_hold_it(fault_server: FaultServerThread, tmp_path: Path) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_SOON) as (site, client):
        fast = "ok?tokens=200000&rate=0&ends=unread"
        async with client.stream("POST", "/v1/chat", json=asking(fast)):
            await wait_for_answers(fault_server, fast)
            assert await asyncio.to_thread(site.stop) < 8
            assert site.process.returncode == 0

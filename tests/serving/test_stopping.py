"""How the server stops: running answers are completed, new requests refused, and what is left is ended in order."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
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
ENDS_LATE = {"LLM_HUB_SHUTDOWN_TIMEOUT": "600"}
"""Later than any test waits, so that what ends at all has not waited for it."""
AFTER_ANSWERS = 4.0
"""Seconds that a server has for all that is not an answer, as docs/deployment.md says."""
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


def chat_body(model: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": f"openai/{model}", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}


async def wait_for_answers(fault_server: FaultServerThread, *models: str) -> list[Exchange]:
    """Waits until an answer of each of these models has begun, and has sent ten tokens unless the model is silent."""

    def begun(exchanges: list[Exchange]) -> list[Exchange]:
        answers = [
            exchange
            for exchange in exchanges
            if exchange.model in models and (exchange.tokens_sent > 10 or exchange.model == SILENT)
        ]
        return answers if len(answers) == len(models) else []

    return await asyncio.to_thread(fault_server.wait_for, begun)


async def wait_for_refusals(client: httpx.AsyncClient) -> None:
    """Waits until the server says that it stops."""
    while (await client.get("/health")).status_code != 503:
        pass


async def exit_code(site: Site) -> int:
    return await asyncio.to_thread(site.process.wait, 30)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once_also_with_an_open_tab(signum: signal.Signals, tmp_path: Path) -> None:
    with Site(tmp_path / "log", ENDS_LATE) as site:
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
        assert opened.wait(30)
        site.stop(signum)
        assert site.process.returncode == 0
        visitor.join(30)
        log = site.log.read_text()
        assert "Traceback" not in log
        assert "Cancel" not in log  # uvicorn says so of requests that held it


async def test_running_answers_are_completed_and_new_requests_refused(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_IN_TIME) as (site, client):
        config = (await client.get("/config")).json()
        whole = asyncio.create_task(client.post("/v1/chat", json=chat_body(BRIEF, stream=False)))
        streamed = asyncio.create_task(client.post("/v1/chat/completions", json=chat_body(BRIEF)))
        on_page = asyncio.create_task(Tab(client, config).ask("Hello", chat_provider="openai", chat_model=BRIEF))
        await wait_for_answers(fault_server, BRIEF, BRIEF, BRIEF)
        site.process.send_signal(signal.SIGTERM)
        await wait_for_refusals(client)

        for path in ("/v1/chat", "/v1/chat/completions", "/v1/messages"):
            refused = await client.post(path, json=chat_body(BRIEF))
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
        assert await exit_code(site) == 0
    assert all(exchange.finished for exchange in fault_server.exchanges if exchange.model == BRIEF)
    assert len([exchange for exchange in fault_server.exchanges if exchange.model == BRIEF]) == 3


async def test_answers_that_are_not_complete_in_time_are_ended_in_order(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_SOON) as (site, client):
        config = (await client.get("/config")).json()
        chat = asyncio.create_task(client.post("/v1/chat", json=chat_body(ENDLESS)))
        completion = asyncio.create_task(client.post("/v1/chat/completions", json=chat_body(ENDLESS)))
        whole = asyncio.create_task(client.post("/v1/chat/completions", json=chat_body(ENDLESS, stream=False)))
        on_page = asyncio.create_task(Tab(client, config).ask("Hello", chat_provider="openai", chat_model=ENDLESS))
        await wait_for_answers(fault_server, ENDLESS, ENDLESS, ENDLESS, ENDLESS)
        # The last one: after some seconds a silent answer begins with a sign of life, and then its status is 200.
        silent = asyncio.create_task(client.post("/v1/chat/completions", json=chat_body(SILENT)))
        running = await wait_for_answers(fault_server, ENDLESS, ENDLESS, ENDLESS, SILENT, ENDLESS)
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
        assert await exit_code(site) == 0
    assert all(exchange.client_left for exchange in running)


async def test_neither_a_silent_collector_nor_a_silent_webhook_holds_the_server(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never reads from them
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        watched = {"LLM_HUB_OTEL": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": address, "LLM_HUB_ALERT_WEBHOOK": address}
        async with serving(fault_server, tmp_path / "log", **watched) as (site, client):
            answer = await client.post("/v1/chat", json=chat_body("quota", stream=False))
            assert answer.status_code == 502
            assert await asyncio.to_thread(site.stop) < AFTER_ANSWERS
        assert "alerts were not sent" in site.log.read_text()  # the server is gone by now


async def test_a_second_signal_does_not_wait_for_answers(fault_server: FaultServerThread, tmp_path: Path) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_LATE) as (site, client):
        async with client.stream("POST", "/v1/chat", json=chat_body(ENDLESS)) as reply:
            stream = reply.aiter_lines()
            assert (await anext(stream)).startswith(
                ("event: attempt", "data: ")
            )  # so the end is an event, and no status
            site.process.send_signal(signal.SIGTERM)
            await wait_for_refusals(client)
            site.process.send_signal(signal.SIGTERM)
            lines = [line async for line in stream]
        assert lines[-2:] == ["data: [DONE]", ""]
        assert await exit_code(site) == 0
    assert all(exchange.client_left for exchange in fault_server.exchanges)


async def test_a_client_that_does_not_read_does_not_hold_the_server(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    async with serving(fault_server, tmp_path / "log", **ENDS_SOON) as (site, client):
        fast = "ok?tokens=200000&rate=0&ends=unread"
        async with client.stream("POST", "/v1/chat", json=chat_body(fast)):
            await wait_for_answers(fault_server, fast)
            await asyncio.to_thread(site.stop)
            assert site.process.returncode == 0

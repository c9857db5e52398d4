"""More clients than there are open files for: as many as fit are served whole, the others are told to wait."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.fault_server import FaultServerThread
from tests.ui.site import Site

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit.")

APP = """
import resource

from llm_hub.serving.server import main

resource.setrlimit(resource.RLIMIT_NOFILE, (200, 256))  # raised at the start as far as it goes: 64 requests
main()
"""
REQUESTS, FITTING = 300, 63
SLOW, SHORT = "ok?tokens=20&page=open-files", "ok?tokens=5&page=open-files"


async def test_as_many_as_fit_are_served_whole_and_the_others_told_to_wait(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with FaultServerThread() as provider:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": provider.openai_url}
        with Site(tmp_path / "log", keys, folder=tmp_path) as site:
            provider.limit(5)
            async with (
                aiohttp.ClientSession(site.url, connector=aiohttp.TCPConnector(limit=0)) as client,
                tab(client) as heartbeat,
            ):
                asked = [asyncio.create_task(ask(client)) for _ in range(REQUESTS)]
                while sum(task.done() for task in asked) < REQUESTS - FITTING:
                    assert await health(client) == "ready"
                assert await health(client) == "ready"
                async with client.get("/") as page:
                    assert page.status == 503
                provider.limit(None)
                assert Counter(await asyncio.gather(*asked)) == {"whole": FITTING, "busy": REQUESTS - FITTING}
                assert await ask(client) == "whole"
                assert not heartbeat.content.at_eof()
                async with client.get("/metrics") as metrics:
                    paused = [line for line in (await metrics.text()).splitlines() if line.startswith("llm_hub_paused")]
                assert [line.split()[-1] for line in paused] == ["0.0"], "no breaker has opened"
        assert provider.wait_for(len) == FITTING + 1, "no refused request reaches a provider"
    assert "Traceback" not in site.log.read_text()


async def test_who_has_read_an_answer_to_its_end_may_ask_again_at_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)

    async def ask_six_times(client: aiohttp.ClientSession) -> list[str]:
        return [await ask(client, SHORT) for _ in range(6)]

    with FaultServerThread() as provider:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": provider.openai_url}
        with Site(tmp_path / "log", keys, folder=tmp_path) as site:
            unbounded = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(site.url, connector=unbounded) as client, tab(client):
                answers = await asyncio.gather(*(ask_six_times(client) for _ in range(FITTING)))
    assert Counter(itertools.chain(*answers)) == {"whole": 6 * FITTING}, "never more are open than fit"


def tab(client: aiohttp.ClientSession) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    """An open tab of the page, which is one of the requests that fit."""
    return client.get("/gradio_api/heartbeat/a-tab")


async def health(client: aiohttp.ClientSession) -> str:
    async with client.get("/health") as response:
        return str((await response.json())["status"])


async def ask(client: aiohttp.ClientSession, model: str = SLOW) -> str:
    body = {"model": f"openai/{model}", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    async with client.post("/v1/chat/completions", json=body) as response:
        text = await response.text()
        if response.status == 200:
            return "whole" if "[DONE]" in text else text
        return "busy" if response.status == 503 and int(response.headers["retry-after"]) else text

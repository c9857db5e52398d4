"""More clients than there are open files for: as many as fit are served whole, the others are told to wait."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.fault_server import FaultServerThread
from tests.ui.site import Site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit.")

APP = """
import resource

from llm_hub.serving.server import main

resource.setrlimit(resource.RLIMIT_NOFILE, (80, 112))  # raised at the start as far as it goes: 16 requests
main()
"""
REQUESTS = 80
SLOW = "ok?tokens=20&page=open-files"


async def test_as_many_as_fit_are_served_whole_and_the_others_told_to_wait(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with FaultServerThread() as provider:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": provider.openai_url}
        with Site(tmp_path / "log", keys, folder=tmp_path) as site:
            provider.limit(5)
            async with httpx.AsyncClient(
                base_url=site.url, trust_env=False, timeout=100, limits=httpx.Limits(max_connections=None)
            ) as client:
                asked = [asyncio.create_task(ask(client)) for _ in range(REQUESTS)]
                while sum(task.done() for task in asked) < REQUESTS - 16:
                    left = [task for task in asked if not task.done()]
                    await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                assert (await client.get("/health")).json() == {"status": "ready"}
                provider.limit(None)
                assert Counter(await asyncio.gather(*asked)) == {"whole": 16, "busy": REQUESTS - 16}
                assert await ask(client) == "whole"
        assert provider.wait_for(len) == 17, "no refused request reaches a provider"
    assert "Traceback" not in site.log.read_text()


async def ask(client: httpx.AsyncClient) -> str:
    body = {"model": f"openai/{SLOW}", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    response = await client.post("/v1/chat/completions", json=body)
    if response.status_code == 200:
        return "whole" if "[DONE]" in response.text else response.text
    return "busy" if response.status_code == 503 and int(response.headers["retry-after"]) else response.text

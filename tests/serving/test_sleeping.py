"""A hub that slept, as in a laptop whose lid was closed, and one that runs out of file descriptors: blames nobody."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from llm_hub.router.deadlines import MAX_DELAY
from tests.api.sse import events
from tests.fault_server import FaultServerThread, answer_text
from tests.serving.test_stopping import chat_body, serving
from tests.ui.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKENS = 20
SLOW = f"ok?tokens={TOKENS}&rate=10"
CLOCK = 1.0
CLOCKS = {"LLM_HUB_IDLE_TIMEOUT": str(CLOCK), "LLM_HUB_MAX_RETRIES": "0"}


@pytest.fixture
def fault_server() -> Iterator[FaultServerThread]:
    with FaultServerThread() as fault_server:
        yield fault_server


async def test_a_hub_that_was_stopped_in_an_answer_goes_on_with_it(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    """As everything on a laptop is. The server is a moment later than the hub."""
    wakes = threading.Event()
    async with serving(fault_server, tmp_path / "log", **CLOCKS) as (site, client):
        answer = asyncio.create_task(client.post("/v1/chat/completions", json=chat_body(SLOW)))
        await asyncio.to_thread(
            fault_server.wait_for, lambda exchanges: [each for each in exchanges if each.tokens_sent >= 5]
        )
        fault_server.stand_still(wakes)
        site.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(CLOCK + MAX_DELAY + 0.5)
        site.process.send_signal(signal.SIGCONT)
        assert (await client.get("/health")).status_code == 200
        wakes.set()
        chunks = [json.loads(data) for _, data in events((await answer).text) if data != "[DONE]"]
        assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == answer_text(TOKENS)
        assert [attempt["outcome"] for attempt in chunks[-1]["x_llm_hub"]["attempts"]] == ["answered"]
        provider = (await client.get("/v1/providers/openai")).json()
        assert provider["paused"] == {}


OUT_OF_DESCRIPTORS = """
import asyncio, os, resource, sys
from llm_hub.errors import ProviderError
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.router import LLMRouter

async def main():
    first = OpenAIProvider("sk-0123456789abcdef", base_url=sys.argv[1])
    await first.complete("Hello", "ok")  # what is imported late is imported now
    await first.aclose()
    router = LLMRouter(OpenAIProvider("sk-0123456789abcdef", base_url=sys.argv[1]), max_retries=0)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 1, before[1]))
    for _ in range(3):
        try:
            await router.complete("Hello", "ok")
        except ProviderError as error:
            print(error.kind)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    print(router.health.current_pause(router.targets[0].provider, "ok"))
    print((await router.complete("Hello", "ok")).content)
    await router.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_hub_without_a_free_descriptor_blames_itself(fault_server: FaultServerThread, host: str) -> None:
    url = fault_server.openai_url.replace("127.0.0.1", host)
    program = subprocess.run(
        [sys.executable, "-c", OUT_OF_DESCRIPTORS, url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert program.stdout.splitlines() == [*["out_of_descriptors"] * 3, "None", answer_text()], program.stderr

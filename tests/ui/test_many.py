"""Many chats at once, and what a client may not do, over the page's own protocol."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.ui.site import Site
from tests.ui.tab import Tab, updates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=300)
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, limits=limits, timeout=30) as client:
        yield client


@pytest.fixture
async def config(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/config")).json()


async def test_a_stream_updates_the_page_fifteen_times_a_second_at_most(
    client: httpx.AsyncClient, config: dict[str, Any]
) -> None:
    heard = await Tab(client, config).ask("Hello", chat_provider="openai", chat_model="ok?tokens=1000&rate=300")
    times = updates(heard)
    seconds = times[-1] - times[0]
    assert 2 < seconds < 6
    assert 5 <= len(times) / seconds <= 15
    assert all(len([at for at in times if start <= at < start + 1]) <= 15 for start in times)


async def test_fifty_chats_stream_side_by_side(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(
        *(
            Tab(client, config).ask("Hello", chat_provider="openai", chat_model="ok?tokens=60&rate=12")
            for _ in range(50)
        )
    )
    took = asyncio.get_running_loop().time() - began
    firsts = [updates(heard)[0] for heard in answers]
    assert all(heard[-1].message.get("success") for heard in answers)
    assert all(len(updates(heard)) >= 15 for heard in answers)
    assert max(firsts) - min(firsts) < 4  # one after another it would be 250
    assert took < 20


async def test_a_slow_provider_does_not_hold_up_another(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    slow = [
        asyncio.create_task(Tab(client, config).ask("Hello", chat_provider="openai", chat_model="stall@first"))
        for _ in range(12)
    ]
    heard = await Tab(client, config).ask("Hello", chat_provider="openai", chat_model="ok?tokens=20&rate=100")
    assert heard[-1].at - heard[0].at < 2
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_a_file_that_nobody_uploaded_is_refused(tmp_path: Path) -> None:
    """Gradio checks this only when `has_launched` is set; without that, any visitor reads any file."""
    site = Site(tmp_path / "log", {"OPENAI_API_KEY": "sk-test-0123456789"})
    with site:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
            await _forge(client, (await client.get("/config")).json())
    assert "not uploaded by a user" in site.log.read_text()


async def _forge(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    forged = {"path": "/proc/self/environ", "meta": {"_type": "gradio.FileData"}, "mime_type": "image/png"}
    for event in config["dependencies"]:
        tab = Tab(client, config)
        call = tab._call(event, {"chat-prompt": {"text": "x", "files": [forged]}})
        call["data"] = [value if value is not None else [forged] for value in call["data"]]
        response = await client.post("/gradio_api/run/predict", json=call)
        assert "OPENAI" not in response.text
        assert "environ" not in response.text


@pytest.mark.parametrize(
    "path",
    ["deep_link?session_hash=x", "proxy=http://127.0.0.1/", "file=http://127.0.0.1/", "dev/reload", "api/predict",
     "component_server", "process_recording", "run-history/x", "vibe-editor"],
)  # fmt: skip
async def test_what_the_page_does_not_use_is_closed(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST"):
        assert (await client.request(method, f"/gradio_api/{path}")).status_code == 404
    for other in ("/monitoring", "/monitoring/summary", "/svelte/x"):
        assert (await client.get(other)).status_code == 404

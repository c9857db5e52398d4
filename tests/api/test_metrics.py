"""What Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_hub.hub import Hub
from tests.api.metered import Metered, metered
from tests.fault_server import FaultServer


@pytest.fixture
async def metered_api(hub: Hub, tmp_path: Path) -> AsyncIterator[Metered]:
    async with metered(hub, tmp_path) as metered_api:
        yield metered_api


async def test_requests_attempts_tokens_and_prices_are_counted(metered_api: Metered, hub: Hub) -> None:
    await hub.session().models("openai")
    known = next(model.id for model in hub.session().last_models("openai") if model.id != "gpt-6-luna")
    await metered_api.ask(f"openai/{known}")
    await metered_api.ask("openai/status-503", fallback=["openai/gpt-6-luna"])
    assert await metered_api.metric("llm_hub_http_requests_total", endpoint="/v1/chat", status="200") == 2
    assert await metered_api.metric("llm_hub_attempts_total", model=known, outcome="answered") == 1
    assert await metered_api.metric("llm_hub_attempts_total", provider="openai", outcome="server_failed") == 1
    assert await metered_api.metric("llm_hub_tokens_total", model=known, kind="completion") > 0
    assert await metered_api.metric("llm_hub_first_token_seconds_count", model=known) == 1
    assert await metered_api.metric("llm_hub_price_dollars_total", model="gpt-6-luna") > 0


async def test_a_model_that_is_not_listed_is_no_label_of_the_metrics(metered_api: Metered) -> None:
    for number in range(30):
        await metered_api.ask(f"openai/gpt-made-up-{number}")
        await metered_api.ask(f"nobody/{number}")
    text = (await metered_api.get("/metrics")).text
    assert "made-up" not in text
    assert "nobody" not in text
    assert (
        await metered_api.metric("llm_hub_attempts_total", provider="openai", model="other", outcome="answered") == 30
    )


async def test_requested_paths_are_no_labels_of_the_metrics(metered_api: Metered) -> None:
    for number in range(5):
        await metered_api.get(f"/v1/providers/{number}")
        await metered_api.get(f"/v1/nowhere/{number}")
    assert await metered_api.metric("llm_hub_http_requests_total", endpoint="/v1/providers/{name}", status="404") == 5
    assert await metered_api.metric("llm_hub_http_requests_total", endpoint="/v1/{rest:path}", status="404") == 5


async def test_running_streams_and_paused_models_are_shown(metered_api: Metered, fault_server: FaultServer) -> None:
    request = asyncio.create_task(metered_api.ask("openai/stall@mid", stream=True))
    await fault_server.next_exchange(1)
    assert await metered_api.metric("llm_hub_running_streams") == 1
    request.cancel()
    await asyncio.wait([request])
    await metered_api.row()
    assert await metered_api.metric("llm_hub_running_streams") == 0
    assert await metered_api.metric("llm_hub_paused", provider="openai") == 0
    await metered_api.ask("openai/key", fallback=[])
    assert await metered_api.metric("llm_hub_paused", provider="openai") == 1


async def test_two_servers_in_one_process_count_apart(metered_api: Metered, hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as other:
        await metered_api.ask("openai/ok")
        assert await metered_api.metric("llm_hub_attempts_total") == 1
        assert await other.metric("llm_hub_attempts_total") == 0

"""What of a request stands in the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from llm_hub.hub import Hub
from llm_hub.usage.amounts import DAY
from tests.api.conftest import KEYS, body_at
from tests.api.metered import PROMPT, Metered, metered
from tests.fault_server import FaultServer


@pytest.fixture
async def metered_api(hub: Hub, tmp_path: Path) -> AsyncIterator[Metered]:
    async with metered(hub, tmp_path) as metered_api:
        yield metered_api


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_is_a_row_of_the_ledger(metered_api: Metered, path: str, stream: bool) -> None:
    more: dict[str, Any] = {"max_tokens": 100} if path == "/v1/messages" else {}
    began = time.time()
    reply = await metered_api.ask("openai/gpt-5", path=path, stream=stream, **more)
    assert reply.status_code == 200
    row = await metered_api.row()
    assert (row.who, row.way, row.target, row.outcome, row.attempts) == (
        "alice",
        path,
        "openai/gpt-5",
        "answered",
        1,
    )
    assert began <= row.at <= time.time()
    assert row.day == int(row.at // DAY)
    assert 0 < row.first_token <= row.seconds < 30
    assert row.prompt_tokens > 0
    assert row.completion_tokens > 0
    assert row.nanodollars == row.prompt_tokens * 1250 + row.completion_tokens * 10_000


async def test_an_answer_without_a_known_price_is_a_row_without_a_price(metered_api: Metered) -> None:
    await metered_api.ask("openai/ok")
    assert (await metered_api.row()).nanodollars is None


@pytest.mark.parametrize(
    ("model", "outcome"), [("openai/status-503", "server_failed"), ("openai/cut@mid", "stream_broken")]
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_failure_is_a_row_of_the_ledger(
    metered_api: Metered, fault_server: FaultServer, model: str, outcome: str, stream: bool
) -> None:
    fault_server.lists = "faults"
    await metered_api.api.hub.session().models("openai")
    await metered_api.ask(model, stream=stream, fallback=[])
    row = await metered_api.row()
    assert (row.target, row.outcome) == (model, outcome)
    assert row.completion_tokens is None


@pytest.mark.parametrize("model", ["correct-horse-battery-staple", "key", "status-503"])
async def test_a_name_that_no_model_has_answered_to_is_in_no_row_and_no_line(
    metered_api: Metered, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    await metered_api.ask(f"openai/{model}", fallback=[])
    row = await metered_api.row()
    assert row.target == "openai/other"
    assert row.outcome != "answered"
    assert "openai/other" in caplog.text
    assert f"openai/{model}" not in caplog.text


async def test_a_model_that_has_answered_is_known_by_its_name(metered_api: Metered) -> None:
    for _ in range(2):
        await metered_api.ask("openai/status-503?times=1", fallback=[])  # fails once
    assert [row.target for row in await metered_api.rows(2)] == ["openai/other", "openai/status-503?times=1"]


async def test_a_fallback_is_a_row_of_the_model_that_answered(metered_api: Metered) -> None:
    await metered_api.ask("openai/status-503", fallback=["anthropic/ok"])
    row = await metered_api.row()
    assert (row.target, row.outcome, row.attempts) == ("anthropic/ok", "answered", 2)


async def test_an_answer_that_two_models_gave_counts_what_both_reported(metered_api: Metered) -> None:
    await metered_api.ask("openai/cut@mid", fallback=["anthropic/ok?tokens=7"], stream=True)
    row = await metered_api.row()
    assert (row.target, row.attempts, row.completion_tokens) == ("anthropic/ok?tokens=7", 2, 7)


async def test_a_client_that_leaves_while_a_fallback_answers_is_booked_on_the_fallback(
    metered_api: Metered, fault_server: FaultServer
) -> None:
    asking = asyncio.create_task(metered_api.ask("openai/quota", fallback=["anthropic/stall@mid"], stream=True))
    await fault_server.exchanges.until(lambda _: any(exchange.tokens_sent > 0 for exchange in fault_server.exchanges))
    asking.cancel()
    row = await metered_api.row()
    assert (row.target, row.outcome, row.attempts) == ("anthropic/stall@mid", "cancelled", 2)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["stall@headers", "stall@mid"])
async def test_a_client_that_left_is_a_row_of_the_ledger(
    metered_api: Metered, fault_server: FaultServer, model: str, stream: bool
) -> None:
    fault_server.lists = "faults"
    await metered_api.api.hub.session().models("openai")
    request = asyncio.create_task(metered_api.ask(f"openai/{model}", stream=stream))
    exchange = await fault_server.next_exchange(2)
    if model == "stall@mid":
        await fault_server.exchanges.until(lambda _: exchange.tokens_sent > 0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    row = await metered_api.row()
    assert (row.target, row.outcome, row.attempts) == (f"openai/{model}", "cancelled", 1)
    assert row.prompt_tokens is None


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_a_client_that_left_an_answer_unread_is_a_row_of_the_ledger(
    metered_api: Metered, fault_server: FaultServer, path: str
) -> None:
    body = {"messages": PROMPT, "model": "openai/ok?tokens=100000", "stream": True, "max_tokens": 100_000}
    body = body_at(path, body)
    headers = {"authorization": f"Bearer {KEYS['alice']}"}
    async with metered_api.api.client.stream("POST", path, json=body, headers=headers) as reply:
        assert reply.status_code == 200
        exchange = await fault_server.next_exchange(1)
        await fault_server.exchanges.until(lambda _: exchange.tokens_sent > 1000)
    await asyncio.wait_for(exchange.ended(), 10)
    assert exchange.client_left
    row = await metered_api.row()
    assert (row.outcome, row.attempts) == ("cancelled", 1)


@pytest.mark.parametrize("model", ["nobody/x", "groq/needs-a-key"])
async def test_a_request_that_reached_no_provider_is_no_row_of_the_ledger(metered_api: Metered, model: str) -> None:
    assert (await metered_api.ask(model, fallback=[])).status_code >= 400
    assert await metered_api.rows(0) == []


async def test_no_word_of_a_conversation_is_kept(metered_api: Metered, tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "xyzzy-secret-word"}]
    await metered_api.api.client.post(
        "/v1/chat",
        json={"messages": messages, "model": "openai/ok?text=markdown"},
        headers={"x-api-key": "alice-0123456789abcdef"},
    )
    await metered_api.row()
    database_bytes = (tmp_path / "hub.db").read_bytes()
    assert b"openai/ok" in database_bytes
    assert b"xyzzy" not in database_bytes
    assert b"0123456789abcdef" not in database_bytes


async def test_a_database_that_fails_hurts_no_answer(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with metered(hub, tmp_path / "nowhere") as metered_api:
        for _ in range(3):
            assert (await metered_api.ask("openai/ok")).status_code == 200
        reply = await metered_api.get("/v1/usage")
        assert "LLM_HUB_DATABASE_URL" in reply.json()["error"]["message"]
        assert reply.status_code == 503
    assert caplog.text.count("The database failed") == 1


@pytest.mark.parametrize("target", ["openai/refusal", "openai/content-filter", "anthropic/refusal"])
async def test_a_refusal_that_was_written_is_paid(metered_api: Metered, target: str) -> None:
    reply = await metered_api.ask(target)
    assert reply.status_code == 400
    assert reply.json()["error"]["attempts"][-1]["usage"]["completion_tokens"] > 0
    row = await metered_api.row()
    assert (row.outcome, row.completion_tokens > 0, row.prompt_tokens > 0) == ("content_rejected", True, True)

"""What a key may use, before a real client."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llm_hub.hub import Hub
from llm_hub.usage.quotas import DEFAULT_MAX_ANSWER, Quota
from tests.api.metered import Metered, metered
from tests.fault_server import FaultServer


async def statuses(metered_api: Metered, model: str, times: int, **more: Any) -> list[int]:
    replies = await asyncio.gather(*(metered_api.ask(model, **more) for _ in range(times)))
    return sorted(reply.status_code for reply in replies)


@pytest.mark.parametrize("stream", [True, False])
async def test_of_fifty_requests_at_once_only_the_limit_reaches_a_provider(
    hub: Hub, fault_server: FaultServer, tmp_path: Path, stream: bool
) -> None:
    async with metered(hub, tmp_path, Quota(requests=5)) as metered_api:
        assert await statuses(metered_api, "openai/ok", 50, stream=stream) == [200] * 5 + [429] * 45
        assert len(fault_server.exchanges) == 5
        assert len(await metered_api.rows(5)) == 5
        assert (await metered_api.ask("openai/ok", caller="bob")).status_code == 200


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_a_refusal_says_which_limit_it_is_and_when_it_ends(hub: Hub, tmp_path: Path, path: str) -> None:
    async with metered(hub, tmp_path, Quota(requests=1)) as metered_api:
        await metered_api.ask("openai/ok", path=path, max_tokens=10)
        reply = await metered_api.ask("openai/ok", path=path, max_tokens=10)
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    error = reply.json()["error"]
    assert error["type"] == "rate_limit_error"
    assert "The limit of 1 requests a minute for this key is reached. Try again in" in error["message"]


async def test_a_limit_of_tokens_holds_when_fifty_ask_at_once(
    hub: Hub, fault_server: FaultServer, tmp_path: Path
) -> None:
    async with metered(hub, tmp_path, Quota(tokens=1000)) as metered_api:
        codes = await statuses(metered_api, "openai/ok?tokens=90&rate=300", 50, max_tokens=100)
        assert codes.count(200) == 9  # of 110 reserved tokens each
        assert set(codes) == {200, 429}
        used = sum(row.prompt_tokens + row.completion_tokens for row in await metered_api.rows(9))
        assert used <= 1000


async def test_reserved_tokens_that_were_not_used_are_given_back(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path, Quota(tokens=1100)) as metered_api:
        for _ in range(5):  # each reserves 560
            assert (await metered_api.ask("openai/ok?tokens=10")).status_code == 200


async def test_a_request_that_fails_at_once_or_reaches_no_provider_costs_nothing(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path, Quota(tokens=1000)) as metered_api:
        for model in ("openai/bad-request", "nobody/x", "groq/x") * 3:
            assert (await metered_api.ask(model, fallback=[])).status_code not in (200, 429)
        assert (await metered_api.ask("openai/ok")).status_code == 200


async def test_an_answer_that_a_client_leaves_is_charged(hub: Hub, fault_server: FaultServer, tmp_path: Path) -> None:
    async with metered(hub, tmp_path, Quota(tokens=100)) as metered_api:
        fields: dict[str, Any] = {"max_tokens": 90, "stream": True}
        request = asyncio.create_task(metered_api.ask("openai/stall@mid?tokens=120", **fields))
        exchange = await fault_server.next_exchange(1)
        await fault_server.exchanges.until(lambda _: exchange.tokens_sent >= 60)
        request.cancel()
        await asyncio.wait([request])
        await metered_api.row()
        assert (await metered_api.ask("openai/ok", **fields)).status_code == 429


async def test_a_limit_of_money_holds_when_fifty_ask_at_once(
    hub: Hub, fault_server: FaultServer, tmp_path: Path
) -> None:
    async with metered(hub, tmp_path, Quota(money=Decimal("0.01"))) as metered_api:
        codes = await statuses(metered_api, "openai/gpt-5", 50, max_tokens=200)  # each may cost $0.0020125
        assert codes.count(200) == 4
        spent = sum(row.nanodollars for row in await metered_api.rows(4))
        assert 0 < spent <= 10_000_000
        reply = await metered_api.ask("openai/gpt-5", max_tokens=960)
        assert reply.status_code == 429
        assert "The limit of $0.01 a day for this key is reached: $0.00" in reply.json()["error"]["message"]


async def test_a_request_that_alone_may_cost_more_than_the_limit_is_a_400(
    hub: Hub, fault_server: FaultServer, tmp_path: Path
) -> None:
    async with metered(hub, tmp_path, Quota(money=Decimal("0.01"))) as metered_api:
        cases: list[dict[str, Any]] = [{"max_tokens": 1000}, {}]
        for more in cases:  # at $10 for a million tokens
            reply = await metered_api.ask("openai/gpt-5", **more)
            assert reply.status_code == 400
            message = "This request may need more than the limit of $0.01 a day for this key. Make it shorter"
            assert message in reply.json()["error"]["message"]
    assert not fault_server.exchanges


@pytest.mark.parametrize("model", ["openai/no-such-model", "openai/gpt-4o-search-preview", "openai/gpt-audio"])
async def test_with_a_limit_of_money_a_model_without_a_known_price_is_refused(
    hub: Hub, fault_server: FaultServer, tmp_path: Path, model: str
) -> None:
    async with metered(hub, tmp_path, Quota(money=Decimal(1))) as metered_api:
        reply = await metered_api.ask(model, fallback=["openai/gpt-5"])
        assert reply.status_code == 400
        assert f"What {model} costs is not known" in reply.json()["error"]["message"]
        assert "LLM_HUB_PRICES" in reply.json()["error"]["message"]
        assert (await metered_api.ask("openai/gpt-5", fallback=[model])).status_code == 400
        assert not fault_server.exchanges
        assert (await metered_api.ask("ollama/ok")).status_code == 200  # what needs no key costs nothing


@pytest.mark.parametrize(
    ("limits", "sent"),
    [
        (Quota(tokens=50_000), DEFAULT_MAX_ANSWER),
        (Quota(tokens=1000), 500),
        (Quota(money=Decimal(1)), DEFAULT_MAX_ANSWER),
        (Quota(requests=100), None),
    ],
    ids=["tokens", "few tokens", "money", "requests"],
)
async def test_where_tokens_or_money_are_limited_a_request_gets_max_tokens(
    hub: Hub, fault_server: FaultServer, tmp_path: Path, limits: Quota, sent: int | None
) -> None:
    async with metered(hub, tmp_path, limits) as metered_api:
        assert (await metered_api.ask("openai/gpt-5")).status_code == 200
        assert (await metered_api.ask("openai/gpt-5", max_tokens=30)).status_code == 200
    assert [exchange.body.get("max_completion_tokens") for exchange in fault_server.exchanges] == [sent, 30]


@pytest.mark.parametrize(
    ("path", "model", "fields"),
    [
        ("/v1/chat/completions", "openai/gpt-5", ("max_tokens", "max_completion_tokens")),
        ("/v1/responses", "openai/gpt-5", ("max_output_tokens",)),
        ("/v1/messages", "anthropic/ok", ("max_tokens",)),
    ],
)
async def test_a_limit_that_is_none_at_some_servers_is_bounded_where_tokens_are(
    hub: Hub, fault_server: FaultServer, tmp_path: Path, path: str, model: str, fields: tuple[str, ...]
) -> None:
    async with metered(hub, tmp_path, Quota(tokens=1000)) as metered_api:
        assert (await metered_api.ask(model, path=path, max_tokens=-1)).status_code == 200
    for exchange in fault_server.exchanges:
        assert [exchange.body[name] for name in fields if name in exchange.body] == [500]

"""Models' names without a provider, and those of Claude Code's list: who is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.access.model_names import listed_name, vendor_of
from llm_hub.hub import Hub
from llm_hub.providers.vendor_server import LIST_TIMEOUT
from llm_hub.settings import Settings
from tests.api.conftest import served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

HELLO = [{"role": "user", "content": "Hello"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat": {"messages": HELLO},
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/messages": {"messages": HELLO, "max_tokens": 50},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("gpt-6-luna", "openai/gpt-6-luna"),
        ("gpt-5.9-of-next-year", "openai/gpt-5.9-of-next-year"),
        ("o5-mini", "openai/o5-mini"),
        ("claude-opus-5-5", "anthropic/claude-opus-5-5"),
        ("claude-nobody-lists", "anthropic/claude-nobody-lists"),
        ("llama3.2", "ollama/llama3.2:latest"),
        ("claude-hub/openai/gpt-6-luna", "openai/gpt-6-luna"),
        ("claude-hub/auto", "openai/gpt-6-luna"),
        ("openai/gpt-6-luna", "openai/gpt-6-luna"),
        ("gemini-pro-latest", "gemini/gemini-pro-latest"),
    ],
)
async def test_a_name_without_a_provider_means_who_has_the_model(
    api: Api, fault_server: FaultServer, path: str, model: str, asked: str
) -> None:
    reply = await api.client.post(path, json={**BODIES[path], "model": model})
    provider, _, name = asked.partition("/")
    if provider == "gemini":  # which has no key here
        assert "Gemini needs a key. Set GEMINI_API_KEY" in reply.text
        return
    exchange = next(item for item in reversed(fault_server.exchanges) if item.method == "POST")
    assert (exchange.protocol, exchange.model) == (provider, name)


@pytest.mark.parametrize(("model", "is_asked"), [("claude-opus-5-5", True), ("claude-hub/openai/gpt-6-luna", False)])
async def test_tokens_are_counted_for_a_name_without_a_provider(
    api: Api, fault_server: FaultServer, model: str, is_asked: bool
) -> None:
    reply = await api.client.post("/v1/messages/count_tokens", json={"messages": HELLO, "model": model})
    assert reply.status_code == 200, reply.text
    assert reply.json()["input_tokens"] > 0
    counted = [item.body["model"] for item in fault_server.exchanges if item.path.endswith("/count_tokens")]
    assert counted == ([model] if is_asked else [])


async def test_an_unknown_name_keeps_its_error_and_a_fallback_is_named_likewise(api: Api) -> None:
    reply = await api.client.post("/v1/chat/completions", json={"messages": HELLO, "model": "parrot-6"})
    assert reply.status_code == 404
    assert "There is no provider 'parrot-6'; a model is written provider/model." in reply.text
    body = {"messages": HELLO, "model": "openai/status-503", "models": ["claude-opus-5-5"]}
    reply = await api.client.post("/v1/chat/completions", json=body)
    assert reply.json()["model"] == "anthropic/claude-opus-5-5"


async def test_a_model_whose_provider_has_no_key_is_survived_by_the_route(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_ROUTE=openai/ok\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    async with served(hub, {}) as api:
        body = {"messages": HELLO, "model": "claude-opus-5-5", "max_tokens": 50}
        assert (await api.client.post("/v1/messages", json=body)).json()["model"] == "openai/ok"
    await hub.aclose()


async def test_a_slow_list_does_not_hold_up_the_list_for_claude_code(api: Api, fault_server: FaultServer) -> None:
    fault_server.lists = "slow"
    reply = await asyncio.wait_for(  # sooner than the list itself is given up
        api.client.get("/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"}, follow_redirects=False),
        LIST_TIMEOUT - 1,
    )
    assert reply.status_code == 200
    assert {"anthropic/claude-opus-5-5", "claude-hub/openai/gpt-6-luna"} <= {row["id"] for row in reply.json()["data"]}


def test_vendors_are_told_by_the_beginnings_of_names() -> None:
    assert vendor_of("gpt-oss-20b") == vendor_of("my-claude") == vendor_of("olmo-3") == vendor_of("llama3") == ""
    assert listed_name("gemini-x", ["models/gemini-x"]) == "models/gemini-x"
    assert listed_name("llama", ["llama:8b"]) == ""

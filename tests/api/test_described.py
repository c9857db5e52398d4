"""What the API writes is what it describes, no more and no less: real answers, streams and errors of every endpoint."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.api import router
from llm_hub.api.dialects import DIALECTS
from llm_hub.api.dialects.responses import RESPONSES
from llm_hub.api.openapi import description
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.metrics import Metrics
from llm_hub.hub import Hub
from llm_hub.storage.database import Database
from llm_hub.usage.ledger import Ledger
from llm_hub.usage.quotas import Quota
from tests.api.conftest import served
from tests.api.described import check, check_stream, response_of
from tests.api.metered import Metered, metered

if TYPE_CHECKING:
    import httpx

ANTHROPIC_CLIENT = {"anthropic-version": "2023-06-01"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS: dict[str, dict[str, Any]] = {
    "/v1/chat": {},
    "/v1/chat/completions": {
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}],
        "stream_options": {"include_usage": True},
    },
    "/v1/messages": {
        "tools": [{"name": "weather", "input_schema": PARAMETERS}],
        "thinking": {"type": "adaptive"},
        "stop_sequences": ["END"],
    },
    "/v1/responses": {
        "tools": [
            {"type": "function", "name": "weather", "parameters": PARAMETERS},
            {"type": "namespace", "name": "sea", "tools": [{"type": "custom", "name": "log"}]},
        ],
        "reasoning": {"summary": "auto"},
    },
}
"""What is asked besides, so that an answer has all its parts."""
STREAMS: dict[str, set[tuple[str, str]]] = {
    "/v1/chat": {
        ("", "text"), ("attempt", "StartedAttempt"), ("attempt", "FailedAttempt"), ("resumed", "ResumedAnswer"),
        ("usage", "HubChatSummary"), ("error", "ErrorObject"),
    },
    "/v1/chat/completions": {("", "Chunk"), ("", "OpenAIError"), ("", "text")},
    "/v1/messages": {
        ("message_start", "MessageStart"), ("content_block_start", "BlockStart"),
        ("content_block_delta", "BlockDeltaEvent"), ("content_block_stop", "BlockStop"),
        ("message_delta", "MessageDelta"), ("message_stop", "MessageStop"), ("ping", "Ping"), ("error", "MessageError"),
    },
    "/v1/responses": {(event.name, str(getattr(event.shape, "__name__", ""))) for event in RESPONSES.events},
}  # fmt: skip
"""The kinds of events of each stream, all of which the models below bring about."""
MODELS = [
    "openai/ok", "anthropic/ok", "ollama/ok", "openai/reasoning", "openai/ok?calls=2", "anthropic/ok?calls=2",
    "openai/no-usage", "anthropic/ok?finish=stop_sequence&by=END", "openai/ok?finish=length", "openai/status-503",
    "openai/cut@mid", "openai/key", "openai/unknown", "openai/context", "openai/policy", "nobody/x", "groq/x",
]  # fmt: skip


@pytest.fixture
async def metered_api(hub: Hub, tmp_path: Path) -> AsyncIterator[Metered]:
    async with metered(hub, tmp_path) as metered_api:
        yield metered_api


def body_for(path: str, model: str, chain: list[str]) -> dict[str, Any]:
    """A body in the dialect of the path, with everything that the model takes."""
    options = {} if model.startswith("ollama/") else TOOLS[path]
    if model.startswith("openai/cut"):
        options = {name: value for name, value in options.items() if name != "tools"}
    chain_field = "fallback" if path == "/v1/chat" else "models"
    return {"max_tokens": 100, chain_field: chain, **options}


def check_reply(method: str, path: str, reply: httpx.Response) -> None:
    media_type = reply.headers["content-type"].partition(";")[0]
    value = reply.json() if media_type == "application/json" else reply.text
    check(value, response_of(method, path, reply.status_code)[media_type])


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("model", MODELS)
async def test_an_answer_or_a_refusal_is_as_described(metered_api: Metered, path: str, model: str) -> None:
    for chain in ([], ["openai/status-503", "anthropic/ok"]):
        check_reply("POST", path, await metered_api.ask(model, path=path, **body_for(path, model, chain)))


@pytest.mark.parametrize("path", STREAMS)
async def test_every_event_of_a_stream_is_as_described_and_every_described_event_comes(
    metered_api: Metered, path: str
) -> None:
    kinds: set[tuple[str, str]] = set()
    for model in MODELS:
        for chain in ([], ["openai/status-503", "anthropic/ok"]):
            reply = await metered_api.ask(model, path=path, stream=True, **body_for(path, model, chain))
            if reply.status_code == 200:
                kinds |= check_stream(reply.text, response_of("POST", path, 200)["text/event-stream"])
            else:
                check_reply("POST", path, reply)
    assert kinds == STREAMS[path]


@pytest.mark.parametrize("path", STREAMS)
@pytest.mark.parametrize("body", [{"nonsense": 1}, {}], ids=["unknown field", "nothing"])
async def test_a_refused_body_is_refused_as_described(metered_api: Metered, path: str, body: dict[str, Any]) -> None:
    reply = await metered_api.api.client.post(path, json=body, headers={"x-api-key": "alice-0123456789abcdef"})
    assert reply.status_code == 400
    check_reply("POST", path, reply)


@pytest.mark.parametrize("path", STREAMS)
async def test_a_limit_and_an_unknown_key_are_refused_as_described(hub: Hub, tmp_path: Path, path: str) -> None:
    async with metered(hub, tmp_path, Quota(requests=1)) as metered_api:
        await metered_api.ask("openai/ok", path=path, max_tokens=10)
        reply = await metered_api.ask("openai/ok", path=path, max_tokens=10)
        assert reply.status_code == 429
        check_reply("POST", path, reply)
        reply = await metered_api.api.client.post(path, json={})
        assert reply.status_code == 401
        check_reply("POST", path, reply)


@pytest.mark.parametrize("headers", [{}, ANTHROPIC_CLIENT], ids=["no header", "Anthropic's header"])
@pytest.mark.parametrize(
    ("described", "path"),
    [
        ("/v1/providers", "/v1/providers"),
        ("/v1/providers/{name}", "/v1/providers/openai"),
        ("/v1/providers/{name}", "/v1/providers/groq"),
        ("/v1/providers/{name}", "/v1/providers/nobody"),
        ("/v1/models", "/v1/models"),
        ("/v1/models/{id}", "/v1/models/auto"),
        ("/v1/models/{id}", "/v1/models/anthropic/claude-fable-5-2"),
        ("/v1/models/{id}", "/v1/models/nobody/x"),
        ("/v1/usage", "/v1/usage"),
        ("/v1/openapi.json", "/v1/openapi.json"),
        ("/metrics", "/metrics"),
    ],
)
async def test_lists_usage_and_metrics_are_as_described(
    metered_api: Metered, described: str, path: str, headers: dict[str, str]
) -> None:
    await metered_api.ask("openai/key", fallback=["openai/gpt-5"])  # a paused model, and a row of the ledger
    await metered_api.row()
    reply = await metered_api.api.client.get(path, headers={"x-api-key": "alice-0123456789abcdef", **headers})
    assert reply.status_code == (404 if path.endswith(("nobody", "nobody/x")) else 200)
    check_reply("GET", described, reply)


async def test_the_owners_usage_report_is_as_described(hub: Hub, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/hub.db")
    ledger = Ledger(database)
    async with served(hub, {}, Meter(ledger)) as api:
        await api.client.post("/v1/chat", json={"messages": [{"role": "user", "content": "Hi"}], "model": "openai/ok"})
        await ledger.flush()
        reply = await api.client.get("/v1/usage")
        assert "by_key" in reply.json()
        check_reply("GET", "/v1/usage", reply)
    await ledger.aclose()
    await database.aclose()


async def test_every_endpoint_is_described_and_nothing_else_is(hub: Hub, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/hub.db")
    ledger = Ledger(database)
    routes = router(Gateway(hub, meter=Meter(ledger, Metrics(hub.session())))).routes
    paths = {re.sub(r":path\}", "}", getattr(route, "path", "")) for route in routes}
    refused = {path for dialect in DIALECTS for path in dialect.refused_paths}
    catch_all = {"/v1", "/v1/{rest}", "/{rest}"}
    assert paths - refused - catch_all == set(description()["paths"])
    await ledger.aclose()
    await database.aclose()

"""The setting that marks prompts for Anthropic's cache, and what is reserved for what clients mark themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.usage.quotas import Quota
from tests.api.conftest import body_at, served
from tests.api.metered import metered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServer

JSONObject = dict[str, Any]
MARK = {"type": "ephemeral"}
SCHEMA: JSONObject = {"type": "object", "properties": {}}
HUB_TOOLS: list[JSONObject] = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("tide", "wind")
]
MESSAGES_TOOLS: list[JSONObject] = [
    {"name": "tide", "input_schema": SCHEMA},
    {"name": "wind", "input_schema": SCHEMA},
    {"name": "fog", "input_schema": SCHEMA, "defer_loading": True},
]
TURNS = [{"role": "system", "content": "Keep the log."}, {"role": "user", "content": "Which tide is it?"}]
BODIES: dict[str, tuple[str, JSONObject]] = {
    "chat completions": ("/v1/chat/completions", {"messages": TURNS, "tools": HUB_TOOLS}),
    "responses": (
        "/v1/responses",
        {"messages": TURNS, "tools": [{"type": "function", **tool["function"]} for tool in HUB_TOOLS]},
    ),
    "page": ("/v1/chat", {"messages": TURNS}),
    "messages": (
        "/v1/messages",
        {"messages": TURNS[1:], "system": "Keep the log.", "tools": MESSAGES_TOOLS, "max_tokens": 20},
    ),
    "system in entries": (
        "/v1/messages",
        {"messages": TURNS[1:], "max_tokens": 20,
         "system": [{"type": "text", "text": "You are"}, {"type": "text", "text": "a pilot."}]},
    ),
    "nothing to mark": ("/v1/messages", {"messages": TURNS[1:], "max_tokens": 20}),
}  # fmt: skip
OWN_MARKS: dict[str, tuple[str, JSONObject]] = {
    "messages": (
        "/v1/messages",
        {"system": "Keep the log.", "max_tokens": 20, "tools": MESSAGES_TOOLS,
         "messages": [{"role": "user", "content": [{"type": "text", "text": "Tide?", "cache_control": MARK}]}]},
    ),
    "automatic": (
        "/v1/messages", {"system": "Keep the log.", "max_tokens": 20, "messages": TURNS[1:], "cache_control": MARK},
    ),
    "chat completions": (
        "/v1/chat/completions",
        {"messages": [TURNS[0], {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": MARK}]}]},
    ),
}  # fmt: skip


def marked(value: Any) -> list[Any]:
    """The names or texts of what is marked in a body, in the order of the prompt."""
    if isinstance(value, dict):
        own = [value.get("name") or value.get("text") or "body"] if value.get("cache_control") == MARK else []
        return own + [item for name in sorted(value, reverse=True) for item in marked(value[name])]
    return [item for inner in value for item in marked(inner)] if isinstance(value, list) else []


async def sent(tmp_path: Path, fault_server: FaultServer, path: str, body: JSONObject, setting: str) -> JSONObject:
    """What Anthropic is sent of a body."""
    (tmp_path / ".env").write_text(
        f"ANTHROPIC_API_KEY=sk-ant-secret-123\nANTHROPIC_BASE_URL={fault_server.anthropic_url}\n{setting}"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    async with served(hub, {}) as api:
        reply = await api.client.post(path, json=body_at(path, {"model": "anthropic/ok", **body}))
        assert reply.status_code == 200, reply.text
    await hub.aclose()
    return fault_server.exchanges[-1].body


@pytest.mark.parametrize("name", BODIES)
async def test_tools_and_system_are_marked_for_clients_that_mark_nothing(
    tmp_path: Path, fault_server: FaultServer, name: str
) -> None:
    path, body = BODIES[name]
    expected = ["wind"] if "tools" in body else []
    expected += {"system in entries": ["a pilot."], "nothing to mark": []}.get(name, ["Keep the log."])
    assert marked(await sent(tmp_path, fault_server, path, body, "LLM_HUB_CACHE_PROMPTS=true\n")) == expected
    assert marked(await sent(tmp_path, fault_server, path, body, "")) == []


@pytest.mark.parametrize("name", OWN_MARKS)
async def test_nothing_is_marked_for_a_client_that_marks_something(
    tmp_path: Path, fault_server: FaultServer, name: str
) -> None:
    path, body = OWN_MARKS[name]
    with_setting = await sent(tmp_path, fault_server, path, body, "LLM_HUB_CACHE_PROMPTS=true\n")
    assert with_setting == await sent(tmp_path, fault_server, path, body, "")


@pytest.mark.parametrize(
    ("ttl", "limit", "status"), [("5m", "0.0022", 200), ("1h", "0.0022", 400), ("1h", "0.0035", 200)]
)
async def test_what_is_kept_for_an_hour_is_reserved_at_its_price(
    tmp_path: Path, fault_server: FaultServer, ttl: str, limit: str, status: int
) -> None:
    """Of 30,000 bytes 15,000 tokens are reserved, at 0.125 dollars for a million of them, or 0.2 for an hour."""
    (tmp_path / ".env").write_text(
        f"ANTHROPIC_API_KEY=sk-ant-secret-123\nANTHROPIC_BASE_URL={fault_server.anthropic_url}\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    system = [{"type": "text", "text": "tide " * 6000, "cache_control": {**MARK, "ttl": ttl}}]
    async with metered(hub, tmp_path, Quota(money=Decimal(limit))) as api:
        reply = await api.ask("anthropic/claude-haiku-5-5", path="/v1/messages", system=system, max_tokens=100)
    assert reply.status_code == status, reply.text
    await hub.aclose()

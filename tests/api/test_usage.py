"""Who sees what was used."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_hub.gateway.meter import Meter
from llm_hub.hub import Hub
from llm_hub.storage.database import Database
from llm_hub.usage.ledger import DAY, Entry, Ledger
from tests.api.conftest import served
from tests.api.metered import metered


async def test_a_key_sees_its_own_use_and_no_other(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as one:
        await one.ask("openai/gpt-5")
        await one.ask("openai/gpt-5")
        await one.ask("anthropic/ok", caller="bob")
        seen = (await one.get("/v1/usage")).json()
        assert seen["who"] == "alice"
        assert seen["today"] == seen["last_7_days"] == seen["last_30_days"]
        assert (seen["today"]["requests"], seen["today"]["answered"], seen["today"]["unpriced"]) == (2, 2, 0)
        assert seen["today"]["total_tokens"] == seen["today"]["prompt_tokens"] + seen["today"]["completion_tokens"]
        assert seen["today"]["price"] > 0
        assert [row["model"] for row in seen["by_model"]] == ["openai/gpt-5"]
        assert "by_key" not in seen
        assert "bob" not in str(seen)


@pytest.mark.parametrize("keys", [{}, {"owner": "owner-0123456789abcdef", "bob": "bob-0123456789abcdef"}])
async def test_the_owner_sees_everybodys(hub: Hub, tmp_path: Path, keys: dict[str, str]) -> None:
    database = Database(f"sqlite:///{tmp_path}/hub.db")
    ledger = Ledger(database, clock=lambda: 40 * DAY)
    for days, who in ((40, "bob"), (34, "bob"), (33, "page"), (11, "page"), (10, "page")):
        ledger.note(Entry(days * DAY, who, "chat", "openai/a", "answered", 1, 1.0, None, {}, None))
    async with served(hub, keys, Meter(ledger)) as api:
        headers = {"authorization": f"Bearer {keys['owner']}"} if keys else {}
        seen = (await api.client.get("/v1/usage", headers=headers)).json()
    assert seen["who"] == "everybody"
    assert [seen[name]["requests"] for name in ("today", "last_7_days", "last_30_days")] == [1, 2, 4]
    assert {row["key"]: row["requests"] for row in seen["by_key"]} == {"bob": 2, "page": 2}
    await ledger.aclose()
    await database.aclose()


async def test_without_any_use_everything_is_zero(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as one:
        seen = (await one.get("/v1/usage")).json()
    assert seen["last_30_days"]["requests"] == 0
    assert seen["by_model"] == []


async def test_without_a_key_nothing_is_seen(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as one:
        for path in ("/v1/usage", "/metrics"):
            assert (await one.api.client.get(path)).status_code == 401

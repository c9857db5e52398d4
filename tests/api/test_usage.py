"""Who sees what was used."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_hub.gateway.meter import Meter
from llm_hub.hub import Hub
from llm_hub.storage.database import Database
from llm_hub.usage.amounts import DAY
from llm_hub.usage.ledger import Entry, Ledger
from tests.api.conftest import served
from tests.api.metered import metered


async def test_a_key_sees_its_own_use_and_no_other(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as metered_api:
        await metered_api.ask("openai/gpt-5")
        await metered_api.ask("openai/gpt-5")
        await metered_api.ask("anthropic/ok", caller="bob")
        report = (await metered_api.get("/v1/usage")).json()
        assert report["who"] == "alice"
        assert report["today"] == report["last_7_days"] == report["last_30_days"]
        assert (report["today"]["requests"], report["today"]["answered"], report["today"]["unpriced"]) == (2, 2, 0)
        assert (
            report["today"]["total_tokens"] == report["today"]["prompt_tokens"] + report["today"]["completion_tokens"]
        )
        assert report["today"]["price"] > 0
        assert [row["model"] for row in report["by_model"]] == ["openai/gpt-5"]
        assert "by_key" not in report
        assert "bob" not in str(report)


@pytest.mark.parametrize("keys", [{}, {"owner": "owner-0123456789abcdef", "bob": "bob-0123456789abcdef"}])
async def test_the_owner_sees_everybodys_use(hub: Hub, tmp_path: Path, keys: dict[str, str]) -> None:
    database = Database(f"sqlite:///{tmp_path}/hub.db")
    ledger = Ledger(database, clock=lambda: 40 * DAY)
    for days, caller in ((40, "bob"), (34, "bob"), (33, "page"), (11, "page"), (10, "page")):
        ledger.note(Entry(days * DAY, caller, "chat", "openai/a", "answered", 1, 1.0, None, {}, None))
    async with served(hub, keys, Meter(ledger)) as api:
        headers = {"authorization": f"Bearer {keys['owner']}"} if keys else {}
        report = (await api.client.get("/v1/usage", headers=headers)).json()
    assert report["who"] == "everybody"
    assert [report[name]["requests"] for name in ("today", "last_7_days", "last_30_days")] == [1, 2, 4]
    assert {row["key"]: row["requests"] for row in report["by_key"]} == {"bob": 2, "page": 2}
    await ledger.aclose()
    await database.aclose()


async def test_what_a_provider_charged_is_told_apart(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as metered_api:
        await metered_api.ask("openai/ok?cost=0.25")
        report = (await metered_api.get("/v1/usage")).json()
    assert report["today"]["price"] == report["today"]["charged"] == 0.25


async def test_without_any_use_everything_is_zero(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as metered_api:
        report = (await metered_api.get("/v1/usage")).json()
    assert report["last_30_days"]["requests"] == 0
    assert report["by_model"] == []


async def test_without_a_key_nothing_is_seen(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as metered_api:
        for path in ("/v1/usage", "/metrics"):
            assert (await metered_api.api.client.get(path)).status_code == 401

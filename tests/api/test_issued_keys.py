"""Keys of the API that the owner makes: they work at once, keep to their limits, and are revoked."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from llm_hub.access.issued_keys import MIN_READ_INTERVAL, IssuedKeys
from llm_hub.api import owner_keys, router
from llm_hub.api.dialects import DIALECTS
from llm_hub.errors import ConfigurationError
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.policy import Policy
from llm_hub.storage.database import Database
from llm_hub.usage.counters import Counters
from llm_hub.usage.ledger import Ledger
from tests.api.conftest import body_at
from tests.router.hand_clock import HandClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from llm_hub.hub import Hub

ORIGIN = "http://127.0.0.1:7860"


class Site:
    """The API and the owner's routes over one database, as plain ASGI calls. `client` is on this computer."""

    def __init__(self, hub: Hub, database: Database, settings_keys: dict[str, str] | None = None) -> None:
        self.clock = HandClock()
        self.database = database
        self.ledger = Ledger(database)
        self.keys = self.open_keys(settings_keys or {})
        policy = Policy(api_keys=settings_keys or {}, issued=self.keys)
        policy.recall_from(self.ledger)
        app = Starlette(routes=owner_keys.routes(self.keys, self.ledger))
        app.mount("/", router(Gateway(hub, policy, meter=Meter(self.ledger))))
        self._transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=self._transport, base_url=ORIGIN)

    def open_keys(self, settings_keys: dict[str, str]) -> IssuedKeys:
        return IssuedKeys(self.database, Counters(), reserved=("local", *settings_keys), clock=self.clock)

    async def make(self, **wish: str) -> str:
        answer = await self.client.post(owner_keys.PATH, json=wish)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["key"])

    async def ask(self, key: str, path: str = "/v1/chat", **headers: str) -> httpx.Response:
        body = {"model": "openai/ok?tokens=2", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello"}]}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            named["authorization"] = f"Bearer {key}"
        return await self.client.post(path, json=body_at(path, body), headers=named)

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.client.get(owner_keys.PATH)
        keys: list[dict[str, Any]] = answer.json()["keys"]
        return keys


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield database
    await database.aclose()


@pytest.fixture
async def site(hub: Hub, database: Database) -> AsyncIterator[Site]:
    site = Site(hub, database)
    yield site
    await site.ledger.aclose()


async def test_a_key_works_at_once_in_every_dialect_and_its_use_is_shown(site: Site) -> None:
    key = await site.make(name="laptop")
    paths = [dialect.path for dialect in DIALECTS if "embeddings" not in dialect.path]
    for path in paths:
        assert (await site.ask(key, path, x_forwarded_for="203.0.113.9")).status_code == 200, path
    (row,) = await site.listed()
    assert row["name"] == "laptop"
    assert row["ending"] == key[-4:]
    assert row["today"]["requests"] == len(paths)
    assert row["today"]["tokens"] > 0


async def test_only_a_hash_is_kept_and_the_key_is_told_once(site: Site, database: Database) -> None:
    key = await site.make(name="laptop")
    rows = await database.run(lambda connection: connection.execute(text("select * from api_keys")).all())
    assert key not in repr(rows)
    assert hashlib.sha256(key.encode()).hexdigest() in repr(rows)
    assert key not in (await site.client.get(owner_keys.PATH)).text
    assert key not in repr(vars(site.keys))


async def test_a_revoked_key_is_refused_also_where_programs_here_need_none(site: Site) -> None:
    key = await site.make(name="laptop")
    assert (await site.ask("")).status_code == 200
    assert (await site.client.request("DELETE", owner_keys.PATH, json={"name": "laptop"})).json() == {"keys": []}
    assert (await site.ask(key)).status_code == 401
    assert (await site.ask("sk-hub-guessed")).status_code == 401
    assert (await site.ask("no-key")).status_code == 200
    assert (await site.ask("no-key", x_forwarded_for="203.0.113.9")).status_code == 403


async def test_keys_of_the_settings_and_of_the_page_hold_beside_each_other(hub: Hub, database: Database) -> None:
    site = Site(hub, database, {"alice": "alice-0123456789abcdef"})
    key = await site.make(name="laptop")
    assert [(await site.ask(each)).status_code for each in ("alice-0123456789abcdef", key, "", "wrong")] == [
        200, 200, 401, 401,
    ]  # fmt: skip
    refused = await site.client.post(owner_keys.PATH, json={"name": "alice"})
    assert refused.json()["problem"].startswith("The name alice is taken.")
    await site.ledger.aclose()


async def test_its_limits_hold_for_a_day_and_a_new_process_remembers_them(
    hub: Hub, database: Database, site: Site
) -> None:
    key = await site.make(name="two", requests="2")
    assert [(await site.ask(key)).status_code for _ in range(3)] == [200, 200, 429]
    refused = await site.ask(key)
    assert "The limit of 2 requests a day for the key two is reached" in refused.text
    await site.ledger.flush()
    again = Site(hub, database)
    assert (await again.ask(key)).status_code == 429
    await site.client.request("DELETE", owner_keys.PATH, json={"name": "two"})
    assert (await site.ask(await site.make(name="two", requests="2"))).status_code == 429
    assert (await site.ask(await site.make(name="small", tokens="5"))).status_code == 400
    assert (await site.ask(await site.make(name="poor", dollars="0.000001"))).status_code == 400
    await again.ledger.aclose()


async def test_another_hub_with_the_same_database_knows_of_both(site: Site) -> None:
    other = site.open_keys({})
    assert await other.find([b"sk-hub-nobody"]) == ""
    key = (await site.keys.make("laptop")).encode()
    assert await other.find([key]) == ""
    site.clock.now += MIN_READ_INTERVAL
    assert await other.find([b"another", key]) == "laptop"
    await site.keys.revoke("laptop")
    await other.read()
    assert await other.find([key]) == ""


@pytest.mark.parametrize(
    "wish",
    [
        {"name": ""}, {"name": "a b"}, {"name": "local"}, {"name": "x" * 61}, {"name": "<b>"}, {"name": 5}, {}, [],
        {"name": "a", "requests": "0"}, {"name": "a", "tokens": "-1"}, {"name": "a", "tokens": "1.5"},
        {"name": "a", "dollars": "NaN"}, {"name": "a", "dollars": "-1"}, {"name": "a", "dollars": "much"},
        {"name": "a", "dollars": "$"},
        {"name": "a", "more": "b"},
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_no_key_is_refused_and_none_is_made(site: Site, wish: object) -> None:
    refused = await site.client.post(owner_keys.PATH, json=wish)
    assert refused.status_code == 400
    assert refused.json()["problem"]
    assert await site.listed() == []


@pytest.mark.parametrize(
    "headers",
    [{"x-forwarded-for": "203.0.113.9"}, {"origin": "http://evil.example"}, {"host": "evil.example"}],
    ids=lambda headers: next(iter(headers)),
)
async def test_nobody_else_sees_or_makes_keys(site: Site, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await site.client.request(method, owner_keys.PATH, headers=headers, json={"name": "evil"})
        assert answer.status_code == 403
    assert await site.listed() == []


async def test_keys_that_cannot_be_read_are_no_keys(hub: Hub) -> None:
    database = Database("sqlite:////nowhere/at/all/hub.db")
    site = Site(hub, database)
    with pytest.raises(ConfigurationError):
        await site.keys.make("a b", money=Decimal(1))
    database._url = "sqlite:////proc/version"
    answer = await site.ask("sk-hub-0123456789")
    assert answer.status_code == 503
    assert "The keys cannot be read." in answer.text
    assert (await site.ask("")).status_code == 200
    site.ledger._waiting.clear()
    await database.aclose()

"""Where money is limited, what a request may cost is written before a provider is asked, until its price is known."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import AttemptFailed, ChatRequest, Message, Role, TextDelta
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.policy import Policy
from llm_hub.storage.database import Database
from llm_hub.usage import ledger as ledger_module
from llm_hub.usage import reserved_money as module
from llm_hub.usage.ledger import Ledger
from llm_hub.usage.limit_errors import LimitNotKept
from llm_hub.usage.quotas import Quota
from tests.gateway.test_visitors import OWNER, a_hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from llm_hub.chat import Event
    from tests.fault_server import FaultServer

MOST = Decimal("1.1")
"""Dollars that a request may cost at `cheap`: 10 tokens of a prompt and 100 of an answer, at a cent each."""


@pytest.fixture(autouse=True)
def _unhurried_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written when a test says so, and a busy machine may take its time for the first transaction."""
    monkeypatch.setattr(ledger_module, "WRITE_INTERVAL", 3600.0)
    monkeypatch.setattr(module, "PATIENCE", 60.0)


class CountingDatabase(Database):
    """Counts its transactions."""

    transactions = 0

    async def run(self, work: Callable[[Connection], Any]) -> Any:
        self.transactions += 1
        return await super().run(work)


@dataclass
class LimitedHub:
    """A hub that answers alice up to 100 dollars a day."""

    gateway: Gateway
    ledger: Ledger
    database: CountingDatabase

    @property
    def reserved(self) -> Any:
        """What another hub with this database would count."""
        return self.ledger.reserved.today()

    def ask(self, model: str, *fallback: str) -> Any:
        request = ChatRequest((Message(Role.USER, "Hello"),), model, max_tokens=100, fallback=fallback)
        return self.gateway.answer(self.gateway.program("alice", "/v1/chat"), request)

    async def answer(self, model: str, *fallback: str) -> list[Event]:
        return [event async for event in self.ask(model, *fallback)]


@asynccontextmanager
async def limited(
    tmp_path: Path, fault_server: FaultServer, file: str = "{}", money: Decimal | None = Decimal(100)
) -> AsyncIterator[LimitedHub]:
    text = (
        f"LLM_HUB_SERVERS=cheap={fault_server.openai_url},dear={fault_server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n"
        f"CHEAP_API_KEY={OWNER}\nDEAR_API_KEY={OWNER}\nLLM_HUB_PRICES=cheap=10000/10000,dear=20000/20000\n"
    )
    database = CountingDatabase(f"sqlite:///{file.format(tmp_path / 'hub.db')}")
    ledger = Ledger(database)
    async with a_hub(tmp_path, text) as hub:
        policy = Policy(api_keys={"alice": "a-key"}, api_quota=Quota(money=money, tokens=10**9))
        gateway = Gateway(hub, policy, meter=Meter(ledger), reserved_money=ledger.reserved)
        try:
            yield LimitedHub(gateway, ledger, database)
        finally:
            await ledger.aclose()
            await database.aclose()


async def test_an_answer_that_runs_counts_with_the_most_that_it_may_cost(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    fault_server.limit = 2
    async with limited(tmp_path, fault_server) as hub:
        async with aclosing(hub.ask("cheap/ok?tokens=10")) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
            assert await hub.reserved == {"alice": MOST}
        await hub.ledger.flush()
        estimated = (await hub.reserved)["alice"]
        assert 0 < estimated <= MOST, "nobody told what an answer cost that was left: its row has no price"


async def test_an_answer_that_is_over_counts_with_its_price_alone(tmp_path: Path, fault_server: FaultServer) -> None:
    async with limited(tmp_path, fault_server) as hub:
        await hub.answer("cheap/ok?tokens=10")
        assert await hub.reserved == {"alice": MOST}, "the row of the ledger is not written yet"
        await hub.ledger.flush()
        assert await hub.reserved == {}
        [total] = await hub.ledger.totals()
        assert 0 < total.used.price < MOST


async def test_a_dearer_attempt_is_written_before_it_is_made(tmp_path: Path, fault_server: FaultServer) -> None:
    async with limited(tmp_path, fault_server) as hub, aclosing(hub.ask("cheap/cut@mid", "dear/ok")) as events:
        has_failed = False
        async for event in events:
            if isinstance(event, AttemptFailed):
                has_failed, fault_server.limit = True, 2
            if has_failed and isinstance(event, TextDelta):
                break
        assert (await hub.reserved)["alice"] > 3 * MOST


async def test_a_request_that_nobody_was_asked_counts_for_nothing(tmp_path: Path, fault_server: FaultServer) -> None:
    async with limited(tmp_path, fault_server) as hub:
        fault_server.down = True
        for _ in range(8):  # until the target is paused
            with pytest.raises(Exception, match=r"cheap|Cheap"):
                await hub.answer("cheap/ok")
        await hub.ledger.aclose()
        assert await hub.reserved == {}


async def test_fifty_requests_at_once_wait_for_a_few_transactions(tmp_path: Path, fault_server: FaultServer) -> None:
    async with limited(tmp_path, fault_server) as hub:
        await asyncio.gather(*(hub.answer("cheap/ok?tokens=2") for _ in range(50)))
        assert hub.database.transactions <= 10
        await hub.ledger.flush()
        assert await hub.reserved == {}


async def test_without_a_limit_of_money_nothing_is_written(tmp_path: Path, fault_server: FaultServer) -> None:
    async with limited(tmp_path, fault_server, money=None) as hub:
        await hub.answer("cheap/ok")
        assert hub.database.transactions == 0


async def test_with_a_database_that_cannot_be_written_nobody_is_asked(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with limited(tmp_path, fault_server) as hub:
        await hub.answer("cheap/ok")
    async with limited(tmp_path, fault_server, file="file:{}?mode=ro&uri=true") as hub:
        with pytest.raises(LimitNotKept, match="read-only"):
            await hub.answer("cheap/ok")
        assert len(fault_server.exchanges) == 1
        assert (await hub.ledger.totals())[0].used.requests == 1, "it is still read"


async def test_where_counts_are_in_redis_nobody_waits_for_the_database(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with limited(tmp_path, fault_server) as hub:
        hub.ledger.reserved.is_awaited = False
        async with hub.ledger._write_lock:
            await hub.answer("cheap/ok?tokens=2")
        await hub.ledger.reserved.aclose()
        assert await hub.reserved == {"alice": MOST}
        await hub.ledger.flush()
        assert await hub.reserved == {}


async def test_a_database_that_does_not_answer_is_waited_for_a_while(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    async with limited(tmp_path, fault_server) as hub:
        async with hub.ledger._write_lock:
            with pytest.raises(LimitNotKept, match="does not answer"):
                await hub.answer("cheap/ok")
        monkeypatch.setattr(module, "PATIENCE", 60.0)
        await hub.answer("cheap/ok?tokens=2")
        await hub.ledger.aclose()
        assert await hub.reserved == {}
        assert len(fault_server.exchanges) == 1

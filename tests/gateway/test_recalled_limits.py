"""A limit on money after a restart: what was spent today counts."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from llm_hub.gateway.policy import EVERYBODY, Policy
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.usage.counters import PAUSE, Counters
from llm_hub.usage.ledger import Entry, Ledger
from llm_hub.usage.limit_errors import LimitNotKept, LimitReached
from tests.router.hand_clock import HandClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.redis_server import RedisServer

UNHURRIED = 60.0
"""Seconds that a busy machine may take."""
LIMITED = Settings(
    host="0.0.0.0",
    limit_money=Decimal(1),
    daily_money=Decimal(1),
    api_keys={"alice": SecretStr("a-key-of-sixteen"), "bob": SecretStr("b-key-of-sixteen")},
)


def entry(caller: str, price: str, at: float) -> Entry:
    return Entry(at, caller, "/v1/chat", "openai/ok", "answered", 1, 0.1, None, {"prompt_tokens": 1}, Decimal(price))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """That of a hub which has been started again: alice and the visitors have used nearly all of today's money."""
    url, now = f"sqlite:///{tmp_path / 'hub.db'}", time.time()
    before, database = Database(url), Database(url)
    ledger = Ledger(before)
    for each in (entry("alice", "0.9", now), entry("bob", "0.9", now - 86400), entry("page", "0.9", now)):
        ledger.note(each)
    await ledger.aclose()
    await before.aclose()
    yield Ledger(database)
    await database.aclose()


@pytest.fixture
def policy(ledger: Ledger) -> Policy:
    policy = Policy.from_settings(LIMITED, Counters())
    policy.recall_from(ledger)
    return policy


async def test_what_was_spent_today_counts_after_a_restart(policy: Policy) -> None:
    assert policy.api_quota is not None
    await policy.api_quota.reserve("bob", money=Decimal("0.9"))  # yesterday is over
    with pytest.raises(LimitReached, match=r"\$0\.1 are left|\$0\.100000 are left"):
        await policy.api_quota.reserve("alice", money=Decimal("0.2"))
    await policy.api_quota.reserve("alice", money=Decimal("0.1"))


async def test_requests_at_once_all_wait_for_what_was_spent(policy: Policy) -> None:
    assert policy.visitor_quotas is not None
    reserve = policy.visitor_quotas.together.reserve
    results = await asyncio.gather(
        *(reserve(EVERYBODY, money=Decimal("0.05")) for _ in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(result, LimitReached) for result in results) == 2


async def test_a_redis_that_is_lost_or_has_forgotten_everything_forgets_no_money(
    ledger: Ledger, redis_server: RedisServer
) -> None:
    clock = HandClock()
    counters = Counters(redis_server.url, patience=UNHURRIED, clock=clock)
    policy = Policy.from_settings(LIMITED, counters)
    policy.recall_from(ledger)
    assert policy.api_quota is not None
    reserve = policy.api_quota.reserve

    async def has_only_a_tenth_left() -> bool:
        with pytest.raises(LimitReached, match=r"\$0\.1(00000)? are left"):
            await reserve("alice", money=Decimal("0.2"))
        return True

    assert await has_only_a_tenth_left()
    redis_server.kill()
    assert await has_only_a_tenth_left(), "this hub counts by itself"
    redis_server.start()
    clock.now += PAUSE
    assert await has_only_a_tenth_left(), "it is a new Redis"
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()
    assert await has_only_a_tenth_left(), "nobody said that it lost its counts"
    await (await reserve("alice", money=Decimal("0.1"))).release()
    await counters.aclose()


async def test_with_a_ledger_that_cannot_be_read_a_limit_of_money_refuses_and_others_begin_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "hub.db"
    broken.write_text("no database at all, and longer than the head of one has to be" * 20)
    database, policy = Database(f"sqlite:///{broken}"), Policy.from_settings(LIMITED, Counters())
    of_tokens = Policy.from_settings(Settings(limit_tokens=100), Counters())
    for each in (policy, of_tokens):
        each.recall_from(Ledger(database))
    assert policy.api_quota is not None
    with pytest.raises(LimitNotKept, match=r"cannot keep record .* no database of SQLite's"):
        await policy.api_quota.reserve("alice", money=Decimal(1))
    await (await policy.api_quota.reserve("alice", money=Decimal(0))).release()  # what is free needs no limit
    assert of_tokens.api_quota is not None
    await of_tokens.api_quota.reserve("alice", tokens=100)
    assert "begin anew" in caplog.text
    broken.unlink()
    await policy.api_quota.reserve("alice", money=Decimal(1))
    await database.aclose()

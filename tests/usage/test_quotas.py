"""Limits, in memory and in a real Redis where there is one."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llm_hub.errors import ConfigurationError, InvalidRequest
from llm_hub.usage.amounts import DAY
from llm_hub.usage.counters import Counters
from llm_hub.usage.limit_errors import LimitReached
from llm_hub.usage.memory_counts import MIN_SWEEP, MemoryCounts
from llm_hub.usage.quotas import Quota, Reservation
from llm_hub.usage.shares import Share
from tests.ui.site import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

UNHURRIED = 60.0
"""Seconds that a busy machine may take."""


@pytest.fixture(params=["memory", "redis"])
async def counters(request: pytest.FixtureRequest) -> AsyncIterator[Counters]:
    redis_url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    counters = Counters(redis_url, patience=UNHURRIED)
    yield counters
    await counters.aclose()


@pytest.fixture
def whose(request: pytest.FixtureRequest) -> str:
    """Redis keeps its counts from test to test: so each has a name of its own for them."""
    return str(request.node.name)


async def reserve_at_once(limits: Quota, times: int, **estimate: object) -> list[Reservation]:
    """Many requests at once: the reservations of those that were let through."""
    results = await asyncio.gather(
        *(limits.reserve("alice", **estimate) for _ in range(times)),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert all(isinstance(result, Reservation | LimitReached) for result in results)
    return [result for result in results if isinstance(result, Reservation)]


async def test_of_fifty_requests_at_once_only_as_many_pass_as_the_minute_allows(counters: Counters, whose: str) -> None:
    limits = Quota(counters, requests=10, whose=whose)
    assert len(await reserve_at_once(limits, 50)) == 10
    with pytest.raises(LimitReached, match=r"The limit of 10 requests a minute .* is reached\. Try again in \d+ s"):
        await limits.reserve("alice")


async def test_somebody_elses_requests_are_counted_apart(counters: Counters, whose: str) -> None:
    limits = Quota(counters, requests=1, whose=whose)
    await limits.reserve("alice")
    await limits.reserve("bob")
    with pytest.raises(LimitReached):
        await limits.reserve("alice")


async def test_of_fifty_requests_at_once_only_those_pass_whose_tokens_fit(counters: Counters, whose: str) -> None:
    limits = Quota(counters, tokens=1000, whose=whose)
    assert len(await reserve_at_once(limits, 50, tokens=150)) == 6
    with pytest.raises(LimitReached, match=r"1,000 tokens a day .* 100 tokens are left, and this request may need"):
        await limits.reserve("alice", tokens=150)
    await limits.reserve("alice", tokens=100)


async def test_an_estimate_gives_way_to_what_was_used(counters: Counters, whose: str) -> None:
    limits = Quota(counters, tokens=1000, whose=whose)
    reservation = await limits.reserve("alice", tokens=1000)
    await reservation.settle(tokens=10, money=None)
    await reservation.settle(tokens=10, money=None)  # once is all
    again = await limits.reserve("alice", tokens=990)
    await again.settle(tokens=3000, money=None)
    with pytest.raises(LimitReached):
        await limits.reserve("alice", tokens=1)


async def test_money_is_counted_to_a_millionth_of_a_dollar(counters: Counters, whose: str) -> None:
    limits = Quota(counters, money=Decimal("0.01"), whose=whose)
    passed = await reserve_at_once(limits, 50, money=Decimal("0.0009"))
    assert len(passed) == 11
    for reservation in passed:
        await reservation.settle(tokens=0, money=Decimal("0.000001"))
    await limits.reserve("alice", money=Decimal("0.009989"))
    with pytest.raises(LimitReached, match=r"The limit of \$0.01 a day"):
        await limits.reserve("alice", money=Decimal("0.000001"))


async def test_a_refused_request_reserves_nothing(counters: Counters, whose: str) -> None:
    limits = Quota(counters, requests=3, tokens=100, whose=whose)
    await limits.reserve("alice", tokens=60)
    for _ in range(5):
        with pytest.raises(LimitReached, match="tokens"):
            await limits.reserve("alice", tokens=60)
    await limits.reserve("alice", tokens=40)


async def test_a_request_that_reached_nobody_is_given_back(counters: Counters, whose: str) -> None:
    limits = Quota(counters, requests=1, tokens=100, whose=whose)
    await (await limits.reserve("alice", tokens=60)).release()
    await limits.reserve("alice", tokens=100)


@pytest.mark.parametrize("estimate", [{"tokens": 101}, {"money": Decimal("0.010001")}])
async def test_what_may_need_more_than_the_whole_limit_is_refused(
    counters: Counters, whose: str, estimate: dict[str, object]
) -> None:
    limits = Quota(counters, tokens=100, money=Decimal("0.01"), whose=whose)
    with pytest.raises(InvalidRequest, match=r"may need more than the limit of (100 tokens|\$0\.01) a day for"):
        await limits.reserve("alice", **estimate)  # type: ignore[arg-type]
    await limits.reserve("alice", tokens=100, money=Decimal("0.01"))


async def test_a_day_begins_at_midnight_as_in_the_ledger(
    counters: Counters, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, midnight = Quota(counters, tokens=100, whose=whose), (time.time() // DAY + 1) * DAY
    monkeypatch.setattr("llm_hub.usage.quotas.time.time", lambda: midnight - 600)
    evening = await limits.reserve("alice", tokens=60)
    with pytest.raises(LimitReached, match="Try again in 10 minutes"):
        await limits.reserve("alice", tokens=60)
    monkeypatch.setattr("llm_hub.usage.quotas.time.time", lambda: midnight + 1)
    await limits.reserve("alice", tokens=100)
    await evening.settle(tokens=0, money=None)  # that day is over
    with pytest.raises(LimitReached):
        await limits.reserve("alice", tokens=1)


async def test_two_servers_with_one_redis_count_together(redis_url: str) -> None:
    first, second = (Counters(redis_url, patience=UNHURRIED) for _ in range(2))
    quotas = [Quota(counters, requests=20, whose="both") for counters in (first, second)]
    passed = await asyncio.gather(*(reserve_at_once(quota, 25) for quota in quotas))
    assert sum(map(len, passed)) == 20
    await first.aclose()
    await second.aclose()


async def test_requests_at_once_that_find_no_count_yet_keep_out_none_that_fits(redis_url: str, whose: str) -> None:
    """The database is asked first. Those that are refused meanwhile take no room, not even for a moment."""

    async def recall() -> dict[str, dict[str, int]]:
        for _ in range(int(name)):
            await asyncio.sleep(0)
        return {}

    servers = [Counters(redis_url, patience=UNHURRIED) for _ in range(2)]
    for name in map(str, range(20)):
        quotas = [Quota(counters, tokens=1000, whose=whose + name) for counters in servers]
        for quota in quotas:
            quota.recall = recall
        requests = [quota.reserve(name, tokens=50) for _ in range(25) for quota in quotas]
        passed = await asyncio.gather(*requests, return_exceptions=True)
        assert sum(isinstance(each, Reservation) for each in passed) == 20
    for counters in servers:
        await counters.aclose()


async def test_without_its_redis_a_server_counts_by_itself_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters(f"redis://:hunter2@127.0.0.1:{free_port()}")
    limits = Quota(counters, requests=3)
    assert len(await reserve_at_once(limits, 50)) == 3
    assert "counts by itself" in caplog.text
    assert "hunter2" not in caplog.text
    await counters.aclose()


async def test_without_limits_everything_passes() -> None:
    assert len(await reserve_at_once(Quota(), 50, tokens=10**9)) == 50


@pytest.mark.parametrize("url", ["redis://host:port", "redis://:hunter2@host:99999999"])
async def test_an_address_that_is_none_is_named_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LLM_HUB_REDIS_URL") as caught:
        Counters(url)
    assert "hunter2" not in str(caught.value)


async def test_a_clock_that_is_set_back_prolongs_no_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    limits = Quota(Counters(clock=lambda: now), requests=1)
    await limits.reserve("alice")
    real = time.time()
    monkeypatch.setattr("time.time", lambda: real - 3600)
    with pytest.raises(LimitReached) as reached:
        await limits.reserve("alice")
    assert reached.value.retry_after == 60
    now += 60
    await limits.reserve("alice")


async def test_counts_that_are_over_are_forgotten() -> None:
    now = 0.0
    counts = MemoryCounts(lambda: now)
    for name in range(3 * MIN_SWEEP):
        now += 1
        assert counts.add([Share(f"visitor {name}", 60, 1, 9, False)]).counts == [1]
    assert len(counts._counts) <= MIN_SWEEP + 1
    assert await counts.change(f"visitor {3 * MIN_SWEEP - 1}", 1) == 2
    assert await counts.change("visitor 0", 1) == 0

"""One hub's side of the exchange, with a Redis that answers and is of no use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from llm_hub.storage import redis_exchange
from llm_hub.storage.redis_exchange import RedisExchange
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_a_redis_that_takes_nothing_is_lost_once_and_not_found_again_each_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_exchange, "RETRY_AFTER", 0.0)
    caplog.set_level("INFO")
    with RedisServer(tmp_path) as server:
        redis = Redis.from_url(server.url)
        exchange = RedisExchange(server.url)
        exchange.hear("mark", lambda _message, _age: None)
        running = asyncio.create_task(exchange.run())
        await exchange.connected.wait()
        await redis.config_set("maxmemory", "1")
        exchange.tell("mark", {})
        before = (await redis.info("stats"))["total_connections_received"]
        while (await redis.info("stats"))["total_connections_received"] < before + 10:
            exchange.tell("mark", {})
        assert [record.message for record in caplog.records if "Redis" in record.message] == [
            f"Redis failed (OutOfMemoryError). {redis_exchange.PROBLEM}"
        ]
        assert exchange.problem
        await redis.config_set("maxmemory", "0")
        await exchange.connected.wait()
        assert not exchange.problem
        running.cancel()
        await asyncio.wait([running])
        await redis.aclose()

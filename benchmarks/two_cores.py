"""One hub on one core, beside two hubs on two cores that share a Redis: how many more requests they answer.

    uv run python -m benchmarks.two_cores

Needs redis-server. Each hub has a core, on which its provider and its clients run as well. Turns with one and with two
are measured one after the other, of which the median counts. Every request is counted in Redis, by a limit.

Twice as much is what two cores answer if a request takes no more processor time (of hubs and Redis) with two hubs than
with one: this is what counts, since it can be told on a busy machine, too. The requests a second are shown beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import psutil

from benchmarks.gateways import (
    BEARER,
    HERE,
    KEY,
    SECONDS,
    SETTLING,
    Gateway,
    Running,
    _cpu,
    _hubs,
    _many,
    _memory,
    _provider,
    _started,
)
from tests.redis_server import RedisServer

ROUNDS = 7
LIMITS = {"LLM_HUB_API_KEYS": f"one={KEY}", "LLM_HUB_LIMIT_REQUESTS": "100000000"}


def _hub(upstream: str, redis_url: str) -> Gateway:
    hub = _hubs("LLM Hub", HERE, upstream)[0]
    environment = {
        **hub.environment,
        **LIMITS,
        "LLM_HUB_REDIS_URL": redis_url,
        "LLM_HUB_DATABASE_URL": "sqlite:///hub.db",
    }
    return Gateway(hub.name, hub.command, hub.path, hub.model, BEARER, environment)


async def _client(url: str) -> None:
    """Prints how many requests a second a hub answers to this process."""
    gateway = Gateway("hub", [], "/v1/chat/completions", "openai/fake", BEARER)
    async with aiohttp.ClientSession(headers=BEARER, connector=aiohttp.TCPConnector(limit=0)) as session:
        requests, _ = await _many(session, Running(gateway, url, psutil.Process()), stream=False)
    print(requests)


def _measure(hubs: dict[int, Running], redis: psutil.Process) -> tuple[float, float]:
    """Requests a second of all of these hubs at once, by the core of each, and the processor time of a request."""
    command = [sys.executable, "-m", "benchmarks.two_cores", "--client"]
    before = _busy(hubs, redis)
    clients = [
        subprocess.Popen(["taskset", "-c", str(core), *command, hub.url], stdout=subprocess.PIPE, text=True, cwd=HERE)
        for core, hub in hubs.items()
    ]
    requests = sum(float(client.communicate(timeout=60 + SECONDS)[0]) for client in clients)
    return requests, (_busy(hubs, redis) - before) / (requests * SECONDS)


def _busy(hubs: dict[int, Running], redis: psutil.Process) -> float:
    return sum(_cpu(process) for process in (redis, *(hub.process for hub in hubs.values())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", metavar="URL", help=argparse.SUPPRESS)
    if url := parser.parse_args().client:
        asyncio.run(_client(url))
        return
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        redis = stack.enter_context(RedisServer(Path(folder)))
        hubs: dict[int, Running] = {}
        for core in (0, 1):
            provider = stack.enter_context(_started(_provider(), core))
            upstream = provider.url.removesuffix("/v1/chat/completions")
            hubs[core] = stack.enter_context(_started(_hub(upstream, redis.url), core))
        time.sleep(SETTLING)
        process = psutil.Process(redis.process.pid)
        _measure(hubs, process)  # warm
        turns = []
        for number in range(ROUNDS):
            core = number % 2
            turns.append((_measure({core: hubs[core]}, process), _measure(hubs, process)))
        memory = max(_memory(hub.process) for hub in hubs.values())
    one, two = ([statistics.median(column) for column in zip(*side, strict=True)] for side in zip(*turns, strict=True))
    ratios = sorted(2 * first[1] / second[1] for first, second in turns)
    print(f"a request takes {one[1] * 1e3:.2f} ms of processor time with one hub, {two[1] * 1e3:.2f} ms with two")
    print(f"  so two cores answer {statistics.median(ratios):.2f} times as many as one (at least 1.8), in the turns "
          f"{ratios[0]:.2f} to {ratios[-1]:.2f}")  # fmt: skip
    print(f"  requests a second here: {one[0]:.0f} and {two[0]:.0f}; memory of a hub: {memory:.0f} MB")


if __name__ == "__main__":
    main()

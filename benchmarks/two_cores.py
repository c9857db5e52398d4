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

import psutil

from benchmarks.figures import publish
from benchmarks.gateway_processes import (
    BEARER,
    COMPLETIONS,
    HERE,
    KEY,
    SETTLING,
    Gateway,
    Running,
    cpu,
    fake_provider,
    hubs,
    memory,
    started,
)  # fmt: skip
from benchmarks.gateways import CLIENTS, SECONDS
from benchmarks.load import Clients, Question
from tests.redis_server import RedisServer

ROUNDS = 7
LIMITS = {"LLM_HUB_API_KEYS": f"one={KEY}", "LLM_HUB_LIMIT_REQUESTS": "100000000"}


def _hub(upstream: str, redis_url: str) -> Gateway:
    hub = hubs("LLM Hub", HERE, upstream)[0]
    environment = {
        **hub.environment,
        **LIMITS,
        "LLM_HUB_REDIS_URL": redis_url,
        "LLM_HUB_DATABASE_URL": "sqlite:///hub.db",
    }
    return Gateway(hub.name, hub.command, hub.path, hub.model, BEARER, environment)


async def _client(url: str) -> None:
    """Prints how many requests a second a hub answers to this process."""
    clients = await Clients.connect(url, CLIENTS)
    print(await clients.ask_for(Question(url, "openai/fake", "call", BEARER), SECONDS) / SECONDS)
    clients.close()


def _measure(running: dict[int, Running], redis: psutil.Process) -> tuple[float, float]:
    """Requests a second of all of these hubs at once, by the core of each, and the processor time of a request."""
    command = [sys.executable, "-m", "benchmarks.two_cores", "--client"]
    before = _busy(running, redis)
    clients = [
        subprocess.Popen(["taskset", "-c", str(core), *command, hub.url], stdout=subprocess.PIPE, text=True, cwd=HERE)
        for core, hub in running.items()
    ]
    requests = sum(float(client.communicate(timeout=60 + SECONDS)[0]) for client in clients)
    return requests, (_busy(running, redis) - before) / (requests * SECONDS)


def _busy(running: dict[int, Running], redis: psutil.Process) -> float:
    return sum(cpu(process) for process in (redis, *(hub.process for hub in running.values())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="PATH", help="where to write the figures as well")
    if url := parser.parse_args().client:
        asyncio.run(_client(url))
        return
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        redis = stack.enter_context(RedisServer(Path(folder)))
        running: dict[int, Running] = {}
        for core in (0, 1):
            provider = stack.enter_context(started(fake_provider(), core))
            upstream = provider.url.removesuffix(COMPLETIONS)
            running[core] = stack.enter_context(started(_hub(upstream, redis.url), core))
        time.sleep(SETTLING)
        process = psutil.Process(redis.process.pid)
        _measure(running, process)  # warm
        turns = []
        for number in range(ROUNDS):
            core = number % 2
            turns.append((_measure({core: running[core]}, process), _measure(running, process)))
        most_memory = max(memory(hub.process) for hub in running.values())
    one, two = ([statistics.median(column) for column in zip(*side, strict=True)] for side in zip(*turns, strict=True))
    ratios = sorted(2 * first[1] / second[1] for first, second in turns)
    publish(
        {
            "one": {"requests": one[0], "cpu": one[1] * 1e3},
            "two": {"requests": two[0], "cpu": two[1] * 1e3},
            "times": {"median": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]},
            "memory": most_memory,
        }
    )


if __name__ == "__main__":
    main()

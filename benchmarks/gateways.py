"""The HTTP API beside other gateways, in one run before one fake provider: requests, latency, processor time, memory.

    uv run python -m benchmarks.gateways
    uv run python -m benchmarks.gateways --earlier path/to/a/clone --peers path/to/peers

The hub is measured twice: OpenAI's client before OpenAI, and Anthropic's before Anthropic. `--earlier` names a clone of
this repository at an earlier commit, which is measured beside it in the same way.

The peers are ferrogw (a native gateway, in Go), Portkey's gateway and LiteLLM's proxy. They are not the project's
dependencies. Install them in a folder for `--peers`; one that is not in it is not measured:

    uv venv peers
    uv pip install --python peers/bin/python 'litellm[proxy]' ferrogw
    npm install --prefix peers @portkey-ai/gateway

Portkey's release 1.15.2 streams on Node 20 only with `"overrides": {"@hono/node-server": "1.14.1"}` in package.json.

All gateways run at once and are measured in turns, of which the median counts. They share one core, which only the one
that is measured uses; the provider and the clients have another. So a gateway that takes less of a core than they do is
faster than its requests a second tell: read its processor time, of which a core has a second in a second. A token of a
stream is what it costs beyond a call. "Paced" tokens come one by one, 50 a second in each of 50 streams; the others as
fast as they are taken. Memory is proportional (PSS): pages that others share are not counted twice. It is read once
all have started, so that each has as many to share with. "Gradio's own" is a process that has imported it and serves
an empty page.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from benchmarks.fake_provider import PACE, PACED, TOKENS
from benchmarks.figures import publish
from benchmarks.gateway_processes import (
    COMPLETIONS,
    HERE,
    SETTLING,
    Running,
    cpu,
    fake_provider,
    gradio_alone,
    hubs,
    memory,
    peers,
    question,
    started,
)
from benchmarks.load import Clients

CLIENTS = 50
STREAMS = 16
"""Streams at once whose tokens come as fast as they are taken."""
LOADED_RATE = 200.0
"""Requests a second while the latency of many clients is measured: less than a core can answer."""
ROUNDS = 3
SECONDS = 2.0
"""For each of a turn's measurements under load."""
LATENCIES = ("call", "loaded_call", "first_word")
"""What is measured of the provider alone, to tell what a gateway adds. It shares its core with the clients, so the rest
would say how fast they are."""
SINGLE = 40
"""Requests of a turn that are made one by one, of each kind."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one gateway did in a turn: requests a second, milliseconds, and microseconds of processor time."""

    requests: float
    call: float
    loaded_call: float
    first_word: float
    cpu_call: float
    cpu_token: float
    cpu_paced_token: float


async def _measure(running: Running) -> Figures:
    call, stream, paced = (question(running, words) for words in ("call", "stream", "paced"))
    one, many = await Clients.connect(running.url, 1), await Clients.connect(running.url, CLIENTS)
    for each in (call, stream):
        await many.ask_once(each, 2)  # warm
    calls = await one.latencies(call, SINGLE)
    streams = await one.latencies(stream, SINGLE)
    loaded = await many.latencies(call, 8, pause=CLIENTS / LOADED_RATE)
    before = cpu(running.process)
    done = await many.ask_for(call, SECONDS)
    after_calls = cpu(running.process)
    streamed = await many.ask_for(stream, SECONDS)
    after_streams = cpu(running.process)
    spread = await many.latencies(paced, 1, pause=PACE * 3)
    after_paced = cpu(running.process)
    one.close()
    many.close()
    cpu_call = (after_calls - before) / done
    return Figures(
        requests=done / SECONDS,
        call=statistics.median(calls.end) * 1e3,
        loaded_call=statistics.median(loaded.end) * 1e3,
        first_word=statistics.median(streams.first_word) * 1e3,
        cpu_call=cpu_call * 1e6,
        cpu_token=((after_streams - after_calls) / streamed - cpu_call) / TOKENS * 1e6,
        cpu_paced_token=((after_paced - after_streams) / len(spread.end) - cpu_call) / PACED * 1e6,
    )


def _median(turns: list[Figures]) -> Figures:
    columns = zip(*map(astuple, turns), strict=True)
    return Figures(*map(statistics.median, columns))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of each gateway by its name, and those of memory."""
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    missing: list[str] = []
    with ExitStack() as stack:
        provider = stack.enter_context(started(fake_provider(), 1))
        upstream = provider.url.removesuffix(COMPLETIONS)
        gateways = hubs("LLM Hub", HERE, upstream)
        if options.earlier:
            gateways += hubs("earlier", options.earlier.resolve(), upstream)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, peer in peers(options.peers, scratch, upstream).items():
            if peer is None:
                missing.append(name)
            else:
                gateways.append(peer)
        all_running = [provider, *(stack.enter_context(started(gateway)) for gateway in gateways)]
        time.sleep(SETTLING)
        idle = {running.gateway.name: memory(running.process) for running in all_running}
        gradio = gradio_alone()
        turns: dict[str, list[Figures]] = {running.gateway.name: [] for running in all_running}
        for _ in range(options.rounds):
            for running in all_running:
                turns[running.gateway.name].append(asyncio.run(_measure(running)))
    measured = {name: {**asdict(_median(each)), "memory": idle[name]} for name, each in turns.items()}
    direct = measured[provider.gateway.name]
    measured[provider.gateway.name] = {name: direct[name] for name in LATENCIES}
    return {"gateways": measured, "missing": missing, "gradio_memory": gradio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earlier", type=Path, help="a clone of this repository at an earlier commit")
    parser.add_argument("--peers", type=Path, default=HERE / "peers", help="the folder where the peers are installed")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each gateway")
    parser.add_argument("--json", metavar="PATH", help="where to write the figures as well")
    publish(measure(parser.parse_args()))


if __name__ == "__main__":
    main()

"""The router with its real defaults and real clocks: an outage of a minute, a long Retry-After, a silent model.

    uv run python -m benchmarks.outage

Takes two minutes. The tests prove the same with scaled clocks; this run shows that nothing was lost in the scaling.
"""

from __future__ import annotations

import asyncio
import time

from llm_hub.chat import Attempt, LLMResponse
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.router import Health, LLMRouter, Target
from tests.fault_server import FaultServer

KEY = "sk-test-0123456789abcdef"
OUTAGE = 60.0
EVERY = 4.0


async def _asked(router: LLMRouter) -> tuple[LLMResponse, float]:
    begun = time.perf_counter()
    return await router.complete("Hello"), time.perf_counter() - begun


def _reached(attempts: tuple[Attempt, ...], model: str) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.model == model and attempt.outcome != "paused"]


async def _outage(provider: OpenAIProvider, fault_server: FaultServer, healthy: Target) -> None:
    """A target that is down for a minute, and a request every four seconds."""
    router = LLMRouter(Target(provider, "gpt-4o"), healthy, health=Health())
    began, attempts, slowest, back = time.perf_counter(), 0, 0.0, None
    fault_server.down = True
    while back is None:
        since = time.perf_counter() - began
        fault_server.down = since < OUTAGE
        response, seconds = await _asked(router)
        attempts += sum(attempt.outcome != "answered" for attempt in _reached(response.attempts, "gpt-4o"))
        slowest = max(slowest, seconds)
        if response.model == "gpt-4o":
            back = time.perf_counter() - began - OUTAGE
        else:
            await asyncio.sleep(max(0.0, EVERY - seconds))
    print(f"an outage of {OUTAGE:.0f} s: {attempts} attempts reached it (at most 4)")
    print(f"  every request was answered, the slowest in {slowest:.2f} s (at most 4)")
    print(f"  it served again {back:.1f} s after it was back (at most 5)")


async def main() -> None:
    async with FaultServer() as fault_server, FaultServer() as well:
        provider = OpenAIProvider(KEY, base_url=fault_server.openai_url)
        provider.address = "https://far.example.com"  # a server on this computer would be given more time
        other = OpenAIProvider(KEY, base_url=well.openai_url, name="other")
        healthy = Target(other, "ok")

        response, seconds = await _asked(LLMRouter(Target(provider, "status-503"), healthy))
        print(f"persistent 503: fallback after {len(_reached(response.attempts, 'status-503'))} attempts, answered "
              f"in {seconds:.2f} s (at most 3 and 4 s)")  # fmt: skip
        response, seconds = await _asked(LLMRouter(Target(provider, "status-429?retry-after=60"), healthy))
        print(f"Retry-After of 60 s: answered in {seconds:.2f} s (at most 1)")
        response, seconds = await _asked(LLMRouter(Target(provider, "stall@headers"), healthy))
        asked = sum(exchange.model == "stall@headers" for exchange in fault_server.exchanges)
        print(f"no answer at all: the silent model was asked {asked} time(s), answered in {seconds:.2f} s")
        await _outage(provider, fault_server, healthy)
        await provider.aclose()
        await other.aclose()


if __name__ == "__main__":
    asyncio.run(main())

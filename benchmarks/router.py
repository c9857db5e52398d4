"""What the router adds to an adapter that is called directly: CPU for each request and for each event.

    uv run python -m benchmarks.router

The provider answers from memory, so that nothing but the router differs. At most 50 µs a request, and 2 an event.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from benchmarks.figures import publish
from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.provider import LLMProvider
from llm_hub.response_builder import ResponseBuilder
from llm_hub.router import Health, LLMRouter, Target

if TYPE_CHECKING:
    from llm_hub.chat import Event

REQUEST = ChatRequest((Message(Role.USER, "Hello"),), "m")
ROUNDS = 15


class Memory(LLMProvider):
    """Answers with a number of words at once."""

    name = "memory"

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        answer = ResponseBuilder(self, request)
        for _ in range(self._tokens):
            yield answer.add_text(" word")
        answer.finish_reason = "stop"
        yield answer.finish()


async def _drain(provider: LLMProvider) -> None:
    async for _ in provider.events(REQUEST):
        pass


async def _cpu(make: object, times: int) -> float:
    """Seconds of CPU for one call, the least of some rounds."""
    found = []
    for _ in range(ROUNDS):
        gc.collect()
        begun = time.process_time()
        for _ in range(times):
            await _drain(make())  # type: ignore[operator]
        found.append((time.process_time() - begun) / times)
    return statistics.quantiles(found, n=4)[0]


async def _main() -> None:
    health = Health()
    few, many = 1, 20_001
    short, long = Memory(few), Memory(many)

    def routed(provider: LLMProvider) -> LLMRouter:
        return LLMRouter(Target(provider, "m"), [Target(short, "other")], health=health)

    direct_few, routed_few = await _cpu(lambda: short, 2000), await _cpu(lambda: routed(short), 2000)
    direct_many, routed_many = await _cpu(lambda: long, 2), await _cpu(lambda: routed(long), 2)
    request = routed_few - direct_few
    event = (routed_many - direct_many - request) / (many - few)
    publish(
        {
            "request_direct": direct_few * 1e6,
            "request_added": request * 1e6,
            "event_direct": direct_many / many * 1e6,
            "event_added": event * 1e6,
        }
    )


if __name__ == "__main__":
    asyncio.run(_main())

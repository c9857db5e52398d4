"""A day's traffic in twenty minutes before one hub: what its memory does.

    uv run python -m benchmarks.soak
    uv run python -m benchmarks.soak --embedded --minutes 30

The hub is a process of its own, its provider the tests' fault server. Programs call it and stream in three dialects,
leave in the middle, send a megabyte, are cut off by the provider, ask for models that do not exist and are refused; on
the page, tabs ask, are answered, stay a while and are reloaded. `--embedded` has the embedded model answer as well.
Each minute the median of the hub's memory (resident, in MB) is printed, and at the end how much it grew after the first
five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import psutil

from tests.fault_server import FaultServerThread
from tests.ui.site import Site
from tests.ui.tab import Tab

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WARM = 5
"""Minutes in which memory may grow: what is loaded and filled once."""
WORKERS = 6
"""Programs that ask one request after the other."""
TABS = 3
KEPT_EXCHANGES = 200
"""Requests that the fault server remembers: it would grow by all of them."""
KEY = "soak-0123456789abcdef"
BEARER = {"authorization": f"Bearer {KEY}"}
EMBEDDED = "local/SmolLM2-135M-Instruct"
MEGABYTE = "word " * 200_000
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"


class Programs:
    """Clients of the API. `counts` has how often each kind of request ended with which status."""

    def __init__(self, url: str, *, embedded: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._url = url
        self._chance = random.Random(1)
        self._kinds: list[tuple[int, Callable[[aiohttp.ClientSession], Awaitable[object]]]] = [
            (20, self._call),
            (20, self._stream),
            (10, self._conversation),
            (10, self._leave),
            (10, self._cut),
            (10, self._refused),
            (3, self._large),
            (5, self._lists),
        ]
        if embedded:
            self._kinds.append((10, self._embedded))

    async def ask_forever(self, pause: float) -> None:
        weights = [weight for weight, _ in self._kinds]
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=300)
        async with aiohttp.ClientSession(self._url, connector=connector, timeout=timeout) as session:
            while True:
                [(_, kind)] = self._chance.choices(self._kinds, weights)
                try:
                    status = await kind(session)
                except (aiohttp.ClientError, TimeoutError) as error:
                    status = type(error).__name__
                self.counts[f"{getattr(kind, '__name__', '')[1:]} {status}"] += 1
                await asyncio.sleep(pause)

    async def _post(self, session: aiohttp.ClientSession, path: str, body: dict[str, Any], leave: bool = False) -> int:
        """Reads the reply, or leaves after its first words. Gives its status."""
        async with session.post(path, json=body, headers=BEARER) as reply:
            if leave:
                await reply.content.readany()
                reply.close()
            else:
                await reply.read()
            return reply.status

    async def _call(self, session: aiohttp.ClientSession) -> int:
        return await self._post(session, CHAT, _body("openai/ok?tokens=20"))

    async def _stream(self, session: aiohttp.ClientSession) -> int:
        path, model, more = self._chance.choice(
            [
                (CHAT, "openai/ok?tokens=200", {}),
                (CHAT, "anthropic/ok?tokens=200", {}),
                (MESSAGES, "anthropic/ok?tokens=200", {"max_tokens": 1000}),
                (MESSAGES, "openai/ok?tokens=200", {"max_tokens": 1000}),
                (CHAT, "openai/reasoning?tokens=50", {}),
            ]
        )
        return await self._post(session, path, _body(model, stream=True, **more))

    async def _conversation(self, session: aiohttp.ClientSession) -> int:
        """Turns that refer to the answer before."""
        last: dict[str, Any] = {}
        for number in range(5):
            body = {"model": "openai/ok?tokens=30", "input": f"Question {number} of {time.time()}", **last}
            async with session.post(RESPONSES, json=body, headers=BEARER) as reply:
                if reply.status != 200:
                    return reply.status
                last = {"previous_response_id": (await reply.json())["id"]}
        return 200

    async def _leave(self, session: aiohttp.ClientSession) -> int:
        return await self._post(session, CHAT, _body("openai/ok?tokens=1000&rate=200", stream=True), leave=True)

    async def _cut(self, session: aiohttp.ClientSession) -> int:
        model = self._chance.choice(["cut@mid?tokens=50", "status-503?times=1", "cut@first", "html", "malformed"])
        body = _body(f"openai/{model}", stream=self._chance.random() < 0.5, models=["anthropic/ok?tokens=50"])
        return await self._post(session, CHAT, body)

    async def _refused(self, session: aiohttp.ClientSession) -> int:
        match self._chance.randrange(4):
            case 0:
                async with session.post(CHAT, json=_body("openai/ok"), headers={"authorization": "Bearer no"}) as reply:
                    return reply.status
            case 1:
                async with session.post(
                    CHAT, data=b"{" * 100, headers={**BEARER, "content-type": "application/json"}
                ) as reply:
                    return reply.status
            case 2:
                return await self._post(session, CHAT, _body(f"openai/unknown-{self._chance.random()}"))
            case _:
                return await self._post(session, f"/v1/nothing/{self._chance.random()}", {})

    async def _large(self, session: aiohttp.ClientSession) -> int:
        return await self._post(session, CHAT, _body("openai/ok?tokens=20", prompt=f"{MEGABYTE}{time.time()}"))

    async def _lists(self, session: aiohttp.ClientSession) -> int:
        path = self._chance.choice(["/v1/models", "/v1/usage", "/metrics", "/health", "/"])
        async with session.get(path, headers=BEARER) as reply:
            await reply.read()
            return reply.status

    async def _embedded(self, session: aiohttp.ClientSession) -> int:
        leave = self._chance.random() < 0.3
        prompt = f"Tell me about the number {self._chance.randrange(10**6)}."
        return await self._post(session, CHAT, _body(EMBEDDED, prompt=prompt, stream=True, max_tokens=60), leave=leave)


def _body(model: str, *, prompt: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **more}


async def visit_forever(url: str, counts: Counter[str], pause: float) -> None:
    """A tab of the page that asks three times, waits a while, and is reloaded: another session."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as client:
        while True:
            try:
                await client.get("/")
                tab = Tab(client, (await client.get("/config")).json())
                async with client.stream("GET", f"/gradio_api/heartbeat/{tab._session}"):  # noqa: SLF001
                    for model in ("ok?tokens=100", "cut@mid?tokens=50", "ok?tokens=400&rate=400"):
                        await tab.ask(f"Hello at {time.time()}", chat_provider="openai", chat_model=model)
                        await asyncio.sleep(pause * 10)
                counts["page 200"] += 1
            except (httpx.HTTPError, json.JSONDecodeError) as error:
                counts[f"page {type(error).__name__}"] += 1
                await asyncio.sleep(1)
            await asyncio.sleep(pause * 20)


async def soak(site: Site, provider: FaultServerThread, *, minutes: int, embedded: bool, pause: float) -> list[float]:
    """The median of each minute's memory, in MB."""
    programs = Programs(site.url, embedded=embedded)
    work = [programs.ask_forever(pause) for _ in range(WORKERS)]
    work += [visit_forever(site.url, programs.counts, pause) for _ in range(TABS)]
    tasks = [asyncio.create_task(each) for each in work]
    process, medians = psutil.Process(site.process.pid), []
    try:
        for minute in range(1, minutes + 1):
            samples = []
            for _ in range(60):
                await asyncio.sleep(1)
                samples.append(process.memory_info().rss / 2**20)
                del provider.exchanges[:-KEPT_EXCHANGES]
            medians.append(statistics.median(samples))
            busy = sum(process.cpu_times()[:2])
            print(f"{minute:3} min  {medians[-1]:6.1f} MB  {programs.counts.total():6} requests  {busy:5.0f} s busy  "
                  f"{process.num_threads()} threads  {process.num_fds()} files", flush=True)  # fmt: skip
            for task in tasks:
                if task.done():
                    task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for name, count in sorted(programs.counts.items()):
        print(f"  {count:6} {name}")
    return medians


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--embedded", action="store_true", help="the embedded model answers as well")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two requests of a client")
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(FaultServerThread())
        environment = {
            "OPENAI_API_KEY": "sk-test-0123456789",
            "OPENAI_BASE_URL": provider.openai_url,
            "ANTHROPIC_API_KEY": "sk-ant-test-0123456789",
            "ANTHROPIC_BASE_URL": provider.anthropic_url,
            "LLM_HUB_API_KEYS": f"one={KEY}",
            "LLM_HUB_LIMIT_REQUESTS": "1000000",
        }
        site = stack.enter_context(Site(folder / "log", environment, from_scratch=True))
        medians = await soak(site, provider, minutes=options.minutes, embedded=options.embedded, pause=options.pause)
        log = site.log.read_text()
    print(f"{log.count('Traceback')} tracebacks in {len(log.splitlines())} lines of the log")
    if len(medians) > WARM:
        before, after = medians[WARM - 1], medians[-1]
        print(f"memory grew by {after / before - 1:.1%} after the first {WARM} minutes (at most 3 %): "
              f"{before:.0f} -> {after:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())

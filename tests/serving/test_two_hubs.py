"""Two hubs behind a load balancer, with one Redis that comes and goes, and a rolling restart."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.fault_server import FaultServerThread
from tests.fault_server.text import answer_text
from tests.redis_server import RedisServer
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CLIENTS = 8
CROWD = "crowd"
KEYS = {name: f"{name}-0123456789abcdef" for name in [CROWD, *(f"client-{number}" for number in range(CLIENTS))]}
ANSWER = "openai/ok?tokens=12&rate=40"
TOKENS_A_DAY, TOKENS_AT_MOST, FITTING = 200_000, 9_900, 20
"""The limit of each key, and what a request of the crowd may answer: 20 of these fit, with some words of a prompt."""


class TwoHubs:
    """Two hubs, a Redis and a provider; and what a load balancer does: each request goes to the other hub in turn, and
    to the next one where a hub cannot be reached, or is about to stop."""

    def __init__(self, provider: FaultServerThread, redis: RedisServer, folder: pytest.TempPathFactory) -> None:
        self.provider = provider
        self.redis = redis
        self._environment = {
            "OPENAI_API_KEY": "sk-test-0123456789",
            "OPENAI_BASE_URL": provider.openai_url,
            "LLM_HUB_API_KEYS": ",".join(f"{name}={key}" for name, key in KEYS.items()),
            "LLM_HUB_LIMIT_REQUESTS": "1000",
            "LLM_HUB_LIMIT_TOKENS": str(TOKENS_A_DAY),
            "LLM_HUB_REDIS_URL": redis.url,
            "LLM_HUB_SHUTDOWN_TIMEOUT": "30",
        }
        folders = [folder.mktemp("hub") for _ in range(2)]
        self.sites = [Site(folder / "log", self._environment) for folder in folders]
        self._turn = 0

    def restart(self, number: int) -> None:
        """Ends a hub as a new version's arrival does, and starts another one at its address."""
        site = self.sites[number]
        site.stop()
        assert site.process.returncode == 0
        self.sites[number] = site = Site(site.log, self._environment, site.port)
        site.start()

    async def ask(self, client: httpx.AsyncClient, key: str, *, stream: bool) -> httpx.Response:
        self._turn += 1
        order = self.sites if self._turn % 2 else self.sites[::-1]
        body = {"model": ANSWER, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
        headers = {"authorization": f"Bearer {KEYS[key]}"}
        refusals: list[object] = []
        for site in order:
            try:
                request = client.build_request("POST", f"{site.url}/v1/chat/completions", json=body, headers=headers)
                response = await client.send(request, stream=True)
            except httpx.TransportError as error:
                refusals.append(error)
                continue
            await response.aread()  # a failure from here on is an answer lost
            if response.status_code != 503:
                return response
            refusals.append(response.text)
        raise AssertionError(refusals)


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHubs]:
    with FaultServerThread() as provider, RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        hubs = TwoHubs(provider, redis, tmp_path_factory)
        for site in hubs.sites:
            site.start()
        yield hubs
        for site in hubs.sites:
            site.stop()
            assert "Traceback" not in site.log.read_text()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=httpx.Limits(max_connections=200)) as client:
        yield client


class Load:
    """Clients that ask one question after the other, each with a key of its own."""

    def __init__(self, hubs: TwoHubs, client: httpx.AsyncClient) -> None:
        self.answers = 0
        self._hubs = hubs
        self._client = client
        self._answered = asyncio.Condition()

    async def ask_forever(self, key: str) -> None:
        while True:
            is_stream = self.answers % 2 == 1
            response = await self._hubs.ask(self._client, key, stream=is_stream)
            assert response.status_code == 200, response.text
            assert whole_answer(response.text, is_stream=is_stream)
            async with self._answered:
                self.answers += 1
                self._answered.notify_all()

    async def more_answers(self) -> None:
        """Waits until each client may have been answered once more."""
        goal = self.answers + 2 * CLIENTS
        async with self._answered:
            await self._answered.wait_for(lambda: self.answers >= goal)


@asynccontextmanager
async def load(hubs: TwoHubs, client: httpx.AsyncClient) -> AsyncIterator[Load]:
    """Its body runs while clients ask. Whatever fails at one of them fails the test."""
    asking = Load(hubs, client)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asking.ask_forever(f"client-{number}")) for number in range(CLIENTS)]
        yield asking
        for task in tasks:
            task.cancel()


def whole_answer(text: str, *, is_stream: bool) -> bool:
    """Whether an answer has all of its words, and says that it is complete."""
    if is_stream:
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
        if lines.pop() != "[DONE]":
            return False
        choices = [choice for line in lines for choice in json.loads(line)["choices"]]
        words = "".join(choice["delta"].get("content") or "" for choice in choices)
    else:
        choices = json.loads(text)["choices"]
        words = choices[0]["message"]["content"]
    return choices[-1]["finish_reason"] == "stop" and words == answer_text(12)


async def test_a_limit_is_exact_for_fifty_requests_at_once_over_both(hubs: TwoHubs, client: httpx.AsyncClient) -> None:
    async def ask(site: Site, key: str = CROWD) -> int:
        body = {"model": "openai/ok", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": TOKENS_AT_MOST}
        headers = {"authorization": f"Bearer {KEYS[key]}"}
        return (await client.post(f"{site.url}/v1/chat/completions", json=body, headers=headers)).status_code

    for site in hubs.sites:  # the imports of a first answer may hold a hub up for longer than it waits for Redis
        assert await ask(site, "client-0") == 200
    hubs.provider.limit(1)  # nobody gives anything back before all have asked
    asked = [asyncio.create_task(ask(hubs.sites[number % 2])) for number in range(50)]
    refused: set[asyncio.Task[int]] = set()
    while len(refused) < 50 - FITTING:
        refused |= (await asyncio.wait(set(asked) - refused, return_when=asyncio.FIRST_COMPLETED))[0]
    hubs.provider.limit(None)
    assert Counter(await asyncio.gather(*asked)) == {200: FITTING, 429: 50 - FITTING}


async def test_no_request_fails_while_redis_is_killed_and_started_again(
    hubs: TwoHubs, client: httpx.AsyncClient
) -> None:
    async with load(hubs, client) as asking:
        await asking.more_answers()
        hubs.redis.kill()
        await asking.more_answers()
        hubs.redis.start()
        await asking.more_answers()


async def test_a_rolling_restart_loses_no_answer(hubs: TwoHubs, client: httpx.AsyncClient) -> None:
    async with load(hubs, client) as asking:
        for number in range(2):
            await asking.more_answers()
            await asyncio.to_thread(hubs.restart, number)
        await asking.more_answers()

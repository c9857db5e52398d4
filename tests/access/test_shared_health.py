"""Two hubs that share a Redis: what one of them finds out about a target, the other knows."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.storage.redis_exchange import STREAM
from tests.fault_server import FaultServer
from tests.redis_server import RedisServer
from tests.router.hand_clock import HandClock, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path


KEY = "sk-one-0123456789"
COOLDOWN = 30.0
UNHURRIED = 60.0
"""Seconds that a busy machine may take."""


def request_of(model: str, texts: Sequence[str], fallback: tuple[str, ...] = ()) -> ChatRequest:
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(Message(roles[place % 2], text) for place, text in enumerate(texts))
    return ChatRequest(messages, model, fallback=fallback)


class SharingHub:
    """A hub of its own whose exchange runs. Its clock is moved by hand, the same for all."""

    def __init__(self, settings: Settings, clock: HandClock) -> None:
        self.hub = Hub(settings, clock=clock)
        assert self.hub.exchange is not None
        self.exchange = self.hub.exchange
        self.exchange.patience = self.exchange.timeout = UNHURRIED
        self.exchanging: asyncio.Task[None] | None = None
        self.heard: dict[str, asyncio.Event] = {}
        self.exchange.hear("mark", lambda message, _: self.heard[message["mark"]].set())

    async def ask(self, model: str, *fallback: str, texts: Sequence[str] = ("Hello",)) -> LLMResponse:
        request = request_of(model, texts, fallback)
        async with self.hub.session().answer(request) as (events, _):
            last = [event async for event in events][-1]
        assert isinstance(last, Done)
        return last.response

    def pause(self, target: str) -> float | None:
        """The seconds for which a target is paused here."""
        provider, _, model = target.partition("/")
        opened = self.hub._shared.pool.open(provider).provider
        assert opened is not None
        paused = self.hub._shared.health.current_pause(opened, model)
        return None if paused is None else paused.seconds

    async def caught_up_with(self, other: SharingHub) -> None:
        """Waits until this hub has heard all that the other one has told."""
        mark = secrets.token_hex(4)
        self.heard[mark] = asyncio.Event()
        other.exchange.tell("mark", {"mark": mark})
        await self.heard[mark].wait()


@asynccontextmanager
async def hubs(
    tmp_path: Path, url: str, server: FaultServer, clock: HandClock, number: int = 2, **more: str
) -> AsyncIterator[list[SharingHub]]:
    values = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.openai_url, "LLM_HUB_REDIS_URL": url, **more}
    lines = [f"{name}={value}\n" for name, value in values.items()]
    (tmp_path / ".env").write_text("".join(lines) + "LLM_HUB_MAX_RETRIES=0\n")
    async with AsyncExitStack() as stack:
        made = [SharingHub(Settings.load(tmp_path / ".env"), clock) for _ in range(number)]
        for each in made:
            stack.push_async_callback(each.hub.aclose)
            each.exchanging = asyncio.create_task(each.exchange.run())
            stack.push_async_callback(asyncio.wait, [each.exchanging])
            stack.callback(each.exchanging.cancel)
            await each.exchange.connected.wait()
        yield made


async def test_a_pause_that_a_provider_asks_for_holds_at_both_hubs(
    tmp_path: Path, redis_url: str, fault_server: FaultServer
) -> None:
    clock = HandClock()
    model, other = "openai/status-429?retry-after=60", "openai/ok"
    async with hubs(tmp_path, redis_url, fault_server, clock) as (first, second):
        assert (await second.ask(other)).content
        assert (await first.ask(model, other)).model == "ok"
        await second.caught_up_with(first)
        assert (await second.ask(model, other)).attempts[0].outcome == "paused"
        assert 59 < (second.pause(model) or 0) <= 60
        async with hubs(tmp_path, redis_url, fault_server, clock, 1) as (late,):  # which starts only now
            await late.ask(other)
            await late.caught_up_with(first)
            assert 59 < (late.pause(model) or 0) <= 60
        first.hub.session().try_now(model)
        await second.caught_up_with(first)
        assert second.pause(model) is None
    assert [exchange.model for exchange in fault_server.exchanges].count(model.partition("/")[2]) == 1


async def test_in_an_outage_two_hubs_make_four_attempts_altogether_and_one_probe_at_a_time(
    tmp_path: Path, redis_url: str, fault_server: FaultServer
) -> None:
    clock = HandClock()
    outage = "openai/status-503?times=4"

    async def ask_both(times: int) -> list[LLMResponse]:
        return await asyncio.gather(*(each.ask(outage, "well/ok") for each in both for _ in range(times)))

    async with (
        FaultServer() as well,
        hubs(tmp_path, redis_url, fault_server, clock, LLM_HUB_SERVERS=f"well={well.openai_url}") as both,
    ):
        first, second = both
        for each, other in ((first, second), (second, first), (first, second), (second, first)):
            assert (await each.ask(outage, "well/ok")).provider == "well"
            await other.caught_up_with(each)
        assert len(fault_server.exchanges) == 3  # then it is paused, for both

        clock.now += COOLDOWN
        answers = await ask_both(20)
        assert {answer.provider for answer in answers} == {"well"}
        assert len(fault_server.exchanges) == 4
        [prober] = [number // 20 for number, answer in enumerate(answers) if answer.attempts[0].outcome != "paused"]
        await first.caught_up_with(second)
        await second.caught_up_with(first)
        assert {answer.provider for answer in await ask_both(20)} == {"well"}
        assert len(fault_server.exchanges) == 4  # the probe has failed, for both

        clock.now += COOLDOWN
        fault_server.limit = 0
        probe = asyncio.create_task(both[prober].ask(outage, "well/ok"))  # the other one is let in REST seconds later
        await fault_server.next_exchange(5)
        assert {answer.provider for answer in await ask_both(20)} == {"well"}
        fault_server.limit = None
        assert (await probe).provider == "openai"
        await both[1 - prober].caught_up_with(both[prober])
        assert {answer.provider for answer in await ask_both(5)} == {"openai"}


async def test_of_a_pool_the_key_that_must_wait_waits_at_both_hubs(
    tmp_path: Path, redis_url: str, fault_server: FaultServer
) -> None:
    keys = ("sk-one-0123456789", "sk-two-0123456789")
    model = "openai/status-429?retry-after=60&key=one"
    async with hubs(tmp_path, redis_url, fault_server, HandClock(), OPENAI_API_KEYS=",".join(keys)) as (first, second):
        await first.ask(model)
        await second.caught_up_with(first)
        for _ in range(3):
            assert len((await second.ask(model)).attempts) == 1
        asked = [exchange.headers["authorization"].split("-")[1] for exchange in fault_server.exchanges]
        assert asked == ["one", "two", "two", "two", "two"]
        client = first.exchange._client()
        news = str(await client.xrange(f"{STREAM}health"))
        kept = [news, *[str(await client.dump(key)) for key in await client.keys()]]
        await client.aclose()
        assert "retry-after=60" in news
        assert not [text for text in kept for key in keys if key in text]


async def test_a_pool_is_one_for_both_hubs(
    tmp_path: Path, redis_server: RedisServer, fault_server: FaultServer
) -> None:
    keys = ",".join(f"sk-{name}-0123456789" for name in ("one", "two", "three"))
    async with hubs(tmp_path, redis_server.url, fault_server, HandClock(), OPENAI_API_KEYS=keys) as (first, second):
        orders = [each.hub._shared.pool_order for each in (first, second)]
        for texts in (["Hello"], ["Good morning"]):  # a conversation stays where its beginning is in the cache
            answer = await first.ask("openai/ok", texts=texts)
            texts += [answer.content, "And now?"]
            prompt = request_of("openai/ok", texts)
            while orders[1]._last_place("openai", prompt) is None:
                await settle()
            await second.ask("openai/ok", texts=texts)
        asked = [exchange.headers["authorization"].split("-")[1] for exchange in fault_server.exchanges]
        assert asked == ["one", "one", "two", "two"]

        fault_server.limit = 0  # a new one goes to the key that is busy at neither hub
        waiting = [asyncio.create_task(first.ask("openai/ok", texts=[f"Question {number}"])) for number in range(2)]
        await fault_server.next_exchange(6)
        while sum(orders[1].running_answers(("openai", place)) for place in (1, 2, 3)) < 2:
            await settle()
        waiting.append(asyncio.create_task(second.ask("openai/ok", texts=["Question 3"])))
        await fault_server.next_exchange(7)
        fault_server.limit = None
        await asyncio.gather(*waiting)
        asked = [exchange.headers["authorization"].split("-")[1] for exchange in fault_server.exchanges]
        assert sorted(asked[4:]) == ["one", "three", "two"]


async def test_while_its_redis_is_gone_a_hub_goes_on_alone_and_says_so(
    tmp_path: Path, redis_server: RedisServer, fault_server: FaultServer
) -> None:
    clock = HandClock()
    model, other = "openai/status-429?retry-after=60", "openai/ok"
    async with hubs(tmp_path, redis_server.url, fault_server, clock) as (first, second):
        await second.ask(other)
        redis_server.kill()
        assert (await first.ask(model, other)).model == "ok"
        clock.now += 60.0
        assert (await first.ask(model, other)).attempts[0].outcome == "rate_limited"  # its own probe
        assert (await second.ask(model, other)).attempts[0].outcome == "rate_limited"
        while not (first.exchange.problem and second.exchange.problem):
            await settle()
        assert "goes on by itself" in first.exchange.problem
        assert first.exchanging is not None
        assert not first.exchanging.cancelling()  # else the next timeout would end it
        redis_server.start()
        for each in (first, second):
            await each.exchange.connected.wait()
        assert not first.exchange.problem
        first.hub.session().try_now(model)
        await second.caught_up_with(first)
        assert second.pause(model) is None

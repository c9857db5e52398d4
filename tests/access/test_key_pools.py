"""Several keys or servers of one provider: who is asked, and what a failure of one of them costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, OriginalRequest, Role
from llm_hub.errors import ConfigurationError, KeyRefused, ProviderError
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.fault_server import FaultServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from llm_hub.access.session import Session

KEYS = ("sk-one-0123456789", "sk-two-0123456789", "sk-three-0123456789")


@asynccontextmanager
async def pool(
    tmp_path: Path, server: FaultServer, keys: Sequence[str] = KEYS, more: str = ""
) -> AsyncIterator[Session]:
    (tmp_path / ".env").write_text(f"OPENAI_API_KEYS={', '.join(keys)}\nOPENAI_BASE_URL={server.openai_url}\n{more}")
    hub = Hub(Settings.load(tmp_path / ".env"))
    try:
        yield hub.session()
    finally:
        await hub.aclose()


async def answer(session: Session, *texts: str, model: str = "openai/ok") -> LLMResponse:
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(Message(roles[place % 2], text) for place, text in enumerate(texts))
    async with session.answer(ChatRequest(messages, model)) as (events, _):
        last = [event async for event in events][-1]
    assert isinstance(last, Done)
    return last.response


def keys_asked(server: FaultServer) -> list[str]:
    return [exchange.headers["authorization"].split("-")[1] for exchange in server.exchanges]


async def test_requests_are_spread_over_the_keys(tmp_path: Path, fault_server: FaultServer) -> None:
    async with pool(tmp_path, fault_server) as session:
        for number in range(9):
            await answer(session, f"Question {number}")
    assert keys_asked(fault_server) == ["one", "two", "three"] * 3


async def test_a_new_conversation_goes_to_the_key_with_the_fewest_answers(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with pool(tmp_path, fault_server) as session:
        fault_server.limit = 2
        waiting = [asyncio.create_task(answer(session, f"Question {number}")) for number in range(8)]
        await fault_server.next_exchange(8)
        assert sorted(Counter(keys_asked(fault_server)).values()) == [2, 3, 3]
        fault_server.limit = None
        await asyncio.gather(*waiting)


async def test_a_conversation_stays_with_the_key_that_has_its_beginning_in_its_cache(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with pool(tmp_path, fault_server) as session:
        said: dict[int, list[str]] = {number: [] for number in range(7)}
        for turn in range(5):
            for number, texts in said.items():
                texts.append(f"Question {turn} of {number}")
                texts.append((await answer(session, *texts)).content)
    asked = keys_asked(fault_server)
    assert all(len(set(asked[number :: len(said)])) == 1 for number in said)
    assert set(asked) == {"one", "two", "three"}


async def test_a_key_that_is_to_wait_costs_one_attempt_and_no_time(tmp_path: Path, fault_server: FaultServer) -> None:
    async with pool(tmp_path, fault_server) as session:
        answers = [
            await answer(session, f"Question {number}", model="openai/status-429?retry-after=60&key=two")
            for number in range(200)
        ]
    assert Counter(keys_asked(fault_server)) == {"one": 100, "two": 1, "three": 100}
    (second,) = [each for each in answers if len(each.attempts) > 1]
    limited, answered = second.attempts
    assert (limited.outcome, answered.outcome, answered.wait) == ("rate_limited", "answered", 0.0)
    assert "OpenAI (key 2)" in limited.reason


async def test_a_key_that_is_refused_is_not_asked_again_and_the_others_answer(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with pool(tmp_path, fault_server, ("sk-refused-0123456789", *KEYS[1:])) as session:
        answers = [await answer(session, f"Question {number}") for number in range(10)]
        assert all(each.content for each in answers)
        assert Counter(keys_asked(fault_server))["refused"] == 1
        assert [target.paused for target in session.targets()] == [None]


async def test_where_every_key_fails_the_target_is_paused_and_no_key_is_shown(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    keys = tuple(f"sk-refused-{number}-0123456789" for number in range(2))
    async with pool(tmp_path, fault_server, keys) as session:
        with pytest.raises(KeyRefused) as failure:
            await answer(session, "Hello")
        (target,) = session.targets()
    assert [attempt.outcome for attempt in failure.value.attempts] == ["key_refused", "key_refused"]
    assert target.paused is not None
    assert not any(key in str(failure.value) + target.paused.reason for key in keys)


async def test_a_failure_of_the_server_is_not_tried_with_every_key(tmp_path: Path, fault_server: FaultServer) -> None:
    async with pool(tmp_path, fault_server, more="LLM_HUB_MAX_RETRIES=0") as session:
        with pytest.raises(ProviderError):
            await answer(session, "Hello", model="openai/status-500")
    assert keys_asked(fault_server) == ["one"]


async def test_one_key_and_several_are_one_pool(tmp_path: Path, fault_server: FaultServer) -> None:
    async with pool(tmp_path, fault_server, (KEYS[1], KEYS[0]), f"OPENAI_API_KEY={KEYS[0]}") as session:
        for number in range(4):
            await answer(session, f"Question {number}")
    assert keys_asked(fault_server) == ["one", "two"] * 2


def test_each_key_of_a_list_is_kept_out_of_logs(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OPENAI_API_KEYS={', '.join(KEYS)}")
    assert set(KEYS) <= set(Settings.load(tmp_path / ".env").secrets())


async def test_two_servers_of_one_name_share_the_requests_and_the_other_goes_on(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with FaultServer() as other:
        servers = f"LLM_HUB_SERVERS=gpu={fault_server.openai_url},gpu={other.openai_url}\nGPU_API_KEYS=first,second"
        async with pool(tmp_path, fault_server, more=servers) as session:
            for number in range(6):
                await answer(session, f"Question {number}", model="gpu/ok")
            for server, key in ((fault_server, "first"), (other, "second")):
                assert [exchange.headers["authorization"] for exchange in server.exchanges] == [f"Bearer {key}"] * 3
            broken = await answer(session, "Hello", model="gpu/cut@mid?key=first")
            assert [attempt.outcome for attempt in broken.attempts] == ["stream_broken", "answered"]
            fault_server.down = True
            await fault_server.drop()
            answers = [await answer(session, f"Again {number}", model="gpu/ok") for number in range(6)]
    assert all(each.content for each in answers)
    assert max(len(each.attempts) for each in answers) == 2
    assert "gpu (server 1)" in next(each for each in answers if len(each.attempts) > 1).attempts[0].reason


async def test_a_refused_key_does_not_hide_the_models(tmp_path: Path, fault_server: FaultServer) -> None:
    async with pool(tmp_path, fault_server, ("sk-refused-0123456789", *KEYS)) as session:
        assert await session.models("openai")
        with pytest.raises(KeyRefused):
            await session.models_at("openai", 0)
        assert await session.models_at("openai", 1)
    assert [(state.ways, state.list_problem) for state in session.providers() if state.name == "openai"] == [(4, "")]


async def test_a_server_without_a_list_is_asked_for_it_once_and_not_with_every_key(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    fault_server.lists = "status-503"
    async with pool(tmp_path, fault_server) as session:
        with pytest.raises(ProviderError):
            await session.models("openai")
    assert keys_asked(fault_server) == ["one"]


def test_keys_and_addresses_that_do_not_match_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LLM_HUB_SERVERS=gpu=http://a/v1,gpu=http://b/v1\nGPU_API_KEYS=one,two,three")
    with pytest.raises(ConfigurationError, match="gpu has 2 addresses and 3 keys"):
        Hub(Settings.load(tmp_path / ".env"))


async def test_vectors_are_given_by_a_pool_as_well(tmp_path: Path, fault_server: FaultServer) -> None:
    original = OriginalRequest("embeddings", {"input": ["Hello"]}, messages=0)
    async with pool(tmp_path, fault_server) as session:
        request = ChatRequest((), "openai/ok", original=original, fallback=())
        async with session.answer(request) as (events, _):
            assert isinstance([event async for event in events][-1], Done)

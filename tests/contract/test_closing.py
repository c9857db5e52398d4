"""Closing a stream closes the connection to the provider within a second, in every state."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from llm_hub.chat import ChatRequest, TextDelta
from tests.contract.test_answers import user
from tests.fault_server import answer_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.provider import LLMProvider
    from tests.fault_server import Exchange, FaultServer


async def next_chat(fault_server: FaultServer, chats: Callable[[], list[Exchange]]) -> Exchange:
    """The first chat request, as soon as it is there."""
    await fault_server.exchanges.until(lambda _: bool(chats()))
    return chats()[0]


@pytest.mark.parametrize("model", ["stall@headers", "stall@first", "pings@first", "role-only-forever", "stall@mid"])
async def test_cancelling_a_task_that_waits_for_the_provider_closes_the_connection(
    provider: LLMProvider, fault_server: FaultServer, chats: Callable[[], list[Exchange]], model: str
) -> None:
    task = asyncio.create_task(provider.complete("Hello?", model))
    exchange = await next_chat(fault_server, chats)
    if not model.endswith("@headers"):
        await fault_server.exchanges.until(lambda _: exchange.first_byte is not None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(exchange.ended(), 1)
    assert exchange.client_left
    assert len(chats()) == 1


@pytest.mark.parametrize(
    "model", ["stall@one", "pings@one", "stall@mid", "stall@terminal", "ok?rate=100&tokens=1000", "ok?tokens=20000"]
)
async def test_closing_the_events_after_some_text_closes_the_connection(
    provider: LLMProvider, fault_server: FaultServer, chats: Callable[[], list[Exchange]], model: str
) -> None:
    events = provider.events(ChatRequest(user(), model))
    async for event in events:
        if isinstance(event, TextDelta):
            break
    await events.aclose()
    exchange = await next_chat(fault_server, chats)
    await asyncio.wait_for(exchange.ended(), 1)
    assert exchange.client_left


async def test_closing_the_stream_of_text_closes_the_connection(
    provider: LLMProvider, fault_server: FaultServer, chats: Callable[[], list[Exchange]]
) -> None:
    async with aclosing(provider.stream("Hello?", "stall@one")) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            assert piece == answer_text(1)
            break
    await asyncio.wait_for((await next_chat(fault_server, chats)).ended(), 1)


async def test_events_that_are_never_begun_cost_nothing(provider: LLMProvider, fault_server: FaultServer) -> None:
    events = provider.events(ChatRequest(user(), "ok"))
    await events.aclose()
    assert fault_server.exchanges == []


async def test_cancelling_while_a_connection_is_made_leaves_nothing_behind(
    provider: LLMProvider, fault_server: FaultServer, chats: Callable[[], list[Exchange]]
) -> None:
    task = asyncio.create_task(provider.complete("Hello?", "ok"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await provider.complete("Hello?", "ok")).content == answer_text()
    assert len(chats()) == 1


async def test_many_closed_streams_leave_the_provider_usable(
    provider: LLMProvider, fault_server: FaultServer, chats: Callable[[], list[Exchange]]
) -> None:
    """Connections that were given up must not fill the pool."""
    for _ in range(150):
        async with aclosing(provider.events(ChatRequest(user(), "pings@one"))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
    assert (await provider.complete("Hello?", "ok")).content == answer_text()
    await asyncio.wait_for(fault_server.exchanges.until(lambda _: all(chat.closed for chat in chats())), 1)


async def test_a_finished_chat_does_not_close_its_connection(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    await provider.complete("Hello?", "ok")
    exchange = chats()[0]
    assert exchange.finished
    assert not exchange.client_left


async def test_closing_the_provider_closes_its_idle_connections(
    provider: LLMProvider, fault_server: FaultServer
) -> None:
    await provider.complete("Hello?", "ok")
    await provider.aclose()
    await asyncio.wait_for(fault_server.until_alone(), 1)

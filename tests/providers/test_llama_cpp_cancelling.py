"""Chats with the embedded model that are left before their end, and what their threads do then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llm_hub.chat import TextDelta, Waiting
from llm_hub.errors import ServerFailed
from llm_hub.providers.llamacpp.engine import EngineChat
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
from tests.providers.embedded import MODEL, STORY, SUM, answer, collect, first, question, response

pytestmark = pytest.mark.heavy


def workers(provider: LlamaCppProvider) -> set[Any]:
    """What llama.cpp is at work on."""
    assert provider._memory.engine is not None
    return provider._memory.engine._workers


def the_only_chat(provider: LlamaCppProvider) -> EngineChat:
    """The chat that llama.cpp is at work on."""
    (chat,) = workers(provider)
    assert isinstance(chat, EngineChat)
    return chat


async def chunks_until_its_end(chat: EngineChat) -> list[dict[str, Any]]:
    """What a chat that nobody reads any more has still received, once its thread has ended, however long that takes."""
    assert await chat.ended(100)
    return [chunk async for chunk in chat]


async def test_a_chat_that_is_closed_stops_in_the_middle_of_its_answer(provider: LlamaCppProvider) -> None:
    events = provider.events(question(STORY))
    await first(TextDelta, events)
    chat = the_only_chat(provider)
    await events.aclose()
    chunks = await chunks_until_its_end(chat)
    assert not any(choice["finish_reason"] for chunk in chunks for choice in chunk["choices"])
    assert not workers(provider)


async def test_a_chat_that_is_closed_while_its_prompt_is_read_stops_before_its_first_word(
    provider: LlamaCppProvider,
) -> None:
    events = provider.events(question("Sum this up: " + "one two three " * 1000))
    waiting = await first(Waiting, events)
    assert waiting.reason.startswith("Reading the prompt … ")
    chat = the_only_chat(provider)
    await events.aclose()
    chunks = await chunks_until_its_end(chat)
    assert not any(choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"])
    assert not workers(provider)
    assert (await answer(provider, question("What is 2+2?"))).content == SUM


async def test_a_chat_that_is_cancelled_while_the_model_loads_leaves_the_load_to_the_others() -> None:
    provider = LlamaCppProvider(context=512, parallel=2)
    leaving, staying = provider.events(question(STORY)), provider.events(question("What is 2+2?"))
    assert await anext(leaving) == await anext(staying) == Waiting(f"Loading {MODEL} …")
    task = asyncio.create_task(collect(leaving))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert response(await collect(staying)).content == SUM
    await provider.aclose()


async def test_chats_wait_for_a_free_slot_and_can_be_cancelled_there() -> None:
    provider = LlamaCppProvider(context=512, parallel=1)
    running = provider.events(question(STORY, max_tokens=60))
    await first(TextDelta, running)
    queued, leaving = provider.events(question("What is 2+2?")), provider.events(question(STORY))
    assert await anext(queued) == await anext(leaving) == Waiting("Waiting for a free slot …")
    served = asyncio.create_task(collect(queued))
    cancelled = asyncio.create_task(collect(leaving))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await collect(running)
    assert response(await served).content == SUM
    await provider.aclose()


async def test_closing_the_provider_ends_its_chats_and_refuses_more() -> None:
    provider = LlamaCppProvider(context=512, parallel=1)
    events = provider.events(question(STORY))
    await first(TextDelta, events)
    await provider.aclose()
    assert not workers(provider)
    with pytest.raises(Exception, match="ended its answer without saying that it was complete"):
        await collect(events)
    with pytest.raises(ServerFailed):
        await answer(provider, question(STORY))
    await provider.aclose()

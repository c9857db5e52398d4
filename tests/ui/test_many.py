"""Many chats at once, and what a client may not do, over the page's own protocol."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.ui.tab import Tab, updates

if TYPE_CHECKING:
    import httpx

    from tests.fault_server import FaultServerThread

pytestmark = pytest.mark.heavy


async def test_a_stream_updates_the_page_fifteen_times_a_second_at_most(
    client: httpx.AsyncClient, config: dict[str, Any]
) -> None:
    messages = await Tab(client, config).ask("Hello", chat_provider="openai", chat_model="ok?tokens=1000&rate=300")
    times = updates(messages)
    seconds = times[-1] - times[0]
    assert 2 < seconds < 6
    assert 5 <= len(times) / seconds <= 15
    assert all(len([at for at in times if start <= at < start + 1]) <= 15 for start in times)


async def test_an_answer_is_not_shown_once_more_when_its_handler_ends(
    client: httpx.AsyncClient, config: dict[str, Any]
) -> None:
    """That would come in the place of what is shown by then."""
    messages = await Tab(client, config).ask("Hello", chat_provider="openai", chat_model="ok?tokens=3")
    end = messages[-1].message["output"]["data"]
    assert all(isinstance(update, dict) and set(update) <= {"__type__", "props"} for update in end), end


async def test_fifty_chats_stream_side_by_side(
    client: httpx.AsyncClient, config: dict[str, Any], fault_server: FaultServerThread
) -> None:
    """The provider goes on once every page has shown what it has said so far, so no answer waits for another."""
    tabs = [Tab(client, config) for _ in range(50)]
    steps = 15
    fault_server.limit(4)
    try:
        asked = [
            asyncio.create_task(tab.ask("Hello", chat_provider="openai", chat_model=f"ok?tokens={4 * steps}"))
            for tab in tabs
        ]
        for step in range(1, steps + 1):
            await asyncio.gather(*(tab.wait_for_updates(step) for tab in tabs))
            assert step == steps or not any(task.done() for task in asked)
            fault_server.limit(4 * (step + 1))
    finally:
        fault_server.limit(None)
    answers = await asyncio.gather(*asked)
    assert all(messages[-1].message.get("success") for messages in answers)
    assert all(len(updates(messages)) >= steps for messages in answers)


async def test_a_slow_provider_does_not_hold_up_another(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    slow = [
        asyncio.create_task(Tab(client, config).ask("Hello", chat_provider="openai", chat_model="stall@first"))
        for _ in range(12)
    ]
    messages = await Tab(client, config).ask("Hello", chat_provider="openai", chat_model="ok?tokens=20&rate=100")
    assert messages[-1].at - messages[0].at < 2
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)

"""Many chats at once, and what a client may not do, over the page's own protocol."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.ui.tab import Tab, updates

if TYPE_CHECKING:
    import httpx


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


async def test_fifty_chats_stream_side_by_side(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(
        *(
            Tab(client, config).ask("Hello", chat_provider="openai", chat_model="ok?tokens=60&rate=12")
            for _ in range(50)
        )
    )
    took = asyncio.get_running_loop().time() - began
    firsts = [updates(messages)[0] for messages in answers]
    assert all(messages[-1].message.get("success") for messages in answers)
    assert all(len(updates(messages)) >= 15 for messages in answers)
    assert max(firsts) - min(firsts) < 4  # one after another it would be 250
    assert took < 20


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

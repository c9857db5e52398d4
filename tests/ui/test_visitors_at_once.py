"""Twenty visitors at once, over the page's own protocol: nobody ever gets anything of another's."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from llm_hub.conversations.open_conversations import BROWSER_HEADER
from tests.ui.gated_server import GatedServer
from tests.ui.site import NO_TLS
from tests.ui.tab import Tab, opened

if TYPE_CHECKING:
    from tests.ui.site import Site
    from tests.ui.tab import Received

pytestmark = pytest.mark.heavy

VISITORS = 20
MODEL = {"chat_provider": "gated", "chat_model": "gated"}


def words(messages: list[Received]) -> set[str]:
    """The words of the visitors' prompts that have reached a page."""
    return set(re.findall(r"word-\d\d-\w+", json.dumps([each.message for each in messages])))


async def ask_together(
    gated: GatedServer, tabs: list[Tab], which: str, shown: list[dict[str, Any]]
) -> list[list[Received]]:
    """Every tab asks, and all answers are begun before any of them ends. Returns everything that the tabs are sent."""
    gated.gate.clear()
    asked = [
        asyncio.create_task(tab.ask(f"word-{number:02}-{which}", chat_opened=head, **MODEL))
        for number, (tab, head) in enumerate(zip(tabs, shown, strict=True))
    ]
    try:
        await asyncio.gather(
            *(tab.wait_for_text(f"word-{number:02}-{which} begins") for number, tab in enumerate(tabs))
        )
        assert not any(task.done() for task in asked)
    finally:
        gated.gate.set()
    return await asyncio.gather(*asked)


async def test_twenty_visitors_at_once_see_nothing_of_each_other(hub: Site, gated: GatedServer) -> None:
    limits = httpx.Limits(max_connections=3 * VISITORS)
    async with httpx.AsyncClient(base_url=hub.url, trust_env=False, limits=limits, verify=NO_TLS) as client:
        config = (await client.get("/config")).json()
        browsers = [f"{number:02}" * 20 for number in range(VISITORS)]
        tabs = [Tab(client, config, browser=browser) for browser in browsers]
        first = await ask_together(gated, tabs, "first", [{"id": ""}] * VISITORS)
        heads = [opened(messages) for messages in first]
        second = await ask_together(gated, tabs, "second", heads)
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            assert words(one) == {f"word-{number:02}-first"}
            assert words(other) == {f"word-{number:02}-first", f"word-{number:02}-second"}
            assert other[-1].message["success"]
        assert len({head["id"] for head in heads}) == VISITORS
        if heads[0]["keeping"] == "database":  # all of it is the one owner's
            return
        for browser, head in zip(browsers, heads, strict=True):
            replies = [
                await client.get(f"/conversations/{each['id']}", headers={BROWSER_HEADER: browser}) for each in heads
            ]
            assert [reply.status_code for reply in replies] == [200 if each is head else 404 for each in heads]

"""The reasoning effort in Chat's settings, called without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.ui.compatible import Compatible, Exchange
from tests.ui.page_calls import PageCalls, TabCalls, page_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.asyncio(loop_scope="module")


class RecordingServer(Compatible):
    """`bodies` are those of its requests."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def models(self) -> list[str]:
        return ["gpt-5-mini", "gpt-4o"]

    def answer(self, exchange: Exchange, body: dict[str, Any], prompt: str) -> None:
        self.bodies.append(body)
        exchange.stream(prompt, model=body["model"])


@pytest.fixture(scope="module")
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(server: RecordingServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageCalls]:
    environment = {"LLM_HUB_SERVERS": f"mine={server.url}", "LLM_HUB_CHAOS": "1"}
    async with page_calls(tmp_path_factory.mktemp("effort"), environment) as page:
        yield page


@pytest.fixture
def chat(page: PageCalls) -> TabCalls:
    return page.open()


async def choose(chat: TabCalls, model: str, provider: str = "mine") -> None:
    chat.choose(model, provider)
    await chat.use("chat-model", "change")


async def test_the_effort_is_there_where_the_model_knows_it(chat: TabCalls) -> None:
    await choose(chat, "gpt-5-mini")
    assert chat.visible("chat-effort")
    await choose(chat, "gpt-4o")
    assert not chat.visible("chat-effort")
    await choose(chat, "reasoning", "chaos")
    assert not chat.visible("chat-effort")


async def test_the_effort_is_sent_where_the_model_knows_it(chat: TabCalls, server: RecordingServer) -> None:
    chat.set(chat_effort="low")
    await choose(chat, "gpt-5-mini")
    await chat.ask("Why?")
    assert server.bodies[-1]["reasoning_effort"] == "low"
    await choose(chat, "gpt-4o")
    await chat.ask("Why?")
    assert "reasoning_effort" not in server.bodies[-1]


async def test_the_effort_comes_back_with_its_conversation(page: PageCalls, chat: TabCalls) -> None:
    chat.set(chat_effort="high")
    await choose(chat, "gpt-5-mini")
    await chat.ask("Why?")
    again = page.open_again(chat)
    await again.use("chat-opened", "open", event_data={"id": chat.value("chat-opened")["id"]})
    assert again.value("chat-effort") == "high"
    assert again.visible("chat-effort")


async def test_a_new_chat_has_the_effort_of_its_browser(chat: TabCalls) -> None:
    await chat.use("chat-opened", "open", event_data={"id": "", "settings": {"effort": "medium"}})
    assert chat.value("chat-effort") == "medium"
    await chat.use("chat-opened", "open", event_data={"id": "", "settings": {"effort": "strange"}})
    assert chat.value("chat-effort") == ""

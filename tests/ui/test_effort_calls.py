"""The reasoning effort in the settings of Chat and Compare, called without a browser."""

from __future__ import annotations

import json
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


async def test_compare_has_an_effort_while_a_visible_model_knows_it(chat: TabCalls) -> None:
    chat.set_panes("gpt-4o", "gpt-4o", "gpt-5-mini", provider="mine")
    await chat.use("compare-settings", "expand")
    assert not chat.visible("compare-effort")
    await chat.click("compare-add")
    await chat.use("compare-settings", "expand")
    assert chat.visible("compare-effort")
    await chat.use("compare-pane-3-model", "change", "gpt-4")
    assert not chat.visible("compare-effort")


@pytest.mark.parametrize("blind", [False, True])
async def test_the_effort_of_a_comparison_is_sent_to_the_models_that_know_it(
    page: PageCalls, chat: TabCalls, server: RecordingServer, blind: bool
) -> None:
    chat.set_panes("gpt-4o", "gpt-5-mini", "gpt-5-nano", "gpt-4", provider="mine")
    await chat.click("compare-add")
    await chat.click("compare-add")
    chat.set(compare_effort="low", compare_blind=blind)
    server.bodies.clear()
    await chat.compare("Why?")
    await chat.compare("And then?")
    await chat.click("compare-pane-1 retry")
    await chat.click("compare-pane-2 retry")
    assert len(server.bodies) == 10
    for body in server.bodies:
        assert body.get("reasoning_effort") == ("low" if body["model"].startswith("gpt-5") else None)
    if blind:
        await chat.click("compare-reveal")
    saved = (await chat.click("compare-json"))["json"]
    assert json.loads(saved["text"])["settings"]["effort"] == "low"
    again = page.open_again(chat)
    await again.use("compare-opened", "open", event_data={"id": chat.value("compare-opened")["id"]})
    assert again.value("compare-effort") == "low"


async def test_a_link_of_a_comparison_has_its_effort(page: PageCalls, chat: TabCalls) -> None:
    chat.set(compare_effort="high")
    query = (await chat.click("compare-share"))["json"]["query"]
    assert "effort=high" in query
    for effort, shown in (("high", "high"), ("strange", "")):
        opened = page.open(models="mine/gpt-5-mini", effort=effort)
        await opened.load()
        assert opened.value("compare-effort") == shown

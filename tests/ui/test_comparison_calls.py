"""Comparisons that outlive their page, by plain calls: found again, never overwritten, and silent before the vote."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from llm_hub.arena.votes import Votes
from llm_hub.conversations.document import read_document
from llm_hub.conversations.hidden_names import NAMES_LOST
from llm_hub.conversations.open_conversations import BROWSER_HEADER, OpenConversations
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.gateway.gateway import Gateway
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.ui.page import build
from tests.fault_server import answer_text
from tests.ui.page_calls import PageCalls, TabCalls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from llm_hub.conversations.conversation import Conversation
    from tests.fault_server.thread import FaultServerThread

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def conversations() -> OpenConversations:
    """Those of a public hub, whose visitors' browsers keep them."""
    return OpenConversations(keeping="browser")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(
    conversations: OpenConversations, fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PageCalls]:
    async with hub_page(conversations, fault_server, tmp_path_factory.mktemp("comparisons")) as page:
        yield page


@asynccontextmanager
async def hub_page(
    conversations: OpenConversations, fault_server: FaultServerThread, folder: Path
) -> AsyncIterator[PageCalls]:
    settings = folder / "settings.env"
    settings.write_text(
        f"OPENAI_API_KEY=sk-test-0123456789abcdef\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n"
    )
    hub, database = Hub(Settings.load(settings)), Database(f"sqlite:///{folder / 'votes.db'}")
    try:
        yield PageCalls(build(Gateway(hub), Votes(database), None, conversations).blocks)
    finally:
        await conversations.aclose()
        await database.aclose()
        await hub.aclose()


def texts(tab: TabCalls, number: int) -> list[str]:
    return tab.answers(f"compare-pane-{number} past")


def name(tab: TabCalls) -> str:
    return str(tab.value("compare-opened")["id"])


async def find(conversations: OpenConversations, tab: TabCalls) -> Conversation:
    conversation = await conversations.find(conversations.owner({BROWSER_HEADER: tab.browser}), name(tab))
    assert conversation is not None
    return conversation


async def reopen(page: PageCalls, tab: TabCalls) -> TabCalls:
    """The same browser's page after a reload, as its script opens what the address names."""
    again = page.open_again(tab)
    await again.use("chat-opened", "open", event_data={"id": name(tab)})
    assert again.value("chat-opened")["comparison"] == name(tab)
    await again.use("compare-opened", "open", event_data={"id": name(tab)})
    return again


async def test_the_answer_to_what_a_page_asks_for_names_it(page: PageCalls) -> None:
    tab = page.open()
    tab.set_panes("ok?tokens=3", "ok?tokens=3")
    await tab.compare("Hello")
    for number, wanted in enumerate((name(tab), "not-here-any-more"), 1):
        await tab.use("compare-opened", "open", event_data={"id": wanted, "number": number})
        assert tab.value("compare-opened")["wanted"] == number
    assert name(tab) == ""


async def test_what_a_page_has_asked_for_last_stays_though_an_earlier_wish_arrives_after_it(page: PageCalls) -> None:
    tab = page.open()
    tab.set_panes("ok?tokens=3", "ok?tokens=3")
    await tab.compare("Hello")
    last = name(tab)
    await tab.use("compare-opened", "open", event_data={"id": last, "number": 2})
    await tab.use("compare-opened", "open", event_data={"id": "", "number": 1})
    assert name(tab) == last
    assert tab.prompts("compare-pane-1 past") == ["Hello"]


async def test_answers_are_written_on_when_their_page_is_gone_and_the_next_page_finds_all_panes(
    page: PageCalls,
) -> None:
    tab = page.open()
    await tab.click("compare-add")
    models = ["ok?tokens=60&rate=60&plain=on1", "ok?tokens=4&plain=on2", "status-503?plain=on3"]
    tab.set_panes(*models)
    tab.set(compare_system="Be brief.")
    asking = asyncio.create_task(tab.compare("Hello"))
    await tab.until(lambda: tab.text("compare-pane-1 live").count(" ") > 3)
    asking.cancel()
    await asyncio.wait([asking])
    again = await reopen(page, tab)
    assert again.selected_tab == "compare"
    assert texts(again, 1) == [answer_text(60)]
    assert texts(again, 2) == [answer_text(4)]
    assert "503" in again.problems("compare-pane-3 past")[0]
    assert again.value("compare-system") == "Be brief."
    assert [again.value(f"compare-pane-{number}-model") for number in (1, 2, 3)] == models
    await again.compare("And then?")
    assert texts(again, 2) == [answer_text(4), answer_text(4)]


async def test_nobody_opens_another_browsers_comparison(page: PageCalls) -> None:
    tab, stranger = page.open(), page.open()
    tab.set_panes("ok?tokens=3", "ok?tokens=4")
    await tab.compare("A secret")
    await stranger.use("compare-opened", "open", event_data={"id": name(tab)})
    assert not any(stranger.value(f"compare-pane-{number} past") for number in (1, 2))
    assert "not here" in stranger.text("compare-hint")


async def test_a_retry_is_a_version_and_one_that_fails_does_not_stand_for_an_answer(
    page: PageCalls, conversations: OpenConversations
) -> None:
    tab = page.open()
    tab.set_panes("ok?tokens=3&plain=v1", "ok?tokens=4&plain=v2")
    await tab.compare("Hello")
    tab.set_panes("ok?tokens=3&plain=v1", "status-401?plain=v2")
    await tab.click("compare-pane-2 retry")
    assert texts(tab, 2) == [answer_text(4)]
    assert "kept as a version" in tab.text("compare-hint")
    assert len((await find(conversations, tab)).nodes) == 3


@pytest.mark.parametrize("blind", [False, True])
async def test_each_version_in_a_pane_can_be_shown_and_a_blind_one_tells_no_name(page: PageCalls, blind: bool) -> None:
    tab = page.open()
    tab.set(compare_blind=blind)
    tab.set_panes("ok?tokens=3&plain=w1", "ok?tokens=3&plain=w2")
    await tab.compare("Hello")
    await tab.click("compare-pane-2 retry")
    await tab.compare("And then?")
    past = "compare-pane-2 past"
    assert "2/2" in tab.figures(past)[0]
    assert "show-2" in tab.html(past)
    await tab.use("compare-opened", "act", event_data={"what": "show-2"})
    assert tab.prompts(past) == ["Hello"]
    assert "1/2" in tab.figures(past)[0]
    assert blind != ("plain=w" in tab.html(past))
    await tab.use("compare-opened", "act", event_data={"what": "show-99"})
    await tab.use("compare-opened", "act", event_data={"what": "show-3"})
    assert tab.prompts(past) == ["Hello", "And then?"]
    assert tab.prompts("compare-pane-1 past") == ["Hello", "And then?"]


async def test_a_pane_that_is_removed_stays_in_the_document(page: PageCalls, conversations: OpenConversations) -> None:
    tab = page.open()
    await tab.click("compare-add")
    tab.set_panes("ok?tokens=3&plain=r1", "ok?tokens=4&plain=r2", "ok?tokens=5&plain=r3")
    await tab.compare("Hello")
    await tab.click("compare-pane-2 remove")
    again = await reopen(page, tab)
    assert [again.visible(f"compare-pane-{number}") for number in (1, 2, 3, 4)] == [True, False, True, False]
    assert {node.turn.answer.text for node in (await find(conversations, tab)).nodes} == {
        answer_text(3), answer_text(4), answer_text(5)
    }  # fmt: skip


async def test_what_was_typed_since_a_prompt_was_sent_stays_when_the_prompt_comes_back(page: PageCalls) -> None:
    tab = page.open()
    tab.set(compare_opened={"id": "0123456789abcdef", "kind": "comparison"})
    await tab.compare("Hello")
    assert "was started again" in tab.text("compare-hint")
    assert tab.value("compare-opened")["lost"] is True
    assert tab.value("compare-prompt")["text"] == "Hello"


async def compare_blind(page: PageCalls, *models: str) -> TabCalls:
    tab = page.open()
    tab.set_panes(*models)
    tab.set(compare_blind=True)
    await tab.compare("Hello")
    return tab


def document_text(conversations: OpenConversations, conversation: Conversation) -> str:
    return json.dumps(conversations.document(conversation))


async def test_a_browser_gets_no_name_before_the_vote_and_all_of_them_after_it(
    page: PageCalls, conversations: OpenConversations
) -> None:
    tab = await compare_blind(page, "ok?tokens=8&plain=seal1", "status-503?plain=seal2")
    conversation = await find(conversations, tab)
    before = document_text(conversations, conversation)
    assert answer_text(8) in before
    for word in ("plain=seal", "openai", " 503", "usage", "elapsed", "attempts"):
        assert word not in before
    again = await reopen(page, tab)
    assert answer_text(8) in texts(again, 1) + texts(again, 2)
    assert not any("plain=seal" in again.html(name) for name in again.names if "state" not in name)
    version = conversation.version
    await again.click("compare-reveal")
    after = json.dumps(conversations.document(conversation, version))
    assert "plain=seal1" in after
    assert "plain=seal2" in after


async def test_a_hidden_answer_is_not_told_faster_than_it_may_be_seen(
    page: PageCalls, conversations: OpenConversations
) -> None:
    tab = page.open()
    tab.set_panes("ok?tokens=2000&plain=fast", "stall@mid?tokens=20&plain=slow")
    tab.set(compare_blind=True)
    asking = asyncio.create_task(tab.compare("Hello"))
    await tab.until(lambda: "fiku" in tab.text("compare-pane-1 live") + tab.text("compare-pane-2 live"))
    conversation = await find(conversations, tab)
    longest = max(len(node.turn.answer.text) for node in conversation.nodes)
    told = max(len(node["turn"].get("text", "")) for node in conversations.document(conversation)["nodes"])
    assert told < longest / 2
    asking.cancel()
    await asyncio.wait([asking])
    again = page.open_again(tab)
    opening = asyncio.create_task(again.use("compare-opened", "open", event_data={"id": name(tab)}))
    await again.until(lambda: "fiku" in again.text("compare-pane-1 live") + again.text("compare-pane-2 live"))
    shown = max(len(again.text(f"compare-pane-{number} live")) for number in (1, 2))
    assert told <= shown < longest / 2
    await again.click("compare-stop")
    await again.click("compare-reveal")
    await opening


async def test_what_a_browser_hands_back_without_names_gets_no_vote(
    page: PageCalls, conversations: OpenConversations
) -> None:
    tab = await compare_blind(page, "ok?tokens=8&plain=lost1", "ok?tokens=9&plain=lost2")
    mine = await find(conversations, tab)
    document = conversations.document(mine) | {"version": mine.version + 1000}
    held = read_document(document, owner=mine.owner)
    assert conversations.adopt(held) is mine  # which has the names
    other: dict[str, Any] = document | {"id": "a-forged-comparison"}
    conversations.adopt(read_document(other, owner=mine.owner))
    again = page.open_again(tab)
    await again.use("compare-opened", "open", event_data={"id": "a-forged-comparison"})
    assert not again.visible("compare-vote")
    assert again.text("compare-said") == NAMES_LOST
    await again.click("compare-tie")
    assert "already voted" in again.text("compare-hint")
    assert {answer_text(8), answer_text(9)} == {*texts(again, 1), *texts(again, 2)}


@pytest.mark.parametrize(
    "setup",
    [
        {"visible": "all", "blind": "yes", "hidden": 1, "vote_text": {}},
        {"visible": [7, -1, True, None, 3.0, "1", [2]]},
        {"visible": {"0": 1}, "vote_text": "x" * 10_000, "more": [1]},
    ],
)
async def test_a_setup_of_a_wrong_shape_is_left_out(
    page: PageCalls, conversations: OpenConversations, setup: dict[str, Any]
) -> None:
    tab = page.open()
    tab.set_panes("ok?tokens=3", "ok?tokens=4")
    await tab.compare("Hello")
    document = conversations.document(await find(conversations, tab))
    forged = document | {"id": "another-comparison", "setup": setup}
    conversations.adopt(read_document(forged, owner=(await find(conversations, tab)).owner))
    await tab.use("compare-opened", "open", event_data={"id": "another-comparison"})
    assert texts(tab, 1) == [answer_text(3)]
    assert [tab.visible(f"compare-pane-{number}") for number in (1, 2, 3, 4)] == [True, True, False, False]
    assert len(tab.text("compare-said")) <= 200


async def test_the_owners_blind_comparison_waits_for_its_vote_over_a_restart(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'kept.db'}")
    first = OpenConversations(SqlConversationStore(database))
    async with hub_page(first, fault_server, tmp_path) as page:
        tab = await compare_blind(page, "ok?tokens=8&plain=kept1", "ok?tokens=9&plain=kept2")
        await first.aclose()
    second = OpenConversations(SqlConversationStore(database))
    async with hub_page(second, fault_server, tmp_path) as page:
        again = page.open()
        await again.use("compare-opened", "open", event_data={"id": name(tab)})
        assert {answer_text(8), answer_text(9)} == {*texts(again, 1), *texts(again, 2)}
        assert "plain=kept" not in "".join(again.html(f"compare-pane-{number} head") for number in (1, 2))
        await again.click("compare-best-2")
        assert again.text("compare-said") == "You voted: B is better. Thank you."
        assert "plain=kept" in again.html("compare-pane-2 head")
    await database.aclose()

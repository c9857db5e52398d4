"""A conversation of many turns: the page shows the last ones, and nothing of the others is lost."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from llm_hub.conversations.conversation import Conversation
from llm_hub.ui.chat.chat_view import FOLD_STEP, MIN_SHOWN, ChatView
from tests.conversations.generated import simple_turn
from tests.ui.page_calls import PageCalls, TabCalls, page_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fault_server.thread import FaultServerThread

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOG = "chat-log"
TURNS = MIN_SHOWN + FOLD_STEP + 2
MODEL = "ok?tokens=1&plain=long"
PROMPTS = [f"Prompt {number}" for number in range(1, TURNS + 1)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageCalls]:
    environment = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": fault_server.openai_url}
    async with page_calls(tmp_path_factory.mktemp("long"), environment) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def asked(page: PageCalls) -> TabCalls:
    """A tab in which every turn was asked. `shown` are the prompts that stood on it after each."""
    tab = page.open()
    tab.choose(MODEL)
    for number, prompt in enumerate(PROMPTS, 1):
        await tab.ask(prompt)
        assert tab.prompts(LOG) == PROMPTS[:number][-len(tab.prompts(LOG)) :]
        assert min(number, MIN_SHOWN) <= len(tab.prompts(LOG)) < MIN_SHOWN + FOLD_STEP
    return tab


@pytest_asyncio.fixture(loop_scope="module")
async def tab(page: PageCalls, asked: TabCalls) -> TabCalls:
    """The conversation, opened in a tab of its own."""
    tab = page.open_again(asked)
    await tab.use("chat-opened", "open", event_data={"id": asked.value("chat-opened")["id"]})
    return tab


def way_to_all(tab: TabCalls) -> str:
    """What the button above all turns does."""
    return "".join(re.findall(r"turn-action (whole-\d+)", tab.html("chat-earlier")))


async def show_all(tab: TabCalls) -> None:
    await tab.use("chat-turn-actions", "act", event_data={"what": way_to_all(tab)})


async def test_the_earlier_turns_are_left_out_and_can_be_shown(tab: TabCalls) -> None:
    assert tab.prompts(LOG) == PROMPTS[FOLD_STEP:]
    assert tab.text("chat-earlier") == f"Show {FOLD_STEP} earlier turns"
    await show_all(tab)
    assert tab.prompts(LOG) == PROMPTS
    assert tab.text("chat-earlier") == ""


async def test_a_new_chat_leaves_nothing_out(tab: TabCalls) -> None:
    assert way_to_all(tab)
    await tab.begin()
    assert way_to_all(tab) == ""


async def test_a_model_is_asked_with_what_is_left_out(tab: TabCalls, fault_server: FaultServerThread) -> None:
    await tab.ask("Another")
    last = next(exchange for exchange in reversed(fault_server.exchanges) if exchange.model == MODEL)
    prompts = [message["content"] for message in last.body["messages"] if message["role"] == "user"]
    assert prompts == [*PROMPTS, "Another"]
    await tab.use(LOG, "undo", event_data={"index": 0, "value": ""})
    assert tab.prompts(LOG) == PROMPTS[FOLD_STEP:]


async def test_whoever_has_had_all_shown_keeps_it(page: PageCalls, tab: TabCalls) -> None:
    await show_all(tab)
    await tab.ask("Another")
    assert tab.prompts(LOG) == [*PROMPTS, "Another"]
    back = page.open_again(tab)  # as after a lost connection
    opened = tab.value("chat-opened")
    wish = {name: opened[name] for name in ("id", "leaf", "whole")}
    await back.use("chat-opened", "open", event_data=wish)
    assert back.prompts(LOG) == [*PROMPTS, "Another"]
    await tab.use(LOG, "undo", event_data={"index": 0, "value": ""})
    assert tab.prompts(LOG) == PROMPTS


async def test_all_can_be_shown_while_an_answer_is_written(tab: TabCalls) -> None:
    tab.choose("stall@mid?tokens=20")
    running = asyncio.create_task(tab.ask("Another"))
    await tab.until(lambda: tab.prompts("chat-live") == ["Another"])
    shown = asyncio.create_task(show_all(tab))
    await tab.until(lambda: tab.prompts(LOG) == PROMPTS)
    assert tab.prompts("chat-live") == ["Another"]
    await tab.click("chat-stop")
    await asyncio.gather(running, shown)
    assert tab.prompts(LOG) == [*PROMPTS, "Another"]
    await tab.use(LOG, "undo", event_data={"index": 0, "value": ""})


async def test_the_turns_before_a_prompt_are_sent_where_the_tab_has_not_got_them(
    page: PageCalls, tab: TabCalls
) -> None:
    """What costs the most is not sent with each prompt."""
    shown = tab.value(LOG)
    await ask_and_stop(tab, lambda: tab.value(LOG) is shown)
    # Another tab has changed it.
    other = page.open_again(tab)
    await other.use("chat-opened", "open", event_data={"id": tab.value("chat-opened")["id"]})
    await ask_and_stop(other, lambda: other.prompts(LOG) == PROMPTS[FOLD_STEP:])
    tab.set(chat_log=[])
    await ask_and_stop(tab, lambda: tab.prompts(LOG) == PROMPTS[FOLD_STEP:])
    # The prompt left the tab before it turned elsewhere, and arrives after that.
    await tab.use("chat-opened", "open", event_data={"id": tab.value("chat-opened")["id"]})
    opened = tab.value("chat-opened")
    await tab.use("chat-opened", "open", event_data={"id": ""})
    assert tab.prompts(LOG) == []
    tab.set(chat_opened=opened)
    await ask_and_stop(tab, lambda: tab.prompts(LOG) == PROMPTS[FOLD_STEP:])


async def ask_and_stop(tab: TabCalls, is_right: Callable[[], bool]) -> None:
    """A turn that is begun, looked at, stopped and taken back."""
    tab.choose("stall@mid?tokens=20")
    running = asyncio.create_task(tab.ask("Another"))
    await tab.until(lambda: tab.prompts("chat-live") == ["Another"])
    assert is_right()
    await tab.click("chat-stop")
    await running
    assert tab.prompts(LOG)[-2:] == [PROMPTS[-1], "Another"]
    await tab.use(LOG, "undo", event_data={"index": 0, "value": ""})


async def test_an_edited_prompt_is_the_one_that_was_clicked(tab: TabCalls, fault_server: FaultServerThread) -> None:
    """The browser names a message by its place among those that are shown."""
    tab.choose(MODEL)
    place = next(place for place, message in enumerate(tab.value(LOG)) if PROMPTS[-2] in str(message["content"]))
    await tab.use(LOG, "edit", event_data={"index": place, "previous_value": PROMPTS[-2], "value": "Edited"})
    assert tab.prompts(LOG)[-2:] == [PROMPTS[-3], "Edited"]
    last = next(exchange for exchange in reversed(fault_server.exchanges) if exchange.model == MODEL)
    prompts = [message["content"] for message in last.body["messages"] if message["role"] == "user"]
    assert prompts == [*PROMPTS[:-2], "Edited"]


@pytest.mark.parametrize("turns", [0, 1, MIN_SHOWN, MIN_SHOWN + FOLD_STEP - 1, MIN_SHOWN + FOLD_STEP, 200, 1007])
async def test_what_is_shown_is_bounded(turns: int) -> None:
    conversation = Conversation()
    for number in range(turns):
        conversation.add(simple_turn(f"Prompt {number}"))
    view = ChatView.newest(conversation)
    assert len(view.path) == turns
    assert view.shown == view.path[view.left_out :]
    assert min(turns, MIN_SHOWN) <= len(view.shown) < MIN_SHOWN + FOLD_STEP
    assert view.left_out % FOLD_STEP == 0

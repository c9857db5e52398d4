"""Chat's conversations by plain calls: versions, what survives a page, and what is never taken from anybody."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.fault_server import answer_text
from tests.ui.page_calls import PageCalls, TabCalls, page_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fault_server import Exchange
    from tests.fault_server.thread import FaultServerThread

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOG = "chat-log"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageCalls]:
    environment = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": fault_server.openai_url}
    async with page_calls(tmp_path_factory.mktemp("conversations"), environment) as page:
        yield page


def requests(fault_server: FaultServerThread, model: str) -> list[Exchange]:
    return [exchange for exchange in fault_server.exchanges if exchange.model == model]


async def act(tab: TabCalls, action: str) -> None:
    """Clicks on a button under an answer."""
    await tab.use("chat-turn-actions", "act", event_data={"what": action})


def actions(tab: TabCalls) -> list[str]:
    """What the buttons under the answers do."""
    return re.findall(r"turn-action ((?:show|again)-\d+)", tab.html(LOG))


async def test_the_answer_to_what_a_page_asks_for_names_it(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    await tab.ask("Hello")
    assert "wanted" not in tab.value("chat-opened")
    for number, name in enumerate((tab.value("chat-opened")["id"], "not-here-any-more"), 1):
        await tab.use("chat-opened", "open", event_data={"id": name, "number": number})
        assert tab.value("chat-opened")["wanted"] == number
    assert tab.value("chat-opened")["id"] == ""


@pytest.mark.parametrize("late", ["conversation", "new chat"])
async def test_what_a_page_has_asked_for_last_stays_though_an_earlier_wish_arrives_after_it(
    page: PageCalls, late: str
) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    names = []
    for prompt in ("One", "Two"):
        await tab.begin()
        await tab.ask(prompt)
        names.append(tab.value("chat-opened")["id"])
    await tab.use("chat-opened", "open", event_data={"id": names[1], "number": 3})
    earlier = names[0] if late == "conversation" else ""
    await tab.use("chat-opened", "open", event_data={"id": earlier, "number": 2})
    assert (tab.prompts(LOG), tab.value("chat-opened")["id"]) == (["Two"], names[1])
    await tab.use("chat-opened", "open", event_data={"id": earlier, "number": 4})
    assert tab.prompts(LOG) == (["One"] if earlier else [])


async def test_an_edit_while_an_answer_is_written_comes_back_and_is_not_shown_as_asked(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    await tab.ask("One")
    tab.choose("ok?tokens=600&rate=60&plain=busy")
    asking = asyncio.create_task(tab.ask("Two"))
    await tab.until(lambda: tab.text("chat-live").count(" ") > 3)
    edited = [{"role": "user", "content": [{"type": "text", "text": "Other"}]}, *tab.value(LOG)[1:]]
    tab.set(chat_log=edited)  # Gradio shows at once what was typed
    await tab.use(LOG, "edit", event_data={"index": 0, "previous_value": "One", "value": "Other"})
    assert tab.prompts(LOG) == ["One"]
    assert tab.value("chat-prompt")["text"] == "Other"
    assert tab.text("chat-hint") == "An answer is still being written. Stop it first, or wait."
    await tab.click("chat-stop")
    await asking
    assert tab.prompts(LOG) == ["One", "Two"]


async def test_a_page_that_was_cut_off_finds_what_its_prompt_has_begun(page: PageCalls) -> None:
    tab, name = page.open(), "n" * 32
    tab.choose("ok?tokens=3")
    wish = {"id": name, "begun": True}
    await tab.use("chat-opened", "open", event_data=wish)
    assert (tab.value("chat-opened")["id"], tab.value("chat-opened")["wanted"]) == ("", 0)
    assert "not here" not in tab.text("chat-hint")
    tab.set(chat_opened={"id": "", "next": name})
    await tab.ask("Hello")
    assert tab.value("chat-opened")["id"] == name
    tab.set(chat_opened={"id": "", "next": name})  # as if the page had not heard of it
    await tab.ask("More")
    assert tab.prompts(LOG) == ["Hello", "More"]
    assert tab.value("chat-opened")["turns"] == 2
    again = page.open_again(tab)
    await again.use("chat-opened", "open", event_data=wish)
    assert again.answers(LOG) == [answer_text(3)] * 2


async def test_an_answer_asked_again_is_another_version_and_the_first_one_stays(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    await tab.ask("Hello")
    tab.choose("ok?tokens=5")
    await tab.use(LOG, "retry", event_data={"index": 0, "value": ""})
    assert tab.answers(LOG) == [answer_text(5)]
    assert "2/2" in tab.figures(LOG)[0]
    assert actions(tab) == ["show-1"]
    await act(tab, "show-1")
    assert tab.answers(LOG) == [answer_text(3)]
    assert "1/2" in tab.figures(LOG)[0]


async def test_an_edited_prompt_and_all_that_followed_the_first_one_are_versions(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=2")
    await tab.ask("One")
    await tab.ask("Two")
    await tab.use(LOG, "edit", event_data={"index": 0, "previous_value": "One", "value": "Other"})
    assert tab.prompts(LOG) == ["Other"]
    await act(tab, "show-1")
    assert tab.prompts(LOG) == ["One", "Two"]


async def test_any_turn_can_be_asked_again(page: PageCalls, fault_server: FaultServerThread) -> None:
    tab = page.open()
    tab.choose("ok?tokens=2&plain=any")
    await tab.ask("One")
    await tab.ask("Two")
    await act(tab, "again-1")
    assert tab.prompts(LOG) == ["One"]
    [*_, last] = requests(fault_server, "ok?tokens=2&plain=any")
    assert [message["content"] for message in last.body["messages"]] == ["One"]
    await act(tab, "show-1")
    assert tab.prompts(LOG) == ["One", "Two"]


async def test_a_failed_retry_does_not_stand_in_the_place_of_an_answer(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    await tab.ask("Hello")
    tab.choose("status-401?plain=retry")
    await tab.use(LOG, "retry", event_data={"index": 0, "value": ""})
    assert tab.answers(LOG) == [answer_text(3)]
    assert "The earlier answer is shown again, and the failed one is kept as a version" in tab.text("chat-hint")
    await act(tab, "show-2")
    assert tab.problems(LOG)


async def test_what_undo_took_back_stays_a_version(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=2")
    await tab.ask("One")
    await tab.ask("Two")
    tab.set(chat_prompt={"text": "typed meanwhile", "files": []})
    await tab.use(LOG, "undo", event_data={"index": 0, "value": ""})
    assert tab.prompts(LOG) == ["One"]
    assert tab.value("chat-prompt")["text"] == "Two\n\ntyped meanwhile"
    await tab.ask("Three")
    assert "2/2" in tab.figures(LOG)[1]


async def test_an_answer_is_written_on_when_its_page_is_gone_and_the_next_page_finds_it(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=60&rate=60&plain=gone")
    asking = asyncio.create_task(tab.ask("Hello"))
    await tab.until(lambda: tab.text("chat-live").count(" ") > 3)
    asking.cancel()
    await asyncio.wait([asking])
    again = page.open_again(tab)
    await again.use("chat-opened", "open", event_data={"id": tab.value("chat-opened")["id"]})
    assert again.answers(LOG) == [answer_text(60)]
    assert again.value("chat-model") == "ok?tokens=60&rate=60&plain=gone"


async def test_two_tabs_that_ask_at_once_lose_nothing_and_the_later_one_says_so(page: PageCalls) -> None:
    tab, fast, slow = page.open(), "ok?tokens=3&plain=two", "ok?tokens=60&rate=60&plain=two"
    tab.choose(fast)
    await tab.ask("Hello")
    other = page.open_again(tab)
    await other.use("chat-opened", "open", event_data={"id": tab.value("chat-opened")["id"]})
    tab.choose(slow)
    asking = asyncio.create_task(tab.ask("From the first tab"))
    await tab.until(lambda: tab.text("chat-live").count(" ") > 3)
    other.choose(fast)
    await other.ask("From the second tab")
    assert other.prompts(LOG) == ["Hello", "From the second tab"]
    assert "2/2" in other.figures(LOG)[1]
    assert "This conversation has gone on in another tab." in other.figures(LOG)[1]
    assert "From the first tab" in tab.text("chat-live")
    await asking
    assert tab.prompts(LOG) == ["Hello", "From the first tab"]
    assert tab.answers(LOG) == [answer_text(3), answer_text(60)]
    assert "1/2" in tab.figures(LOG)[1]
    assert "Another tab" not in tab.figures(LOG)[1]
    tab.choose(fast)
    await tab.ask("And then?")
    assert tab.prompts(LOG) == ["Hello", "From the first tab", "And then?"]
    await act(other, "show-2")
    assert other.prompts(LOG) == ["Hello", "From the first tab", "And then?"]


@pytest.mark.parametrize("button", ["retry", "again", "with", "edit"])
async def test_a_double_click_asks_once(page: PageCalls, fault_server: FaultServerThread, button: str) -> None:
    tab, model = page.open(), f"ok?tokens=20&rate=100&twice={button}"
    tab.choose("ok?tokens=3&plain=twice")
    await tab.ask("Hello")
    tab.choose(model)

    async def click() -> None:
        match button:
            case "retry":
                await tab.use(LOG, "retry", event_data={"index": 0, "value": ""})
            case "again":
                await act(tab, "again-1")
            case "with":
                await tab.use("chat-again", "input", f"openai/{model}")
            case "edit":
                await tab.use(LOG, "edit", event_data={"index": 0, "previous_value": "Hello", "value": "Hello you"})

    clicks = [asyncio.create_task(click()) for _ in range(2)]
    await tab.until(lambda: "still being written" in tab.text("chat-hint"))
    await asyncio.gather(*clicks)
    assert len(requests(fault_server, model)) == 1
    assert "2/2" in tab.figures(LOG)[0]
    assert tab.answers(LOG) == [answer_text(20)]


async def test_each_tab_stops_edits_and_takes_back_what_it_shows_itself(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=600&rate=60&plain=own")
    asking = asyncio.create_task(tab.ask("Hello"))
    await tab.until(lambda: tab.text("chat-live").count(" ") > 3)
    other = page.open_again(tab)
    other.set(chat_opened={"id": tab.value("chat-opened")["id"], "leaf": 0})
    other.choose("ok?tokens=600&rate=60&plain=own")
    more = asyncio.create_task(other.ask("Beside it"))
    await other.until(lambda: other.text("chat-live").count(" ") > 3)
    await other.click("chat-stop")
    await more
    assert "stopped" in other.figures(LOG)[0]
    assert tab.visible("chat-stop")
    await tab.click("chat-stop")
    await asking
    tab.choose("ok?tokens=3&plain=own")
    await tab.use(LOG, "edit", event_data={"index": 0, "previous_value": "Hello", "value": "Hello there"})
    assert "3/3" in tab.figures(LOG)[0]
    await other.use(LOG, "undo", event_data={"index": 0, "value": ""})
    assert other.value("chat-prompt")["text"] == "Beside it"


async def test_a_tab_that_lost_its_connection_comes_back_to_what_it_showed_and_to_what_it_asked(
    page: PageCalls,
) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    await tab.ask("One")
    await tab.ask("Two")
    await tab.use(LOG, "edit", event_data={"index": 3, "previous_value": "Two", "value": "Other"})
    again = page.open_again(tab)
    name = tab.value("chat-opened")["id"]
    for leaf, second in ((2, "Two"), (1, "Other"), (99, "Other"), ("2", "Other")):
        await again.use("chat-opened", "open", event_data={"id": name, "leaf": leaf})
        assert again.prompts(LOG) == ["One", second]


async def test_nobody_opens_another_browsers_conversation(page: PageCalls) -> None:
    tab, stranger = page.open(), page.open()
    tab.choose("ok?tokens=3")
    await tab.ask("A secret")
    await stranger.use("chat-opened", "open", event_data={"id": tab.value("chat-opened")["id"]})
    assert stranger.value(LOG) == []
    assert "not here" in stranger.text("chat-hint")
    stranger.set(chat_hint="")
    await stranger.use("chat-opened", "open", event_data={"id": "no id/at all"})
    assert "not here" in stranger.text("chat-hint")
    await stranger.use("chat-opened", "open", event_data={"id": "0" * 32, "temporary": True})
    assert "LLM Hub was started again" in stranger.text("chat-hint")


async def test_a_prompt_for_a_conversation_that_the_server_has_lost_comes_back(page: PageCalls) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    tab.set(chat_opened={"id": "0123456789abcdef"})
    await tab.ask("Hello")
    assert tab.value("chat-prompt")["text"] == "Hello"
    assert "was started again" in tab.text("chat-hint")
    assert tab.value("chat-opened")["lost"] is True
    assert tab.value(LOG) == []


@pytest.mark.parametrize("what", ["show-0", "show-99", "again-999999", "drop-1", "", "show-1; DROP", "show-٣"])
async def test_a_button_that_is_not_there_changes_nothing(page: PageCalls, what: str) -> None:
    tab = page.open()
    tab.choose("ok?tokens=3")
    await tab.ask("Hello")
    before = tab.value(LOG)
    await act(tab, what)
    assert tab.value(LOG) == before


async def test_an_address_brings_a_model_and_a_prompt_and_sends_nothing(
    page: PageCalls, fault_server: FaultServerThread
) -> None:
    tab = page.open()
    wish = {"id": "", "prompt": "From a link", "settings": {"provider": "openai", "model": "ok?plain=link"}}
    await tab.use("chat-opened", "open", event_data=wish)
    assert (tab.value("chat-provider"), tab.value("chat-model")) == ("openai", "ok?plain=link")
    assert tab.value("chat-prompt")["text"] == "From a link"
    assert not requests(fault_server, "ok?plain=link")
    await tab.use("chat-opened", "open", event_data={"id": "", "settings": {"provider": "no<b>body", "model": "x"}})
    assert "no<b>body was to be asked, which this hub does not know" in tab.text("chat-note")


async def test_a_browser_brings_its_fallback_chain_back_and_so_does_a_conversation(page: PageCalls) -> None:
    def kept(tab: TabCalls) -> str:
        found = re.search('data-chain="(.*?)"', tab.html("chat-chain-list"))
        assert found is not None
        return unescape(found[1])

    tab = page.open()
    tab.choose("status-404?plain=chain")
    await tab.use("chat-chain-add", "input", "openai/ok?tokens=3&plain=chain")
    await tab.use("chat-chain-add", "input", "openai/ok?tokens=4")
    settings = {"provider": "openai", "model": "status-404?plain=chain", "chain": kept(tab)}
    reloaded = page.open_again(tab)
    await reloaded.use("chat-opened", "open", event_data={"id": "", "settings": settings})
    assert kept(reloaded) == "openai/ok?tokens=3&plain=chain\nopenai/ok?tokens=4"
    await reloaded.ask("Hello")
    assert reloaded.answers(LOG) == [answer_text(3)]
    other = page.open_again(tab)
    await other.use("chat-opened", "open", event_data={"id": reloaded.value("chat-opened")["id"]})
    assert kept(other) == kept(tab)
    await other.use("chat-opened", "open", event_data={"id": "", "settings": {"chain": "nobody/x\nopenai/ok?tokens=4"}})
    assert kept(other) == "openai/ok?tokens=4"
    assert "Left out: There is no provider 'nobody'" in other.text("chat-chain-list")
    await other.use("chat-opened", "open", event_data={"id": "", "settings": {"provider": "openai", "chain": "-"}})
    assert "No other model is asked" in other.text("chat-chain-list")


async def test_a_reload_brings_back_what_was_chosen_last_also_if_the_page_begins_with_that(page: PageCalls) -> None:
    tab = page.open()
    chosen = {"provider": tab.value("chat-provider"), "model": tab.value("chat-model")}
    tab.choose("ok?tokens=3")
    await tab.ask("Hello")
    reloaded = page.open_again(tab)
    wish = {"id": tab.value("chat-opened")["id"], "settings": chosen}
    await reloaded.use("chat-opened", "open", event_data=wish)
    assert reloaded.answers(LOG) == [answer_text(3)]
    assert {"provider": reloaded.value("chat-provider"), "model": reloaded.value("chat-model")} == chosen


async def test_where_a_provider_is_gone_the_chain_is_that_of_the_one_that_stays_chosen(page: PageCalls) -> None:
    tab = page.open()
    before = tab.text("chat-chain-list")
    await tab.use("chat-opened", "open", event_data={"id": "", "settings": {"provider": "gone", "model": "away"}})
    assert tab.text("chat-chain-list") == before


@pytest.mark.parametrize(
    "wish", [{"id": 7}, {"id": "x" * 99}, {"settings": []}, {"prompt": {}}, {"settings": {"provider": 3}}]
)
async def test_a_wish_of_a_wrong_shape_is_a_new_chat(page: PageCalls, wish: dict[str, object]) -> None:
    tab = page.open()
    await tab.use("chat-opened", "open", event_data=wish)
    assert tab.value(LOG) == []
    assert tab.value("chat-opened")["id"] == ""

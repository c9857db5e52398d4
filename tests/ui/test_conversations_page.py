"""The list of conversations, and how the page comes back to the open one: wherever conversations are kept."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.document import encode, write_document
from llm_hub.conversations.open_conversations import BROWSER_HEADER
from llm_hub.serving.front_door.body_limit import MAX_CONVERSATIONS_BYTES
from llm_hub.ui.chat.chat_view import FOLD_STEP, MIN_SHOWN
from tests.conversations import exports
from tests.conversations.generated import simple_turn
from tests.ui.conftest import visiting
from tests.ui.conversations_page import ConversationsPage
from tests.ui.gated_server import GatedServer
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Route

IN_THE_BROWSER = pytest.mark.parametrize("hub", ["browser"], indirect=True)
"""For what only happens there, or happens wherever they are kept."""

COME_BACK = """() => new Promise((told) => {
  addEventListener("llm-hub-opened", ({ detail }) => { if (detail.keeping) told(detail); });
  dispatchEvent(new CustomEvent("hub-back"));
})"""
"""As after a lost connection. Gives what the server says then of the conversation that is shown."""

CLICK_BOTH = "(buttons) => buttons.forEach((button) => document.querySelector(button).click())"
"""With no time between the two."""

COUNT_OPENED = """() => {
  window.opened = [];
  const { open } = llmHub;
  llmHub.open = (wish) => { opened.push(wish.id); open(wish); };
}"""
"""Notes what the server is asked to show."""


REQUESTS = "**/gradio_api/{queue/join,run/predict}*"
"""Every event of the page that the server is told of."""


@pytest.fixture(scope="module")
def gated() -> Iterator[GatedServer]:
    with GatedServer() as gated:
        gated.gate.set()
        yield gated


@pytest.fixture
def visitor(browser: Browser, hub: Site) -> Iterator[ConversationsPage]:
    with visiting(browser, ConversationsPage, hub.url) as visitor:
        visitor.choose_gated()
        yield visitor


@pytest.fixture
def word() -> str:
    """A word that no other test's conversation has."""
    return f"w{uuid.uuid4().hex[:12]}"


def test_address_and_title_name_the_open_conversation(visitor: ConversationsPage, word: str) -> None:
    first, second = f"First {word}", f"Second {word}"
    visitor.ask(first)
    visitor.expect_title(first)
    visitor.begin()
    visitor.expect_title("")
    visitor.ask(second)
    visitor.page.go_back()
    visitor.expect_title(first)
    expect(visitor.prompts).to_have_text([first])
    visitor.page.go_forward()
    visitor.expect_title(second)
    visitor.page.reload()
    visitor.expect_title(second)
    expect(visitor.answer).to_have_text(f"{second} begins and ends")
    tab = visitor.page.context.new_page()
    tab.goto(visitor.page.url)
    expect(tab.locator("#chat-log [data-testid=user]")).to_have_text([second])
    tab.locator("#conversation-list").get_by_text(first).click()
    expect(tab.locator("#chat-log [data-testid=user]")).to_have_text([first])
    visitor.ask("And then?")
    visitor.answer_again_with("gated/gated", turn=0)
    expect(visitor.prompts).to_have_text([second])
    expect(visitor.figures).to_contain_text("2/2")


def test_a_conversation_is_found_renamed_pinned_and_deleted(visitor: ConversationsPage, word: str) -> None:
    for number in range(3):
        visitor.begin()
        expect(visitor.prompts).to_have_count(0)
        visitor.ask(f"{word} {number}")
    visitor.search.fill(word.upper())
    expect(visitor.titles).to_have_count(3)
    visitor.act(f"{word} 0", "Rename")
    visitor.page.get_by_role("textbox", name="Title").fill(f"Named {word}")
    visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the list is read again
    visitor.page.evaluate("fetch('conversations').then(() => null)")
    expect(visitor.page.get_by_role("textbox", name="Title")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.act(f"Named {word}", "Pin")
    expect(visitor.titles.first).to_contain_text(f"Named {word}")
    visitor.act(f"{word} 2", "Delete")  # the one that is open
    expect(visitor.titles).to_have_count(2)
    expect(visitor.prompts).to_have_count(0)
    visitor.page.keyboard.press("Enter")  # the focus is on Undo
    expect(visitor.titles).to_have_count(3)
    expect(visitor.prompts).to_have_text([f"{word} 2"])
    visitor.act(f"{word} 1", "Delete")
    visitor.page.reload()
    visitor.search.fill(word)
    expect(visitor.titles).to_have_count(2)
    expect(visitor.titles.first).to_contain_text(f"Named {word}")


def test_an_answer_that_was_left_is_kept_to_its_end(visitor: ConversationsPage, gated: GatedServer, word: str) -> None:
    gated.gate.clear()
    visitor.type(word)
    expect(visitor.answer).to_have_text(f"{word} begins")
    visitor.begin()
    expect(visitor.prompts).to_have_count(0)
    expect(visitor.item(word)).to_contain_text("is being answered")
    gated.gate.set()
    expect(visitor.item(word)).not_to_contain_text("is being answered")
    visitor.search.fill(f"{word} ends")
    expect(visitor.titles).to_have_count(1)


@IN_THE_BROWSER
@pytest.mark.parametrize("kind", ["kept", "temporary"])
def test_what_stood_before_a_new_chat_can_be_taken_back(visitor: ConversationsPage, word: str, kind: str) -> None:
    if kind == "temporary":
        visitor.page.get_by_role("button", name="Temporary chat").click()
    visitor.ask(word)
    visitor.expect_title(word if kind == "kept" else "Temporary chat")
    way = visitor.page.get_by_role("button", name="Previous conversation")
    expect(way).to_have_count(0)
    visitor.begin()
    expect(way).to_have_text(f"Previous conversation: {word}")
    way.click()
    expect(visitor.prompts).to_have_text([word])
    expect(way).to_have_count(0)
    visitor.begin()
    expect(way).to_be_visible()
    visitor.ask("Something else")
    expect(way).to_have_count(0)


@IN_THE_BROWSER
def test_there_is_no_way_back_to_what_was_deleted(visitor: ConversationsPage, word: str) -> None:
    visitor.ask(word)
    visitor.begin()
    way = visitor.page.get_by_role("button", name="Previous conversation")
    expect(way).to_be_visible()
    visitor.act(word, "Delete")
    expect(way).to_have_count(0)
    visitor.open(f"?c={'0' * 32}")
    expect(visitor.hint).to_contain_text("That conversation is not here")
    expect(way).to_have_count(0)


def test_a_temporary_chat_is_not_kept(visitor: ConversationsPage, word: str) -> None:
    visitor.page.get_by_role("button", name="Temporary chat").click()
    visitor.ask(f"Secret {word}")
    visitor.expect_title("Temporary chat")
    visitor.edit(f"An edit {word}")
    assert not visitor.page.evaluate("(word) => JSON.stringify(localStorage).includes(word)", f"An edit {word}")
    visitor.page.keyboard.press("Escape")
    visitor.begin()
    expect(visitor.prompts).to_have_count(0)
    visitor.ask(f"Open {word}")
    visitor.search.fill(word)
    expect(visitor.titles).to_have_count(1)
    expect(visitor.titles).to_contain_text(f"Open {word}")


def test_what_was_typed_and_chosen_comes_back(visitor: ConversationsPage, word: str) -> None:
    visitor.page.get_by_label("Temperature").fill("0.5")
    visitor.page.get_by_label("Max tokens").fill("77")
    visitor.fall_back_to("gated/another")
    visitor.ask(f"First {word}")
    visitor.prompt.fill("a draft of the second")
    visitor.begin()
    visitor.expect_title("")
    expect(visitor.prompt).to_have_value("")
    visitor.prompt.fill("a draft of another")
    visitor.page.reload()
    expect(visitor.prompt).to_have_value("a draft of another")
    expect(visitor.page.locator("#chat-model input")).to_have_value("gated")
    expect(visitor.page.get_by_label("Max tokens")).to_have_value("77")
    expect(visitor.chain).to_have_text(["gated · another"])
    visitor.page.locator("#conversation-list").get_by_text(f"First {word}").click()
    expect(visitor.prompt).to_have_value("a draft of the second")
    expect(visitor.page.get_by_label("Temperature")).to_have_value("0.5")
    visitor.prompt.fill("")
    visitor.edit("an edit of the first")
    visitor.begin()
    visitor.expect_title("")
    visitor.type(f"Second {word}")
    edited = visitor.log.locator("textarea")
    expect(visitor.prompts).to_have_text([f"Second {word}"])  # it is not taken for the one that was being edited
    visitor.page.locator("#conversation-list").get_by_text(f"First {word}").click()
    expect(edited).to_have_value("an edit of the first")
    visitor.page.reload()
    expect(edited).to_have_value("an edit of the first")
    visitor.page.evaluate(COME_BACK)
    expect(edited).to_have_value("an edit of the first")
    visitor.log.get_by_label("Submit").click()
    expect(visitor.prompts).to_have_text(["an edit of the first"])
    expect(edited).to_have_count(0)
    visitor.page.wait_for_function("!Object.keys(localStorage).some((name) => name.includes('edit:'))")


@IN_THE_BROWSER
def test_a_model_brings_back_what_was_last_set_for_it(visitor: ConversationsPage, word: str) -> None:
    page = visitor.page
    temperature, max_tokens = page.get_by_label("Temperature"), page.get_by_label("Max tokens")
    temperature.fill("0.5")
    max_tokens.fill("77")
    visitor.ask(word)
    temperature.fill("0.6")
    visitor.choose("another")
    expect(temperature).to_have_value("")
    expect(max_tokens).to_have_value("")
    max_tokens.fill("88")
    visitor.choose("gated")
    expect(temperature).to_have_value("0.6")
    expect(max_tokens).to_have_value("77")

    # The settings of a conversation stay those that it was asked with, also where the list is only looked at.
    visitor.begin()
    visitor.expect_title("")
    visitor.titles.filter(has_text=word).click()
    expect(temperature).to_have_value("0.5")
    page.locator("#chat-model input").focus()
    page.locator("#chat-model input").blur()
    visitor.ask("And then?")
    expect(temperature).to_have_value("0.5")

    effort = page.locator("#chat-effort input")
    visitor.choose("gpt-5-mini")
    effort.click()
    page.get_by_role("option", name="high").click()
    visitor.choose("another")
    expect(max_tokens).to_have_value("88")
    visitor.choose("gpt-5-mini")
    expect(effort).to_have_value("high")

    # Another provider's default model comes with its own, and so does the model of an address.
    page.locator("#chat-provider input").click()
    page.get_by_role("option", name="Embedded").click()
    expect(max_tokens).to_have_value("")
    max_tokens.fill("5")
    tab = page.context.new_page()
    for address, model, expected in (("gated/another", "another", "88"), ("local", "SmolLM2-135M-Instruct", "5")):
        tab.goto(f"{visitor.url}/?model={address}")
        expect(tab.locator("#chat-model input")).to_have_value(model)
        expect(tab.get_by_label("Max tokens")).to_have_value(expected)
    first = """(model) => {
      window.llmHub.modelSettings.begin("gated", "");
      return window.llmHub.modelSettings.chooseFirst("gated", model);
    }"""
    assert [tab.evaluate(first, model) for model in ("another", "third")] == [["", "88", ""], []]
    kept = dict(json.loads(tab.evaluate("localStorage['llm-hub:models']")))
    assert kept["gated/another"] == {"temperature": "", "max_tokens": "88", "effort": ""}
    assert kept.keys() == {"gated/gated", "gated/another", "gated/gpt-5-mini", "local/SmolLM2-135M-Instruct"}


def test_a_reload_before_the_address_names_a_new_conversation_shows_it(visitor: ConversationsPage, word: str) -> None:
    visitor.ask(word)
    visitor.page.evaluate("history.replaceState(null, '', '/')")  # as it still is where the reload began before
    visitor.page.reload()
    expect(visitor.prompts).to_have_text([word])
    visitor.expect_title(word)


@IN_THE_BROWSER
def test_an_address_opens_a_chat_with_a_model_and_a_prompt(visitor: ConversationsPage, word: str) -> None:
    visitor.open(f"?model=gated/gated&prompt=Explain%20%3Cb%3E%20{word}")
    expect(visitor.prompt).to_have_value(f"Explain <b> {word}")
    expect(visitor.page.locator("#chat-provider input")).to_have_value("gated")
    expect(visitor.prompts).to_have_count(0)
    visitor.prompt.press("Enter")
    expect(visitor.prompts).to_have_text([f"Explain <b> {word}"])


@IN_THE_BROWSER
def test_the_list_is_a_drawer_on_a_phone(visitor: ConversationsPage, word: str) -> None:
    visitor.ask(word)
    visitor.page.set_viewport_size({"width": 375, "height": 700})
    toggle = visitor.page.get_by_role("button", name="Conversations")
    expect(visitor.search).to_be_hidden()
    toggle.click()
    expect(visitor.search).to_be_focused()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") == 375
    assert visitor.page.evaluate("document.querySelector('#tabs').getBoundingClientRect().top") == 0
    visitor.act(word, "Delete")
    visitor.page.get_by_role("button", name="Undo the deletion").click()
    expect(visitor.prompts).to_have_text([word])
    visitor.page.keyboard.press("Escape")
    expect(visitor.search).to_be_hidden()
    expect(toggle).to_be_focused()
    toggle.click()
    visitor.titles.filter(has_text=word).click()
    expect(visitor.search).to_be_hidden()


@IN_THE_BROWSER
def test_nobody_else_finds_a_visitors_conversation_and_a_hub_without_it_gets_it(
    visitor: ConversationsPage, browser: Browser, word: str
) -> None:
    visitor.ask(f"Mine {word}")
    visitor.expect_title(f"Mine {word}")
    with visiting(browser, ConversationsPage, visitor.url) as other:
        other.page.goto(visitor.page.url)
        expect(other.page.get_by_text("That conversation is not here")).to_be_visible()
        expect(other.prompts).to_have_count(0)
        expect(other.titles).to_have_count(0)
    name = visitor.page.url.partition("c=")[2]
    assert httpx.get(f"{visitor.url}/conversations/{name}", trust_env=False).status_code == 404

    # What does not have it, as another hub behind a load balancer, gets it with the next prompt.
    strangers: list[Route] = []

    def ask_as_stranger(route: Route) -> None:
        """The first event comes from a browser that has no such conversation."""
        headers = {} if strangers else {BROWSER_HEADER: "x" * 40}
        strangers.append(route)
        route.continue_(headers={**route.request.headers, **headers})

    expect(visitor.stop).to_be_hidden()
    visitor.page.route("**/queue/join**", ask_as_stranger)
    visitor.type(f"Second {word}")
    expect(visitor.prompts).to_have_text([f"Mine {word}", f"Second {word}"])
    expect(visitor.stop).to_be_hidden()
    expect(visitor.prompt).to_have_value("")


@IN_THE_BROWSER
def test_a_prompt_on_its_way_does_not_stand_in_the_box_when_its_conversation_is_shown_again(
    visitor: ConversationsPage, word: str
) -> None:
    page = visitor.page
    held: list[Route] = []
    visitor.ask(f"First {word}")
    visitor.expect_title(f"First {word}")
    expect(visitor.stop).to_be_hidden()
    page.route("**/queue/join**", lambda route: route.continue_() if held else held.append(route))
    visitor.type(f"Second {word}")
    page.wait_for_function("() => !document.querySelector('#chat-prompt textarea').value")
    visitor.begin()
    visitor.expect_title("")
    page.go_back()
    visitor.expect_title(f"First {word}")
    expect(visitor.prompt).to_have_value("")
    held[0].continue_()
    expect(visitor.prompts).to_have_text([f"First {word}", f"Second {word}"])
    expect(visitor.prompt).to_have_value("")


def test_a_long_conversation_shows_its_last_turns_or_all(visitor: ConversationsPage, word: str, tmp_path: Path) -> None:
    long, file = Conversation(title=f"Long {word}"), tmp_path / "long.json"
    for number in range(1, MIN_SHOWN + 2 * FOLD_STEP + 1):
        long.add(simple_turn(f"Prompt {number}.", "So it is.\n\n" * 3))
    file.write_text(encode(write_document(long)))
    page = visitor.page
    page.locator("#conversation-list [type=file]").set_input_files(file)
    visitor.item(word).locator("a").click()
    expect(visitor.prompts).to_have_count(MIN_SHOWN)
    more = page.get_by_role("button", name=f"Show {2 * FOLD_STEP} earlier turns")
    more.focus()
    first = visitor.prompts.first
    expect(first).to_have_text(f"Prompt {2 * FOLD_STEP + 1}.")
    expect(first).to_be_in_viewport()
    more.press("Enter")
    expect(visitor.prompts).to_have_count(len(long.nodes))
    expect(more).to_be_hidden()
    expect(visitor.prompts.nth(2 * FOLD_STEP)).to_be_in_viewport()
    expect(visitor.prompts.first).not_to_be_in_viewport()
    visitor.choose_gated()
    visitor.ask("Another")
    expect(visitor.prompts).to_have_count(len(long.nodes) + 1)
    assert page.evaluate(COME_BACK)["whole"]


def test_a_file_is_imported_and_conversations_are_saved(visitor: ConversationsPage, word: str, tmp_path: Path) -> None:
    page, export = visitor.page, tmp_path / "conversations.json"
    [value] = exports.chatgpt(name=word)
    export.write_text(json.dumps([value | {"title": f"Sums {word}"}]))
    for expected in ("1 conversation imported.", "1 conversation was here already."):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Import", exact=True).press("Enter")
        chooser.value.set_files(export)
        expect(page.locator("#conversation-list .done")).to_have_text(expected)
        expect(visitor.item(word)).to_have_count(1)
    visitor.item(word).locator("a").click()
    expect(page.get_by_text("in Paris.")).to_be_visible()

    with page.expect_download() as saving:
        visitor.act(word, "Save as JSON")
    assert saving.value.suggested_filename == f"Sums {word}.json"
    assert len(json.loads(saving.value.path().read_bytes())["nodes"]) == 3
    page.keyboard.press("Escape")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Export all").press("Enter")
    archive = tmp_path / "all.zip"
    saving.value.save_as(archive)
    page.locator("#conversation-list [type=file]").set_input_files(archive)
    expect(page.locator("#conversation-list .done")).to_contain_text("here already")
    expect(page.locator("#conversation-list .done")).not_to_contain_text("imported")

    with page.expect_event("framenavigated") as printing:
        visitor.act(word, "Print")
    assert printing.value.url == "about:srcdoc"

    export.write_text('[{"mapping": 7}]')
    page.locator("#conversation-list [type=file]").set_input_files(export)
    expect(page.locator("#conversation-list .note")).to_contain_text("cannot be imported: in conversation 1, mapping")
    expect(page.locator("#conversation-list .done")).to_be_empty()
    assert "400" in visitor.complaints.pop()
    with export.open("wb") as large:
        large.truncate(MAX_CONVERSATIONS_BYTES + 1)
    page.locator("#conversation-list [type=file]").set_input_files(export)
    expect(page.locator("#conversation-list .note")).to_contain_text("conversations.json is larger than 100 MB")


@pytest.mark.parametrize("kind", ["chat", "comparison"])
def test_a_new_conversation_that_is_asked_for_right_after_a_prompt_comes_after_it(
    visitor: ConversationsPage, word: str, kind: str
) -> None:
    page = visitor.page
    if kind == "chat":
        visitor.prompt.fill(word)
        page.evaluate(CLICK_BOTH, ["#chat-prompt .submit-button", "#chat-new"])
    else:
        page.goto(f"{visitor.url}/?models=gated/gated,gated/gated")
        page.locator("#compare-prompt textarea").fill(word)
        page.evaluate(CLICK_BOTH, ["#compare-run", "#compare-new"])
    asked = page.locator("[data-testid=user]").filter(has_text=word)
    expect(visitor.item(word)).to_be_visible()
    visitor.expect_title("")
    expect(asked).to_have_count(0)
    visitor.item(word).get_by_role("link").click()
    expect(asked.first).to_be_visible()
    visitor.expect_title(word)


@pytest.mark.parametrize("kind", ["chat", "comparison"])
def test_new_is_at_once_however_long_the_hub_takes(visitor: ConversationsPage, word: str, kind: str) -> None:
    page = visitor.page
    if kind == "comparison":
        page.goto(f"{visitor.url}/?models=gated/gated,gated/gated")
    box = page.locator("#chat-prompt textarea" if kind == "chat" else "#compare-prompt textarea")
    box.fill(word)
    box.press("Enter")
    visitor.expect_title(word)
    expect(page.locator("#chat-stop, #compare-stop").filter(visible=True)).to_have_count(0)
    box.fill(f"Draft {word}")
    page.route(REQUESTS, lambda _: None)  # they wait until this is over
    page.locator("#chat-new, #compare-new").filter(visible=True).click()
    expect(box).to_have_value("")
    visitor.expect_title("")
    box.fill(f"Other {word}")
    box.press("Enter")
    page.unroute(REQUESTS)
    visitor.expect_title(f"Other {word}")
    asked = page.locator("[data-testid=user]")
    expect(asked.filter(has_text=f"Other {word}").first).to_be_visible()
    expect(asked.get_by_text(word, exact=True)).to_have_count(0)
    page.go_back()
    visitor.expect_title(word)
    expect(box).to_have_value(f"Draft {word}")


def test_what_the_hub_cannot_be_told_of_is_not_changed(visitor: ConversationsPage, word: str) -> None:
    visitor.ask(word)
    expect(visitor.item(word)).to_be_visible()
    visitor.page.route("**/conversations/*", lambda route: route.abort())
    visitor.act(word, "Rename")
    box = visitor.page.get_by_role("textbox", name="Title")
    box.fill(f"Renamed {word}")
    box.press("Enter")
    expect(visitor.page.locator("#conversations .note")).to_have_text("LLM Hub cannot be reached.")
    expect(visitor.titles.filter(has_text=word)).to_have_text([word])
    visitor.act(word, "Delete")
    expect(visitor.page.locator("#conversation-list .actions")).to_have_count(0)
    expect(visitor.titles.filter(has_text=word)).to_have_text([word])
    expect(visitor.page.locator("#conversation-list .deleted")).to_have_count(0)


@IN_THE_BROWSER
def test_a_new_chat_that_a_lost_connection_has_kept_away_comes_with_it(visitor: ConversationsPage, word: str) -> None:
    page = visitor.page
    visitor.ask(word)
    page.context.set_offline(True)
    page.locator("#chat-new").click()
    expect(visitor.line).not_to_be_empty()
    page.context.set_offline(False)
    expect(visitor.prompts).to_have_count(0)
    visitor.ask(f"Other {word}")
    expect(visitor.prompts).to_have_text([f"Other {word}"])


def test_a_prompt_for_what_was_deleted_in_another_tab_stands_in_the_box_again(
    visitor: ConversationsPage, word: str
) -> None:
    visitor.ask(word)
    tab = visitor.page.context.new_page()
    tab.goto(visitor.page.url)
    other = ConversationsPage(tab, visitor.url)
    other.act(word, "Delete")
    expect(other.item(word)).to_have_count(0)
    visitor.type(f"More {word}")
    expect(visitor.hint).to_contain_text("That conversation is not here")
    expect(visitor.prompt).to_have_value(f"More {word}")
    visitor.prompt.press("Enter")
    expect(visitor.prompts).to_have_text([f"More {word}"])


@IN_THE_BROWSER
def test_a_new_chat_stays_where_a_conversation_was_still_to_be_opened(visitor: ConversationsPage, word: str) -> None:
    page = visitor.page
    held: list[Route] = []
    visitor.ask(word)
    visitor.begin()
    expect(visitor.prompts).to_have_count(0)
    page.evaluate(COUNT_OPENED)
    page.route("**/conversations/*", lambda route: held.append(route) if not held else route.continue_())
    with page.expect_request(lambda request: request.method == "PUT"):
        visitor.item(word).get_by_role("link").click()
    visitor.begin()
    visitor.expect_title("")
    with page.expect_response(lambda reply: reply.request.method == "PUT"):
        held[0].continue_()
    assert page.evaluate("() => new Promise((told) => setTimeout(() => told(opened), 500))") == [""]
    visitor.ask(f"Other {word}")
    expect(visitor.prompts).to_have_text([f"Other {word}"])
    visitor.expect_title(f"Other {word}")

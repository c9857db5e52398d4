"""A comparison in the browser: what its page shows again, wherever conversations are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.ui.compare_page import SLOW, ComparePage
from tests.ui.conftest import visiting
from tests.ui.conversations_page import ConversationsPage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.ui.gated_server import GatedServer
    from tests.ui.site import Site

COMPARISON_COMES_BACK = """() => new Promise((told) => {
  addEventListener("llm-hub-opened", ({ detail }) => { if (detail.kind === "comparison" && detail.id) told(detail); });
  dispatchEvent(new CustomEvent("hub-back"));
})"""
"""As after a lost connection. Gives what the server says then of the comparison that was shown."""
LATE_REFRESH = """() => dispatchEvent(new CustomEvent("llm-hub-opened", {
  detail: { id: "", kind: "comparison", keeping: window.llmHub.keeping, wanted: window.llmHub.comparison().wanted },
}))"""
"""What the page is told by a refresh that was made before a comparison's first prompt, and comes after it."""


@pytest.fixture
def compare(browser: Browser, hub: Site, gated: GatedServer) -> Iterator[ComparePage]:
    gated.gate.clear()
    with visiting(browser, ComparePage, hub.url) as compare:
        yield compare


def test_a_reload_in_the_middle_of_a_comparison_loses_nothing(compare: ComparePage, gated: GatedServer) -> None:
    page = compare.page
    compare.set("one", "two", provider="gated")
    compare.run("Hello")
    for number in (1, 2):
        expect(compare.text(number)).to_have_text("Hello begins", timeout=SLOW)
    compare.question.fill("typed meanwhile")
    expect(page).to_have_title("Hello · LLM Hub")
    page.reload()
    for number in (1, 2):
        expect(compare.text(number)).to_have_text("Hello begins", timeout=SLOW)
    compare.complaints.clear()  # Gradio's own, of the streams that a reload ends
    expect(page).to_have_title("Hello · LLM Hub")
    expect(compare.question).to_have_value("typed meanwhile")
    gated.gate.set()
    for number in (1, 2):
        expect(compare.text(number)).to_have_text("Hello begins and ends", timeout=SLOW)
        expect(compare.pane(number).locator(".pane-live .message-row")).to_have_count(0, timeout=SLOW)
    compare.question.press("Enter")
    for number in (1, 2):
        expect(compare.text(number)).to_have_text("typed meanwhile begins and ends", timeout=SLOW)
    page.locator("#compare-new").click()
    expect(page).to_have_title("LLM Hub")
    expect(page.locator("#compare .message-row")).to_have_count(0)
    page.get_by_role("tab", name="Chat").click()
    entry = page.locator("#conversation-list li.comparison a").filter(has_text="Hello")
    expect(entry).to_have_count(1)
    entry.click()
    for number, model in ((1, "one"), (2, "two")):
        expect(compare.text(number)).to_have_text("typed meanwhile begins and ends", timeout=SLOW)
        expect(page.locator(f"#compare-pane-{number}-model input")).to_have_value(model)
    expect(page).to_have_title("Hello · LLM Hub")


def test_the_list_and_back_bring_the_tab_of_what_they_open(compare: ComparePage, gated: GatedServer) -> None:
    page, chat = compare.page, ConversationsPage(compare.page, compare.url)
    gated.gate.set()
    page.get_by_role("tab", name="Chat").click()
    chat.choose_gated()
    chat.ask("A chat")
    chat.expect_title("A chat")
    page.get_by_role("tab", name="Compare").click()
    chat.expect_title("")
    compare.set("one", "two", provider="gated")
    compare.compare("A comparison")
    chat.expect_title("A comparison")
    page.evaluate(LATE_REFRESH)
    chat.expect_title("A comparison")
    page.go_back()
    expect(chat.log).to_be_visible(timeout=SLOW)
    expect(chat.prompts).to_have_text(["A chat"])
    chat.expect_title("A chat")
    page.go_forward()
    expect(compare.text(1)).to_be_visible(timeout=SLOW)
    chat.expect_title("A comparison")
    chat.titles.filter(has_text="A chat").last.click()
    expect(chat.log).to_be_visible(timeout=SLOW)
    expect(chat.prompts).to_have_text(["A chat"])
    chat.expect_title("A chat")


def test_a_connection_that_comes_back_brings_no_other_tab(compare: ComparePage, gated: GatedServer) -> None:
    page, chat = compare.page, ConversationsPage(compare.page, compare.url)
    gated.gate.set()
    compare.set("one", "two", provider="gated")
    compare.compare("Compared")
    page.get_by_role("tab", name="Chat").click()
    chat.choose_gated()
    chat.ask("Asked")
    chat.expect_title("Asked")
    told = page.evaluate(COMPARISON_COMES_BACK)
    assert told["shown_title"] == "Compared"
    expect(chat.log).to_be_visible()
    chat.expect_title("Asked")
    chat.act("Compared", "Delete")  # which is open, too
    expect(chat.prompts).to_have_text(["Asked"])
    chat.expect_title("Asked")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#compare .message-row")).to_have_count(0)
    # Its browser may have asked for the comparison just before it was deleted.
    compare.complaints[:] = [complaint for complaint in compare.complaints if "404" not in complaint]


def test_a_blind_comparison_stays_blind_when_its_page_is_loaded_again(compare: ComparePage, gated: GatedServer) -> None:
    page = compare.page
    gated.gate.set()
    compare.set("sealed-one", "sealed-two", provider="gated")
    page.locator("#compare-blind input").check()
    compare.run("Hello")
    for number in (1, 2):
        expect(compare.text(number)).to_have_text("Hello begins and ends", timeout=SLOW)
    expect(page).to_have_title("Hello · LLM Hub")
    address = page.url
    page.reload()
    for number in (1, 2):
        expect(compare.text(number)).to_have_text("Hello begins and ends", timeout=SLOW)
    compare.complaints.clear()
    kept = """async (name) => JSON.stringify([await llmHub.browserStore().get(name),
      await llmHub.request("GET", `/${name}?after=0`)])"""
    name = address.partition("c=")[2]
    assert name
    assert "sealed-" not in page.evaluate(kept, name)
    assert "sealed-" not in page.locator("#compare-panes").inner_html()
    page.locator("#compare-best-1").click()
    expect(page.locator("#compare-said")).to_contain_text("You voted: A is better", timeout=SLOW)
    expect(compare.pane(1).locator(".pane-head b")).to_contain_text("sealed-")
    compare.wait_until(f"async (name) => (await ({kept})(name)).includes('sealed-two')", name)
    page.reload()
    expect(page.locator("#compare-said")).to_contain_text("You voted: A is better", timeout=SLOW)
    expect(compare.pane(1).locator(".pane-head b")).to_contain_text("sealed-")
    compare.complaints.clear()

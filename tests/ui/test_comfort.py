"""What makes the page pleasant: room above a phone's keyboard, folded figures, the way to the end, shortcuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.fault_server.text import expected_text
from tests.ui.chat_page import ChatPage
from tests.ui.compare_page import ComparePage
from tests.ui.conftest import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.ui.site import Site

KEYBOARD = {"width": 375, "height": 330}
"""What a phone's keyboard leaves of its screen."""
LONG = "ok?tokens=900"

HALF = """(part) => {
  const { top, bottom } = document.querySelector(part).getBoundingClientRect();
  return Math.min(bottom, innerHeight) - Math.max(top, 0) >= innerHeight / 2;
}"""
"""Whether this part of the page takes half of what can be seen."""
GROW = """(box) => {
  const shown = [...box.children].find((child) => child.offsetHeight > 100);
  const more = shown.appendChild(document.createElement("div"));
  more.style.height = "600px";
  box.scrollTop += 50;
  more.style.height = "1200px";
}"""


def test_half_of_a_phone_above_its_keyboard_is_conversation(browser: Browser, site: Site) -> None:
    with visiting(browser, ChatPage, site.url, 375, 667) as chat:
        chat.choose("ok?tokens=5")
        chat.ask("Hello")
        page = chat.page
        page.set_viewport_size(KEYBOARD)  # type: ignore[arg-type]
        page.wait_for_function(HALF, arg="#chat-scroll")  # whatever is being typed in
        page.locator("#chat-new").scroll_into_view_if_needed()  # the rest is above it
        expect(page.locator("#chat-provider")).to_be_in_viewport()
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_function(HALF, arg=".pane-scroll")
        page.locator("#compare-new").scroll_into_view_if_needed()
        page.locator("#compare-prompt textarea").focus()
        page.set_viewport_size({"width": 375, "height": 667})
        expect(page.locator("#compare-new")).to_be_in_viewport()
        # More buttons have come meanwhile.
        page.locator("#compare-bar").evaluate("(bar) => { bar.style.paddingBottom = '150px'; }")
        page.set_viewport_size(KEYBOARD)  # type: ignore[arg-type]
        page.wait_for_function(HALF, arg=".pane-scroll")
        expect(page.locator("#compare-prompt")).to_be_in_viewport(ratio=1)
        for name in ("Keys", "Chat"):
            page.get_by_role("tab", name=name).dispatch_event("click")
            expect(page.get_by_role("tab", name=name, selected=True)).to_be_in_viewport(ratio=1)
        page.set_viewport_size({"width": 375, "height": 667})
        page.locator("#chat-settings > .label-wrap").click()
        page.locator("#chat-system textarea").focus()
        page.set_viewport_size(KEYBOARD)  # type: ignore[arg-type]
        expect(page.locator("#chat-system textarea")).to_be_in_viewport(ratio=0.98)  # one scrolls by whole pixels
        page.set_viewport_size({"width": 720, "height": 450})  # a page that is zoomed has no keyboard in it
        expect(page.locator("#chat-settings")).to_be_in_viewport()
        assert page.locator("#chat-scroll").evaluate("(part) => part.clientHeight") > 120  # the settings scroll
        page.get_by_role("tab", name="Keys").click()
        page.set_viewport_size({"width": 375, "height": 667})
        expect(page.get_by_role("tab", name="Keys")).to_be_in_viewport(ratio=1)
        assert "interactive-widget=resizes-content" in (
            page.locator("meta[name=viewport]").get_attribute("content") or ""
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_figures_are_shown_for_all_answers_at_a_tap_and_it_stays_so(chat: ChatPage) -> None:
    chat.choose("ok?tokens=5")
    chat.ask("Hello")
    chat.ask("Again")
    tokens = chat.log.locator(".folded")
    expect(chat.figures.first).to_contain_text("OpenAI · ok?tokens=5")
    for figures in tokens.all():
        expect(figures).to_be_hidden()
    chat.figures.first.get_by_role("button", name="Figures", exact=True).click()
    for figures in tokens.all():
        expect(figures).to_be_visible()
    chat.page.reload()
    expect(tokens).to_have_count(2)
    expect(tokens.last).to_be_visible()
    chat.figures.last.get_by_role("button", name="Hide figures").click()
    expect(tokens.first).to_be_hidden()


def test_a_button_leads_to_the_end(chat: ChatPage) -> None:
    end = chat.page.get_by_role("button", name="To the end of the conversation")
    scroll = chat.page.locator("#chat-scroll")
    chat.choose(LONG)
    chat.ask("Hello")
    expect(end).to_be_hidden()
    scroll.evaluate(GROW)  # more than a screen while the page is still scrolling to its end, as on a busy computer
    chat.page.wait_for_function(
        "(box) => box.scrollHeight - box.scrollTop - box.clientHeight < 80", arg=scroll.element_handle()
    )
    scroll.evaluate("(box) => { box.scrollTop = 0; }")
    end.click()
    expect(end).to_be_hidden()
    assert scroll.evaluate("(box) => box.scrollHeight - box.scrollTop - box.clientHeight") < 80


def test_the_keyboard_has_shortcuts_and_a_list_of_them(chat: ChatPage) -> None:
    page = chat.page
    keys = page.get_by_role("dialog", name="Keyboard")
    chat.choose("ok?tokens=5")
    chat.ask("Is 1 < 2?")
    expect(chat.prompt).to_be_focused()
    page.keyboard.type("?/")
    expect(chat.prompt).to_have_value("?/")  # typing is typing
    expect(keys).to_be_hidden()
    chat.prompt.fill("")
    page.keyboard.press("ArrowUp")
    box = chat.log.locator(".user-row textarea")
    expect(box).to_be_focused()
    expect(box).to_have_value("Is 1 < 2?")
    page.keyboard.press("Escape")
    expect(chat.prompt).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Control+Shift+o")
    expect(chat.prompts).to_have_count(0)
    expect(chat.prompt).to_be_focused()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(keys).to_contain_text("New chat")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("?")
    expect(keys).to_be_visible()


def test_a_comparison_shows_its_figures_and_its_answers_can_be_copied(browser: Browser, site: Site) -> None:
    with visiting(browser, ComparePage, site.url) as compare:
        page = compare.page
        compare.set("ok?tokens=5", "policy")  # not a refused key, which would be on hold for the tests after this one
        compare.compare("Hello", panes=2)
        expect(page.locator("#compare-pane-1 .folded")).to_be_visible()
        page.locator("#compare-pane-1 .pane-past").get_by_role("button", name="Copy message").first.click()
        assert page.evaluate("navigator.clipboard.readText()") == expected_text("ok?tokens=5")
        compare.compare("Again", panes=2)  # a pane that failed holds up nobody
        expect(page.locator("#compare-pane-1 .pane-past .folded")).to_have_count(2)

        # On paper: this tab alone, one pane below the other, and nothing to click.
        page.emulate_media(media="print")
        expect(page.locator("#chat-log")).to_be_hidden()
        for button in page.locator("#compare button").all():
            expect(button).to_be_hidden()
        first, second = (page.locator(f"#compare-pane-{number}").bounding_box() for number in (1, 2))
        assert first is not None
        assert second is not None
        assert first["y"] + first["height"] <= second["y"]
        assert page.locator("#compare-pane-1 .pane-scroll").evaluate("(part) => part.scrollHeight <= part.clientHeight")

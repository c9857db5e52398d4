"""Fallbacks as a visitor sees them: while they happen, afterwards, and as a choice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.fault_server import answer_text
from tests.ui.chat_page import ChatPage
from tests.ui.conftest import visiting
from tests.ui.test_chat_page import begun, chats

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.fault_server import FaultServerThread
    from tests.ui.site import Site


def test_a_provider_that_fails_is_replaced_live_and_every_attempt_can_be_opened(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    model, other = "status-503?live=1&delay=0.5", "ok?tokens=60&rate=60&live=1"  # long enough to be seen
    chat.choose(model)
    chat.fall_back_to(f"second/{other}")
    chat.record_route_lines()
    chat.ask("Hello")
    lines = chat.route_lines
    assert any("OpenAI failed on its own side (503). Asking again in" in line for line in lines)
    assert any("2 of 3" in line for line in lines)
    assert any(f"second · {other} is answering in place of OpenAI" in line for line in lines)
    assert not any(f"OpenAI · {model} is answering" in line for line in lines)
    expect(chat.answers).to_have_text([answer_text(60)])
    expect(chat.figures).to_contain_text(f"second · {other} · took over from OpenAI")
    expect(chat.figures).to_contain_text("4 attempts")
    attempts = chat.figures.locator("li")
    expect(attempts.first).to_be_hidden()
    chat.figures.locator("summary").focus()
    chat.page.keyboard.press("Enter")
    expect(attempts).to_have_count(4)
    expect(attempts.first).to_contain_text(re.compile(r"OpenAI · status-503.*failed on its own side \(503\)"))
    expect(attempts.nth(1)).to_contain_text(re.compile(r"at \+.* s, after a wait of .* s · took"))
    expect(attempts.last).to_contain_text(re.compile(r"answered.*first token.*60 out tokens"))
    assert len(chats(fault_server, model)) == 3
    assert len(chats(fault_server, other)) == 1


def test_a_resumed_answer_is_complete_and_its_mark_is_only_displayed(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    broken, other = "cut@mid?tokens=40&rate=80&seam=1", "ok?tokens=40&rate=30&seam=1"
    chat.choose(broken)
    chat.fall_back_to(f"second/{other}")
    chat.record_route_lines()
    chat.ask("Hello")
    assert any(re.search(r"second took over after \d+ words", line) for line in chat.route_lines)
    expect(chat.answers).to_have_text([answer_text(40)])
    expect(chat.answers.locator(".seam")).to_have_attribute("title", "OpenAI broke off here; second goes on")
    expect(chat.figures).to_contain_text(re.compile(r"took over from OpenAI after \d+ words"))
    chat.log.locator(".bot-row").first.locator("xpath=following-sibling::*[1]").get_by_label("Copy message").click()
    expect(chat.page.get_by_label("Copied message").first).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()") == answer_text(40)
    chat.choose("ok?tokens=2&seam=2")
    chat.ask("And then?")
    sent = begun(fault_server, "ok?tokens=2&seam=2").body["messages"]
    assert [turn["content"] for turn in sent] == ["Hello", answer_text(40), "And then?"]


def test_a_stop_while_a_retry_is_waited_for_starts_no_other_attempt(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    model, other = "status-429?retry-after=4&stop=1", "ok?stop=1"
    chat.choose(model)
    chat.fall_back_to(f"second/{other}")
    chat.type("Hello")
    expect(chat.route).to_contain_text("Asking again in")
    chat.stop.click()
    expect(chat.figures).to_contain_text("stopped")
    expect(chat.stop).to_be_hidden()
    chat.choose("ok?tokens=80&rate=16")  # an answer that takes longer than the retry would have
    chat.ask("Something else")
    assert len(chats(fault_server, model)) == 1
    assert chats(fault_server, other) == []


def test_who_is_asked_stands_on_the_page_once(browser: Browser, site: Site) -> None:
    for width in (1440, 375):
        with visiting(browser, ChatPage, site.url, width) as chat:
            parts = [chat.page.locator("#chat-chain-list"), chat.page.locator("#chat-followers")]
            shown, hidden = parts if width > 800 else parts[::-1]
            expect(shown).to_be_visible()
            expect(shown).to_contain_text("Asked in this order")
            expect(hidden).to_be_hidden()


def test_chaos_describes_what_each_of_its_models_does(chat: ChatPage) -> None:
    chat.page.locator("#chat-provider input").click()
    chat.page.get_by_role("option", name="Chaos").click()
    expect(chat.page.locator("#chat-model input")).to_have_value("steady: answers, word by word")
    chat.page.locator("#chat-model input").click()
    expect(chat.page.get_by_role("option", name="breaks-off: loses its connection")).to_be_visible()

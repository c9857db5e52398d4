"""The Status tab: what is well, what is paused, and what can be tried."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from llm_hub.access.session import ProviderState, TargetState
from llm_hub.chat import Attempt
from llm_hub.router.circuit_breaker import Pause
from llm_hub.ui.status import health_view
from tests.ui.test_chat_page import chats

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Request

    from tests.fault_server import FaultServerThread
    from tests.ui.chat_page import ChatPage
    from tests.ui.site import Site

OPENAI = ProviderState("openai", "OpenAI", True, "", "gpt", ())
LOCKED = ProviderState("groq", "Groq", False, "needs a key: set GROQ_API_KEY", "x", ())


def attempt(outcome: str = "answered", seconds: float = 1.0, **more: object) -> Attempt:
    return Attempt("openai", "gpt", 0.0, seconds, 0.2, outcome, **more)  # type: ignore[arg-type]


def look(chat: ChatPage, name: str = "") -> Locator:
    """Opens the tab; a target's card, or the whole."""
    chat.page.get_by_role("tab", name="Status").click()
    table = chat.page.locator("#status-table")
    expect(table.locator(".health")).to_be_visible()
    return table.locator(f"[data-target='{name}']") if name else table


def test_nothing_asked_is_said_in_a_friendly_way() -> None:
    shown = health_view.html([OPENAI, LOCKED], [], {}, lambda _: None)
    assert "Nothing has been asked yet." in shown
    assert "needs a key: set GROQ_API_KEY" in shown
    assert 'data-pick="test openai"' in shown
    assert 'data-pick="test groq"' not in shown


def test_that_a_provider_is_set_up_is_not_said_to_be_an_answer() -> None:
    paused = Pause("It failed.", 3.0)

    def word(*targets: TargetState, tested: health_view.Tested | None = None) -> str:
        shown = health_view.html([OPENAI], targets, {"openai": tested} if tested else {}, lambda _: None)
        return re.findall(r'<b>OpenAI</b><span class="word">(.*?)</span>', shown)[0]

    assert word() == "not asked yet"
    for outcome in ("paused", "not_offered", "not_configured"):  # it was never sent
        assert word(TargetState("openai/gpt", None, (attempt(outcome),), (1.0,))) == "not asked yet"
    assert word(TargetState("anthropic/x", None, (attempt(),), (1.0,))) == "not asked yet"
    good, bad = ((attempt("server_failed"), attempt()), (5.0, 4.0)), ((attempt(), attempt("timed_out")), (9.0, 2.0))
    assert word(TargetState("openai/gpt", None, *good)) == "ready"
    assert (
        word(TargetState("openai/gpt", None, *good), TargetState("openai/b", None, *bad)) == "the last attempt failed"
    )
    assert word(TargetState("openai/b", None, *bad), tested=health_view.Tested("It answers.")) == "ready"
    assert (
        word(TargetState("openai/gpt", None, *good), tested=health_view.Tested("No.", failed=True)) == "the test failed"
    )
    assert word(TargetState("openai/gpt", paused, *good)) == "ready, 1 model paused"


def test_the_picture_changes_with_what_happens_and_not_with_time() -> None:
    then = TargetState("openai/gpt", None, (attempt(),), (1.0,))
    later = TargetState("openai/gpt", None, (attempt(),), (9.0,))
    more = TargetState("openai/gpt", None, (attempt(), attempt()), (9.0, 1.0))
    assert health_view.version([OPENAI], [then], {}) == health_view.version([OPENAI], [later], {})
    assert health_view.version([OPENAI], [then], {}) != health_view.version([OPENAI], [more], {})


def test_what_was_never_sent_is_no_attempt_that_failed() -> None:
    attempts = (attempt(), attempt("not_offered"), attempt("paused"), attempt("not_configured"))
    target = TargetState("openai/gpt", None, attempts, (4.0, 3.0, 2.0, 1.0))
    shown = health_view.html([OPENAI], [target], {}, lambda _: None)
    assert "1 of 1 attempt answered" in shown
    assert "the last attempt failed" not in shown


def test_a_failure_in_foreign_words_stays_text() -> None:
    state = TargetState(
        'openai/"><script>', None, (attempt("server_failed", reason="<script>x</script>"),) * 3, (1.0,) * 3
    )
    shown = health_view.html([OPENAI], [state], {}, lambda _: None)
    assert "<script>" not in shown
    assert shown.count("<svg") == 1


def test_a_paused_model_counts_down_and_try_now_lets_it_be_asked(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    model = "status-503?times=3&tokens=2&status=1"
    chat.choose(model)
    chat.ask("Hello")
    card = look(chat, f"openai/{model}")
    expect(card).to_contain_text(re.compile(r"paused, back in \d+ s"))
    expect(card).to_contain_text("0 of 3 attempts answered")
    left = card.locator("[data-in]")
    first = int(left.inner_text().split()[0])
    expect(left).to_have_text(re.compile(rf"^({'|'.join(str(first - less) for less in range(1, 6))}) s$"))
    card.get_by_text("Recent attempts").click()
    expect(card.locator("li")).to_have_count(3)
    expect(card.locator("li").first).to_contain_text(re.compile(r"ago.*failed on its own side \(503\).*took"))
    button = card.get_by_role("button", name="asked now")
    button.focus()
    chat.page.keyboard.press("Enter")
    expect(button).to_have_count(0)
    expect(card).to_contain_text("the last attempt failed")
    expect(card.locator("li").first).to_be_visible()  # what was opened stays open
    chat.page.get_by_role("tab", name="Chat").click()
    chat.ask("And now?")
    assert len(chats(fault_server, model)) == 4
    card = look(chat, f"openai/{model}")
    expect(card).to_contain_text("1 of 4 attempts answered")
    expect(card.locator("svg")).to_be_visible()


def test_a_key_is_tested_by_listing_the_models(chat: ChatPage, fault_server: FaultServerThread) -> None:
    table = look(chat)
    table.get_by_role("button", name="Test OpenAI").click()
    expect(table).to_contain_text(re.compile(r"It answers: \d+ models in"))
    fault_server.fault_server.lists = "key"
    try:
        table.get_by_role("button", name="Test OpenAI").click()
        expect(table).to_contain_text("OpenAI refused the API key.")
    finally:
        fault_server.fault_server.lists = "ok"


def test_only_a_tab_that_is_looked_at_asks_for_news(chat: ChatPage) -> None:
    asked: list[str] = []

    def heard(request: Request) -> None:
        if request.method == "POST" and "gradio_api" in request.url:
            asked.append(request.url)

    look(chat)
    chat.page.on("request", heard)
    with chat.page.expect_request("**/gradio_api/**", timeout=5000):
        pass
    chat.page.get_by_role("tab", name="Chat").click()
    chat.choose("ok?tokens=30&rate=10")  # three seconds of something else
    chat.ask("Hello")
    asked.clear()
    chat.ask("Hello again")
    assert len(asked) <= 4  # the prompt, its answer and its end


def test_a_narrow_screen_shows_the_status(browser: Browser, site: Site) -> None:
    from tests.ui.chat_page import ChatPage

    chat = ChatPage(browser.new_page(viewport={"width": 375, "height": 667}), site.url)
    chat.open()
    chat.choose("ok?tokens=2")
    chat.ask("Hello")
    card = look(chat, "openai/ok?tokens=2")
    expect(card).to_contain_text("ok")
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 375
    box = card.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    chat.page.close()

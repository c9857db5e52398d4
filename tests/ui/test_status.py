"""The Status tab: health, pauses, and the buttons that test and try."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from llm_hub.access.session import ProviderState, TargetState
from llm_hub.chat import Attempt
from llm_hub.router.target_health import Pause
from llm_hub.storage.redis_exchange import PROBLEM
from llm_hub.ui.status import health_view
from tests.ui.chat_page import ChatPage
from tests.ui.conftest import visiting
from tests.ui.test_chat_page import chats

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Request, Route

    from tests.fault_server import FaultServerThread
    from tests.ui.site import Site

OPENAI = ProviderState("openai", "OpenAI", True, "", "gpt", ())
LOCKED = ProviderState("groq", "Groq", False, "needs a key: set GROQ_API_KEY", "x", ())


def attempt(outcome: str = "answered", seconds: float = 1.0, **more: object) -> Attempt:
    return Attempt("openai", "gpt", 0.0, seconds, 0.2, outcome, **more)  # type: ignore[arg-type]


def open_status(chat: ChatPage, target: str = "") -> Locator:
    """Opens the tab, and returns the card of a target, or the whole table."""
    chat.page.get_by_role("tab", name="Status").click()
    table = chat.page.locator("#status-table")
    expect(table.locator(".health")).to_be_visible()
    return table.locator(f"[data-target='{target}']") if target else table


def test_before_anything_was_asked_the_tab_says_so() -> None:
    html = health_view.health_html([OPENAI, LOCKED], [], {}, lambda _: None)
    assert "Nothing has been asked yet." in html
    assert "needs a key: set GROQ_API_KEY" in html
    assert 'data-pick="test openai"' in html
    assert 'data-pick="test groq"' not in html


def test_a_hub_that_cannot_reach_the_others_says_so() -> None:
    assert "alert" not in health_view.health_html([OPENAI], [], {}, lambda _: None)
    assert 'role="alert">Redis cannot be' in health_view.health_html([OPENAI], [], {}, lambda _: None, PROBLEM)
    assert health_view.fingerprint([OPENAI], [], {}) != health_view.fingerprint([OPENAI], [], {}, PROBLEM)


def test_a_provider_that_is_set_up_is_ready_only_after_it_answered() -> None:
    paused = Pause("It failed.", 3.0)

    def word(*targets: TargetState, probe: health_view.ProbeResult | None = None) -> str:
        html = health_view.health_html([OPENAI], targets, {"openai": probe} if probe else {}, lambda _: None)
        word = re.search(r'<b>OpenAI</b><span class="word">(.*?)</span>', html)
        return word.group(1) if word else ""

    assert word() == "not asked yet"
    for outcome in ("paused", "not_offered", "not_configured"):  # it was never sent
        assert word(TargetState("openai/gpt", None, (attempt(outcome),), (1.0,))) == "not asked yet"
    assert word(TargetState("anthropic/x", None, (attempt(),), (1.0,))) == "not asked yet"
    good, bad = ((attempt("server_failed"), attempt()), (5.0, 4.0)), ((attempt(), attempt("timed_out")), (9.0, 2.0))
    assert word(TargetState("openai/gpt", None, *good)) == "ready"
    assert (
        word(TargetState("openai/gpt", None, *good), TargetState("openai/b", None, *bad)) == "the last attempt failed"
    )
    assert word(TargetState("openai/b", None, *bad), probe=health_view.ProbeResult("It answers.")) == "ready"
    assert (
        word(TargetState("openai/gpt", None, *good), probe=health_view.ProbeResult("No.", failed=True))
        == "the test failed"
    )
    assert word(TargetState("openai/gpt", paused, *good)) == "ready, 1 model paused"


@pytest.mark.parametrize("outcome", ["paused", "not_configured", "not_offered"])
def test_an_attempt_that_sent_no_request_counts_for_nothing(outcome: str) -> None:
    """docs/failures.md: it says nothing about anybody's health."""

    def html(*outcomes: str) -> str:
        attempts = tuple(attempt(each) for each in outcomes)
        target = TargetState("openai/gpt", None, attempts, tuple(float(age) for age in range(len(attempts), 0, -1)))
        return health_view.health_html([OPENAI], [target], {}, lambda _: None)

    beside_an_answer = html("answered", outcome)
    assert "1 of 1 attempt answered" in beside_an_answer
    assert "the last attempt failed" not in beside_an_answer
    assert '<span class="word">ready</span>' in beside_an_answer
    assert beside_an_answer.count('<li class="not-asked">') == 1
    alone = html(outcome)
    assert alone.count("not asked yet") == 2  # of the model, and of its provider
    assert "attempts answered" not in alone
    assert "the last attempt failed" not in alone


def test_a_list_of_models_that_cannot_be_read_is_shown_with_the_reason() -> None:
    unread = replace(OPENAI, list_problem="No API is there. Try the base URL with /v1 at its <end>.")
    html = health_view.health_html([unread], [], {}, lambda _: None)
    assert '<span class="word">not asked yet</span>' in html
    assert html.count("Its list of models did not come.") == 1
    assert "Try the base URL with /v1 at its &lt;end&gt;." in html
    assert 'class="dot shaky"' in html
    assert health_view.fingerprint([OPENAI], [], {}) != health_view.fingerprint([unread], [], {})
    tested = health_view.health_html(
        [unread], [], {"openai": health_view.ProbeResult("No.", failed=True)}, lambda _: None
    )
    assert "Try the base URL" not in tested  # the test says the same
    answering = TargetState("openai/gpt", None, (attempt(),), (1.0,))
    html = health_view.health_html([unread], [answering], {}, lambda _: None)
    assert '<span class="word">ready</span>' in html
    assert "Try the base URL" in html


def test_a_server_that_nobody_has_set_up_is_no_failure() -> None:
    absent = ProviderState("ollama", "Ollama", True, "", "", (), list_problem="It is not there.", is_absent=True)
    html = health_view.health_html([absent], [], {}, lambda _: None)
    assert '<span class="dot off"></span><b>Ollama</b><span class="word">not running here</span>' in html
    assert "bad" not in html
    assert "It is not there." not in html
    asked = TargetState("ollama/qwen3", None, (attempt("connection_failed"),), (1.0,))
    assert "the last attempt failed" in health_view.health_html([absent], [asked], {}, lambda _: None)


def test_the_fingerprint_changes_with_events_and_not_with_time() -> None:
    then = TargetState("openai/gpt", None, (attempt(),), (1.0,))
    later = TargetState("openai/gpt", None, (attempt(),), (9.0,))
    more = TargetState("openai/gpt", None, (attempt(), attempt()), (9.0, 1.0))
    assert health_view.fingerprint([OPENAI], [then], {}) == health_view.fingerprint([OPENAI], [later], {})
    assert health_view.fingerprint([OPENAI], [then], {}) != health_view.fingerprint([OPENAI], [more], {})


def test_html_in_a_failures_reason_stays_text() -> None:
    state = TargetState(
        'openai/"><script>', None, (attempt("server_failed", reason="<script>x</script>"),) * 3, (1.0,) * 3
    )
    html = health_view.health_html([OPENAI], [state], {}, lambda _: None)
    assert "<script>" not in html
    assert html.count("<svg") == 1


def test_a_paused_model_counts_down_and_try_now_ends_the_pause(chat: ChatPage, fault_server: FaultServerThread) -> None:
    model = "status-503?times=3&tokens=2&status=1"
    chat.choose(model)
    chat.ask("Hello")
    card = open_status(chat, f"openai/{model}")
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
    card = open_status(chat, f"openai/{model}")
    expect(card).to_contain_text("1 of 4 attempts answered")
    expect(card.locator("svg")).to_be_visible()


def test_a_key_is_tested_by_listing_the_models(chat: ChatPage, fault_server: FaultServerThread) -> None:
    table = open_status(chat)
    table.get_by_role("button", name="Test OpenAI").click()
    expect(table).to_contain_text(re.compile(r"It answers: \d+ models in"))
    fault_server.fault_server.lists = "key"
    try:
        table.get_by_role("button", name="Test OpenAI").click()
        expect(table).to_contain_text("OpenAI refused the API key.")
    finally:
        fault_server.fault_server.lists = "ok"


def test_the_status_tab_refreshes_only_while_it_is_in_front(chat: ChatPage) -> None:
    requests: list[str] = []

    def record_request(request: Request) -> None:
        if request.method == "POST" and "gradio_api" in request.url:
            requests.append(request.url)

    open_status(chat)
    chat.page.on("request", record_request)
    with chat.page.expect_request("**/gradio_api/**", timeout=5000):
        pass
    chat.page.get_by_role("tab", name="Chat").click()
    chat.choose("ok?tokens=30&rate=10")  # three seconds of something else
    chat.ask("Hello")
    requests.clear()
    chat.ask("Hello again")
    assert len(requests) <= 4, "\n".join(requests)  # the prompt, its answer and its end


def test_the_status_tab_is_told_that_it_was_left_also_before_it_has_come(chat: ChatPage) -> None:
    page = chat.page
    held: list[Route] = []
    page.route("**/run/predict**", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/run/predict**"):
        page.get_by_role("tab", name="Status").click()
    with page.expect_request("**/run/predict**"):
        page.get_by_role("tab", name="Chat").click()
    held[0].continue_()


def test_a_narrow_screen_shows_the_status(browser: Browser, site: Site) -> None:
    with visiting(browser, ChatPage, site.url, 375, 667) as chat:
        chat.choose("ok?tokens=2")
        chat.ask("Hello")
        card = open_status(chat, "openai/ok?tokens=2")
        expect(card).to_contain_text("ok")
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= 375
        box = card.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375

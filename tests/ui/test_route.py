"""Fallbacks as a visitor sees them: while they happen, afterwards, and as a choice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.fault_server import answer_text
from tests.ui.test_chat_page import begun, chats

if TYPE_CHECKING:
    import pytest
    from playwright.sync_api import Browser

    from tests.fault_server import FaultServerThread
    from tests.ui.chat_page import ChatPage


def test_a_provider_that_fails_is_replaced_live_and_every_attempt_can_be_opened(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    model, other = "status-503?live=1", "ok?tokens=60&rate=60&live=1"
    chat.choose(model)
    chat.fall_back_to(f"second/{other}")
    chat.keep_what_is_said()
    chat.ask("Hello")
    lines = chat.said
    assert any("OpenAI failed on its own side (503). Asking again in" in line for line in lines)
    assert any("2 of 3" in line for line in lines)
    assert any(f"second · {other} is answering in place of OpenAI" in line for line in lines)
    assert not any("OpenAI · status-503?live=1 is answering" in line for line in lines)
    expect(chat.answers).to_have_text([answer_text(60)])
    expect(chat.figures).to_contain_text(f"second · {other} · took over from OpenAI")
    expect(chat.figures).to_contain_text("4 attempts")
    attempts = chat.figures.locator("li")
    expect(attempts.first).to_be_hidden()
    chat.figures.get_by_text("4 attempts").click()
    expect(attempts).to_have_count(4)
    expect(attempts.first).to_contain_text(re.compile(r"OpenAI · status-503.*failed on its own side \(503\)"))
    expect(attempts.nth(1)).to_contain_text(re.compile(r"at \+.* s, after a wait of .* s · took"))
    expect(attempts.last).to_contain_text(re.compile(r"answered.*first token.*60 out tokens"))
    assert len(chats(fault_server, model)) == 3
    assert len(chats(fault_server, other)) == 1


def test_the_attempts_are_opened_by_keyboard(chat: ChatPage) -> None:
    chat.choose("context?keys=1")
    chat.fall_back_to("second/ok?tokens=3")
    chat.ask("Hello")
    chat.figures.locator("summary").focus()
    chat.page.keyboard.press("Enter")
    expect(chat.figures.locator("li").first).to_be_visible()


def test_a_resumed_answer_is_complete_and_its_mark_is_only_displayed(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    broken, other = "cut@mid?tokens=40&rate=80&seam=1", "ok?tokens=40&rate=80&seam=1"
    chat.choose(broken)
    chat.fall_back_to(f"second/{other}")
    chat.keep_what_is_said()
    chat.ask("Hello")
    assert any(re.search(r"second took over after \d+ words", line) for line in chat.said)
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


def test_when_everybody_fails_every_attempt_is_there(chat: ChatPage) -> None:
    chat.choose("context?all=1")
    chat.fall_back_to("second/unknown?all=1")
    chat.ask("Hello")
    expect(chat.log.locator(".problem")).to_contain_text("None of the 2 models of the route could answer.")
    chat.figures.get_by_text("2 attempts").click()
    expect(chat.figures.locator("li")).to_have_count(2)
    expect(chat.figures.locator("li").first).to_contain_text("too long")


def test_the_chain_is_asked_in_the_order_that_was_set(chat: ChatPage, fault_server: FaultServerThread) -> None:
    first, second, last = (f"context?order={number}" for number in range(3))
    chat.choose("context?order=chosen")
    chat.fall_back_to(f"second/{first}", f"openai/{second}", f"second/{last}", "second/ok?order=1")
    expect(chat.chain).to_have_text([f"second · {first}", f"OpenAI · {second}", f"second · {last}",
        "second · ok?order=1"])  # fmt: skip
    chat.page.get_by_role("button", name=f"Ask second · {last} earlier").click()
    expect(chat.chain).to_have_text([f"second · {first}", f"second · {last}", f"OpenAI · {second}",
        "second · ok?order=1"])  # fmt: skip
    chat.page.get_by_role("button", name=f"Do not ask second · {first}").click()
    expect(chat.chain).to_have_count(3)
    chat.ask("Hello")
    asked = [each.model for each in fault_server.exchanges if each.method == "POST" and "order=" in each.model]
    assert asked == ["context?order=chosen", last, second, "ok?order=1"]
    chat.page.get_by_role("button", name="Clear").click()
    expect(chat.page.locator("#chat-chain-list")).to_contain_text("Nobody else is asked.")


def test_what_cannot_be_asked_does_not_come_into_the_chain(chat: ChatPage) -> None:
    box = chat.page.locator("#chat-chain-add input")
    told = chat.page.locator("#chat-chain-list .told")
    for typed, problem in (("anthropic/claude-haiku-5-5", "needs a key"), ("nobody/x", "There is no provider")):
        box.fill(typed)
        box.press("Enter")
        expect(told).to_contain_text(problem)
    expect(chat.chain).to_have_count(0)
    box.click()
    expect(chat.page.get_by_role("option", name="Chaos · steady")).to_be_visible()
    assert not any("Anthropic" in option for option in chat.page.get_by_role("option").all_inner_texts())


def test_answer_again_with_another_model_asks_the_same_and_changes_no_choice(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    mine, other = "ok?tokens=3&with=1", "ok?tokens=5&with=2"
    chat.choose(mine)
    chat.ask("One")
    chat.ask("Two")
    chat.answer_again_with(f"second/{other}")
    expect(chat.answers).to_have_text([answer_text(3), answer_text(5)])
    expect(chat.figures.last).to_contain_text(f"second · {other}")
    expect(chat.prompts).to_have_text(["One", "Two"])
    assert chats(fault_server, other)[0].body["messages"] == chats(fault_server, mine)[1].body["messages"]
    expect(chat.page.locator("#chat-model input")).to_have_value(mine)
    expect(chat.page.locator("#chat-again input")).to_have_value("")
    chat.ask("Three")
    assert len(chats(fault_server, mine)) == 3


def test_a_sole_model_that_is_back_answers_although_it_was_paused(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    model = "status-503?times=3&pause=1&tokens=2"
    chat.choose(model)
    chat.ask("Hello")
    expect(chat.log.locator(".problem")).to_be_visible()
    assert len(chats(fault_server, model)) == 3
    chat.ask("Are you back?")
    expect(chat.answers.last).to_have_text(answer_text(2))
    assert len(chats(fault_server, model)) == 4


def test_chaos_describes_what_each_of_its_models_does(chat: ChatPage) -> None:
    chat.page.locator("#chat-provider input").click()
    chat.page.get_by_role("option", name="Chaos").click()
    expect(chat.page.locator("#chat-model input")).to_have_value("steady: answers, word by word")
    chat.page.locator("#chat-model input").click()
    expect(chat.page.get_by_role("option", name="breaks-off: loses its connection")).to_be_visible()


def test_an_answer_survives_chaos_without_any_key(chat: ChatPage) -> None:
    chat.page.locator("#chat-provider input").click()
    chat.page.get_by_role("option", name="Chaos").click()
    expect(chat.page.locator("#chat-model input")).to_have_value("steady: answers, word by word")
    chat.page.locator("#chat-model input").click()
    chat.page.get_by_role("option", name="breaks-off").first.click()
    chat.fall_back_to("chaos/steady")
    chat.ask("Is it safe?")
    expect(chat.answers).to_contain_text("nothing was lost on the way.")
    expect(chat.figures).to_contain_text("Chaos · steady · took over from Chaos · breaks-off after 51 words")


def test_the_hubs_own_route_is_a_choice_and_can_be_changed(
    browser: Browser, fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.ui.chat_page import ChatPage
    from tests.ui.site import Site

    environment = {
        "LLM_HUB_SERVERS": f"one={fault_server.openai_url},two={fault_server.openai_url}",
        "LLM_HUB_ROUTE": "one/context?auto=1,two/ok?tokens=4&auto=1",
    }
    with Site(tmp_path_factory.mktemp("routed") / "log", environment) as site:
        chat = ChatPage(browser.new_page(), site.url)
        chat.open()
        expect(chat.page.locator("#chat-provider input")).to_have_value(
            "Automatic: one · context?auto=1, then two · ok?tokens=4&auto=1"
        )
        expect(chat.page.locator("#chat-model")).to_be_hidden()
        expect(chat.page.locator("#chat-chain-list li")).to_contain_text(["first one", "then two"])
        chat.ask("Hello")
        expect(chat.answers).to_have_text([answer_text(4)])
        expect(chat.figures).to_contain_text("two · ok?tokens=4&auto=1 · took over from one")
        chat.page.get_by_role("button", name="Do not ask one · context?auto=1").click()
        expect(chat.chain).to_have_count(1)
        chat.ask("Again")
        assert len(chats(fault_server, "context?auto=1")) == 1
        chat.page.get_by_role("button", name="Do not ask two").click()
        expect(chat.chain).to_have_count(0)
        chat.type("Nobody")
        expect(chat.hint).to_contain_text("Nobody is asked.")
        chat.page.get_by_role("button", name="Back to the hub's route").click()
        expect(chat.chain).to_have_count(2)
        chat.page.locator("#chat-provider input").click()
        chat.page.get_by_role("option", name="two").last.click()
        expect(chat.page.locator("#chat-model")).to_be_visible()
        assert chat.complaints == []
        chat.page.close()

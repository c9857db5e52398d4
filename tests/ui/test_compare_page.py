"""The Compare tab, used as people use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.fault_server import answer_text
from tests.ui.compare_page import SLOW, ComparePage
from tests.ui.conftest import new_tab, visiting
from tests.ui.test_export import MarkdownReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import APIResponse, Browser, Route

    from tests.fault_server import Exchange, FaultServerThread
    from tests.ui.site import Site


@pytest.fixture
def compare(browser: Browser, site: Site) -> Iterator[ComparePage]:
    with visiting(browser, ComparePage, site.url) as compare:
        yield compare


def requests(fault_server: FaultServerThread, model: str, count: int = 1) -> list[Exchange]:
    """The requests for a model, as soon as there are that many and each has begun to be answered."""
    return fault_server.wait_for(
        lambda log: (
            matching
            if len(matching := [e for e in log if e.model == model and e.method == "POST" and e.status]) >= count
            else []
        )
    )


def figures(compare: ComparePage) -> list[dict[str, str]]:
    """The table of figures, by its heads."""
    if compare.page.locator(".side-by-side").is_hidden():
        compare.page.locator("#compare-results > .label-wrap").click()
    answered = compare.page.locator(".pane-retry:visible").count()
    expect(compare.page.locator(".side-by-side tr")).to_have_count(1 + answered, timeout=SLOW)
    heads, *rows = [row.locator("th, td").all_inner_texts() for row in compare.page.locator(".side-by-side tr").all()]
    return [dict(zip(heads, row, strict=True)) for row in rows]


def test_stopping_one_pane_leaves_the_others_streaming(compare: ComparePage, fault_server: FaultServerThread) -> None:
    goes_on, ends = "ok?tokens=90&rate=50&stop=other", "ok?tokens=3000&rate=50&stop=this"
    compare.set(goes_on, ends)
    compare.run("Hello")
    expect(compare.text(2)).to_contain_text("fiku cepo", timeout=SLOW)
    compare.press(2, "stop")
    expect(compare.line(2)).to_contain_text(re.compile(r"stopped.*≈ \d+ out tokens"), timeout=SLOW)
    fault_server.wait_ended(requests(fault_server, ends)[0])
    assert requests(fault_server, ends)[0].client_left
    expect(compare.text(1)).to_have_text(answer_text(90), timeout=SLOW)
    assert not requests(fault_server, goes_on)[0].client_left


def test_the_figures_have_a_row_for_each_pane_whatever_comes_last(
    compare: ComparePage, fault_server: FaultServerThread
) -> None:
    page, models = compare.page, ("ok?tokens=3&last=1", "ok?tokens=60&rate=60&last=2")
    compare.set(*models)
    compare.run("Hello")
    page.get_by_role("tab", name="Chat").click()
    for model in models:
        fault_server.wait_ended(requests(fault_server, model)[0])
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator(".pane-retry:visible")).to_have_count(2, timeout=SLOW)
    assert [row["tokens out"] for row in figures(compare)] == ["3", "60"]

    events = page.evaluate("fetch('/config').then(answer => answer.json())")["dependencies"]
    ask = next(event["id"] for event in events if event["api_name"] == "ask")
    answer = next(event["id"] for event in events if event["trigger_after"] == ask)  # of the first pane
    end = next(event["id"] for event in events if event["trigger_after"] == answer)
    late: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        call = route.request.post_data_json
        if call is not None and call["fn_index"] == end:
            late.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/gradio_api/run/**", hold)
    compare.run("And then?")
    expect(compare.pane(2).locator(".pane-past .figures")).to_have_count(2, timeout=SLOW)
    [(route, response)] = late
    route.fulfill(response=response)
    expect(page.locator(".pane-retry:visible")).to_have_count(2, timeout=SLOW)
    assert [row["tokens out"] for row in figures(compare)] == ["3", "60"]
    expect(page.locator("#compare-run")).to_be_visible(timeout=SLOW)
    expect(page.locator("#compare-stop")).to_be_hidden()
    page.unroute_all()


def test_an_answer_can_be_continued_in_chat(compare: ComparePage, fault_server: FaultServerThread) -> None:
    model = "ok?tokens=9&carry=2"
    compare.set("ok?tokens=4&carry=1", model)
    compare.compare("Hello")
    comparison = re.compile(r"\?c=")
    expect(compare.page).to_have_url(comparison)
    address = compare.page.url
    compare.press(2, "carry")
    expect(compare.prompt).to_be_visible(timeout=SLOW)
    expect(compare.answers).to_have_text([answer_text(9)])
    expect(compare.page.locator("#chat-model input")).to_have_value(model)
    compare.ask("And then?")
    contents = [message["content"] for message in requests(fault_server, model, 2)[1].body["messages"]]
    assert contents == ["Hello", answer_text(9), "And then?"]
    chat = compare.page.url
    compare.page.go_back()
    expect(compare.page).to_have_url(address)
    expect(compare.question).to_be_visible(timeout=SLOW)
    expect(compare.pane(2).locator(".pane-carry")).to_be_visible(timeout=SLOW)
    compare.page.go_forward()
    expect(compare.page).to_have_url(chat)
    expect(compare.answers.first).to_have_text(answer_text(9), timeout=SLOW)


def test_a_link_opens_the_same_set_up_and_asks_nobody(compare: ComparePage, fault_server: FaultServerThread) -> None:
    compare.set("ok?tokens=4&link=1", "ok?tokens=4&link=2", "ok?tokens=4&link=3")
    compare.question.fill("What & why?")
    compare.page.locator("#compare-share").click()
    expect(compare.compare_hint).to_contain_text("link")
    expect(compare.page).to_have_url(re.compile(r"models=.*prompt="))
    compare.page.reload()
    expect(compare.question).to_have_value("What & why?", timeout=SLOW)
    compare.complaints.clear()  # Gradio's own, of the streams that a reload ends
    for number in (1, 2, 3):
        expect(compare.page.locator(f"#compare-pane-{number}-model input")).to_have_value(f"ok?tokens=4&link={number}")
    assert not [exchange for exchange in fault_server.exchanges if "link=" in exchange.model]


def test_what_is_saved_of_hostile_answers_is_exact_as_json_and_does_nothing_as_markdown(compare: ComparePage) -> None:
    prompt = (
        "=cmd|' /C calc'!A0\n<img src=http://evil.invalid/a.png onerror=alert(1)> ![x](http://evil.invalid/b.png)\n"
        "\u202egnp.exe \u2066x\u2069 \u3000\n\n# Prompt 9\n\n```\n<script>never closed"
    )
    compare.set("echo", "echo?again", provider="echo")
    compare.compare(prompt)
    with compare.page.expect_download() as download:
        compare.page.locator("#compare-json").click()
    assert download.value.suggested_filename == "comparison.json"
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert [side["answers"][0]["text"] for side in json.loads(saved)["sides"]] == [prompt, prompt]
    assert "\u202e" not in saved
    with compare.page.expect_download() as download:
        compare.page.locator("#compare-markdown").click()
    assert download.value.suggested_filename == "comparison.md"
    rendered = MarkdownReader(Path(download.value.path()).read_text(encoding="utf-8"))
    assert rendered.headings == ["Comparison", "Prompt 1", "echo/echo", "echo/echo?again"]
    assert rendered.active == []


def test_it_can_be_used_on_a_phone_and_by_keyboard_alone(browser: Browser, site: Site) -> None:
    with new_tab(browser, site.url, 375, 700) as page:
        compare = ComparePage(page, site.url)
        compare.open("/?models=openai/ok?tokens%3D4,openai/ok?tokens%3D5&prompt=Hello")
        expect(compare.question).to_have_value("Hello", timeout=SLOW)
        compare.question.focus()
        page.keyboard.press("Tab")
        expect(page.locator("#compare-run")).to_be_focused()
        page.keyboard.press("Enter")
        for number, tokens in ((1, 4), (2, 5)):
            expect(compare.text(number)).to_have_text(answer_text(tokens), timeout=SLOW)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        compare.pane(2).scroll_into_view_if_needed()
        box = compare.pane(2).bounding_box()
        assert box is not None
        assert -1 <= box["x"] <= box["x"] + box["width"] <= 376
        for number in (1, 2):
            page.locator(f"#compare-pane-{number}-provider input").focus()
            choices = page.get_by_role("listbox")
            expect(choices).to_have_count(1)
            box = choices.bounding_box()
            assert box is not None
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 375
        assert not compare.complaints

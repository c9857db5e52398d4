"""What Gradio does in the browser that the page works around. A failure says which workaround may go."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from tests.ui.line import Line
from tests.ui.site import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page, Route


COUNT_PROXIES = """
  window.proxied = new Set();
  window.Proxy = new Proxy(Proxy, {construct: (made, [of, ...rest]) => (proxied.add(of), new made(of, ...rest))});
"""


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The address of bare_page.py."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("bare_page.py")), str(port), *options])
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(trust_env=False) as client:
            while process.poll() is None:
                try:
                    client.get(url)
                    break
                except httpx.TransportError:
                    time.sleep(0.05)  # nothing listens yet, so there is nothing to wait on
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def bare_url() -> Iterator[str]:
    """A page of Gradio's own, without workarounds."""
    with serving() as url:
        yield url


@pytest.fixture
def bare_page(browser: Browser, bare_url: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(bare_url)
    expect(page.locator("#list input")).to_be_visible(timeout=20_000)
    expect(page.locator("#counted")).to_be_attached()  # each kind of component comes when its script is there
    yield page
    page.close()


def test_a_list_reports_input_when_it_is_only_left(bare_page: Page) -> None:
    bare_page.locator("#list input").click()
    bare_page.locator("#typed :is(input, textarea)").click()
    expect(bare_page.locator("#inputs input")).to_have_value("1")  # else default_model.py needs no `before`


def test_an_update_replaces_what_was_typed_since(bare_page: Page) -> None:
    bare_page.locator("#late").click()
    box = bare_page.locator("#typed :is(input, textarea)")
    box.fill("typed meanwhile")
    expect(box).to_have_value("from the server")  # else default_model.py may leave it to the server


def test_each_kind_of_component_asks_for_its_own_style(bare_page: Page) -> None:
    styles = "performance.getEntriesByType('resource').filter(({name}) => /assets.*css$/.test(name)).length"
    assert bare_page.evaluate(styles) > 8, "Gradio's styles come in few files: add_styles in page_loading.py can go"


def test_every_part_of_the_configuration_is_watched(browser: Browser, bare_url: str) -> None:
    with closing(browser.new_context()) as context:
        page = context.new_page()
        page.add_init_script(COUNT_PROXIES)
        page.goto(bare_url)
        expect(page.locator("#list input")).to_be_visible(timeout=20_000)
        assert page.evaluate("gradio_config.dependencies.every((event) => proxied.has(event))")


def test_tab_leaves_a_list_open(bare_page: Page) -> None:
    bare_page.locator("#list input").click()
    expect(bare_page.get_by_role("option").first).to_be_visible()
    bare_page.keyboard.press("Tab")
    bare_page.wait_for_timeout(500)  # it is closed first, and then opened once more
    expect(bare_page.get_by_role("option").first).to_be_visible()


def test_a_refused_event_is_shown_nowhere(bare_page: Page) -> None:
    """One that goes through the queue is shown by now, and in our page twice."""
    detail = "There are too many requests."
    bare_page.route("**/gradio_api/run/*", lambda route: route.fulfill(status=429, json={"detail": detail}))
    with bare_page.expect_response("**/gradio_api/run/*"):
        bare_page.locator("#now").click()
    bare_page.wait_for_timeout(500)
    expect(bare_page.get_by_text(detail)).to_have_count(0)


def test_a_tab_in_code_becomes_spaces(bare_page: Page) -> None:
    assert bare_page.locator("#code pre code").text_content() == "    tab\n"


COUNT_COPIES = """() => {
  window.copies = 0;
  const clone = window.structuredClone;
  window.structuredClone = (...values) => { window.copies += 1; return clone(...values); };
}"""


def count_copies(page: Page, button: str) -> int:
    """How much Gradio copies while it counts up to 19."""
    page.locator("#shown :is(input, textarea)").fill("")
    page.evaluate(COUNT_COPIES)
    page.locator(button).click()
    expect(page.locator("#shown :is(input, textarea)")).to_have_value("19")
    copies: int = page.evaluate("window.copies")
    return copies


def test_gradio_copies_what_an_event_could_change(bare_page: Page) -> None:
    quiet = count_copies(bare_page, "#quiet")  # first: once a loud one ran, its parts are copied for quiet ones, too
    loud = count_copies(bare_page, "#loud")
    assert loud > 2 * quiet, "Gradio copies no more than it must: event_options.py needs no show_progress_on"


def test_gradio_copies_the_inputs_of_an_event_that_has_ended(bare_page: Page) -> None:
    before = count_copies(bare_page, "#quiet")
    bare_page.locator("#read").click()
    expect(bare_page.locator("#typed :is(input, textarea)")).to_have_value("19")
    assert count_copies(bare_page, "#quiet") > 2 * before, "gradio_fixes.js need not hide the inputs"


WATCH_COUNT = """() => {
  window.counts = new Set();
  const count = () => window.counts.add(document.querySelector("#counted .prose")?.innerText.trim());
  new MutationObserver(count).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


def count_at_once(page: Page) -> list[str]:
    """What the page has shown of a count to 19 whose messages have all come at once."""
    page.route("**/queue/data**", lambda route: route.fulfill(response=route.fetch()))
    page.evaluate(WATCH_COUNT)
    page.locator("#count").click()
    expect(page.locator("#counted .prose")).to_have_text("19")
    page.unroute_all(behavior="wait")
    counts: list[str] = page.evaluate("[...window.counts].filter((count) => /^\\d+$/.test(count))")
    return counts


def test_gradio_shows_every_update_by_itself(bare_page: Page) -> None:
    assert len(count_at_once(bare_page)) > 10, "joined_updates.js may go"


HOLD_JOINS = """() => {
  const fetchAsBefore = window.fetch;
  window.fetch = async (...call) => {
    const response = await fetchAsBefore(...call);
    const url = String(call[0].url ?? call[0]);
    if (url.includes("queue/join")) await new Promise((resolve) => { window.release = resolve; });
    return response;
  };
}"""


def show_in_turn_before_the_reply(page: Page) -> None:
    """Has all messages of an event come before the page knows that they are this event's."""
    boxes = {name: page.locator(f"#{name} :is(input, textarea)") for name in ("kept", "each")}
    page.locator("#keep").click()
    expect(boxes["kept"]).to_have_value("open")
    page.evaluate(HOLD_JOINS)
    page.locator("#in-turn").click()
    expect(boxes["kept"]).to_have_value("over")  # it comes last, and over the same stream
    page.evaluate("window.release()")
    expect(boxes["each"]).to_have_value("second")


def test_an_update_is_lost_if_the_next_comes_before_it_is_shown(bare_page: Page) -> None:
    show_in_turn_before_the_reply(bare_page)
    expect(bare_page.locator("#once :is(input, textarea)")).to_have_value("")  # else whole_updates.py may go


def test_no_update_is_lost_that_is_sent_whole(browser: Browser) -> None:
    with serving("whole") as url:
        page = browser.new_page()
        page.goto(url)
        show_in_turn_before_the_reply(page)
        expect(page.locator("#once :is(input, textarea)")).to_have_value("one")
        page.close()


HOLD_THE_CLOSE = """(() => {
  const fetchAsBefore = window.fetch;
  const closes = new Promise((resolve) => { window.letItClose = resolve; });
  window.fetch = async (...call) => {
    const response = await fetchAsBefore(...call);
    const url = String(call[0].url ?? call[0]);
    if (url.includes("queue/join") && window.isClosing) {
      for (const read of ["json", "blob"]) {  // Gradio's script reads the one, and ours the other
        const whole = response[read].bind(response);
        response[read] = () => whole().finally(() => setTimeout(window.letItClose));
      }
    }
    if (!url.includes("queue/data")) return response;
    const [text, bytes] = [new TextDecoder(), new TextEncoder()];
    const held = new TransformStream({
      async transform(chunk, controller) {
        const [frames, close] = text.decode(chunk).split('data: {"msg":"close_stream"');
        controller.enqueue(bytes.encode(frames));
        if (close === undefined) return;
        window.isClosing = true;
        await closes;
        window.isClosed = true;
        controller.enqueue(bytes.encode(`data: {"msg":"close_stream"${close}`));
      },
    });
    return new Response(response.body.pipeThrough(held), response);
  };
})()"""
"""The word that the stream closes comes late: once the page has taken the reply to the event that it sends next."""


@contextmanager
def send_as_the_stream_closes(browser: Browser, url: str, held: list[Route] | None = None) -> Iterator[Locator]:
    """Has the page send an event in the moment in which the last one of the stream has ended. Gives what it shows.

    With `held`, another event is sent just before, and is held there.
    """
    with closing(browser.new_page()) as page:
        page.add_init_script(HOLD_THE_CLOSE)
        page.goto(url)
        expect(page.locator("#list input")).to_be_visible(timeout=20_000)
        page.locator("#late").click()
        page.wait_for_function("window.isClosing")
        if held is not None:
            page.route("**/queue/join**", lambda route: route.continue_() if held else held.append(route))
            with page.expect_request("**/queue/join**"):
                page.locator("#keep").click()
        page.locator("#queued").click()
        page.wait_for_function("window.isClosed")
        yield page.locator("#typed :is(input, textarea)")


def test_an_event_is_lost_that_is_sent_as_the_stream_closes(browser: Browser, bare_url: str) -> None:
    with send_as_the_stream_closes(browser, bare_url) as shown:
        shown.page.wait_for_timeout(500)
        expect(shown).to_have_value("from the server")  # else gradio_fixes.js need not take a stream up again


def test_no_event_is_lost_as_the_stream_closes(browser: Browser) -> None:
    with serving("script") as url, send_as_the_stream_closes(browser, url) as shown:
        expect(shown).to_have_value("queued")
        assert count_at_once(shown.page) == ["0", "19"]  # the others are joined: joined_updates.js
        assert shown.page.evaluate(JOIN) == [[["append", [], "b"]], [["replace", [], {"__type__": "update"}]]]


def test_an_event_that_is_slow_to_be_sent_holds_up_no_other(browser: Browser) -> None:
    held: list[Route] = []
    with serving("script") as url, send_as_the_stream_closes(browser, url, held) as shown:
        expect(shown).to_have_value("queued")
        assert held


JOIN = """() => {
  const nothing = [["replace", [], { __type__: "update" }]];
  const updates = ["whole", [["append", [], "b"]], nothing].map((edits) =>
    `data: ${JSON.stringify({ msg: "process_generating", event_id: "one", output: { data: [edits] } })}`);
  return window.llmHub.joinedUpdates.join(updates).slice(1).map((text) => JSON.parse(text.slice(5)).output.data[0]);
}"""
"""An update that leaves out what the one before it has changed: joined, they would show nothing of it."""


def end_in_an_error(route: Route) -> None:
    """The stream ends as Gradio's server ends one whose tab it has forgotten."""
    response = route.fetch()
    route.fulfill(response=response, body=response.text().replace('"close_stream"', '"unexpected_error"'))


def test_an_event_is_over_that_ended_before_the_reply(browser: Browser) -> None:
    """The stream is not taken up again for it, and nobody is told that an answer is being written."""
    with serving("script") as url, Line(url) as line, closing(browser.new_page()) as page:
        page.add_init_script(f"({HOLD_JOINS})()")
        page.add_init_script("addEventListener('hub-lost', ({ detail }) => { (window.lost ??= []).push(detail); })")
        page.goto(line.url)
        expect(page.locator("#list input")).to_be_visible(timeout=20_000)
        page.locator("#keep").click()
        page.wait_for_function("window.release !== undefined")
        page.evaluate("window.release()")
        expect(page.locator("#kept :is(input, textarea)")).to_have_value("open")
        page.evaluate("window.release = undefined")
        with page.expect_event("requestfinished", lambda request: "queue/data" in request.url):
            page.locator("#in-turn").click()
        page.wait_for_function("window.release !== undefined")
        page.evaluate("window.release()")
        expect(page.locator("#each :is(input, textarea)")).to_have_value("second")
        page.route("**/queue/data**", end_in_an_error)  # no word of a lost connection where nothing was running
        page.evaluate("window.release = undefined")
        with page.expect_response(lambda response: "queue/data" in response.url):
            page.locator("#keep").click()
            page.wait_for_function("window.release !== undefined")
            page.evaluate("window.release()")
        page.unroute_all(behavior="wait")
        line.cut()
        page.locator("#now").click()
        page.wait_for_function("window.lost?.some(({ unsent }) => unsent)")
        told = page.evaluate("window.lost.map(({ running, unsent }) => [running, unsent])")
        assert told == [[False, False], [False, True]]  # of the stream that was cut, and of the click that was not sent


def test_gradio_cuts_selectors_at_every_comma(bare_page: Page) -> None:
    styles = bare_page.evaluate("[...document.querySelectorAll('style')].map((style) => style.textContent).join()")
    assert "#second) p" in styles
    assert ".contain  #second) p" in styles, "lists of places may be written with :is() in assets/*.css"


def test_scripts_of_the_head_come_after_the_first_requests(browser: Browser, bare_url: str) -> None:
    page = browser.new_page()
    with page.expect_request("**/gradio_api/heartbeat/*"):
        page.goto(bare_url)
    page.wait_for_function("window.requests !== undefined")
    page.locator("#now").click()
    expect(page.locator("#typed :is(input, textarea)")).to_have_value("now")
    requests = page.evaluate("window.requests.join()")
    page.close()
    assert "/gradio_api/run/" in requests
    assert "/gradio_api/heartbeat/" not in requests, "page_head.py may go"


def test_a_lost_connection_reloads_the_page(browser: Browser, bare_url: str) -> None:
    with Line(bare_url) as line:
        page = browser.new_page()
        page.goto(line.url)
        page.locator("#late").click()
        page.evaluate("window.before = true")
        line.cut()
        expect(page.get_by_text("Connection to the server was lost")).to_be_visible()
        line.mend()
        page.wait_for_function("window.before === undefined")  # else gradio_fixes.js may send its requests as they are
        page.close()

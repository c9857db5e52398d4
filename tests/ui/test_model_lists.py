"""Lists of models that come late, or not at all: what was chosen meanwhile stays chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.ui.chat_page import ChatPage
from tests.ui.compare_page import SLOW, ComparePage
from tests.ui.echo_server import EchoServer
from tests.ui.site import Site, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page, Route


class HeldEvents:
    """The events that do not wait in a queue, such as the choice of a provider: held on their way to the server."""

    def __init__(self, page: Page) -> None:
        self._waiting: list[Route] | None = []
        page.route("**/gradio_api/run/**", self._hold)

    def _hold(self, event: Route) -> None:
        if self._waiting is None:
            event.continue_()
        else:
            self._waiting.append(event)

    def let_go(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for event in waiting:
            event.continue_()


@pytest.fixture
def slow() -> Iterator[EchoServer]:
    """A provider whose list of models is held back."""
    with EchoServer() as server:
        server.lists.clear()
        yield server
        server.lists.set()


@pytest.fixture
def page(browser: Browser, slow: EchoServer, tmp_path) -> Iterator[Page]:  # type: ignore[no-untyped-def]
    servers = f"slow={slow.url},nowhere=http://127.0.0.1:{free_port()}/v1"
    with Site(tmp_path / "log", {"LLM_HUB_SERVERS": servers}) as site:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=site.url)
        yield context.new_page()
        context.close()


def choose(page: Page, box: Locator, provider: str) -> None:
    box.click()
    page.get_by_role("option", name=provider, exact=True).click()
    expect(box).to_have_value(provider)
    expect(page.get_by_role("option")).to_have_count(0)


@pytest.mark.parametrize(("at_first", "then", "leaves"), [("mi", "ne", "Tab"), ("mine", "", "Enter")])
@pytest.mark.parametrize("tab", ["chat", "compare"])
def test_what_comes_late_does_not_take_back_what_was_typed(
    page: Page, slow: EchoServer, tab: str, at_first: str, then: str, leaves: str
) -> None:
    opened = ChatPage(page, "/") if tab == "chat" else ComparePage(page, "/")
    opened.open()
    part = "#chat" if tab == "chat" else "#compare-pane-1"
    provider, model = page.locator(f"{part}-provider input"), page.locator(f"{part}-model input")
    events = HeldEvents(page)
    choose(page, provider, "slow")
    expect(model).to_have_value("")
    model.press_sequentially(at_first)
    if not then:
        model.press(leaves)
    events.let_go()
    slow.lists.set()
    if not then:
        model.click()
    expect(page.get_by_role("option", name="echo", exact=True)).to_be_visible(timeout=SLOW)
    expect(model).to_have_value(at_first)
    if then:
        model.press_sequentially(then)
    model.press(leaves)
    provider.focus()
    provider.blur()  # Gradio takes that for a choice
    expect(page.locator(f"{part}-model").get_by_role("option")).to_have_count(0)
    expect(model).to_have_value("mine")
    if tab == "chat":
        opened.ask("Hello")
        assert slow.bodies[-1]["model"] == "mine"


@pytest.mark.parametrize("tab", ["chat", "compare"])
def test_a_default_model_is_there_before_the_server_has_said_anything(page: Page, tab: str) -> None:
    opened = ChatPage(page, "/") if tab == "chat" else ComparePage(page, "/")
    opened.open()
    part = "#chat" if tab == "chat" else "#compare-pane-1"
    HeldEvents(page)
    choose(page, page.locator(f"{part}-provider input"), "OpenAI (needs a key)")
    expect(page.locator(f"{part}-model input")).to_have_value("gpt-6-luna")


@pytest.mark.parametrize("tab", ["chat", "compare"])
def test_the_first_of_a_list_is_chosen_where_there_is_no_default(page: Page, slow: EchoServer, tab: str) -> None:
    slow.lists.set()
    opened = ChatPage(page, "/") if tab == "chat" else ComparePage(page, "/")
    opened.open()
    part = "#chat" if tab == "chat" else "#compare-pane-1"
    choose(page, page.locator(f"{part}-provider input"), "slow")
    expect(page.locator(f"{part}-model input")).to_have_value("echo", timeout=SLOW)


def test_a_pane_says_what_is_in_the_way_of_its_provider(page: Page, slow: EchoServer) -> None:
    compare = ComparePage(page, "/")
    compare.open()
    box, note = page.locator("#compare-pane-1-provider input"), compare.pane(1).locator(".note")
    choose(page, box, "OpenAI (needs a key)")
    expect(note).to_contain_text("OPENAI_API_KEY", timeout=SLOW)
    expect(note).to_be_visible()
    choose(page, box, "slow")
    expect(note).to_have_count(0)
    choose(page, box, "nowhere")
    expect(note).to_contain_text("Its list of models did not come.", timeout=SLOW)
    slow.lists.set()
    compare.add()
    expect(note).to_contain_text("Its list of models did not come.")
    page.get_by_role("tab", name="Status").click()
    row = page.locator("#status-table .providers li", has_text="nowhere")
    expect(row).to_contain_text("Its list of models did not come.")

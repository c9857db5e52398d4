"""Lists of models that come late, or not at all: what was chosen meanwhile stays chosen."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.ui.chat_page import ChatPage
from tests.ui.compare_page import SLOW, ComparePage
from tests.ui.conftest import new_tab
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


class SlowServer(EchoServer):
    """A provider whose list of models is held back."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.lists.clear()


@pytest.fixture(scope="module")
def slow_servers() -> Iterator[list[SlowServer]]:
    """One for each test: what a hub has once listed, it remembers."""
    with ExitStack() as stack:
        yield [stack.enter_context(SlowServer(f"slow{number}")) for number in range(9)]


@pytest.fixture(scope="module")
def hub(slow_servers: list[SlowServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    servers = [f"{server.name}={server.url}" for server in slow_servers]
    servers.append(f"nowhere=http://127.0.0.1:{free_port()}/v1")
    with Site(tmp_path_factory.mktemp("hub") / "log", {"LLM_HUB_SERVERS": ",".join(servers)}) as hub:
        yield hub


@pytest.fixture
def slow(slow_servers: list[SlowServer]) -> Iterator[SlowServer]:
    """A provider that no other test has asked for its list."""
    server = slow_servers.pop()
    yield server
    server.lists.set()


@pytest.fixture
def page(browser: Browser, hub: Site) -> Iterator[Page]:
    with new_tab(browser, hub.url) as page:
        yield page


def choose(page: Page, box: Locator, provider: str) -> None:
    box.click()
    page.get_by_role("option", name=provider, exact=True).click()
    expect(box).to_have_value(provider)
    expect(page.get_by_role("option")).to_have_count(0)


def leave_automatic(page: Page, provider: Locator, model: Locator) -> None:
    """Chooses a provider where the page begins with Automatic, which has no list of models."""
    if not model.is_visible():
        choose(page, provider, "Embedded")
        expect(model).to_be_visible()


@pytest.mark.parametrize(("at_first", "then", "leaves"), [("mi", "ne", "Tab"), ("mine", "", "Enter")])
@pytest.mark.parametrize("tab", ["chat", "compare"])
def test_what_comes_late_does_not_take_back_what_was_typed(
    page: Page, hub: Site, slow: SlowServer, tab: str, at_first: str, then: str, leaves: str
) -> None:
    opened = ChatPage(page, hub.url) if tab == "chat" else ComparePage(page, hub.url)
    opened.open()
    part = "#chat" if tab == "chat" else "#compare-pane-1"
    provider, model = page.locator(f"{part}-provider input"), page.locator(f"{part}-model input")
    leave_automatic(page, provider, model)
    events = HeldEvents(page)
    choose(page, provider, slow.name)
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
def test_a_default_model_is_there_before_the_server_has_said_anything(page: Page, hub: Site, tab: str) -> None:
    opened = ChatPage(page, hub.url) if tab == "chat" else ComparePage(page, hub.url)
    opened.open()
    part = "#chat" if tab == "chat" else "#compare-pane-1"
    provider, model = page.locator(f"{part}-provider input"), page.locator(f"{part}-model input")
    leave_automatic(page, provider, model)
    HeldEvents(page)
    choose(page, provider, "OpenAI (needs a key)")
    expect(model).to_have_value("gpt-6-luna")


@pytest.mark.parametrize("tab", ["chat", "compare"])
def test_the_first_of_a_list_is_chosen_where_there_is_no_default(
    page: Page, hub: Site, slow: SlowServer, tab: str
) -> None:
    slow.lists.set()
    opened = ChatPage(page, hub.url) if tab == "chat" else ComparePage(page, hub.url)
    opened.open()
    part = "#chat" if tab == "chat" else "#compare-pane-1"
    choose(page, page.locator(f"{part}-provider input"), slow.name)
    expect(page.locator(f"{part}-model input")).to_have_value("echo", timeout=SLOW)


def test_a_pane_says_what_is_in_the_way_of_its_provider(page: Page, hub: Site, slow: SlowServer) -> None:
    compare = ComparePage(page, hub.url)
    compare.open()
    box, note = page.locator("#compare-pane-1-provider input"), compare.pane(1).locator(".note")
    choose(page, box, "OpenAI (needs a key)")
    expect(note).to_contain_text("OPENAI_API_KEY", timeout=SLOW)
    expect(note).to_be_visible()
    choose(page, box, slow.name)
    expect(note).to_have_count(0)
    choose(page, box, "nowhere")
    expect(note).to_contain_text("Its list of models did not come.", timeout=SLOW)
    slow.lists.set()
    compare.add()
    expect(note).to_contain_text("Its list of models did not come.")
    page.get_by_role("tab", name="Status").click()
    row = page.locator("#status-table .providers li", has_text="nowhere")
    expect(row).to_contain_text("Its list of models did not come.")

"""The line between page and hub is cut, or the hub is killed: nothing that was shown or typed is lost."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import visiting
from tests.ui.conversations_page import ConversationsPage
from tests.ui.gated_server import KEEPING, GatedServer, gated_hub
from tests.ui.line import Line
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Route

WITHIN = 60_000
"""Milliseconds for what waits until the hub is asked again, on a machine that may be busy."""


class InterruptedPage(ConversationsPage):
    """A visitor's tab. It is no complaint, either, that a hub which starts again is asked too early (what a draft would
    cost, for example), or does not have a conversation of this browser yet.
    """

    def _note_error(self, message: ConsoleMessage) -> None:
        path = urlsplit(message.location["url"]).path
        is_too_early = "503" in message.text and path in ("/gradio_api/app_id", "/gradio_api/run/predict")
        is_unknown = "404" in message.text and path.startswith("/conversations/")
        if not is_too_early and not is_unknown:
            super()._note_error(message)


@pytest.fixture
def gated() -> Iterator[GatedServer]:
    with GatedServer() as gated:
        yield gated
        gated.gate.set()


@pytest.fixture(params=KEEPING)
def hub(request: pytest.FixtureRequest, gated: GatedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with gated_hub(gated, request.param, tmp_path_factory.mktemp("hub") / "log") as hub:
        yield hub


@pytest.mark.survival  # twenty seconds; what it found is held by the tests of streams in gradio_fixes/
def test_nothing_is_lost_when_the_line_is_cut_or_the_hub_killed(
    hub: Site, gated: GatedServer, browser: Browser
) -> None:
    with Line(hub.url) as line, visiting(browser, InterruptedPage, line.url) as visitor:
        visitor.choose_gated()
        visitor.type("First question")
        expect(visitor.answer).to_have_text("First question begins")
        visitor.prompt.fill("Second question")

        line.cut()
        expect(visitor.line).to_contain_text("The answer is being written on")
        gated.gate.set()
        line.mend()
        expect(visitor.answer).to_have_text("First question begins and ends", timeout=WITHIN)
        expect(visitor.prompt).to_have_value("Second question")

        line.cut()
        expect(visitor.line).to_have_text(re.compile("connection was lost|cannot be reached"))
        visitor.prompt.press("Enter")
        expect(visitor.line).to_contain_text("Your prompt was not sent, it is in the box again")
        expect(visitor.prompt).to_have_value("Second question")
        gated.gate.clear()
        line.mend()
        expect(visitor.line).to_have_text("The connection is back.", timeout=WITHIN)
        visitor.prompt.press("Enter")
        expect(visitor.answer).to_have_text("Second question begins")
        assert gated.prompts == ["First question", "Second question"]
        assert visitor.is_same_page, "the page was loaded again"

        visitor.prompt.fill("a draft")
        visitor.wait_until(KEPT)
        hub.stop(signal.SIGKILL)
        hub.ready = hub.first_ok = 0.0
        hub.start()
        note = visitor.log.get_by_text("LLM Hub was stopped while this answer was being written")
        expect(note).to_be_visible(timeout=WITHIN)
        expect(visitor.prompts).to_have_text(["First question", "Second question"])
        expect(visitor.answer).to_have_text("Second question begins")
        expect(visitor.prompt).to_have_value("a draft")
        expect(visitor.page.locator("#chat-model input")).to_have_value("gated")


@pytest.mark.survival  # half a minute; plain calls hold what the server does of it
@pytest.mark.parametrize("kind", ["chat", "comparison"])
def test_a_prompt_that_has_begun_a_conversation_is_no_longer_in_the_box(
    hub: Site, gated: GatedServer, browser: Browser, kind: str
) -> None:
    """The hub has it, and the page is cut off before it hears so: it stands in the box until the connection is back."""
    with visiting(browser, InterruptedPage, hub.url) as visitor:
        tab, box, stop, panes = visitor.page, visitor.prompt, visitor.stop, 1
        if kind == "chat":
            visitor.choose_gated()
        else:
            # By the page's own choice the second pane asks the embedded model, which writes for as long as it likes.
            tab.goto(f"{hub.url}/?models=gated/one,gated/two")
            box, stop, panes = tab.locator("#compare-prompt textarea"), tab.locator("#compare-stop"), 2
            expect(tab.locator("#compare-pane-2-model input")).to_have_value("two")

        def deliver(route: Route) -> None:
            if "A question" in (route.request.post_data or ""):
                route.fetch()
                route.abort()
            else:
                route.fallback()

        tab.route(re.compile("/gradio_api/(queue/join|run/)"), deliver)
        box.fill("A question")
        box.press("Enter")
        expect(visitor.line).to_have_text("The connection is back.", timeout=WITHIN)
        expect(stop).to_be_visible(timeout=WITHIN)
        expect(box).to_have_value("")
        prompts = tab.get_by_test_id("user").filter(visible=True)
        answers = tab.get_by_test_id("bot").filter(visible=True, has_not=tab.locator(".figures"))
        expect(prompts).to_have_text(["A question"] * panes)
        expect(answers).to_have_text(["A question begins"] * panes)
        assert gated.prompts == ["A question"] * panes
        gated.gate.set()
        expect(stop).to_be_hidden(timeout=WITHIN)
        expect(answers).to_have_text(["A question begins and ends"] * panes)


KEPT = """async () => {
  const { keeping, browserStore, httpStore } = window.llmHub;
  const store = keeping === "database" ? httpStore() : browserStore();
  const document = await store.get(new URL(location.href).searchParams.get("c"));
  const { heads: [head] } = await store.list("");
  const last = document?.nodes[1];
  return last?.turn.text === "Second question begins" && head.version >= last.version;
}"""
"""Whether what is shown has been kept: two seconds later it is. The list has the versions that are in the database."""

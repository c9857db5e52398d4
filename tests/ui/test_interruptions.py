"""Whatever happens to a page while it is answered, nothing is lost that it showed: every case is made, not written.

An interruption meets an answer at a moment, in a chat or in a comparison, on a wide screen or on a phone's, wherever
conversations are kept. The fault server lets a token go when the test says so, and the line to the hub is the test's.
"""

from __future__ import annotations

import itertools
import signal
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import expect

from tests.fault_server import FaultServerThread
from tests.fault_server.text import expected_text
from tests.ui.interruption import WITHIN, ChatVisit, CompareVisit, Shown, Visit
from tests.ui.line import Line
from tests.ui.site import Site
from tests.ui.test_conversations_page import KEEPING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext

TOKENS = 12
FIRST, OTHER, FAILING = f"ok?tokens={TOKENS}&words=100", f"ok?tokens={TOKENS}", f"cut@one?tokens={TOKENS}&words=100"
MOMENTS: dict[str, tuple[int | None, int]] = {
    "sent": (0, 0),
    "first": (0, 0),
    "middle": (5, 5),
    "fallback": (5, 3),
    "end": (TOKENS, TOKENS),
    "over": (None, TOKENS),
}
"""How many tokens an answer may have by then, and how many words of it are shown: "sent" is at once, "first" when the
question is shown, "fallback" while another model goes on, "end" before the end is told, "over" just after it."""
PAGES: dict[str, type[Visit]] = {"chat": ChatVisit, "compare": CompareVisit}
WIDTHS = (1440, 375)
STOPS = {"restarted": signal.SIGTERM, "killed": signal.SIGKILL}


@dataclass
class Home:
    """A hub, the line to it, and the browser of its visitor."""

    site: Site
    line: Line
    fault_server: FaultServerThread
    context: BrowserContext
    asked: int = 0

    def new_prompt(self) -> str:
        """A prompt that was not asked before."""
        self.asked += 1
        return f"Question{self.asked}"


@pytest.fixture(scope="module")
def fault_server() -> Iterator[FaultServerThread]:
    with FaultServerThread() as fault_server:
        yield fault_server


@pytest.fixture(scope="module", params=KEEPING)
def home(
    request: pytest.FixtureRequest,
    fault_server: FaultServerThread,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Home]:
    log = tmp_path_factory.mktemp("hub") / "log"
    environment = {
        "LLM_HUB_SERVERS": f"other={fault_server.openai_url},heir={fault_server.openai_url}",
        "LLM_HUB_ROUTE": f"heir/{FIRST}",
        "LLM_HUB_IDLE_TIMEOUT": "300",
        "LLM_HUB_FIRST_TOKEN_TIMEOUT": "300",
        **KEEPING[request.param],
    }
    with Site(log, environment) as site, Line(site.url) as line:
        context = browser.new_context()
        yield Home(site, line, fault_server, context)
        context.close()
    text = log.read_text()
    assert "Traceback" not in text, text


class Story:
    """The questions of one tab, one of which is interrupted, and what is shown and sent of them."""

    def __init__(
        self, home: Home, context: BrowserContext, page: str, width: int, moment: str, *, is_second: bool
    ) -> None:
        self.name = f"{moment}-{page}-{width}"
        self._home = home
        self.moment = moment
        home.line.mend()
        # Each case has a model of its own that fails: one that fails often is no longer asked first.
        first = f"{FAILING}&case={home.asked}" if moment == "fallback" else FIRST
        self.answers = [expected_text(model) for model in (first, OTHER)]
        self.visit = PAGES[page](context, home.line.url, width, [f"other/{first}", f"other/{OTHER}"])
        self.prompts: list[str] = []
        self.shown: Shown = []
        if moment == "fallback":
            self.visit.allow_fallbacks()
        if is_second:
            self.limit(None)
            self.ask()
            self.wait_for(TOKENS)
            self.visit.expect_over()

    def limit(self, tokens: int | None) -> None:
        self._home.fault_server.limit(tokens)

    def ask(self) -> None:
        self.prompts.append(self._home.new_prompt())
        self.visit.ask(self.prompts[-1])

    def reach_moment(self) -> None:
        """Asks the question that is interrupted, up to the moment of that."""
        limit, words = MOMENTS[self.moment]
        self.limit(limit)
        self.ask()
        if self.moment != "sent":
            self.wait_for(words)
        if self.moment == "over":
            self.visit.expect_over()
        elif self.moment != "sent":
            self.visit.expect_answering()

    def wait_for(self, words: int = 0) -> None:
        """Waits until the page shows every question once and in order, with all that was shown of its answer, and so
        many words of the last one's.
        """

        def holds(shown: Shown) -> bool:
            return all(
                [turn.prompt for turn in turns] == self.prompts and len(turns[-1].answer.split()) >= words
                for turns in shown
            )

        shown = self.visit.wait_until(lambda shown: holds(shown) and self._has_all(shown))
        self.shown = shown

    def _has_all(self, shown: Shown) -> bool:
        """Whether nothing is lost of what was shown, and every answer is a beginning of what its model said."""
        for number, turns in enumerate(shown):
            before = self.shown[number] if self.shown else []
            if any(not self.answers[number].startswith(turn.answer) for turn in turns):
                return False
            if any(not turn.answer.startswith(old.answer) for turn, old in zip(turns, before, strict=False)):
                return False
        return True

    def wait_until_kept(self) -> None:
        """Waits until what is shown would outlive the hub: that takes no longer than two seconds."""
        page = self.visit.page
        texts = [[turn.prompt, turn.answer] for turns in self.shown for turn in turns]
        page.wait_for_function(KEPT, arg=[page.url.partition("c=")[2], texts], timeout=WITHIN)

    def expect_reason(self, reason: str) -> None:
        """The page says why the last answer ends in the middle, and nothing of that where it does not."""
        for turns in self.shown:
            line = turns[-1].line
            assert reason in line if reason else STOPPED not in line, turns

    def expect_next_question_to_send_all(self) -> None:
        """Asks one more question. What is sent with it is what is shown above it."""
        self.limit(None)
        self.visit.expect_over()
        past = self.shown
        self.ask()
        self.wait_for(TOKENS)
        self.visit.expect_over()
        exchanges = [
            exchange for exchange in self._home.fault_server.exchanges
            if exchange.method == "POST" and exchange.body["messages"][-1]["content"] == self.prompts[-1]
        ]  # fmt: skip
        for number, turns in enumerate(past):
            sent = [exchange.body["messages"] for exchange in exchanges if (exchange.model == OTHER) == bool(number)]
            history = [text for turn in turns if turn.answer for text in (turn.prompt, turn.answer)]
            assert sent, f"pane {number} was not asked: {[exchange.model for exchange in exchanges]}"
            for messages in sent:
                assert [message["content"] for message in messages[:-1]] == history

    def expect_no_errors(self) -> None:
        assert not self.visit.errors, "\n".join(self.visit.errors)


def reload(visit: Visit, line: Line, meanwhile: Callable[[], None]) -> None:
    visit.page.reload()
    meanwhile()


def back(visit: Visit, line: Line, meanwhile: Callable[[], None]) -> None:
    """To another site, and Back."""
    visit.page.goto("data:text/html,elsewhere")
    meanwhile()
    visit.page.go_back()


def elsewhere(visit: Visit, line: Line, meanwhile: Callable[[], None]) -> None:
    """To a new conversation, and Back."""
    visit.page.locator(visit.new).click()
    visit.wait_until(lambda shown: not any(shown))
    visit.page.wait_for_url(lambda url: "c=" not in url)
    meanwhile()
    visit.page.go_back()


def reopened(visit: Visit, line: Line, meanwhile: Callable[[], None]) -> None:
    visit.close()
    meanwhile()
    visit.open()


def cut(visit: Visit, line: Line, meanwhile: Callable[[], None]) -> None:
    line.cut()
    expect(visit.connection).to_contain_text("The connection was lost", timeout=WITHIN)
    meanwhile()
    line.mend()
    expect(visit.connection).to_have_text("The connection is back.", timeout=WITHIN)


INTERRUPTIONS: dict[str, Callable[[Visit, Line, Callable[[], None]], None]] = {
    "reload": reload,
    "back": back,
    "elsewhere": elsewhere,
    "reopened": reopened,
    "cut": cut,
}


STOPPED = "LLM Hub was stopped"
KEPT = """async ([id, texts]) => {
  const { keeping, browserStore, httpStore } = window.llmHub;
  const words = texts.flat().join(" ");
  if (keeping === "database") return (await httpStore().list(words)).heads.some((head) => head.id === id);
  const document = await browserStore().get(id);
  const kept = document?.nodes.map(({ turn }) => `${turn.prompt.text} ${turn.text ?? ""}`) ?? [];
  return texts.every(([prompt, answer]) => kept.some((text) => text.startsWith(`${prompt} ${answer}`)));
}"""
"""Whether a conversation has been kept as it is shown."""


@pytest.mark.parametrize("stop", STOPS)
def test_nothing_is_lost_when_the_hub_is_stopped(home: Home, stop: str, browser: Browser) -> None:
    """Many tabs at once, since it takes long to start a hub: each is at another moment of its answer."""
    # An answer is held where it is by the limit of the next moment. A browser has six connections to a hub: two tabs.
    moments = ["over", "end", "fallback", "middle", "first"]
    with ExitStack() as stack:
        stories: list[Story] = []
        for a, moment in enumerate(moments):
            context = stack.enter_context(closing(browser.new_context()))
            for b, page in enumerate(PAGES):
                is_second = moment == "first"  # otherwise there would be nothing to go on with
                stories.append(Story(home, context, page, WIDTHS[(a + b) % 2], moment, is_second=is_second))
        for story in stories:
            story.reach_moment()
        if stop == "killed":
            for story in stories:
                story.wait_until_kept()
        for story in stories:
            story.visit.page.evaluate("window.isOld = true")
        home.site.stop(STOPS[stop])
        home.site.ready = home.site.first_ok = 0.0
        home.site.start()
        problems = []
        for story in stories:
            try:
                story.visit.page.wait_for_function("!window.isOld", timeout=WITHIN)  # another hub, another page
                story.wait_for()
                story.visit.expect_over()
                story.expect_reason(STOPPED if story.moment != "over" else "")
                story.expect_next_question_to_send_all()
                story.expect_no_errors()
            except (AssertionError, TooLate) as problem:
                problems.append(f"{story.name}: {problem}")
                print("PROBLEM", problems[-1], flush=True)
        assert not problems, "\n\n".join(problems)


def cases() -> Iterator[tuple[str, str, str, int, bool, bool]]:
    for a, b, c in itertools.product(range(len(INTERRUPTIONS)), range(len(MOMENTS)), range(len(PAGES))):
        interruption, moment, page = list(INTERRUPTIONS)[a], list(MOMENTS)[b], list(PAGES)[c]
        if moment != "sent":
            yield interruption, moment, page, WIDTHS[(a + b + c) % 2], bool((a + b // 2) % 2), bool((a // 2 + b) % 2)


@pytest.mark.parametrize(("interruption", "moment", "page", "width", "is_second", "goes_on"), list(cases()))
def test_nothing_is_lost(
    home: Home, interruption: str, moment: str, page: str, width: int, is_second: bool, goes_on: bool
) -> None:
    story = Story(home, home.context, page, width, moment, is_second=is_second)

    def meanwhile() -> None:
        if goes_on:
            story.limit(None)

    with closing(story.visit):
        story.reach_moment()
        INTERRUPTIONS[interruption](story.visit, home.line, meanwhile)
        story.wait_for()
        if moment != "over" and not goes_on:
            story.visit.expect_answering()
        story.limit(None)
        story.wait_for(TOKENS)
        story.expect_next_question_to_send_all()
    story.expect_no_errors()

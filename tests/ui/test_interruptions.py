"""Whatever happens to a page while it is answered, nothing is lost that it showed: every case is made, not written.

An interruption meets an answer at a moment, in a chat or in a comparison, on a wide screen or on a phone's, wherever
conversations are kept. The fault server lets a token go when the test says so, and the line to the hub is the test's.
"""

from __future__ import annotations

import itertools
import re
import signal
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import expect

from tests.fault_server import FaultServerThread
from tests.fault_server.text import expected_text
from tests.ui.gated_server import KEEPING
from tests.ui.interruption import WITHIN, ChatVisit, CompareVisit, Shown, Visit
from tests.ui.line import Line
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _pytest.mark import ParameterSet
    from playwright.sync_api import Browser, BrowserContext

pytestmark = pytest.mark.survival  # together they take as long as all else
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


STOPPED = "LLM Hub was stopped"
IN_BOX_OR_SHOWN = """([box, prompt]) => document.querySelector(box)?.value === prompt
  || [...document.querySelectorAll("[data-testid=user]")].some((message) => message.textContent.trim() === prompt)"""
KEPT = """async ([id, texts]) => {
  const { keeping, browserStore, httpStore } = window.llmHub;
  const words = texts.flat().join(" ");
  if (keeping === "database") return (await httpStore().list(words)).heads.some((head) => head.id === id);
  const document = await browserStore().get(id);
  const kept = document?.nodes.map(({ turn }) => `${turn.prompt.text} ${turn.text ?? ""}`) ?? [];
  return texts.every(([prompt, answer]) => kept.some((text) => text.startsWith(`${prompt} ${answer}`)));
}"""
"""Whether a conversation has been kept as it is shown."""


@dataclass(frozen=True)
class Case:
    """What interrupts an answer, and when; whether that is the second one of its conversation, and is written on."""

    interruption: str
    moment: str
    page: str
    width: int
    is_second: bool
    goes_on: bool

    def __str__(self) -> str:
        more = f"{'-second' if self.is_second else ''}{'-goes_on' if self.goes_on else ''}"
        return f"{self.interruption}-{self.moment}-{self.page}-{self.width}{more}"


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
        return f"Question{self.asked}of{self.site.port}"


@pytest.fixture(scope="module")
def fault_server() -> Iterator[FaultServerThread]:
    with FaultServerThread() as fault_server:
        yield fault_server


@pytest.fixture(scope="module")
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

    def __init__(self, home: Home, context: BrowserContext, case: Case) -> None:
        self._home = home
        self.case = case
        home.line.mend()
        # Each case has a model of its own that fails: one that fails often is no longer asked first.
        first = f"{FAILING}&case={home.asked}" if case.moment == "fallback" else FIRST
        self.answers = [expected_text(model) for model in (first, OTHER)]
        self.visit = PAGES[case.page](context, home.line.url, case.width, [f"other/{first}", f"other/{OTHER}"])
        self.prompts: list[str] = []
        self.shown: Shown = []
        if case.moment == "fallback":
            self.visit.allow_fallbacks()
        if case.is_second:
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
        limit, words = MOMENTS[self.case.moment]
        self.limit(limit)
        self.ask()
        if self.case.moment == "sent":
            return
        self.wait_for(words)
        if self.case.moment == "over":
            self.visit.expect_over()
        else:
            self.visit.expect_answering()

    def find_again(self) -> None:
        """Waits until the page shows again what it has shown. A prompt that had only just been sent may stand in the
        box again; it is then sent once more.
        """
        if self.case.moment == "sent":
            self.visit.page.wait_for_function(IN_BOX_OR_SHOWN, arg=[self.visit.box, self.prompts[-1]], timeout=WITHIN)
            if self.visit.prompt.input_value():
                self.visit.prompt.press("Enter")
        self.wait_for()

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
        if self.case.moment == "sent":
            return
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
        self.wait_for()  # of a prompt that had only been sent, the answer may have come meanwhile
        self.ask()
        self.wait_for(TOKENS)
        self.visit.expect_over()
        exchanges = [
            exchange for exchange in self._home.fault_server.exchanges
            if exchange.method == "POST" and exchange.body["messages"][-1]["content"] == self.prompts[-1]
        ]  # fmt: skip
        for number, (*turns, _) in enumerate(self.shown):
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
    is_answering = visit.page.locator(visit.stop).is_visible()
    said = "The answer is being written on" if is_answering else "connection was lost|cannot be reached"
    line.cut()
    expect(visit.connection).to_have_text(re.compile(said), timeout=WITHIN)
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


def cases() -> Iterator[ParameterSet]:
    """Every interruption at every moment, wherever conversations are kept; in a chat and in a comparison.

    Widths, first and second questions, and answers that end meanwhile take turns.
    """
    axes = [range(len(axis)) for axis in (KEEPING, INTERRUPTIONS, MOMENTS, PAGES)]
    for keeping, interruption, moment, page in itertools.product(*axes):
        half = interruption // 2
        case = Case(
            list(INTERRUPTIONS)[interruption],
            list(MOMENTS)[moment],
            list(PAGES)[page],
            width=WIDTHS[(half + keeping) % 2],
            is_second=(half + moment) % 2 == 1,
            goes_on=(half + page) % 2 == 1,
        )
        if (case.interruption, case.moment, case.is_second) == ("elsewhere", "sent", False):
            continue  # there is nothing yet to come back to
        yield pytest.param(list(KEEPING)[keeping], case, id=f"{list(KEEPING)[keeping]}-{case}")


@pytest.mark.parametrize(("home", "case"), list(cases()), indirect=["home"], scope="module")
def test_nothing_is_lost(home: Home, case: Case) -> None:
    story = Story(home, home.context, case)

    def meanwhile() -> None:
        if case.goes_on:
            story.limit(None)

    with closing(story.visit):
        story.reach_moment()
        INTERRUPTIONS[case.interruption](story.visit, home.line, meanwhile)
        story.find_again()
        if case.moment != "over" and not case.goes_on:
            story.visit.expect_answering()
        story.limit(None)
        story.wait_for(TOKENS)
        story.expect_next_question_to_send_all()
    story.expect_no_errors()


@pytest.mark.parametrize("home", KEEPING, indirect=True, scope="module")
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("happens", ["lose_replies", "tear_replies"])
def test_a_prompt_is_asked_once_whose_reply_is_lost(home: Home, page: str, happens: str) -> None:
    """Chromium sends it twice where a kept connection ends before the reply, and not where it ends in the middle."""
    case = Case(happens, "sent", page, width=1440, is_second=True, goes_on=True)
    story = Story(home, home.context, case)
    with closing(story.visit):
        getattr(home.line, happens)()
        story.ask()
        story.wait_for(TOKENS)
        story.expect_next_question_to_send_all()
    story.expect_no_errors()


@pytest.mark.parametrize("home", KEEPING, indirect=True, scope="module")
@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_lost_where_the_hub_learns_late_that_a_connection_was_lost(home: Home, page: str) -> None:
    case = Case("leave", "middle", page, width=1440, is_second=True, goes_on=False)
    story = Story(home, home.context, case)
    with closing(story.visit):
        story.reach_moment()
        home.line.leave()
        expect(story.visit.connection).to_have_text("The connection is back.", timeout=WITHIN)
        story.find_again()
        story.limit(8)
        story.wait_for(8)
        home.line.end_left()
        story.visit.page.wait_for_timeout(300)  # the hub tells nobody that it has learnt of it
        story.limit(None)
        story.wait_for(TOKENS)
        story.expect_next_question_to_send_all()
    story.expect_no_errors()


@pytest.mark.timeout(600)  # twelve tabs, on a machine that may be busy
@pytest.mark.parametrize("home", KEEPING, indirect=True, scope="module")
@pytest.mark.parametrize("stop", STOPS)
def test_nothing_is_lost_when_the_hub_is_stopped(home: Home, stop: str, browser: Browser) -> None:
    """Many tabs at once, since it takes long to start a hub: each is at another moment of its answer."""
    # An answer is held where it is by the limit of the next moment. A browser has six connections to a hub: two tabs.
    with ExitStack() as stack:
        stories: list[Story] = []
        for number, moment in enumerate(reversed(MOMENTS)):
            context = stack.enter_context(closing(browser.new_context()))
            for side, page in enumerate(PAGES):
                # A second question, where there would be nothing to go on with after a first.
                width, is_second = WIDTHS[(number + side) % 2], MOMENTS[moment][1] == 0
                case = Case(stop, moment, page, width=width, is_second=is_second, goes_on=False)
                stories.append(Story(home, context, case))
        for story in stories:
            story.reach_moment()
            story.visit.page.evaluate("window.isOld = true")
        if stop == "killed":
            for story in stories:
                story.wait_until_kept()
        home.site.stop(STOPS[stop])
        home.site.ready = home.site.first_ok = 0.0
        home.site.start()
        home.fault_server.limit(None)
        problems = []
        for story in stories:
            try:
                story.visit.page.wait_for_function("!window.isOld", timeout=WITHIN)  # another hub, another page
                story.find_again()
                story.visit.expect_over()
                if story.case.moment != "sent":
                    story.expect_reason(STOPPED if story.case.moment != "over" else "")
                story.expect_next_question_to_send_all()
                story.expect_no_errors()
            except (AssertionError, TooLate) as problem:
                problems.append(f"{story.case}: {problem}")
        assert not problems, "\n\n".join(problems)

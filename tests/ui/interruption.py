"""A tab in which questions are asked, whatever happens to it meanwhile: for the tests that nothing is lost by it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import BrowserContext, Locator, Page

WITHIN = 30_000
"""Milliseconds: the machine may be busy."""

READ = """([places, before]) => {
  const turns = (root) => {
    const turns = [];
    const find = (place) => [...document.querySelectorAll(`${place} :is([data-testid=user], [data-testid=bot])`)];
    for (const part of root.flatMap(find)) {
      const text = part.textContent.replace(/\\s+/g, " ").trim();
      if (part.dataset.testid === "user") turns.push({ prompt: text, answer: "", line: "" });
      else if (part.querySelector(".figures, .problem")) turns.at(-1).line += text;
      else turns.at(-1).answer += text;
    }
    return turns;
  };
  const now = JSON.stringify(places.map(turns));
  return now !== before && now;
}"""
"""The turns that stand on the page as JSON, once they are others than before."""


@dataclass(frozen=True)
class ShownTurn:
    """A turn as it stands on the page. `line` is what is under its answer: an error, and the line about it."""

    prompt: str
    answer: str
    line: str


Shown = list[list[ShownTurn]]
"""The turns of each conversation on the page: of the one chat, or of every pane of a comparison."""


class Visit:
    """A tab of the page in which one question after the other is asked. `models` are those of its conversations."""

    kind: ClassVar[str]
    roots: ClassVar[tuple[str, ...]]
    """Where each conversation stands."""
    places: ClassVar[tuple[str, str, str]]
    """In there: the turns that are over, the one that is being answered, and the line under that."""
    box: ClassVar[str]
    new: ClassVar[str]
    stop: ClassVar[str]
    query: ClassVar[str]
    model_box: ClassVar[str]

    def __init__(self, context: BrowserContext, url: str, width: int, models: list[str]) -> None:
        self._context = context
        self._width = width
        self.models = models[: len(self.roots)]
        self.errors: list[str] = []
        self.address = f"{url}/?{self.query}={','.join(self.models)}".replace("&", "%26")
        self.open()
        for number, target in enumerate(self.models, 1):
            box = self.page.locator(self.model_box.format(number))
            expect(box).to_have_value(target.partition("/")[2], timeout=WITHIN)

    def open(self) -> None:
        """Opens the tab with its address, which is the last one that it had."""
        self.page: Page = self._context.new_page()
        self.page.set_viewport_size({"width": self._width, "height": 900})
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        self.page.goto(self.address)
        expect(self.prompt).to_be_visible(timeout=WITHIN)
        expect(self.page.locator("#conversation-list[aria-busy]")).to_have_count(0, timeout=WITHIN)

    def close(self) -> None:
        self.address = self.page.url
        self.page.close()

    @property
    def prompt(self) -> Locator:
        return self.page.locator(self.box)

    @property
    def connection(self) -> Locator:
        """What the page says about its connection."""
        return self.page.locator("#conversations .line")

    def allow_fallbacks(self) -> None:
        """Others are to answer where a model fails."""

    def ask(self, text: str) -> None:
        self.prompt.fill(text, timeout=WITHIN)
        self.prompt.press("Enter")

    def wait_until(self, holds: Callable[[Shown], bool]) -> Shown:
        """What the page shows, as soon as it is as it should be."""
        past, live, _ = self.places
        places = [[f"{root} {past}", f"{root} {live}"] for root in self.roots]
        before, ends = "", time.monotonic() + WITHIN / 1000
        while True:
            try:
                left = max(1.0, 1000 * (ends - time.monotonic()))
                before = self.page.wait_for_function(READ, arg=[places, before], timeout=left).json_value()
            except TooLate:
                raise AssertionError(f"The page never came to that. Last it had: {before}") from None
            shown = [[ShownTurn(**turn) for turn in turns] for turns in json.loads(before)]
            if holds(shown):
                return shown

    def expect_answering(self) -> None:
        """Waits until the page shows that answers are being written."""
        expect(self.page.locator(self.stop)).to_be_visible(timeout=WITHIN)
        for root in self.roots:
            expect(self.page.locator(f"{root} {self.places[2]} .figures.busy").first).to_be_visible(timeout=WITHIN)

    def expect_over(self) -> None:
        """Waits until nothing is being written any more."""
        expect(self.page.locator(self.stop)).to_be_hidden(timeout=WITHIN)


class ChatVisit(Visit):
    """The Chat tab. Whoever follows a model that fails is in the hub's settings."""

    kind = "chat"
    roots = ("#chat-scroll",)
    places = ("#chat-log", "#chat-live", "#chat-route")
    box, new, stop, query = "#chat-prompt textarea", "#chat-new", "#chat-stop", "model"
    model_box = "#chat-model input"


class CompareVisit(Visit):
    """The Compare tab with two panes."""

    kind = "comparison"
    roots = ("#compare-pane-1", "#compare-pane-2")
    places = (".pane-past", ".pane-live", ".pane-line")
    box, new, stop, query = "#compare-prompt textarea", "#compare-new", "#compare-stop", "models"
    model_box = "#compare-pane-{}-model input"

    def allow_fallbacks(self) -> None:
        self.page.locator("#compare-fallback input").check()

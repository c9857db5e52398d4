"""The Compare tab in the words of a visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.ui.chat_page import ChatPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

SLOW = 20_000
"""Milliseconds: the machine may be busy."""


class ComparePage(ChatPage):
    """One visitor's tab, with the Compare tab in front."""

    def open(self, query: str = "") -> None:
        self.page.goto(self.url + query)
        self.page.get_by_role("tab", name="Compare").click(timeout=SLOW)
        expect(self.question).to_be_visible(timeout=SLOW)

    @property
    def question(self) -> Locator:
        return self.page.locator("#compare-prompt textarea")

    @property
    def compare_hint(self) -> Locator:
        """The line under the prompt."""
        return self.page.locator("#compare-hint")

    def pane(self, number: int) -> Locator:
        return self.page.locator(f"#compare-pane-{number}")

    def line(self, number: int) -> Locator:
        """What stands under the last answer of a pane that is over."""
        return self.pane(number).locator(".pane-past .figures").last

    def text(self, number: int) -> Locator:
        """The last answer of a pane, also while it is being written."""
        return self.pane(number).locator("[data-testid=bot]").filter(has_not=self.page.locator(".figures")).last

    def press(self, number: int, what: str) -> None:
        """A button of a pane: stop, retry, carry, remove."""
        self.pane(number).locator(f".pane-{what}").click(timeout=SLOW)

    def add(self) -> None:
        before = self.page.locator(".pane").count()
        self.page.locator("#compare-add").click()
        expect(self.page.locator(".pane")).to_have_count(before + 1)

    def set(self, *models: str, provider: str = "OpenAI") -> None:
        """The panes' models, all of one provider; adds what is missing."""
        while self.page.locator(".pane").count() < len(models):
            self.add()
        for number, model in enumerate(models, 1):
            box = self.page.locator(f"#compare-pane-{number}-provider input")
            model_box = self.page.locator(f"#compare-pane-{number}-model input")
            if box.input_value() != provider:
                before = model_box.input_value()
                expect(self.page.get_by_role("option")).to_have_count(0)  # of the list before
                box.click()
                self.page.get_by_role("option", name=provider, exact=True).click()
                expect(box).to_have_value(provider)
                expect(model_box).not_to_have_value(before, timeout=SLOW)
            box = model_box
            box.fill(model)
            box.press("Enter")
            expect(box).to_have_value(model)

    def run(self, prompt: str) -> None:
        self.question.fill(prompt)
        self.question.press("Enter")

    def compare(self, prompt: str, panes: int = 2) -> None:
        """Asks, and waits for all."""
        self.run(prompt)
        for number in range(1, panes + 1):
            expect(self.pane(number).locator(".pane-live .message-row")).to_have_count(0, timeout=SLOW)
            expect(self.pane(number).locator(".pane-retry")).to_be_visible(timeout=SLOW)

"""The list of conversations in the words of a visitor, beside the Chat tab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.ui.chat_page import ChatPage

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator


class ConversationsPage(ChatPage):
    """A visitor's tab. That requests fail while the line is cut is no complaint."""

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/{query}")
        expect(self.prompt).to_be_visible(timeout=15_000)
        expect(self.page.locator("#conversation-list[aria-busy]")).to_have_count(0)

    def choose_gated(self) -> None:
        """The model that waits in the middle of its answers."""
        self.choose("gated", "gated")
        self.page.evaluate("window.isSame = true")

    @property
    def is_same_page(self) -> bool:
        """Whether it has not been loaded again."""
        return bool(self.page.evaluate("window.isSame === true"))

    @property
    def titles(self) -> Locator:
        return self.page.locator("#conversation-list li[data-id] a")

    @property
    def search(self) -> Locator:
        return self.page.get_by_role("searchbox", name="Search all conversations")

    @property
    def line(self) -> Locator:
        """What the page says about its connection."""
        return self.page.locator("#conversations .line")

    @property
    def answer(self) -> Locator:
        """The answer that came last, written or still being written."""
        return self.page.locator("#chat-scroll [data-testid=bot]").filter(has_not=self.page.locator(".figures")).last

    def item(self, title: str) -> Locator:
        return self.page.locator("#conversation-list li[data-id]").filter(has_text=title)

    def act(self, title: str, action: str) -> None:
        """Does one of the actions of a conversation in the list."""
        self.item(title).get_by_role("button", name=re.compile("^Rename, pin, delete or save")).click()
        self.page.locator("#conversation-list .actions").get_by_role("button", name=action, exact=True).click()

    def begin(self) -> None:
        """Begins a new chat, and waits until the page shows it."""
        self.page.locator("#chat-new").click()
        expect(self.page.locator("#chat-scroll [data-testid=user]")).to_have_count(0)

    def edit(self, text: str) -> None:
        """Types other words for the last prompt, and does not send them."""
        self.prompts.last.hover()
        self.log.get_by_label("Edit").last.click()
        self.log.locator("textarea").fill(text)

    def expect_title(self, title: str) -> None:
        expect(self.page).to_have_title(f"{title} · LLM Hub" if title else "LLM Hub")

    def _note_error(self, message: ConsoleMessage) -> None:
        if "net::ERR_" not in message.text:
            super()._note_error(message)

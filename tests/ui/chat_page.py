"""The Chat tab in the words of a visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page, Request


RECORD_ROUTE = """() => {
  window.routeLines = [];
  const line = document.querySelector("#chat-route");
  new MutationObserver(() => window.routeLines.push(line.innerText.trim()))
    .observe(line, {childList: true, subtree: true, characterData: true});
}"""


class ChatPage:
    """One visitor's tab.

    `complaints` are the errors in its console, `strangers` the addresses that it requested of any other host.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        page.on("console", self._note_error)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        page.on("request", self._note_request)

    def open(self) -> None:
        self.page.goto(self.url)
        expect(self.prompt).to_be_visible(timeout=15_000)

    @property
    def prompt(self) -> Locator:
        return self.page.locator("#chat-prompt textarea")

    @property
    def stop(self) -> Locator:
        return self.page.locator("#chat-stop")

    @property
    def log(self) -> Locator:
        return self.page.locator("#chat-log")

    @property
    def live(self) -> Locator:
        return self.page.locator("#chat-live")

    @property
    def prompts(self) -> Locator:
        """The prompts of the turns that are over."""
        return self.log.locator("[data-testid=user]")

    @property
    def figures(self) -> Locator:
        """The lines under the answers of the turns that are over."""
        return self.log.locator(".figures")

    @property
    def answers(self) -> Locator:
        return self.log.locator("[data-testid=bot]").filter(has_not=self.page.locator(".figures"))

    @property
    def route(self) -> Locator:
        """The line that says what happens while an answer is on its way."""
        return self.page.locator("#chat-route")

    @property
    def chain(self) -> Locator:
        """The fallbacks, in order."""
        return self.page.locator("#chat-chain-list li b")

    @property
    def hint(self) -> Locator:
        return self.page.locator("#chat-hint")

    def choose(self, model: str, provider: str | None = None) -> None:
        """Chooses a model, of the chosen provider or of another. Where the page begins with Automatic, of OpenAI."""
        box = self.page.locator("#chat-model input")
        if box.is_visible():
            box.fill("")
        else:
            provider = provider or "OpenAI"
        if provider:
            self.page.locator("#chat-provider input").click()
            self.page.locator("#chat-provider").get_by_role("option", name=provider).or_(
                self.page.get_by_role("option", name=provider)
            ).first.click()
            expect(box).not_to_have_value("")
            expect(self.page.locator("#chat-chain-list")).to_contain_text("If it fails")
        box.fill(model)
        box.press("Enter")
        expect(box).to_have_value(model)

    def fall_back_to(self, *targets: str) -> None:
        """Adds to the fallback chain."""
        box = self.page.locator("#chat-chain-add input")
        for target in targets:
            before = self.chain.count()
            box.fill(target)
            box.press("Enter")
            expect(self.chain).to_have_count(before + 1)

    def answer_again_with(self, target: str) -> None:
        box = self.page.locator("#chat-again input")
        box.fill(target)
        box.press("Enter")

    def record_route_lines(self) -> None:
        """From now on, everything that the route's line says is recorded for `route_lines`."""
        self.page.evaluate(RECORD_ROUTE)

    @property
    def route_lines(self) -> list[str]:
        lines: list[str] = self.page.evaluate("window.routeLines")
        return lines

    def type(self, text: str) -> None:
        self.prompt.fill(text)
        self.prompt.press("Enter")

    def ask(self, text: str) -> None:
        """Asks, and waits for the end of the answer."""
        before = self.figures.count()
        self.type(text)
        expect(self.figures).to_have_count(before + 1, timeout=20_000)
        expect(self.stop).to_be_hidden()

    def wait_until(self, check: str, argument: Any = None) -> None:
        """Waits until an asynchronous JavaScript function gives true: Playwright takes its promise for true."""
        self.page.evaluate(
            """async ([check, argument]) => {
              const holds = (0, eval)(check);
              const end = Date.now() + 30_000;
              while (!await holds(argument)) {
                if (Date.now() > end) throw new Error(`This did not become true: ${check}`);
                await new Promise(requestAnimationFrame);
              }
            }""",
            [check, argument],
        )

    def _note_error(self, message: ConsoleMessage) -> None:
        # Gradio may be told to stop an event whose number it does not know yet: then it cancels and resets no number at
        # all, and is refused. The answer notices by itself that it was stopped.
        unnumbered = "422" in message.text and message.location["url"].endswith(("/cancel", "/reset"))
        if message.type == "error" and not unnumbered:
            self.complaints.append(message.text)

    def _note_request(self, request: Request) -> None:
        host = urlsplit(request.url).netloc
        if host and host != urlsplit(self.url).netloc:
            self.strangers.append(request.url)

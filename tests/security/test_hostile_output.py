"""Hostile answers, errors and model names on the page: no script runs, nothing is sent away, nothing is covered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.security.attacker import NAME, Attacker
from tests.security.words import EVIL, HTML, MARKDOWN
from tests.ui.chat_page import ChatPage
from tests.ui.compare_page import ComparePage
from tests.ui.conftest import new_tab
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Dialog

HARMLESS = """(roots) => {
  const wrong = [];
  const tags = "script,iframe,object,embed,form,base,link,meta,style,video,audio,dialog,template,[popover]";
  for (const root of document.querySelectorAll(roots)) {
    for (const part of root.querySelectorAll("*")) {
      const style = getComputedStyle(part);
      const svg = part.closest(".mermaid, svg");
      if (part.matches(tags) && !(svg && part.matches("style"))) wrong.push(part.outerHTML.slice(0, 200));
      if (part.matches("img") && !/^(data|blob):/.test(part.src) && new URL(part.src).host !== location.host)
        wrong.push(part.outerHTML.slice(0, 200));
      if (["fixed", "sticky"].includes(style.position)) wrong.push(style.position + part.outerHTML.slice(0, 200));
      if (part.getAttributeNames().some((name) => /^on/i.test(name))) wrong.push(part.outerHTML.slice(0, 200));
      const href = part.getAttribute("href") ?? part.getAttribute("xlink:href");
      const url = href !== null && URL.parse(href, location.href);
      if (url && !["http:", "https:", "mailto:", "about:"].includes(url.protocol)) wrong.push(href);
    }
  }
  return wrong;
}"""
REACHED = """(selectors) => selectors.filter((selector) => {
  const part = document.querySelector(selector);
  const box = part.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return !(top && (part.contains(top) || top.contains(part)));
})"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hostile")
    with Attacker() as attacker:
        environment = {
            "LLM_HUB_SERVERS": f"attacker={attacker.url}",
            "LLM_HUB_DATABASE_URL": f"sqlite:///{folder / 'votes.db'}",
        }
        with Site(folder / "log", environment) as site:
            yield site
    assert "Traceback" not in (folder / "log").read_text()


class PageWatch:
    """A page whose every request, dialog and error is noted."""

    def __init__(self, page: ChatPage) -> None:
        self.page = page
        self.dialogs: list[str] = []
        page.page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def is_harmless(self, roots: str, *reached: str) -> None:
        page = self.page.page
        assert page.evaluate("window.pwned") is None
        assert page.evaluate(HARMLESS, roots) == []
        assert page.evaluate(REACHED, list(reached)) == []
        assert self.dialogs == []
        assert self.page.strangers == []
        # A diagram that is nonsense makes its library complain; what counts is that nobody even tried to get out.
        assert [text for text in self.page.complaints if "Content Security Policy" in text] == []
        assert page.url.startswith(self.page.url)


@pytest.fixture
def chat(browser: Browser, hostile: Site) -> Iterator[PageWatch]:
    with new_tab(browser, hostile.url) as tab:
        page = ChatPage(tab, hostile.url)
        watch = PageWatch(page)
        page.open()
        yield watch


def choose(page: ChatPage, model: str) -> None:
    box = page.page.locator("#chat-model input")
    page.page.locator("#chat-provider input").click()
    page.page.get_by_role("option", name="attacker").click()
    expect(box).to_have_value(NAME)  # the first of its list, which came live
    page.choose(model)


REACH = ("#chat-prompt textarea", "#tabs [role=tab]:nth-child(2)", "#chat-new", "#chat-provider input")


@pytest.mark.parametrize("kind", [HTML, MARKDOWN], ids=["html", "markdown"])
def test_an_answer_stays_text(chat: PageWatch, kind: list[str]) -> None:
    page = chat.page
    choose(page, "says")
    for start in range(0, len(kind), 6):
        page.ask("\n\n".join((*kind[start : start + 6], f"The end of {start}.")))
        page.page.wait_for_timeout(300)  # what runs late: images that fail, diagrams that are drawn
        chat.is_harmless("#chat-scroll .message-content", *REACH)


def test_reasoning_errors_and_names_stay_text(chat: PageWatch) -> None:
    page = chat.page
    choose(page, "says")
    for model in ("thinks", "fails", "breaks", "is-called"):
        page.choose(model)
        for texts in (HTML, [text for text in MARKDOWN if len(text) < 500]):
            page.ask("\n".join(texts) if model == "thinks" else " ".join(texts)[:4000])
            page.page.wait_for_timeout(300)
            chat.is_harmless("#chat-scroll .message-content, #chat-route, #chat-note, #chat-hint", *REACH)
        page.page.get_by_role("tab", name="Status").click()
        expect(page.page.locator("#status-table")).to_contain_text("attacker")
        chat.is_harmless("#status-table", "#tabs [role=tab]")
        page.page.get_by_role("tab", name="Chat").click()
        page.page.get_by_role("button", name="New chat").click()
        expect(page.prompts).to_have_count(0)


def test_a_listed_name_stays_text_wherever_it_is_shown(chat: PageWatch) -> None:
    page = chat.page
    choose(page, "says")
    page.page.locator("#chat-model input").click()
    expect(page.page.get_by_role("option").filter(has_text="onerror")).to_be_visible()
    chat.is_harmless("ul.option-list, #chat-note")
    page.choose(NAME)
    page.ask("Hello")
    page.fall_back_to(f"attacker/{NAME}x")
    page.answer_again_with(f"attacker/{NAME}")
    page.page.wait_for_timeout(500)
    chat.is_harmless("#chat-scroll, #chat-side", *REACH)
    page.page.get_by_role("tab", name="Status").click()
    expect(page.page.locator("#status-table")).to_contain_text("onerror")
    chat.is_harmless("#status-table")


def test_a_large_answer_does_not_stop_the_page(chat: PageWatch) -> None:
    page = chat.page
    choose(page, "says")
    table = "|" + "a|" * 60 + "\n|" + "-|" * 60 + "\n" + ("|" + "b|" * 60 + "\n") * 60
    for text in (table, "x" * 1_000_000):
        page.ask(text)
        chat.is_harmless("#chat-scroll .message-content", *REACH)
        wide = page.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0


def test_a_comparison_stays_text(browser: Browser, hostile: Site) -> None:
    with new_tab(browser, hostile.url) as tab:
        page = ComparePage(tab, hostile.url)
        watch = PageWatch(page)
        page.open()
        page.set("says", "fails", provider="attacker")
        page.compare("\n\n".join(HTML[:24]))
        watch.is_harmless("#compare .message-content, #compare-hint", "#compare-prompt textarea", "#tabs [role=tab]")
        page.set("thinks", "is-called", provider="attacker")
        page.compare("\n\n".join([*HTML[24:], *MARKDOWN[:24]]))
        page.page.wait_for_timeout(500)
        watch.is_harmless("#compare", "#compare-prompt textarea", "#tabs [role=tab]")


def test_every_page_carries_a_policy_that_works(chat: PageWatch) -> None:
    """An image from elsewhere, put there by a script of ours, is not loaded: the policy is the last line."""
    page = chat.page.page
    blocked = page.evaluate(
        """async (evil) => {
          const directives = [];
          document.addEventListener("securitypolicyviolation", (event) => directives.push(event.effectiveDirective));
          const image = new Image(); image.src = evil + "/a.png";
          await fetch(evil + "/b").catch(() => {});
          const form = document.createElement("form"); form.action = evil; form.method = "post";
          document.body.append(form); form.submit();
          const style = document.createElement("link"); style.rel = "stylesheet"; style.href = evil + "/c.css";
          document.head.append(style);
          const frame = document.createElement("iframe"); frame.src = evil; document.body.append(frame);
          await new Promise((done) => setTimeout(done, 500));
          return directives.sort();
        }""",
        EVIL,
    )
    assert {re.sub("-elem$", "", directive) for directive in blocked} >= {
        "connect-src",
        "form-action",
        "frame-src",
        "img-src",
        "style-src",
    }
    assert page.url.startswith(chat.page.url)


def test_the_page_says_that_the_server_is_busy_and_keeps_the_prompt(chat: PageWatch) -> None:
    page = chat.page
    text = "That is too much in a short time. Wait a little, and try again."
    page.page.route(
        "**/gradio_api/queue/join*",
        lambda route: route.fulfill(status=429, json={"detail": text}, headers={"retry-after": "3"}),
    )
    page.type("Hello")
    expect(page.page.get_by_role("alert").filter(has_text="too much in a short time")).to_be_visible()
    expect(page.prompt).to_have_value("Hello")
    page.page.unroute_all()

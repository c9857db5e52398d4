"""The page's part of benchmarks/conversations.py: conversations are opened, found and gone on with in Chromium.

The provider is the fault server, whose log says when each word was sent. A time ends when the browser has painted.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect, sync_playwright

from llm_hub.conversations.document import write_document
from tests.fault_server import FaultServerThread
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.conversations_page import ConversationsPage
from tests.ui.gated_server import KEEPING
from tests.ui.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from llm_hub.conversations.conversation import Conversation

SHORT, FAST = "ok?tokens=20&rate=100", "ok?tokens=6000&rate=2000"
"""An answer of a fifth of a second, and one of three seconds at 2,000 tokens a second."""
ROUNDS = 5
COPIES = 500

WATCH = """() => {
  const [log, live, scroll] = ["log", "live", "scroll"].map((name) => document.querySelector(`#chat-${name}`));
  const count = (text) => {  // without a list of them, whose memory would be what takes the browser's time
    let words = 1;
    for (let at = text.indexOf(" "); at >= 0; at = text.indexOf(" ", at + 1)) words++;
    return words;
  };
  const painted = (note) => requestAnimationFrame(() => setTimeout(() => note(Date.now() / 1000)));
  window.turn = {};
  document.addEventListener("keydown", ({ key, target }) => {
    if (key !== "Enter" || !target.matches("#chat-prompt textarea")) return;
    turn = { asked: Date.now() / 1000, text: target.value, seen: [] };
  }, true);
  new MutationObserver(() => {
    const now = turn;
    if (!now.text || now.isOver) return;
    const text = live.querySelector("[data-testid=bot]")?.textContent.trim();
    const words = text && count(text);
    if (words && words !== now.words) painted((at) => now.seen.push([at, words]));
    now.words = words ?? now.words;
    now.isOver = [...log.querySelectorAll("[data-testid=user]")].at(-1)?.textContent.includes(now.text);
    if (now.isOver) painted((at) => { now.end = at; });
  }).observe(scroll, { childList: true, subtree: true, characterData: true });
}"""
"""Notes, of the turn that is asked next, when its words are on the screen, and when it stands in the log."""
OPEN = """async (id) => {
  const log = document.querySelector("#chat-log");
  const begun = performance.now();
  document.querySelector(`#conversation-list li[data-id="${id}"] a`).click();
  while (!log.querySelector(".figures")) await new Promise(requestAnimationFrame);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
}"""
FILL = """async ([document, copies]) => {
  const store = window.llmHub.browserStore();
  for (let number = 0; number < copies; number++) await store.put({ ...document, id: `${number}`.padStart(22, "c") });
}"""
TIMED = """async ([method, value]) => {
  const store = window.timedStore ??= window.llmHub.browserStore();
  const begun = performance.now();
  await store[method](value);
  return performance.now() - begun;
}"""


@dataclass
class Turns:
    """Seconds of the turns that were asked after so many others."""

    first_word: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)


def ask(chat: ConversationsPage, text: str) -> dict[str, Any]:
    chat.page.wait_for_timeout(500)
    chat.type(text)
    chat.page.wait_for_function("turn.end && turn.seen.length", timeout=60_000)
    turn: dict[str, Any] = chat.page.evaluate("turn")
    return turn


def measure_turns(chat: ConversationsPage, provider: FaultServerThread, conversation: Conversation | None) -> Turns:
    """Asks in a conversation, or each time in a new chat."""
    turns = Turns()
    chat.open(f"?c={conversation.id}" if conversation else "")
    if conversation:
        expect(chat.figures.first).to_be_visible(timeout=30_000)
        expect(chat.page.locator("#chat-model input")).to_have_value("gpt")
    chat.page.evaluate(WATCH)
    for model, rounds in ((SHORT, ROUNDS), (FAST, 2)):
        chat.choose(model)
        for number in range(rounds):
            if not conversation:
                chat.page.locator("#chat-new").click()
                expect(chat.prompts).to_have_count(0)
            turn = ask(chat, f"Number {number}, {model.replace('&', ' ')}")
            if model == SHORT:
                turns.first_word.append(turn["seen"][0][0] - turn["asked"])
                turns.end.append(turn["end"] - turn["asked"])
                continue
            sent = [exchange for exchange in provider.exchanges if exchange.model == model][-1].token_times
            skew = time.time() - time.monotonic()
            # It is furthest behind just before its next picture: by the first word that it does not show yet.
            shown = [(words, until) for (_, words), (until, _) in pairwise(turn["seen"]) if words < len(sent)]
            turns.behind += [until - skew - sent[words] for words, until in shown]
    return turns


def measure_opening(chat: ConversationsPage, name: str) -> float:
    """Seconds from the click in the list until the conversation is on the screen, at the median."""
    times = []
    for _ in range(ROUNDS):
        chat.page.locator("#chat-new").click()
        expect(chat.prompts).to_have_count(0)
        chat.page.wait_for_timeout(500)
        milliseconds: float = chat.page.evaluate(OPEN, name)
        times.append(milliseconds / 1000)
    return statistics.median(times)


def measure_database(
    browser: Browser, provider: FaultServerThread, site: Site, opened: list[Conversation]
) -> dict[str, Any]:
    """Seconds of a turn by its number, and of opening by the number of turns."""
    chat = ConversationsPage(browser.new_page(), site.url)
    turns = {}
    for conversation in (None, *opened):
        measured = measure_turns(chat, provider, conversation)
        turns[str(len(conversation.nodes) + 1 if conversation else 1)] = {
            "first_word": statistics.median(measured.first_word),
            "end": statistics.median(measured.end),
            "behind": statistics.median(measured.behind),
            "behind_95": statistics.quantiles(measured.behind, n=20)[-1],
            "behind_most": max(measured.behind),
        }
    opening = {str(len(conversation.nodes)): measure_opening(chat, conversation.id) for conversation in opened}
    return {"turns": turns, "opening": opening}


def measure_browser_store(browser: Browser, site: Site, opened: Conversation) -> dict[str, float]:
    """Seconds of the list, a search and opening, with the same conversation 500 times in IndexedDB."""
    chat = ConversationsPage(browser.new_page(), site.url)
    chat.open()
    chat.page.evaluate(FILL, [json.loads(json.dumps(write_document(opened))), COPIES])
    chat.open()
    calls = {"list": ["list", ""], "search": ["list", "nothing has this"]}
    times = {
        name: statistics.median(chat.page.evaluate(TIMED, call) / 1000 for _ in range(ROUNDS))
        for name, call in calls.items()
    }
    return {**times, "opening": measure_opening(chat, "250".rjust(22, "c"))}


def measure_page(url: str, usual: Conversation, long: Conversation) -> dict[str, Any]:
    """What a reader waits for, with the database at `url`, and with a browser's own store."""
    with FaultServerThread() as provider, tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        environment = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": provider.openai_url}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with Site(Path(folder) / "database", environment | {"LLM_HUB_DATABASE_URL": url}) as site:
            figures = measure_database(browser, provider, site, [usual, long])
        with Site(Path(folder) / "browser", environment | KEEPING["browser"]) as site:
            figures["browser_store"] = measure_browser_store(browser, site, usual)
        browser.close()
    return figures

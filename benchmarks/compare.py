"""How far four panes are behind a provider that sends each of them 500 tokens a second, in a real browser.

    uv run python -m benchmarks.compare [RATE] [--prose]

The answers are half code and half tables; `--prose` has plain words instead. Each token carries its own number, and the
provider notes when it sent it; the browser notes when the number was on the page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice, pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from benchmarks.figures import publish
from tests.ui.compare_page import ComparePage
from tests.ui.compatible import Compatible, Exchange
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.site import Site

SECONDS = 8
PANES = 4
MAX_WAIT = 120_000
"""Milliseconds."""
TICK = 0.01
"""Seconds between two writes of the provider, each of as many chunks as there are tokens by then."""
WATCH = """() => {
  window.seen = {}; window.frames = [];
  let last = performance.now();
  const frame = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  for (let pane = 1; pane <= 4; pane++) {
    seen[pane] = [];
    const live = document.querySelector(`#compare-pane-${pane} .pane-live`);
    new MutationObserver(() => {
      const said = live.querySelector("[data-testid=bot]")?.textContent ?? "";
      const numbers = said.slice(-400).match(/\\d+(?=;)/g);
      if (numbers) seen[pane].push([Date.now() / 1000, Math.max(...numbers) + 1]);
    }).observe(live, {childList: true, subtree: true, characterData: true});
  }
}"""


class Provider(Compatible):
    """Streams `tokens` at `rate` a second to whoever asks. `sent_at` is by model, and then by token."""

    def __init__(self, rate: int, tokens: list[str]) -> None:
        self.rate = rate
        self.tokens = tokens
        self.sent_at: dict[str, list[float]] = {}

    def models(self) -> list[str]:
        return [f"fast-{pane}" for pane in range(1, PANES + 1)]

    def answer(self, exchange: Exchange, body: dict[str, Any], _: str) -> None:
        sent_at = self.sent_at[body["model"]] = []
        exchange.begin_stream()
        started = time.time()
        while len(sent_at) < len(self.tokens):
            due = min(len(self.tokens), int((time.time() - started) * self.rate) + 1)
            for token in self.tokens[len(sent_at) : due]:
                sent_at.append(time.time())
                exchange.send_text(token, model=body["model"])
            time.sleep(TICK)
        exchange.end_stream(model=body["model"])


def write_prose(numbers: Iterator[int]) -> Iterator[str]:
    """Words, a paragraph of 60 at a time."""
    for number in numbers:
        yield f"word{number}; " if number % 60 else f"word{number};\n\n"


def write_code_and_tables(numbers: Iterator[int]) -> Iterator[str]:
    """A paragraph, 25 lines of Python and a table of 15 rows, in turn."""
    while True:
        yield from (f"**word**{number}; " for number in islice(numbers, 20))
        yield "\n\n```python\n"
        for _ in range(25):
            first, second, third, fourth = islice(numbers, 4)
            yield f"    total[{first};] = "
            yield f'call("a text", {second};'
            yield f", value={third};"
            yield f")  # line {fourth};\n"
        yield "```\n\n| name | `code` | value |\n|:--|--|--:|\n"
        for _ in range(15):
            first, second, third = islice(numbers, 3)
            yield from (f"| name {first}; ", f"| `f({second};)` ", f"| {third}; |\n")
        yield "\n"


def numbered(texts: Iterator[str], tokens: int) -> list[str]:
    """The tokens: a text without a number goes with the one before it."""
    merged: list[str] = []
    for text in texts:
        if ";" not in text:
            merged[-1] += text
        elif len(merged) == tokens:
            return merged
        else:
            merged.append(text)
    return merged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rate", type=int, nargs="?", default=500, help="tokens a second for each pane")
    parser.add_argument("--prose", action="store_true", help="plain words instead of code and tables")
    parser.add_argument("--json", metavar="PATH", help="where to write the figures as well")
    options = parser.parse_args()
    write = write_prose if options.prose else write_code_and_tables
    tokens = numbered(write(count()), SECONDS * options.rate)
    with Provider(options.rate, tokens) as provider, tempfile.TemporaryDirectory() as folder:
        publish(measure(provider, Path(folder)))


def measure(provider: Provider, folder: Path) -> dict[str, float]:
    """Seconds by which the panes were behind, all four together, and milliseconds between two pictures."""
    print(f"{provider.rate} tokens a second; load of the machine before: {os.getloadavg()[0]:.1f}")
    with sync_playwright() as playwright, Site(folder / "log", {"LLM_HUB_SERVERS": f"fast={provider.url}"}) as site:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        compare = ComparePage(browser.new_page(viewport={"width": 1440, "height": 900}), site.url)
        compare.open()
        compare.set(*provider.models(), provider="fast")
        compare.page.evaluate(WATCH)
        compare.question.fill("Hello")
        compare.page.locator("#compare-run").click()
        expect(compare.page.locator("#compare-stop")).to_be_visible()
        compare.page.wait_for_timeout(1000 * SECONDS)  # to look for a button meanwhile would keep the page busy
        expect(compare.page.locator("#compare-stop")).to_be_hidden(timeout=MAX_WAIT)
        seen, frames = compare.page.evaluate("[seen, frames]")
        of_all: list[float] = []
        for pane, model in enumerate(provider.models(), 1):
            sent = provider.sent_at[model]
            # A pane is furthest behind just before its next picture: by the first token that it does not show yet.
            shown = [(tokens, until) for (_, tokens), (until, _) in pairwise(seen[str(pane)]) if tokens < len(sent)]
            behind = sorted(until - sent[tokens] for tokens, until in shown)
            of_all += behind
            print(
                f"pane {pane}: {len(behind)} pictures of {len(sent)} tokens in {sent[-1] - sent[0]:.1f} s, behind "
                f"by {statistics.median(behind):.2f} s (median), {behind[int(len(behind) * 0.95)]:.2f} s (95 %), "
                f"{behind[-1]:.2f} s (ever); the end by {seen[str(pane)][-1][0] - sent[-1]:.2f} s"
            )
        browser.close()
    return {
        "rate": provider.rate,
        "behind": statistics.median(of_all),
        "behind_95": statistics.quantiles(of_all, n=20)[-1],
        "behind_most": max(of_all),
        "frame": statistics.median(frames),
        "frame_95": statistics.quantiles(frames, n=20)[-1],
    }


if __name__ == "__main__":
    main()

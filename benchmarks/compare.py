"""How far four panes are behind a provider that sends each of them 200 tokens a second, in a real browser.

    uv run python -m benchmarks.compare

The provider is the fault server, whose log says when each word was sent; the browser notes when it was on the page.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.fault_server import FaultServerThread
from tests.ui.compare_page import ComparePage
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.site import Site

WORDS = 1600
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
      const said = live.querySelector("[data-testid=bot]");
      if (said) seen[pane].push([Date.now() / 1000, said.textContent.trim().split(/\\s+/).length]);
    }).observe(live, {childList: true, subtree: true, characterData: true});
  }
}"""


def main() -> None:
    with FaultServerThread() as fault_server, tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        environment = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": fault_server.openai_url}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with Site(Path(folder) / "log", environment) as site:
            compare = ComparePage(browser.new_page(), site.url)
            compare.open()
            models = [f"ok?tokens={WORDS}&rate=200&pane={pane}" for pane in range(1, 5)]
            compare.set(*models)
            compare.page.evaluate(WATCH)
            skew = time.time() - time.monotonic()
            compare.compare("Hello", panes=4)
            seen, frames = compare.page.evaluate("[seen, frames]")
            for pane, model in enumerate(models, 1):
                sent = next(exchange for exchange in fault_server.exchanges if exchange.model == model).token_times
                # A pane is furthest behind just before its next picture: by the first word that it does not show yet.
                shown = [(words, until) for (_, words), (until, _) in pairwise(seen[str(pane)]) if words < len(sent)]
                behind = [until - skew - sent[words] for words, until in shown]
                print(
                    f"pane {pane}: {len(behind)} pictures, at most behind by {statistics.median(behind):.2f} s "
                    f"(median), {max(behind):.2f} s (ever)"
                )
            frames.sort()
            print(f"frames: median {frames[len(frames) // 2]:.0f} ms, 95 % {frames[int(len(frames) * 0.95)]:.0f} ms")
        browser.close()


if __name__ == "__main__":
    main()

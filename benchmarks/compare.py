"""How far four panes are behind a provider that sends each of them 200 tokens a second, in a real browser.

    uv run python -m benchmarks.compare

The provider is the fault server, whose log says when each word was sent; the browser notes when it was on the page.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.ui.compare_page import ComparePage
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.site import Site
from tests.wall import WallThread

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
    with WallThread() as wall, tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        environment = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": wall.openai_url}
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
                sent = next(exchange for exchange in wall.exchanges if exchange.model == model).token_times
                behind = [at - skew - sent[words] for at, words in seen[str(pane)] if words < len(sent)]
                print(
                    f"pane {pane}: {len(behind)} pictures, behind by {statistics.median(behind):.2f} s (median), "
                    f"{max(behind):.2f} s (most)"
                )
            frames.sort()
            print(f"frames: median {frames[len(frames) // 2]:.0f} ms, 95 % {frames[int(len(frames) * 0.95)]:.0f} ms")
        browser.close()


if __name__ == "__main__":
    main()

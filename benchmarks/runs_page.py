"""How often the page shows a run of 1,200 cells that fills, in Chromium, and what that costs.

    uv run python -m benchmarks.runs_page

100 prompts × 4 targets × 3 repeats, asked of the fault server: some 40 answers a second. An update is a picture with
other marks, or another share, than the one before. On two cores, 2026-11-29: 7.9 updates a second, the longest wait
0.3 s, 28 % of a core for the hub and for the page; beside two processes that keep both cores busy, 7.9 and 0.5 s.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect, sync_playwright

from tests.fault_server import FaultServerThread
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROMPTS, REPEATS = 100, 3
TARGETS = [f"openai/ok?tokens={tokens}&rate=50" for tokens in (18, 19, 20, 21)]
"""Answers of 0.4 s, four at once of each target."""
CELLS = PROMPTS * REPEATS * len(TARGETS)
MAX_WAIT = 240_000
"""Milliseconds."""
WATCH = """() => {
  window.updates = [];
  let isNoted = false;
  const note = () => {
    if (isNoted) return;
    isNoted = true;
    requestAnimationFrame(() => setTimeout(() => { isNoted = false; updates.push(performance.now() / 1000); }));
  };
  for (const part of ["live", "table"])
    new MutationObserver(note).observe(document.querySelector(`#runs-${part}`),
      { childList: true, subtree: true, characterData: true, attributes: true });
}"""


def fill(page: Page) -> None:
    """The form of the Runs tab."""
    page.get_by_role("tab", name="Runs").click()
    page.locator("#runs-prompts textarea").fill("\n".join(f"prompt number {number}" for number in range(PROMPTS)))
    box = page.locator("#runs-targets input")
    for target in TARGETS:
        box.fill(target)
        box.press("Enter")
    page.locator("#runs-repeats input, #runs-repeats textarea").fill(str(REPEATS))
    page.locator("#runs-checks textarea").fill("length:1..")
    page.locator("#runs-checks textarea").blur()
    expect(page.locator("#runs-estimate")).to_contain_text(f"{CELLS:,} requests", timeout=MAX_WAIT)


def hub_seconds(site: Site) -> float:
    """Processor time of the hub's process so far."""
    user, system = Path(f"/proc/{site.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(page: Page, site: Site) -> None:
    page.set_default_timeout(MAX_WAIT)
    page.goto(site.url)
    fill(page)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def page_seconds() -> float:
        metrics: list[dict[str, Any]] = devtools.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    page.locator("#runs-start").click()
    expect(page.locator("#runs-table td button")).to_have_count(CELLS)
    page.evaluate(WATCH)
    began, hub_before, page_before = time.perf_counter(), hub_seconds(site), page_seconds()
    page.wait_for_function('document.querySelector("#runs-live .ended")', timeout=MAX_WAIT)
    seconds = time.perf_counter() - began
    hub, browser = hub_seconds(site) - hub_before, page_seconds() - page_before
    print(f"{CELLS:,} cells, {seconds:.1f} s; hub {hub / seconds:.0%} of a core, page {browser / seconds:.0%}")
    times: list[float] = page.evaluate("updates")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    print(
        f"{len(gaps) / (times[-1] - times[0]):.2f} updates a second; gaps: median {statistics.median(gaps):.3f} s, "
        f"95 % {statistics.quantiles(gaps, n=20)[-1]:.3f} s, longest {max(gaps):.3f} s"
    )


def main() -> None:
    with FaultServerThread() as provider, tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        environment = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": provider.openai_url}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with Site(Path(folder) / "log", environment) as site:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            measure(page, site)
        browser.close()


if __name__ == "__main__":
    main()

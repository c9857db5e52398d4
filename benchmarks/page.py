"""How soon the page can be typed in, beside a bare `gr.ChatInterface`, and what it sends, in Chromium.

    uv run python -m benchmarks.page

Both are loaded in turns, by visitors who were never here and by the same ones again. The time is from the navigation to
the first picture in which a text box can be used.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from playwright.sync_api import sync_playwright

from benchmarks.figures import publish
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.site import Site, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

ROUNDS = 9
BARE = """
import sys, gradio as gr
chat = gr.ChatInterface(lambda message, history: message, analytics_enabled=False)
chat.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, ssr_mode=False)
"""
WATCH = """(() => {
  const look = () => {
    const usable = (box) => !box.disabled && box.checkVisibility();
    if ([...document.querySelectorAll("textarea")].some(usable)) window.usable = performance.now();
    else requestAnimationFrame(look);
  };
  look();
})()"""


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds until it can be typed in, the requests until then, and kilobytes on the wire: the page, and all."""

    seconds: float
    requests: float
    page: float
    all: float


@contextmanager
def _bare(folder: str) -> Iterator[str]:
    port = free_port()
    script = Path(folder) / "bare.py"
    script.write_text(BARE)
    process = subprocess.Popen([sys.executable, str(script), str(port)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(120):
            try:
                httpx.get(f"http://127.0.0.1:{port}/").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.25)
            else:
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _load(page: Page, url: str) -> Load:
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    asked: dict[str, str] = {}
    sizes: dict[str, float] = {}
    wire.on("Network.requestWillBeSent", lambda event: asked.update({event["requestId"]: event["request"]["url"]}))
    wire.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(url)
    page.wait_for_function("window.usable")
    requests = len(asked)
    document = sum(size for request, size in sizes.items() if asked[request].rstrip("/") == url)
    return Load(page.evaluate("usable") / 1000, requests, document / 1000, sum(sizes.values()) / 1000)


def main() -> None:
    loads: dict[tuple[str, str], list[Load]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser: Any = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with _bare(folder) as bare, Site(Path(folder) / "log", {}) as site:
            for _ in range(ROUNDS):
                for name, url in ("gr.ChatInterface", bare), ("LLM Hub", site.url):
                    context = browser.new_context()
                    context.add_init_script(WATCH)
                    for visit in "first visit", "again":
                        page = context.new_page()
                        loads[name, visit].append(_load(page, url))
                        page.close()
                    context.close()
        browser.close()
    publish({f"{name}, {visit}": _median(rounds) for (name, visit), rounds in loads.items()})


def _median(loads: list[Load]) -> dict[str, float]:
    return {figure: statistics.median(getattr(load, figure) for load in loads) for figure in Load.__slots__}


if __name__ == "__main__":
    main()

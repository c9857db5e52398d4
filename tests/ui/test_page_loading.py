"""What the page asks for until it can be used, and how large that is."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from tests.ui.conftest import new_tab
from tests.ui.gradio_fixes.test_in_browser import COUNT_PROXIES
from tests.ui.site import NO_TLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.ui.site import Site

FOR_GOOD = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def visitor(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, verify=NO_TLS, trust_env=False) as visitor:
        yield visitor


def test_the_page_is_at_most_60_kb(visitor: httpx.Client) -> None:
    with visitor.stream("GET", "/") as page:
        assert page.headers["content-encoding"] == "gzip"
        raw = b"".join(page.iter_raw())
    assert len(raw) <= 60_000
    assert b"window.gradio_config" in gzip.decompress(raw)
    assert visitor.get("/config").headers["content-encoding"] == "gzip"
    uncompressed = visitor.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in uncompressed.headers
    assert "window.gradio_config" in uncompressed.text


def test_what_is_named_by_its_content_is_kept_for_good(visitor: httpx.Client) -> None:
    page = visitor.get("/")
    assert "immutable" not in page.headers.get("cache-control", "")
    named = re.findall(r'(?:src|href)="[.](/(?:assets/|components)[^"]+)"', page.text)
    assert len(named) > 50
    for address in named:
        reply = visitor.get(address)
        assert reply.status_code == 200
        assert reply.headers["cache-control"] == FOR_GOOD
    for address in ("/assets/none-12345678.js", "/components.css", "/favicon.ico"):
        assert "immutable" not in visitor.get(address).headers.get("cache-control", "")


def test_it_asks_for_nothing_late_and_nothing_twice(browser: Browser, site: Site) -> None:
    with new_tab(browser, site.url) as tab:
        asked: list[str] = []
        tab.add_init_script(COUNT_PROXIES)
        tab.on("request", lambda request: asked.append(request.url.removeprefix(site.url)))
        tab.goto(site.url)
        expect(tab.locator("#chat-prompt textarea")).to_be_editable()
        named = tab.locator("link[rel=modulepreload], link[rel=stylesheet]:not([disabled]), script[src]")
        early = {
            address.removeprefix(".")
            for address in named.evaluate_all(
                "(all) => all.map((element) => element.getAttribute('href') ?? element.getAttribute('src'))"
            )
        }
        assert len(asked) <= 60
        assert "/static/js/iframeResizer.contentWindow.min.js" not in asked  # it is in no frame
        assets = [address for address in asked if address.startswith("/assets/")]
        assert len(assets) == len(set(assets))
        assert set(assets) <= early
        assert tab.evaluate("[...proxied].filter((part) => gradio_config.dependencies.includes(part))") == []
        assert not tab.evaluate("gradio_config.dependencies.some(({inputs}) => inputs.includes(inputs[0]))")

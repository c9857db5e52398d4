"""The page as Hugging Face shows it: in a frame of another site, which may keep no cookie there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Frame, FrameLocator, Page, Playwright

    from tests.ui.site import Site

AROUND = "https://huggingface.co/spaces/someone/llm-hub"
SHOWN = """<!doctype html><title>A Space</title><iframe style="width:1200px;height:800px;border:0" src="{url}/"
sandbox="allow-downloads allow-forms allow-modals allow-pointer-lock allow-popups allow-popups-to-escape-sandbox
allow-same-origin allow-scripts allow-storage-access-by-user-activation"></iframe>"""
"""How huggingface.co frames a Space."""
SET_A_COOKIE = "document.cookie = 'kept=1; SameSite=None; Secure'; document.cookie"


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    # The frame's server is on this computer, which a page from the internet may not reach without being asked.
    flags = ("--test-third-party-cookie-phaseout", "--disable-features=LocalNetworkAccessChecks")
    with chromium(playwright, *flags) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser, space: Site) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.route(AROUND, lambda route: route.fulfill(body=SHOWN.format(url=space.url), content_type="text/html"))
    page.goto(AROUND)
    return page


def framed(page: Page, space: Site) -> Frame:
    return next(frame for frame in page.frames if frame.url.startswith(space.url))


def test_a_chat_streams_in_a_frame_without_cookies(page: Page, space: Site) -> None:
    strangers: list[str] = []
    page.on("request", lambda request: strangers.append(request.url) if stranger(request.url, space) else None)
    inside = page.frame_locator("iframe")
    prompt = inside.locator("#chat-prompt textarea")
    expect(prompt).to_be_visible(timeout=20_000)
    alone = page.context.new_page()
    alone.goto(f"{space.url}/health")
    assert alone.evaluate(SET_A_COOKIE) == "kept=1"
    alone.close()
    page.context.clear_cookies()
    assert framed(page, space).evaluate(SET_A_COOKIE) == ""

    choose(inside, "#chat-provider", "chaos")
    choose(inside, "#chat-model", "steady")
    prompt.fill("Hello")
    prompt.press("Enter")
    expect(inside.locator("#chat-log .figures")).to_have_count(1, timeout=20_000)
    expect(inside.locator("#chat-log .figures")).to_contain_text("steady")
    assert page.context.cookies(space.url) == []
    assert strangers == []


def choose(inside: FrameLocator, box: str, name: str) -> None:
    field = inside.locator(f"{box} input")
    field.fill(name)
    field.press("Enter")


def stranger(url: str, space: Site) -> bool:
    return urlsplit(url).netloc not in (urlsplit(space.url).netloc, urlsplit(AROUND).netloc)

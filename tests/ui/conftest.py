"""A real browser before the real server, which talks to the fault server."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest

from tests.fault_server import FaultServerThread
from tests.ui.chat_page import ChatPage
from tests.ui.echo_server import EchoServer
from tests.ui.gated_server import KEEPING, GatedServer, gated_hub
from tests.ui.site import NO_TLS, Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.sync_api import Browser, Page, Playwright

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is Chromium without the window around its pages, which costs less than half of the processor's time."""
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), "")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"]  # fmt: skip
KEY = "sk-test-0123456789abcdef"

WITHIN = 20_000.0
"""Milliseconds for what a page is expected to show: the machine may be busy."""

READY_TABS: dict[Browser, Page] = {}
"""The empty tab of each browser that waits for the next visitor."""

T = TypeVar("T", bound=ChatPage)


@pytest.fixture(scope="session")
def fault_server() -> Iterator[FaultServerThread]:
    with FaultServerThread() as fault_server:
        yield fault_server


@pytest.fixture(scope="session")
def echo_server() -> Iterator[EchoServer]:
    with EchoServer() as echo_server:
        yield echo_server


@pytest.fixture(scope="session")
def site(
    fault_server: FaultServerThread, echo_server: EchoServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    log = tmp_path_factory.mktemp("site") / "log"
    environment = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": fault_server.openai_url,
        "LLM_HUB_SERVERS": f"echo={echo_server.url},second={fault_server.openai_url}",
        "LLM_HUB_CHAOS": "1",
        "LLM_HUB_DATABASE_URL": f"sqlite:///{log.parent / 'votes.db'}",
        "LLM_HUB_SHUTDOWN_TIMEOUT": "1",  # answers that tests have left are not waited for
    }
    with Site(log, environment) as site:
        yield site
    text = log.read_text()
    assert "Traceback" not in text, text
    assert KEY not in text


@pytest.fixture(scope="module")
def gated() -> Iterator[GatedServer]:
    """A server whose answers wait for the test."""
    with GatedServer() as gated:
        yield gated


@pytest.fixture(scope="module", params=KEEPING)
def hub(request: pytest.FixtureRequest, gated: GatedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub before that server, once for each place where conversations are kept."""
    with gated_hub(gated, request.param, tmp_path_factory.mktemp("hub") / "log") as hub:
        yield hub


@contextmanager
def chromium(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """Chromium. Without it a test is skipped, and fails in CI."""
    if not CHROMIUM:
        message = "There is no Chromium on the PATH: the page was not tried in a browser."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import expect

    expect.set_options(timeout=WITHIN)
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    yield browser
    READY_TABS.pop(browser, None)
    browser.close()


@contextmanager
def new_tab(browser: Browser, url: str, width: int = 1440, height: int = 900) -> Iterator[Page]:
    """An empty tab for a visitor who has never been at that address.

    Visitors who come one after the other share a browser context, so that the page's scripts are loaded once and not
    by each (half of what a visit costs). They share nothing else: a tab is new, with its history, its session storage
    and all that a test sets on it, and what the context keeps is cleared when the visitor leaves. Visitors who are here
    at once have contexts of their own, and a context with options is a test's own affair.
    """
    tab = READY_TABS.pop(browser, None) or browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    context = tab.context
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    tab.set_viewport_size({"width": width, "height": height})
    yield tab
    if browser in READY_TABS:
        context.close()
        return
    ready = context.new_page()  # first, so that the browser keeps what it has compiled
    for page in context.pages:
        if page is not ready:
            page.close()
    context.clear_permissions()
    context.new_cdp_session(ready).send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    READY_TABS[browser] = ready


@contextmanager
def visiting(browser: Browser, kind: type[T], url: str, width: int = 1440, height: int = 900) -> Iterator[T]:
    """A new visitor on the page. Afterwards: its console has no errors, and it requested nothing of another host."""
    with new_tab(browser, url, width, height) as tab:
        visitor = kind(tab, url)
        visitor.open()
        yield visitor
    assert not visitor.complaints, "\n".join(visitor.complaints)
    assert visitor.strangers == []


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium(playwright) as browser:
        yield browser


@pytest.fixture
def chat(browser: Browser, site: Site) -> Iterator[ChatPage]:
    with visiting(browser, ChatPage, site.url) as chat:
        yield chat


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks the page's own protocol, for many tabs at once."""
    limits = httpx.Limits(max_connections=300)
    async with httpx.AsyncClient(
        base_url=site.url, trust_env=False, limits=limits, timeout=60, verify=NO_TLS
    ) as client:
        yield client


@pytest.fixture
async def config(client: httpx.AsyncClient) -> dict[str, Any]:
    settings: dict[str, Any] = (await client.get("/config")).json()
    return settings

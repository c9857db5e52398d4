"""The owner at the page, without a key: from the note beside a provider to a key, and to its answer."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from llm_hub.setting_texts import read_env_file
from tests.ui.chat_page import ChatPage
from tests.ui.conftest import visiting
from tests.ui.site import ROOT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.fault_server import FaultServerThread

KEY = "sk-owner-0123456789abcdef"


@pytest.fixture
def site(fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("owner")
    shutil.copy(ROOT / "app.py", folder)
    environment = {"OPENAI_BASE_URL": fault_server.openai_url}
    with Site(folder / "log", environment, folder=folder) as site:
        yield site
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log
    assert KEY not in log


def test_a_missing_key_is_entered_where_it_is_missing(
    browser: Browser, site: Site, fault_server: FaultServerThread
) -> None:
    with visiting(browser, ChatPage, site.url) as owner:
        page = owner.page
        owner.choose("ok?tokens=5", "OpenAI (needs a key)")
        page.locator("#chat-note").get_by_role("button", name="Enter a key").click()
        form = page.locator("#keys-owner form").first
        expect(form.get_by_label("API key")).to_be_focused()
        expect(form.get_by_label("Provider")).to_have_value("openai")
        page.keyboard.type(KEY)
        page.keyboard.press("Enter")
        expect(page.locator("#keys-owner [role=status]").first).to_have_text(
            "The key for OpenAI is saved, and used from now on."
        )
        expect(page.get_by_role("list", name="Saved keys")).to_contain_text("ends in cdef")
        page.get_by_role("tab", name="Chat").click()
        expect(page.locator("#chat-note .note")).to_have_count(0)
        expect(page.locator("#chat-provider input")).to_have_value("OpenAI")
        since = len(fault_server.exchanges)
        owner.ask("Hello")
        expect(owner.figures).to_have_count(1)
        assert fault_server.exchanges[since].headers["authorization"] == f"Bearer {KEY}"
        assert KEY not in page.content()
        request = {"messages": [{"role": "user", "content": "Hello"}], "model": "openai/ok?tokens=3"}
        assert httpx.post(f"{site.url}/v1/chat", json=request, trust_env=False).json()["provider"] == "openai"
    assert read_env_file(site.folder / ".env") == {"OPENAI_API_KEY": KEY}
    with visiting(browser, ChatPage, site.url) as owner:  # a new page knows, too
        expect(owner.page.locator("#chat-provider input")).to_have_value("OpenAI")
        expect(owner.page.locator("#chat-model input")).to_have_value("gpt-6-luna")
        owner.page.locator("#chat-provider input").click()
        expect(owner.page.get_by_role("option", name="OpenAI", exact=True)).to_be_visible()


def test_a_server_and_a_route_are_asked_from_then_on(
    browser: Browser, site: Site, fault_server: FaultServerThread
) -> None:
    with visiting(browser, ChatPage, site.url) as owner:
        page = owner.page
        page.get_by_role("tab", name="Keys").click()
        servers, route = page.locator("#keys-owner form.server"), page.locator("#keys-owner form.route")
        servers.get_by_label("Name").fill("studio")
        servers.get_by_label("Address").fill("http://127.0.0.1:0/v1")
        servers.get_by_role("button").click()
        told = page.locator("#keys-owner [role=status]")
        expect(told.nth(1)).to_have_text("The address is not a web address. It looks like https://example.com/v1.")
        owner.complaints.clear()  # the browser's own, of a request that was refused
        servers.get_by_label("Address").fill(fault_server.openai_url)
        servers.get_by_role("button").click()
        expect(told.nth(1)).to_have_text("studio is saved, and can be chosen from now on.")
        page.get_by_role("tab", name="Chat").click()
        owner.choose("ok?tokens=5", "studio")
        owner.ask("Hello")
        expect(owner.figures).to_contain_text("studio")
        page.get_by_role("tab", name="Keys").click()
        route.get_by_label("Models").fill("studio/500, studio/ok?tokens=4")
        route.get_by_role("button").click()
        expect(told.nth(2)).to_have_text("The route is saved, and used from now on.")
        expect(route.get_by_label("Models")).to_have_value("studio/500, studio/ok?tokens=4")
    request = {"messages": [{"role": "user", "content": "Hello"}], "model": "auto"}
    answer = httpx.post(f"{site.url}/v1/chat", json=request, trust_env=False, timeout=30).json()
    assert answer["model"].startswith("ok")
    with visiting(browser, ChatPage, site.url) as owner:
        expect(owner.page.locator("#chat-provider input")).to_have_value("Automatic")
        expect(owner.page.locator("#chat-chain-list")).to_contain_text("studio")

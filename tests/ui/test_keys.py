"""The Keys tab in a real browser, on a hub whose visitors pay for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.ui.chat_page import ChatPage
from tests.ui.conftest import visiting
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Request

    from tests.fault_server import FaultServerThread

OWNER, ANNA, BOB = "sk-owner-0123456789abcdef", "sk-anna-0123456789abanna", "sk-bob-0123456789abcdbob"
PROVIDERS = "#chat-provider input"


@pytest.fixture(scope="module")
def site(fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("keys")
    environment = {
        "OPENAI_API_KEY": OWNER,
        "OPENAI_BASE_URL": fault_server.openai_url,
        "ANTHROPIC_BASE_URL": fault_server.anthropic_url,
        "LLM_HUB_SERVERS": f"free={fault_server.openai_url}",
        "LLM_HUB_KEY_MODE": "visitor",
        "LLM_HUB_DATABASE_URL": f"sqlite:///{folder / 'hub.db'}",
    }
    with Site(folder / "log", environment) as site:
        yield site
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log


class KeysPage(ChatPage):
    """A visitor who has keys of their own."""

    @property
    def message(self) -> Locator:
        return self.page.locator("#keys-own [role=status]")

    @property
    def kept_keys(self) -> Locator:
        return self.page.locator("#keys-own li")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def keep(self, key: str, provider: str = "OpenAI") -> None:
        self.tab("Keys")
        self.page.locator("#keys-provider").select_option(provider)
        self.page.locator("#keys-key").fill(key)
        self.page.locator("#keys-key").press("Enter")

    def offered(self) -> list[str]:
        """The chat's list of providers."""
        self.tab("Chat")
        self.page.locator(PROVIDERS).click()
        options = self.page.locator("#chat-provider").get_by_role("option").or_(self.page.get_by_role("option"))
        expect(options.first).to_be_visible()
        names = [name.strip().removeprefix("✓").strip() for name in options.all_inner_texts()]
        self.page.locator(PROVIDERS).press("Escape")
        return names


@pytest.fixture
def visitors(browser: Browser, site: Site) -> Iterator[list[KeysPage]]:
    with visiting(browser, KeysPage, site.url, 1280) as anna, visiting(browser, KeysPage, site.url, 1280) as bob:
        for visitor in (anna, bob):
            visitor.page.set_default_timeout(5_000)
        yield [anna, bob]


def keys_and_models(fault_server: FaultServerThread, since: int) -> set[tuple[str, str]]:
    """The key and the model of each request."""
    return {
        (exchange.headers["authorization"].removeprefix("Bearer "), exchange.model)
        for exchange in fault_server.exchanges[since:]
    }


def test_a_key_opens_its_provider_for_its_visitor_alone(
    visitors: list[KeysPage], fault_server: FaultServerThread
) -> None:
    anna, bob = visitors
    assert "OpenAI (needs a key)" in anna.offered()
    anna.keep(ANNA)
    expect(anna.message).to_have_text("OpenAI works: 3 models.")
    expect(anna.kept_keys).to_have_count(1)
    expect(anna.kept_keys).to_contain_text("ends in anna")
    expect(anna.page.locator("#keys-key")).to_have_value("")
    assert "OpenAI" in anna.offered()
    assert "OpenAI (needs a key)" in bob.offered()
    assert ANNA not in anna.page.content()


def test_two_visitors_at_once_each_pay_with_their_own(
    visitors: list[KeysPage], fault_server: FaultServerThread
) -> None:
    for visitor, key in zip(visitors, (ANNA, BOB), strict=True):
        visitor.keep(key)
        expect(visitor.message).to_contain_text("works")
        visitor.tab("Chat")
    since = len(fault_server.exchanges)
    for number, visitor in enumerate(visitors):
        visitor.choose(f"ok?tokens=60&rate=100&who={number}", "OpenAI")
    for visitor in visitors:
        visitor.type("Hello")
    for visitor in visitors:
        expect(visitor.figures).to_have_count(1, timeout=20_000)
    models = [f"ok?tokens=60&rate=100&who={number}" for number in range(2)]
    assert {(key, model) for key, model in keys_and_models(fault_server, since) if model} == {
        (ANNA, models[0]),
        (BOB, models[1]),
    }


def test_a_refused_key_is_reported_in_plain_words(visitors: list[KeysPage], fault_server: FaultServerThread) -> None:
    anna, bob = visitors
    anna.keep("sk-refused-0123456789")
    expect(anna.message).to_contain_text("OpenAI")
    expect(anna.message).to_contain_text("key")
    expect(anna.message).to_have_class("bad")
    assert "sk-refused-0123456789" not in anna.page.content()
    bob.keep(BOB)
    expect(bob.message).to_contain_text("works")


@pytest.mark.parametrize(("key", "problem"), [("  ", "Paste a key first."), ("two words", "contains a line break, a")])
def test_nonsense_is_refused(visitors: list[KeysPage], key: str, problem: str) -> None:
    visitors[0].keep(key)
    expect(visitors[0].message).to_contain_text(problem)
    expect(visitors[0].kept_keys).to_have_count(0)
    visitors[0].complaints.clear()  # the browser's own, of a request that was refused


def test_a_cleared_key_is_gone_and_so_is_one_after_a_reload(
    visitors: list[KeysPage], fault_server: FaultServerThread
) -> None:
    anna = visitors[0]
    for _ in range(2):
        anna.keep(ANNA)
        expect(anna.message).to_contain_text("works")
    anna.page.get_by_role("button", name="Clear your key for OpenAI").click()
    expect(anna.kept_keys).to_have_count(0)
    assert "OpenAI (needs a key)" in anna.offered()
    anna.keep(ANNA)
    expect(anna.message).to_contain_text("works")
    anna.page.reload()
    expect(anna.prompt).to_be_visible(timeout=15_000)
    anna.complaints.clear()  # Gradio's own, of the streams that a reload ends
    since = len(fault_server.exchanges)
    anna.choose("ok", "OpenAI")
    expect(anna.page.locator("#chat-note")).to_contain_text("needs a key: type yours in the tab Keys")
    anna.ask("Hello")
    expect(anna.page.locator("#chat-log")).to_contain_text("OpenAI needs a key")
    assert keys_and_models(fault_server, since) == set()


def test_compare_pays_with_the_visitors_keys_too(visitors: list[KeysPage], fault_server: FaultServerThread) -> None:
    anna = visitors[0]
    anna.keep(ANNA)
    expect(anna.message).to_contain_text("works")
    anna.tab("Compare")
    for number, provider in enumerate(("OpenAI", "free"), 1):
        box = anna.page.locator(f"#compare-pane-{number}-provider input")
        box.click()
        anna.page.get_by_role("option", name=provider, exact=True).locator("visible=true").first.click()
        model = anna.page.locator(f"#compare-pane-{number}-model input")
        expect(model).to_have_value("gpt-6-luna", timeout=15_000)  # the one's default, the first of the other's list
        model.fill(f"ok?tokens=4&pane={number}")
        model.press("Enter")
    since = len(fault_server.exchanges)
    anna.page.locator("#compare-prompt textarea").fill("Hello")
    anna.page.locator("#compare-run").click()
    expected = {(ANNA, "ok?tokens=4&pane=1"), ("none", "ok?tokens=4&pane=2")}
    assert fault_server.wait_for(
        lambda _: {pair for pair in keys_and_models(fault_server, since) if pair[1]} == expected
    )


def test_a_key_leaves_the_browser_in_one_requests_body_and_is_found_nowhere_else(
    visitors: list[KeysPage], fault_server: FaultServerThread
) -> None:
    anna = visitors[0]
    sent: list[tuple[str, str]] = []
    received: list[str] = []

    def record_request(request: Request) -> None:
        sent.append((f"{request.method} {request.url} {request.headers}", request.post_data or ""))

    def record_response(request: Request) -> None:
        response = request.response()
        assert response is not None
        received.append(f"{response.url} {response.headers}")
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            received.append(response.text())

    anna.page.on("request", record_request)
    anna.page.on("requestfinished", record_response)
    anna.keep(ANNA)
    expect(anna.message).to_contain_text("works")
    anna.tab("Chat")
    anna.choose("key", "OpenAI")  # its provider's refusal echoes the key
    anna.ask("Hello")
    anna.tab("Status")
    expect(anna.page.locator("#status-table")).to_contain_text("OpenAI")
    word = ANNA[10:-4]
    carrying = [(head, body) for head, body in sent if word in head + body]
    assert [(head.split()[:2], body) for head, body in carrying] == [(["PUT", f"{anna.url}/visitor/keys/openai"], ANNA)]
    stored = anna.page.evaluate("""async () => JSON.stringify([
      {...localStorage}, {...sessionStorage}, document.cookie, location.href, document.documentElement.outerHTML,
      [...document.querySelectorAll("input, textarea")].map((field) => field.value),
      await indexedDB.databases(), await caches.keys(),
      await (await fetch("config")).text(), JSON.stringify(window.gradio_config),
    ])""")
    assert not [text for text in (stored, *received) if word in text]
    assert len(received) > 10


def test_it_fits_a_phone(browser: Browser, site: Site) -> None:
    with visiting(browser, KeysPage, site.url, 375, 720) as anna:
        anna.keep(ANNA)
        expect(anna.message).to_contain_text("works")
        assert anna.page.evaluate("document.documentElement.scrollWidth") <= 375

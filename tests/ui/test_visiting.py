"""Visitors who come one after the other share a browser context: they must not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ui.conftest import new_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.ui.site import Site

LEAVE = """async () => {
  document.cookie = "left=1";
  localStorage.left = sessionStorage.left = "1";
  await caches.open("left");
  await new Promise((done) => { indexedDB.open("left").onsuccess = done; });
  history.pushState({}, "", "?left");
}"""
FIND = """async () => [
  document.cookie, localStorage.length, sessionStorage.length, await caches.keys(), await indexedDB.databases(),
  history.length, innerWidth,
  (await navigator.permissions.query({name: "clipboard-read"})).state,
  (await navigator.permissions.query({name: "geolocation"})).state,
]"""


def test_the_next_visitor_finds_nothing_of_the_one_before(browser: Browser, site: Site) -> None:
    address = f"{site.url}/health"
    with new_tab(browser, site.url, 375) as tab:
        assert tab.evaluate("innerWidth") == 375
        left = [tab, tab.context.new_page()]
        tab.context.grant_permissions(["geolocation"])
        tab.route(address, lambda route: route.fulfill(body="Not the hub."))
        left[1].goto(address)
        left[1].evaluate(LEAVE)
        assert "left=1" in left[1].evaluate(FIND)
    with new_tab(browser, site.url) as tab:
        assert tab.context == left[0].context
        assert all(page.is_closed() for page in left)
        reply = tab.goto(address)
        assert reply is not None
        assert reply.text() != "Not the hub."
        assert tab.evaluate(FIND) == ["", 0, 0, [], [], 2, 1440, "granted", "denied"]


def test_visitors_who_are_here_at_once_share_nothing(browser: Browser, site: Site) -> None:
    with new_tab(browser, site.url) as one, new_tab(browser, site.url) as other:
        assert one.context != other.context
    with new_tab(browser, site.url) as next_one:
        assert next_one.context in (one.context, other.context)
        assert sum(context in browser.contexts for context in (one.context, other.context)) == 1

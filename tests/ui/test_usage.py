"""The Usage tab: what was asked, for the owner's eyes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from llm_hub.ui import usage_tab
from llm_hub.ui.usage_tab import page
from llm_hub.usage.ledger import Total, Used
from tests.ui.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.ui.chat_page import ChatPage

USED = Used(3, 2, 0, 1000, 200, 0, 0, Decimal("0.25"))
TODAY = 20_000


def test_everything_is_summed_and_listed_most_used_first() -> None:
    totals = [
        Total(TODAY, "alice", "openai/a", USED),
        Total(TODAY - 2, "page", "openai/a", USED),
        Total(TODAY, "alice", "openai/b", Used(1, 1, 1, 10, 20)),
    ]
    shown = page(totals, TODAY, 7, {"openai": "OpenAI"})
    assert "<b>7</b> <span>requests</span> <small>5 answered</small>" in shown
    assert "<b>$0.5000</b> <span>price</span> <small>1 answer without a known price</small>" in shown
    assert shown.index("OpenAI · a") < shown.index("OpenAI · b")
    assert shown.index(">alice<") < shown.index(">this page<")
    assert "<td>20</td><td>unknown</td>" in shown
    assert shown.count('class="column"') == 3 * 7
    assert "Requests a day, from 28 Sep to 4 Oct: at most 4, on 4 Oct" in shown


def test_free_answers_beside_those_of_unknown_price_do_not_make_a_sum_free() -> None:
    free = Total(TODAY, "page", "chaos/steady", Used(1, 1, 0, 10, 20))
    assert "<b>free</b> <span>price</span>" in page([free], TODAY, 7, {})
    assert "<b>unknown</b> <span>price</span>" in page(
        [free, Total(TODAY, "page", "openai/b", Used(1, 1, 1, 10, 20))], TODAY, 7, {}
    )


@pytest.mark.parametrize(("days", "columns"), [(1, 0), (30, 30), (0, 60)])
def test_a_plot_has_a_column_for_each_day_it_is_about(days: int, columns: int) -> None:
    shown = page([Total(TODAY - 500 * (not days), "a", "b/c", USED), Total(TODAY, "a", "b/c", USED)], TODAY, days, {})
    assert shown.count('class="column"') == 3 * columns


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("days", [2, 7, 30])
def test_the_columns_stand_over_their_dates(browser: Browser, days: int, width: int) -> None:
    style = (Path(usage_tab.__file__).parent / "assets" / "usage.css").read_text(encoding="utf-8")
    shown = page([Total(TODAY, "a", "b/c", USED)], TODAY, days, {})
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.set_content(f'<style>{style}</style><div id="usage">{shown}</div>')
    figure = tab.locator(".columns").first
    place = figure.bounding_box()
    assert place is not None
    for day in range(days):
        column = figure.locator(".column").nth(day).bounding_box()
        assert column is not None
        middle = column["x"] + column["width"] / 2 - place["x"]
        assert middle == pytest.approx(place["width"] * (day + 0.5) / days, abs=4)
    tab.close()


def test_names_stay_text() -> None:
    shown = page([Total(TODAY, "<b>x</b>", 'openai/"><script>', USED)], TODAY, 1, {})
    assert "<script>" not in shown
    assert "<b>x</b>" not in shown


def test_an_answer_on_the_page_is_counted(chat: ChatPage, site: Site) -> None:
    chat.choose("ok?text=usage")
    chat.ask("Hello")
    chat.page.get_by_role("tab", name="Usage").click()
    shown = chat.page.locator("#usage-shown")
    expect(shown.locator("tr", has_text="ok?text=usage").locator("td").first).to_have_text("1")
    expect(shown.locator("tr", has_text="this page")).to_be_visible()
    chat.page.get_by_label("Today").click()
    expect(shown.locator(".columns")).to_have_count(0)
    expect(shown.locator("tr", has_text="ok?text=usage")).to_be_visible()
    body = {"messages": [{"role": "user", "content": "Hello"}], "model": "openai/ok?text=usage"}
    httpx.post(f"{site.url}/v1/chat", json=body, trust_env=False).raise_for_status()
    chat.page.get_by_role("button", name="Refresh").and_(chat.page.locator("#usage-refresh")).click()
    expect(shown.locator("tr", has_text="ok?text=usage").locator("td").first).to_have_text("2")
    expect(shown.locator("tr", has_text="programs on this computer")).to_be_visible()


def test_behind_a_proxy_it_says_nothing(browser: Browser, site: Site) -> None:
    context = browser.new_context(extra_http_headers={"x-forwarded-for": "203.0.113.9"})
    tab = context.new_page()
    tab.goto(site.url)
    tab.get_by_role("tab", name="Usage").click()
    expect(tab.locator("#usage-shown")).to_contain_text("on the hub's own computer only")
    expect(tab.locator("#usage-shown table")).to_have_count(0)
    context.close()


def test_where_others_reach_the_page_there_is_no_such_tab(tmp_path: Path) -> None:
    with Site(tmp_path / "log", {"LLM_HUB_HOST": "0.0.0.0"}) as public:
        config = httpx.get(f"{public.url}/config", trust_env=False).text
    assert "leaderboard-period" in config
    assert "usage-period" not in config

"""The Usage tab: what was asked, for the owner's eyes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect

from llm_hub.ui.page_assets import ASSETS
from llm_hub.ui.texts import usage_texts as texts
from llm_hub.ui.usage_tab import usage_html
from llm_hub.usage.usage_sums import Total, UsageSums
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.ui.chat_page import ChatPage

USED = UsageSums(3, 2, 0, 1000, 200, 0, 0, Decimal("0.25"))
ONLY_REQUESTS = UsageSums(3, 2)
"""Their tokens and their price are unknown: there is one plot, as wide as the tab."""
TODAY = 20_000


def test_everything_is_summed_and_listed_most_used_first() -> None:
    totals = [
        Total(TODAY, "alice", "openai/a", USED),
        Total(TODAY - 2, "page", "openai/a", USED),
        Total(TODAY, "alice", "openai/b", UsageSums(1, 1, 1, 10, 20)),
    ]
    html = usage_html(totals, TODAY, 7, {"openai": "OpenAI"})
    assert "<b>7</b> <span>requests</span> <small>5 answered</small>" in html
    assert "<b>$0.5000</b> <span>price</span> <small>1 answer without a known price</small>" in html
    assert html.index("OpenAI · a") < html.index("OpenAI · b")
    assert html.index(">alice<") < html.index(">this page<")
    assert "<td>20</td><td>unknown</td>" in html
    assert html.count('class="column"') == 3 * 7
    assert "Requests a day, from 28 Sep to 4 Oct: at most 4, on 4 Oct" in html


def test_free_answers_beside_those_of_unknown_price_do_not_make_a_sum_free() -> None:
    free = Total(TODAY, "page", "chaos/steady", UsageSums(1, 1, 0, 10, 20))
    assert "<b>free</b> <span>price</span>" in usage_html([free], TODAY, 7, {})
    assert "<b>unknown</b> <span>price</span>" in usage_html(
        [free, Total(TODAY, "page", "openai/b", UsageSums(1, 1, 1, 10, 20))], TODAY, 7, {}
    )


def test_it_is_told_what_a_model_is_that_is_on_no_list() -> None:
    listed, unlisted = (Total(TODAY, "page", f"openai/{model}", USED) for model in ("a", "other"))
    assert texts.OTHER_MODELS in usage_html([listed, unlisted], TODAY, 7, {})
    assert texts.OTHER_MODELS not in usage_html([listed], TODAY, 7, {})


def test_a_sum_says_how_much_of_it_providers_say_they_charged() -> None:
    charged = replace(USED, reported_price=Decimal("0.25"))
    totals = [Total(TODAY, "alice", "openrouter/a", charged), Total(TODAY, "alice", "openai/b", USED)]
    html = usage_html(totals, TODAY, 7, {})
    assert "<b>$0.5000 ($0.2500 charged)</b> <span>price</span>" in html
    assert "<td>$0.2500 charged</td>" in html
    assert "<td>$0.2500</td>" in html


@pytest.mark.parametrize(("days", "columns"), [(1, 0), (30, 30), (0, 60)])
def test_a_plot_has_a_column_for_each_day_it_is_about(days: int, columns: int) -> None:
    html = usage_html(
        [Total(TODAY - 500 * (not days), "a", "b/c", USED), Total(TODAY, "a", "b/c", USED)], TODAY, days, {}
    )
    assert html.count('class="column"') == 3 * columns


COLUMNS = """() => [...document.querySelectorAll(".columns")].map((plot) => {
  const middle = (part) => { const box = part.getBoundingClientRect(); return (box.left + box.right) / 2; };
  const dates = [...plot.querySelectorAll(".ends span")].map((date) => {
    const letters = document.createRange();
    letters.selectNodeContents(date);
    const box = letters.getBoundingClientRect();
    return {left: box.left, right: box.right, height: box.height};
  });
  const box = plot.querySelector(".bars-up").getBoundingClientRect();
  return {left: box.left, width: box.width, dates, columns: [...plot.querySelectorAll(".column")].map(middle)};
})"""
"""For each plot: its place, where the letters of its dates begin and end, and the middle of each column."""


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab that shows one report after another."""
    tab = browser.new_page()
    yield tab
    tab.close()


def measure_columns(tab: Page, report: str, width: int) -> list[dict[str, Any]]:
    """Shows a report with the page's own styles."""
    tab.set_viewport_size({"width": width, "height": 900})
    styles = "".join((ASSETS / f"{name}.css").read_text() for name in ("base", "usage"))
    tab.set_content(f'<style>{styles}</style><div id="usage"><div id="usage-shown">{report}</div></div>')
    plots: list[dict[str, Any]] = tab.evaluate(COLUMNS)
    return plots


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("days", [2, 7, 30, 60])
@pytest.mark.parametrize("used", [USED, ONLY_REQUESTS], ids=["three plots", "one plot"])
def test_the_columns_stand_over_their_dates(tab: Page, used: UsageSums, days: int, width: int) -> None:
    totals = [Total(day, "page", "openai/a", used) for day in range(TODAY - days + 1, TODAY + 1)]
    plots = measure_columns(tab, usage_html(totals, TODAY, days, {}), width)
    assert len(plots) == (1 if used is ONLY_REQUESTS else 3)
    for plot in plots:
        share = plot["width"] / days
        assert len(plot["columns"]) == days
        for number, middle in enumerate(plot["columns"]):
            assert middle == pytest.approx(plot["left"] + (number + 0.5) * share, abs=2)
        for date, middle in zip(plot["dates"], (plot["columns"][0], plot["columns"][-1]), strict=True):
            assert date["left"] - 1 <= middle <= date["right"] + 1
            assert date["height"] < 30, "a date is written in one line"


def test_the_only_days_column_of_seven_stands_over_its_date(tab: Page) -> None:
    report = usage_html([Total(TODAY, "page", "openai/a", ONLY_REQUESTS)], TODAY, 7, {})
    plot = measure_columns(tab, report, 1440)[0]
    assert plot["dates"][-1]["left"] <= plot["columns"][-1] <= plot["dates"][-1]["right"]


def test_names_stay_text() -> None:
    html = usage_html([Total(TODAY, "<b>x</b>", 'openai/"><script>', USED)], TODAY, 1, {})
    assert "<script>" not in html
    assert "<b>x</b>" not in html


def test_an_answer_on_the_page_is_counted(chat: ChatPage, site: Site) -> None:
    chat.choose("ok?text=usage")
    chat.ask("Hello")
    chat.page.get_by_role("tab", name="Usage").click()
    report = chat.page.locator("#usage-shown")
    expect(report.locator("tr", has_text="ok?text=usage").locator("td").first).to_have_text("1")
    expect(report.locator("tr", has_text="this page")).to_be_visible()
    chat.page.get_by_label("Today").click()
    expect(report.locator(".columns")).to_have_count(0)
    expect(report.locator("tr", has_text="ok?text=usage")).to_be_visible()
    body = {"messages": [{"role": "user", "content": "Hello"}], "model": "openai/ok?text=usage"}
    httpx.post(f"{site.url}/v1/chat", json=body, trust_env=False).raise_for_status()
    chat.page.get_by_role("button", name="Refresh").and_(chat.page.locator("#usage-refresh")).click()
    expect(report.locator("tr", has_text="ok?text=usage").locator("td").first).to_have_text("2")
    expect(report.locator("tr", has_text="programs on this computer")).to_be_visible()


def test_behind_a_proxy_it_says_nothing(browser: Browser, site: Site) -> None:
    context = browser.new_context(extra_http_headers={"x-forwarded-for": "203.0.113.9"})
    tab = context.new_page()
    tab.goto(site.url)
    tab.get_by_role("tab", name="Usage").click()
    expect(tab.locator("#usage-shown")).to_contain_text("only in a browser on the hub's own computer")
    expect(tab.locator("#usage-shown table")).to_have_count(0)
    context.close()


def test_where_others_reach_the_page_there_is_no_such_tab(tmp_path: Path) -> None:
    with Site(tmp_path / "log", {"LLM_HUB_HOST": "0.0.0.0"}) as public:
        config = httpx.get(f"{public.url}/config", trust_env=False).text
    shown = [name for name in ("leaderboard-period", "usage-period", "runs-start") if f'"elem_id":"{name}"' in config]
    assert shown == ["leaderboard-period"]

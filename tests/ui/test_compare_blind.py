"""Blind comparisons and their votes: what is hidden, what counts, and what is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.ui.compare_page import SLOW, ComparePage
from tests.ui.conftest import visiting
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.fault_server import FaultServerThread

SUBSTITUTE = "ok?tokens=5&is=substitute"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("votes") / "votes.db"


@pytest.fixture(scope="module")
def blind_site(fault_server: FaultServerThread, database: Path) -> Iterator[Site]:
    """A hub with a route to fall back on, and a database that is looked into."""
    log = database.parent / "log"
    environment = {
        "OPENAI_API_KEY": "sk-test-0123456789abcdef",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "LLM_HUB_ROUTE": f"openai/{SUBSTITUTE}",
        "LLM_HUB_MAX_RETRIES": "0",
        "LLM_HUB_DATABASE_URL": f"sqlite:///{database}",
    }
    with Site(log, environment) as site:
        yield site
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture
def compare(browser: Browser, blind_site: Site) -> Iterator[ComparePage]:
    with visiting(browser, ComparePage, blind_site.url) as compare:
        yield compare


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def begin(compare: ComparePage, *models: str) -> None:
    compare.set(*models)
    compare.page.locator("#compare-blind input").check()
    compare.run("Hello")
    expect(compare.page.locator("#compare-vote")).to_be_visible(timeout=SLOW)


def vote(compare: ComparePage, which: str) -> None:
    compare.page.locator(f"#compare-{which}").click(timeout=SLOW)


def test_a_vote_can_be_cast_by_keyboard_alone(compare: ComparePage, database: Path) -> None:
    page = compare.page
    compare.set("ok?tokens=8&keys=one", "ok?tokens=9&keys=two")
    page.locator("#compare-blind input").focus()
    page.keyboard.press("Space")
    compare.question.fill("Hello")
    page.keyboard.press("Enter")
    for number in (1, 2):
        expect(compare.text(number)).to_contain_text("fiku", timeout=SLOW)
    compare.question.focus()
    for _ in range(12):  # back past what stands between the prompt and the vote
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.id") == "compare-bad":
            break
    expect(page.locator("#compare-bad")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#compare-said")).to_contain_text("both bad", timeout=SLOW)
    page.keyboard.press("Tab")  # the vote's buttons have gone: the keyboard goes on from where they were
    expect(page.locator("#compare-prompt :focus")).to_have_count(1)  # on the button for files, before the words
    recorded = rows(
        database, "select verdict, won from votes join contestants on id = vote_id where target like '%keys=%'"
    )
    assert recorded == [("bad", 0), ("bad", 0)]


def test_the_best_of_three_is_counted_and_shown_on_the_leaderboard_at_once(
    compare: ComparePage, database: Path
) -> None:
    models = [f"ok?tokens={8 + number}&three={number}" for number in range(3)]
    begin(compare, *models)
    for number in (1, 2, 3):
        expect(compare.text(number)).to_contain_text("fiku", timeout=SLOW)
    expect(compare.page.locator("#compare-best-3")).to_have_text("C is best")
    expect(compare.page.locator("#compare-best-4")).to_be_hidden()
    vote(compare, "best-3")
    head = compare.pane(3).locator(".pane-head b")
    expect(head).to_be_visible(timeout=SLOW)
    winner = head.inner_text()
    page = compare.page
    page.get_by_role("tab", name="Leaderboard").click()
    row = page.locator(".ratings tr", has_text=winner)
    expect(row).to_be_visible(timeout=SLOW)
    assert row.locator("td").all_inner_texts()[-3:] == ["1", "1", "0"]
    expect(page.locator(".matrix tr")).not_to_have_count(0)
    with page.expect_download() as download:
        page.locator("#leaderboard-csv").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith("rank,model,rating,low,high,votes,wins,ties\n")
    assert winner.removeprefix("OpenAI · ") in text
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("update votes set at = at - 2 * 86400")
        connection.commit()
    page.get_by_label("24 hours").click()
    expect(row).to_have_count(0, timeout=SLOW)
    page.get_by_label("7 days").click()
    expect(row).to_be_visible(timeout=SLOW)

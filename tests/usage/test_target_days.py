"""The last 24 hours of each target: counted, kept over a restart, and shown with a text for each hour."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from llm_hub.chat import Attempt
from llm_hub.storage.database import Database
from llm_hub.ui.status.day_view import day_html
from llm_hub.usage.target_days import HOUR, HOURS, TargetDays

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOON = 500_000 * HOUR + 60.0


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


def attempt(outcome: str = "answered", first_token: float | None = 0.5) -> Attempt:
    return Attempt("openai", "gpt", 0.0, 1.0, first_token, outcome)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    else:
        database = Database(request.getfixturevalue("postgres"))
        await database.run(lambda connection: connection.execute(text("truncate target_hours")))
    yield database
    await database.aclose()


def counted(days: TargetDays, target: str = "openai/gpt") -> list[tuple[int, int]]:
    """Answered and failed attempts of the hours in which there were any."""
    return [(each.answered, each.failed) for each in days.of(target) if each.attempts]


async def test_a_restart_keeps_the_day_and_goes_on_counting(database: Database) -> None:
    clock = Clock()
    first = TargetDays(database, now=clock)
    for outcome in ("answered", "answered", "server_failed", "paused", "overtaken"):
        first.note("openai/gpt", attempt(outcome))
    await first.flush()
    first.note("openai/gpt", attempt())
    await first.aclose()
    second = TargetDays(database, now=clock)
    await second.load()
    second.note("openai/gpt", attempt())
    assert counted(second) == [(4, 1)]
    await second.flush()
    await second.load()
    assert counted(second) == [(4, 1)]
    clock.now += HOUR
    second.note("openai/gpt", attempt("timed_out"))
    assert counted(second) == [(4, 1), (0, 1)]
    clock.now += (HOURS - 1) * HOUR
    assert counted(second) == [(0, 1)]
    second.note("openai/other", attempt())
    await second.flush()
    rows = await database.run(lambda connection: connection.execute(text("select count(*) from target_hours")).scalar())
    assert rows == 2
    assert second.targets == {"openai/gpt", "openai/other"}


async def test_what_failed_before_a_target_may_be_named_counts_from_then_on(database: Database) -> None:
    days = TargetDays(database, now=Clock())
    for _ in range(3):
        days.note("openai/gpt", attempt("server_failed"), is_known=False)
    days.note("openai/sk-in-the-wrong-place", attempt("model_not_found"), is_known=False)
    assert days.targets == frozenset()
    days.note("openai/gpt", attempt())
    assert counted(days) == [(1, 3)]
    await days.aclose()
    later = TargetDays(database, now=Clock())
    await later.load()
    assert later.targets == {"openai/gpt"}
    assert counted(later) == [(1, 3)]


def test_the_median_of_the_first_tokens_is_exact_to_a_twentieth() -> None:
    days = TargetDays(now=Clock())
    for delay in (0.1, 0.2, 0.43, 3.0, 90.0):
        days.note("openai/gpt", attempt(first_token=delay))
    assert days.of("openai/gpt")[-1].first_token == pytest.approx(0.43, rel=0.05)


def test_each_hour_has_a_text_and_one_failure_of_many_is_seen() -> None:
    clock = Clock()
    days = TargetDays(now=clock)
    assert day_html(days.of("openai/gpt")) == ""
    for _ in range(99):
        days.note("openai/gpt", attempt(first_token=None))
    days.note("openai/gpt", attempt("server_failed"))
    clock.now += 2 * HOUR
    html = day_html(days.of("openai/gpt"))
    cells = re.findall(r'<span class="unseen">(.*?)</span>', html)
    assert len(cells) == HOURS
    assert cells[-3:] == ["2 hours ago: 99 of 100 attempts answered", "1 hour ago: not asked", "This hour: not asked"]
    assert html.count("--failed: 12%") == 1

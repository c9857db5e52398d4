"""The ledger's rows, in a file of its own for each test."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llm_hub import ledger as module
from llm_hub.chat import Usage
from llm_hub.database import Database
from llm_hub.errors import ConfigurationError
from llm_hub.ledger import DAY, Entry, Ledger, Used, together

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = 20_000 * DAY + 3600.0
USAGE = Usage(prompt_tokens=10, completion_tokens=20, reasoning_tokens=5, cached_tokens=4)
ENTRY = Entry(NOW, "alice", "/v1/chat", "openai/a", "answered", 1, 1.5, 0.2, USAGE, Decimal("0.000000125"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
async def ledger(file: Path) -> AsyncIterator[Ledger]:
    database = Database(f"sqlite:///{file}")
    ledger = Ledger(database, clock=lambda: NOW)
    yield ledger
    await ledger.aclose()
    await database.aclose()


def rows(file: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute("select * from requests order by id").fetchall()


async def test_a_row_says_who_asked_whom_and_what_it_cost(ledger: Ledger, file: Path) -> None:
    ledger.note(ENTRY)
    await ledger.flush()
    assert rows(file) == [(1, NOW, 20_000, "alice", "/v1/chat", "openai/a", "answered", 1, 1.5, 0.2, 10, 20, 5, 4, 125)]


async def test_what_is_not_known_is_not_zero(ledger: Ledger, file: Path) -> None:
    ledger.note(replace(ENTRY, outcome="cancelled", first_token=None, usage=Usage(), price=None))
    await ledger.flush()
    assert rows(file)[0][9:] == (None,) * 6


async def test_sums_are_by_day_asker_and_target(ledger: Ledger) -> None:
    for entry in (
        ENTRY,
        ENTRY,
        replace(ENTRY, price=None),
        replace(ENTRY, outcome="timed_out", usage=Usage(), price=None),
        replace(ENTRY, who="bob"),
        replace(ENTRY, target="openai/b"),
        replace(ENTRY, at=NOW - DAY),
    ):
        ledger.note(entry)
    today = {(total.who, total.target): total for total in await ledger.totals(ledger.today)}
    assert today.keys() == {("alice", "openai/a"), ("bob", "openai/a"), ("alice", "openai/b")}
    assert today["alice", "openai/a"].used == Used(4, 3, 1, 30, 60, 15, 12, Decimal("0.00000025"))
    assert [total.day for total in await ledger.totals()] == [19_999, 20_000, 20_000, 20_000]
    assert {total.who for total in await ledger.totals(who="bob")} == {"bob"}
    by_asker = together(today.values(), lambda total: total.who)
    assert {who: used.requests for who, used in by_asker.items()} == {"alice": 5, "bob": 1}


async def test_looking_makes_no_file(ledger: Ledger, file: Path) -> None:
    assert await ledger.totals() == []
    assert list(file.parent.iterdir()) == []


async def test_nothing_waits_for_the_database_and_closing_writes_the_rest(ledger: Ledger, file: Path) -> None:
    for _ in range(500):
        ledger.note(ENTRY)
    assert ledger._database.unmade
    await ledger.aclose()
    assert len(rows(file)) == 500


async def test_rows_are_written_by_themselves(ledger: Ledger, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 0.01)
    ledger.note(ENTRY)
    assert ledger._writer is not None
    await asyncio.wait_for(ledger._writer, 30)
    assert len(rows(file)) == 1
    ledger.note(ENTRY)
    assert ledger._writer is not None
    await asyncio.wait_for(ledger._writer, 30)
    assert len(rows(file)) == 2


async def test_a_database_that_comes_back_gets_every_row(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "later"
    database = Database(f"sqlite:///{folder}/hub.db")
    ledger = Ledger(database, clock=lambda: NOW)
    for _ in range(3):
        ledger.note(ENTRY)
        with pytest.raises(ConfigurationError):
            await ledger.flush()
    assert caplog.text.count("The database failed") == 1
    folder.mkdir()
    await ledger.flush()
    assert len(rows(folder / "hub.db")) == 3
    await ledger.aclose()
    await database.aclose()


async def test_rows_that_wait_too_long_are_lost_oldest_first_and_counted(
    ledger: Ledger, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    for number in range(25):
        ledger.note(replace(ENTRY, attempts=number))
    await ledger.flush()
    assert [row[7] for row in rows(file)] == list(range(15, 25))
    assert "15 requests are missing" in caplog.text


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "x" * 5000, "a\nb", "名"])
async def test_no_name_breaks_the_writing(ledger: Ledger, file: Path, name: str) -> None:
    ledger.note(replace(ENTRY, who=name, target=f"openai/{name}"))
    ledger.note(ENTRY)
    await ledger.flush()
    written = rows(file)
    assert len(written) == 2
    assert str(written[0][5]).isprintable()


@pytest.mark.parametrize("count", [-1, 2**80, "many", None, 1.5])
async def test_a_count_that_is_none_is_not_kept(ledger: Ledger, file: Path, count: object) -> None:
    ledger.note(replace(ENTRY, usage={"prompt_tokens": count}))  # type: ignore[typeddict-item]
    await ledger.flush()
    assert rows(file)[0][10] is None


async def test_an_older_database_is_brought_up_to_date(ledger: Ledger, file: Path) -> None:
    with closing(sqlite3.connect(file)) as older:
        older.execute("create table schema_version (version integer not null)")
        older.execute("insert into schema_version values (1)")
        older.commit()
    ledger.note(ENTRY)
    await ledger.flush()
    assert len(rows(file)) == 1


async def test_closing_with_a_database_that_fails_says_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(Database(f"sqlite:///{tmp_path}/nowhere/hub.db"))
    ledger.note(ENTRY)
    await asyncio.wait_for(ledger.aclose(), 30)
    assert "1 requests are missing from the ledger" in caplog.text

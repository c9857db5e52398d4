"""The ledger's rows, in a file of its own for each test."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from llm_hub.chat import Usage
from llm_hub.errors import ConfigurationError
from llm_hub.storage.database import Database
from llm_hub.usage import ledger as module
from llm_hub.usage.amounts import DAY
from llm_hub.usage.ledger import Entry, Ledger
from llm_hub.usage.reserved_money import Settlement
from llm_hub.usage.usage_sums import UsageSums, sum_by

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sqlalchemy import Connection

NOW = 20_000 * DAY + 3600.0
USAGE = Usage(prompt_tokens=10, completion_tokens=20, reasoning_tokens=5, cached_tokens=4)
ENTRY = Entry(NOW, "alice", "/v1/chat", "openai/a", "answered", 1, 1.5, 0.2, USAGE, Decimal("0.000000125"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
async def database(request: pytest.FixtureRequest, file: Path) -> AsyncIterator[Database]:
    """An empty database."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{file}")
    else:
        database = Database(request.getfixturevalue("postgres"))
        await database.run(
            lambda connection: connection.execute(text("truncate requests, reservations restart identity"))
        )
    yield database
    await database.aclose()


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    ledger = Ledger(database, clock=lambda: NOW)
    yield ledger
    await ledger.aclose()


async def rows(database: Database) -> list[tuple[object, ...]]:
    schema = await database.schema()
    query = schema.requests.select().order_by(schema.requests.c.id)
    return await database.run(lambda connection: [tuple(row) for row in connection.execute(query)])


async def test_a_row_names_caller_target_and_cost(ledger: Ledger, database: Database) -> None:
    ledger.note(ENTRY)
    await ledger.flush()
    assert await rows(database) == [
        (1, NOW, 20_000, "alice", "/v1/chat", "openai/a", "answered", 1, 1.5, 0.2, 10, 20, 5, 4, 125, None)
    ]


async def test_unknown_counts_are_null_and_not_zero(ledger: Ledger, database: Database) -> None:
    ledger.note(replace(ENTRY, outcome="cancelled", first_token=None, usage=Usage(), price=None))
    await ledger.flush()
    assert (await rows(database))[0][9:] == (None,) * 7


async def test_totals_are_by_day_caller_and_target(ledger: Ledger) -> None:
    for entry in (
        ENTRY,
        ENTRY,
        replace(ENTRY, price=None),
        replace(ENTRY, outcome="timed_out", usage=Usage(), price=None),
        replace(ENTRY, caller="bob"),
        replace(ENTRY, target="openai/b"),
        replace(ENTRY, at=NOW - DAY),
    ):
        ledger.note(entry)
    today = {(total.caller, total.target): total for total in await ledger.totals(ledger.today)}
    assert today.keys() == {("alice", "openai/a"), ("bob", "openai/a"), ("alice", "openai/b")}
    assert today["alice", "openai/a"].used == UsageSums(4, 3, 1, 30, 60, 15, 12, Decimal("0.00000025"))
    assert [total.day for total in await ledger.totals()] == [19_999, 20_000, 20_000, 20_000]
    assert {total.caller for total in await ledger.totals(caller="bob")} == {"bob"}
    by_caller = sum_by(today.values(), lambda total: total.caller)
    assert {caller: used.requests for caller, used in by_caller.items()} == {"alice": 5, "bob": 1}


async def test_reserved_money_gives_way_to_its_requests_row_but_for_what_that_has_no_price_for(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.reserved.write(name, "alice", Decimal(2)) for name in ("a", "b", "c")))
    await ledger.reserved.write("c", "alice", Decimal(3))  # a dearer attempt
    for name, unpriced in (("a", Decimal(0)), ("b", Decimal("0.5"))):
        ledger.note(replace(ENTRY, settlement=Settlement(name, "alice", unpriced)))
    assert await ledger.reserved.today() == {"alice": Decimal(7)}
    await ledger.flush()
    assert await ledger.reserved.today() == {"alice": Decimal("3.5")}
    ledger.reserved.drop("c")
    await ledger.reserved.aclose()
    assert await ledger.reserved.today() == {"alice": Decimal("0.5")}


async def test_reading_totals_makes_no_file(file: Path) -> None:
    ledger = Ledger(Database(f"sqlite:///{file}"))
    assert await ledger.totals() == []
    assert list(file.parent.iterdir()) == []


async def test_nothing_waits_for_the_database_and_closing_writes_the_rest(ledger: Ledger, database: Database) -> None:
    for _ in range(500):
        ledger.note(ENTRY)
    assert ledger._waiting
    await ledger.aclose()
    assert len(await rows(database)) == 500


async def test_rows_are_written_in_the_background(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_INTERVAL", 0.01)
    ledger.note(ENTRY)
    assert ledger._writer is not None
    await asyncio.wait_for(ledger._writer, 30)
    assert len(await rows(database)) == 1
    ledger.note(ENTRY)
    assert ledger._writer is not None
    await asyncio.wait_for(ledger._writer, 30)
    assert len(await rows(database)) == 2


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
    assert len(await rows(database)) == 3
    await ledger.aclose()
    await database.aclose()


async def test_what_cannot_be_written_counts_in_the_sums_of_a_database_that_is_read(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{file}")
    ledger = Ledger(database, clock=lambda: NOW)
    ledger.note(ENTRY)
    await ledger.flush()
    written = await ledger.totals()
    await ledger.aclose()
    await database.aclose()
    read_only = Database(f"sqlite:///file:{file}?mode=ro&uri=true")
    readers = Ledger(read_only, clock=lambda: NOW)
    readers.note(ENTRY)
    readers.note(replace(ENTRY, caller="other", outcome="timed_out", price=None, usage={}))
    sums = sum_by(await readers.totals(), lambda total: total.caller)
    assert sums[ENTRY.caller] == written[0].used + written[0].used
    assert sums["other"] == UsageSums(requests=1)
    assert await readers.totals(caller="nobody") == await readers.totals(since=readers.today + 1) == []
    await readers.aclose()
    assert "2 requests are missing" in caplog.text
    await read_only.aclose()


async def test_rows_that_wait_too_long_are_lost_oldest_first_and_counted(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_ENTRIES", 10)
    for number in range(25):
        ledger.note(replace(ENTRY, attempts=number))
    await ledger.flush()
    assert [row[7] for row in await rows(database)] == list(range(15, 25))
    assert "15 requests are missing" in caplog.text


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "x" * 5000, "a\nb", "名"])
async def test_no_name_breaks_the_writing(ledger: Ledger, database: Database, name: str) -> None:
    ledger.note(replace(ENTRY, caller=name, target=f"openai/{name}"))
    ledger.note(ENTRY)
    await ledger.flush()
    written = await rows(database)
    assert len(written) == 2
    assert str(written[0][5]).isprintable()


@pytest.mark.parametrize("count", [-1, 2**80, "many", None, 1.5])
async def test_a_value_that_is_no_count_is_null(ledger: Ledger, database: Database, count: object) -> None:
    ledger.note(replace(ENTRY, usage={"prompt_tokens": count}))  # type: ignore[typeddict-item]
    await ledger.flush()
    assert (await rows(database))[0][10] is None


async def test_an_older_database_is_brought_up_to_date(file: Path) -> None:
    database = Database(f"sqlite:///{file}")
    ledger = Ledger(database)
    with closing(sqlite3.connect(file)) as older:
        older.execute("create table schema_version (version integer not null)")
        older.execute("insert into schema_version values (1)")
        older.commit()
    ledger.note(ENTRY)
    await ledger.flush()
    assert len(await rows(database)) == 1
    await database.aclose()


async def test_what_providers_charged_is_added_up_also_in_a_database_that_had_no_column_for_it(file: Path) -> None:
    with closing(sqlite3.connect(file)) as older:
        older.execute("create table schema_version (version integer not null)")
        older.execute("insert into schema_version values (8)")
        older.execute(
            "create table requests (id integer primary key, at float, day integer, who text, way text, target text, "
            "outcome text, attempts integer, seconds float, first_token float, prompt_tokens bigint, "
            "completion_tokens bigint, reasoning_tokens bigint, cached_tokens bigint, nanodollars bigint)"
        )
        older.execute(
            "insert into requests (at, day, who, target, outcome, nanodollars) values (0, 1, 'a', 'b/c', 'd', 5)"
        )
        older.commit()
    database = Database(f"sqlite:///{file}")
    ledger = Ledger(database)
    ledger.note(replace(ENTRY, price=Decimal("0.5"), reported_price=Decimal("0.2")))
    ledger.note(replace(ENTRY, price=Decimal("0.5")))
    older_row, newer = await ledger.totals()
    assert (older_row.used.price, older_row.used.reported_price) == (Decimal("5e-9"), Decimal(0))
    assert (newer.used.price, newer.used.reported_price) == (Decimal(1), Decimal("0.2"))
    await database.aclose()


async def test_closing_with_a_database_that_fails_says_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(Database(f"sqlite:///{tmp_path}/nowhere/hub.db"))
    ledger.note(ENTRY)
    await asyncio.wait_for(ledger.aclose(), 30)
    assert "1 requests are missing from the ledger" in caplog.text


async def test_a_file_that_cannot_be_opened_leaves_no_thread_behind(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/hub.db")
    await database.load()
    with pytest.raises(ConfigurationError):
        await database.run(lambda connection: None)
    assert not [thread for thread in threading.enumerate() if "_connection_worker" in thread.name]


# How long rows are kept.


async def write_old_rows(ledger: Ledger, **days: int) -> None:
    """Writes rows of past days: `of_3=5` are five rows of three days ago."""
    for name, count in days.items():
        for _ in range(count):
            ledger.note(replace(ENTRY, at=NOW - int(name.removeprefix("of_")) * DAY))
    await ledger.flush()


async def test_rows_are_kept_for_so_many_days(database: Database) -> None:
    now = [NOW]
    ledger = Ledger(database, days=30, clock=lambda: now[0])
    await write_old_rows(ledger, of_0=1, of_29=2, of_30=3, of_400=4)
    assert await ledger.sweep() == 7
    assert [row[2] for row in await rows(database)] == [20_000, 19_971, 19_971]
    assert await ledger.sweep() == 0
    now[0] += DAY
    assert await ledger.sweep() == 2
    assert len(await rows(database)) == 1


async def test_without_a_number_of_days_rows_are_kept_for_ever(database: Database) -> None:
    ledger = Ledger(database, days=0, clock=lambda: NOW)
    await write_old_rows(ledger, of_19999=3)
    assert await ledger.sweep() == 0
    assert len(await rows(database)) == 3


async def test_others_write_while_old_rows_are_deleted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_BATCH_ROWS", 10)
    ledger, other = Ledger(database, days=30, clock=lambda: NOW), Ledger(database, days=30, clock=lambda: NOW)
    await write_old_rows(ledger, of_31=50, of_32=50)
    pauses = 0

    async def others_write(_seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        await write_old_rows(ledger, of_0=1)

    swept = await asyncio.gather(*(each.sweep(others_write) for each in (ledger, other)))  # two servers, one database
    assert sum(swept) == 100
    assert pauses >= 10
    assert [row[2] for row in await rows(database)] == [20_000] * pauses


async def test_rows_that_are_too_old_are_found_by_an_index(database: Database) -> None:
    ledger = Ledger(database, days=30, clock=lambda: NOW)
    await write_old_rows(ledger, of_0=1)
    query = "select id from requests where day <= 19970 order by day limit 1000"

    def plan(connection: Connection) -> str:
        if connection.dialect.name == "sqlite":
            return str(connection.execute(text(f"explain query plan {query}")).all())
        connection.execute(text("set local enable_seqscan = off"))  # else it reads the whole table, which has one row
        return str(connection.execute(text(f"explain {query}")).all())

    assert "ix_requests_day" in await database.run(plan)


def write_broken_database(file: Path) -> None:
    file.write_bytes(b"This is no database." * 100)


def empty_database(file: Path) -> None:
    file.write_bytes(b"")


class CountedLedger(Ledger):
    """A ledger whose finished sweeps can be waited for."""

    finished_sweeps = asyncio.Semaphore(0)

    async def sweep(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> int:
        try:
            return await super().sweep(pause)
        finally:
            self.finished_sweeps.release()


async def test_old_rows_are_deleted_in_the_background_also_after_a_failure(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{file}")
    ledger = CountedLedger(database, days=30, clock=lambda: NOW)
    write_broken_database(file)
    sweeping = asyncio.create_task(ledger.sweep_forever(0.01))
    async with asyncio.timeout(20):
        await ledger.finished_sweeps.acquire()
        assert "The database failed" in caplog.text
        empty_database(file)
        await write_old_rows(ledger, of_40=3, of_0=1)
        for _ in range(3):  # a sweep may have begun before the rows were written
            await ledger.finished_sweeps.acquire()
    assert len(await rows(database)) == 1
    sweeping.cancel()
    await asyncio.wait([sweeping])
    await database.aclose()


async def test_a_sweep_makes_no_file(file: Path) -> None:
    assert await Ledger(Database(f"sqlite:///{file}"), days=1).sweep() == 0
    assert list(file.parent.iterdir()) == []

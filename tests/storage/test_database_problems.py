"""A database that cannot be used: what is said, and what still works."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.storage.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

NAME = "notes"


def write(connection: Connection) -> None:
    connection.exec_driver_sql(f"CREATE TABLE {NAME} (text TEXT)")


def read(connection: Connection) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {NAME}").scalar_one())


def grow(connection: Connection) -> None:
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
    connection.exec_driver_sql(f"INSERT INTO {NAME} VALUES (?)", ("x" * 100_000,))


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A database with an empty table."""
    file = tmp_path / "hub.db"
    database = Database(f"sqlite:///{file}")
    await database.run(write)
    await database.aclose()
    return file


async def test_a_read_only_database_is_read_and_says_why_nothing_is_written(file: Path) -> None:
    database = Database(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert await database.run(read) == 0
    with pytest.raises(ConfigurationError, match="read-only"):
        await database.run(lambda connection: connection.exec_driver_sql(f"DELETE FROM {NAME}").close())
    await database.aclose()


async def test_a_full_disk_is_told(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(f"sqlite:///{file}")
    with pytest.raises(ConfigurationError, match="disk is full"):
        await database.run(grow)
    assert "disk is full" in caplog.text
    assert await database.run(read) == 0
    await database.aclose()


async def test_another_program_that_locks_it_is_told(file: Path) -> None:
    database = Database(f"sqlite:///{file}?timeout=0")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigurationError, match="locked by another program"):
        await database.run(read)
    other.close()
    assert await database.run(read) == 0
    await database.aclose()


def overwrite(file: Path, begin: int) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:begin] + b"\xff" * (len(content) - begin))


@pytest.mark.parametrize(("begin", "told"), [(0, "no database of SQLite's"), (100, "is damaged")])
async def test_a_file_that_was_written_over_is_told(file: Path, begin: int, told: str) -> None:
    overwrite(file, begin)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(ConfigurationError, match=told):
        await database.run(read)
    await database.aclose()


@pytest.mark.parametrize("begin", [0, 24])
async def test_a_damaged_file_may_be_put_right_while_the_hub_runs(file: Path, tmp_path: Path, begin: int) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(file, copy)
    database = Database(f"sqlite:///{file}")
    assert await database.run(read) == 0
    overwrite(file, begin)
    with pytest.raises(ConfigurationError):
        await database.run(read)
    shutil.move(copy, file)  # as its hint says: the damaged one is gone
    assert await database.run(read) == 0
    overwrite(file, 0)
    with pytest.raises(ConfigurationError):
        await database.run(read)
    shutil.move(file, copy)
    assert database.is_missing
    await database.run(write)
    assert await database.run(read) == 0
    await database.aclose()

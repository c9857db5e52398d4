"""The votes' database, as a file of its own for each test."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from llm_hub.arena.ratings import Vote
from llm_hub.arena.votes import Votes
from llm_hub.errors import ConfigurationError
from llm_hub.storage.migrations import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "votes.db"


@pytest.fixture
async def votes(file: Path) -> AsyncIterator[Votes]:
    votes = Votes(f"sqlite:///{file}", clock=lambda: 1000.0)
    yield votes
    await votes.aclose()


async def test_a_vote_comes_back_as_it_was_cast(votes: Votes) -> None:
    cast = [
        Vote(("openai/a", "local"), "best", 1, at=1000.0),
        Vote(("openai/a", "openai/b", "x/c/d"), "tie", at=1000.0),
        Vote(("openai/a", "local"), "bad", at=1000.0),
    ]
    for vote in cast:
        await votes.add(vote)
    assert await votes.since() == cast


async def test_reading_makes_no_file(votes: Votes, file: Path) -> None:
    assert await votes.since() == []
    assert list(file.parent.iterdir()) == []


async def test_votes_survive_a_restart(votes: Votes, file: Path) -> None:
    await votes.add(Vote(("a", "b"), "best", 0))
    await votes.aclose()
    reopened = Votes(f"sqlite:///{file}")
    assert [vote.targets for vote in await reopened.since()] == [("a", "b")]
    await reopened.aclose()


async def test_only_the_votes_of_the_chosen_period_are_read(file: Path) -> None:
    times = [10.0, 500.0, 990.0, 1000.0]
    votes = Votes(f"sqlite:///{file}", clock=lambda: times.pop(0) if len(times) > 1 else times[0])
    for _ in range(3):
        await votes.add(Vote(("a", "b"), "tie"))
    assert [vote.at for vote in await votes.since(600)] == [500.0, 990.0]
    assert len(await votes.since()) == 3
    await votes.aclose()


async def test_a_conversation_is_saved_only_if_the_vote_has_it(votes: Votes, file: Path) -> None:
    await votes.add(Vote(("a", "b"), "tie"))
    await votes.add(Vote(("a", "b"), "tie", conversation='{"x": 1}'))
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("select conversation from votes order by id").fetchall() == [(None,), ('{"x": 1}',)]


async def test_the_database_says_its_version_and_a_newer_one_is_refused(votes: Votes, file: Path) -> None:
    await votes.add(Vote(("a", "b"), "tie"))
    await votes.aclose()
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("select version from schema_version").fetchall() == [(len(MIGRATIONS),)]
        database.execute("update schema_version set version = 99")
        database.commit()
    with pytest.raises(ConfigurationError, match="newer version"):
        await votes.since()


async def test_a_failed_migration_leaves_nothing_half_done(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llm_hub.storage import migrations

    def fail_halfway(connection: object) -> None:
        migrations._create_votes(connection)  # type: ignore[arg-type]
        raise OSError

    monkeypatch.setattr(migrations, "MIGRATIONS", (fail_halfway,))
    votes = Votes(f"sqlite:///{file}")
    with pytest.raises(ConfigurationError):
        await votes.add(Vote(("a", "b"), "tie"))
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("select name from sqlite_master").fetchall() == []
    monkeypatch.undo()
    await votes.add(Vote(("a", "b"), "tie"))
    assert len(await votes.since()) == 1
    await votes.aclose()


async def test_many_votes_at_once_are_all_saved(votes: Votes) -> None:
    import asyncio

    await asyncio.gather(*(votes.add(Vote((f"m{number}", "b"), "best", 0)) for number in range(40)))
    assert {vote.targets[0] for vote in await votes.since()} == {f"m{number}" for number in range(40)}


@pytest.mark.parametrize(
    "url", ["postgresql://me:hunter2@127.0.0.1:9/votes", "mysql://me:hunter2@host/x", "not a url hunter2",
            "sqlite:////nowhere/hunter2/x.db"]
)  # fmt: skip
async def test_a_database_that_cannot_be_used_is_an_error_without_the_password(url: str) -> None:
    votes = Votes(url)
    with pytest.raises(ConfigurationError) as caught:
        await votes.add(Vote(("a", "b"), "tie"))
    assert "LLM_HUB_DATABASE_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)

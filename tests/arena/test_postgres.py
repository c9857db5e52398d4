"""Votes in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from sqlalchemy.engine import make_url

from llm_hub.arena.ratings import Vote
from llm_hub.arena.votes import Votes
from llm_hub.errors import ConfigurationError


@pytest.fixture
def name() -> str:
    """A model that no other test votes on."""
    return f"model-{uuid.uuid4().hex}"


async def test_votes_come_back_as_they_were_cast_and_survive_a_restart(postgres: str, name: str) -> None:
    cast = [
        Vote((name, "local"), "best", 1, at=1000.25),
        Vote((name, "openai/b", "x/c/d"), "tie", at=1000.25),
        Vote((name, "日本語'; drop table votes; --"), "bad", at=1000.25),
    ]
    votes = Votes(postgres, clock=lambda: 1000.25)
    for vote in cast:
        await votes.add(vote)
    await votes.aclose()
    reopened = Votes(postgres)
    assert [vote for vote in await reopened.since() if name in vote.targets] == cast
    assert [vote for vote in await reopened.since(60) if name in vote.targets] == []
    await reopened.aclose()


async def test_servers_that_start_at_once_share_one_database_and_lose_no_vote(postgres: str, name: str) -> None:
    servers = [Votes(postgres) for _ in range(4)]
    await asyncio.gather(
        *(servers[number % 4].add(Vote((name, f"rival-{number}"), "best", 0)) for number in range(60))
    )  # fmt: skip
    saved = await servers[0].since()
    assert {vote.targets[1] for vote in saved if name in vote.targets} == {f"rival-{number}" for number in range(60)}
    await asyncio.gather(*(server.aclose() for server in servers))


async def test_a_wrong_password_is_an_error_that_does_not_repeat_it(postgres: str) -> None:
    wrong = make_url(postgres).set(username="stranger", password="hunter3")
    votes = Votes(wrong.render_as_string(hide_password=False))
    with pytest.raises(ConfigurationError) as caught:
        await votes.add(Vote(("a", "b"), "tie"))
    assert "LLM_HUB_DATABASE_URL" in str(caught.value)
    assert "hunter3" not in str(caught.value)
    await votes.aclose()

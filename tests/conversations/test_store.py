"""What every store of conversations must do: SQLite, PostgreSQL, and the hub over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from llm_hub.chat import Document, Image, Message, Role, Text
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.document import encode, write_document
from llm_hub.conversations.sql_store import UNDO_SECONDS
from llm_hub.conversations.turn_document import INTERRUPTED
from llm_hub.documents.kinds import PDF_TYPE
from llm_hub.errors import ConfigurationError, ProviderError
from tests.conversations.generated import conversations, simple_turn
from tests.conversations.stores import KEY, Clock, HTTPKept, Kept, OpenStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def own_database(postgres: str) -> Iterator[str]:
    """A database of this module's own: the server may be somebody's."""
    name = f"conversations_{uuid.uuid4().hex}"
    asyncio.run(execute(postgres, f"CREATE DATABASE {name}"))
    yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
    asyncio.run(execute(postgres, f"DROP DATABASE {name}"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    url: str = request.getfixturevalue("own_database")
    return url


@pytest.fixture
async def opened(address: str) -> AsyncIterator[OpenStore]:
    async with OpenStore(address, Clock()) as opened:
        await opened.clear()
        yield opened


@pytest.fixture(params=["itself", "over HTTP"])
def kept(request: pytest.FixtureRequest, opened: OpenStore) -> Kept:
    return opened.store if request.param == "itself" else HTTPKept(opened)


async def execute(url: str, statement: str) -> None:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


def conversation(*prompts: str, at: float = 1000.0) -> Conversation:
    made = Conversation(clock=lambda: at)
    for prompt in prompts:
        made.add(simple_turn(prompt, f"An answer to {prompt}"))
    return made


def ended(conversation: Conversation) -> str:
    """The document, as it is once no answer in it is being written any more."""
    for node in list(conversation.nodes):
        turn = node.turn.with_outcome()
        if turn is not node.turn:
            conversation.update(node.number, turn)
    return encode(write_document(conversation))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(made=conversations())
async def test_what_is_saved_comes_back_whole(opened: OpenStore, made: Conversation) -> None:
    document = ended(made)
    await opened.store.save(made, 0)
    again = await opened.store.load(made.id)
    assert again is not None
    assert encode(write_document(again)) == document
    assert again.saved_version == made.version
    await opened.store.change(made.id, deleted=True)


async def test_a_conversation_comes_back_with_its_documents(kept: Kept) -> None:
    report = Document("report.pdf", PDF_TYPE, "Harbour", b"%PDF-" + bytes(range(256)), 12)
    table = Document("häfen.csv", "text/plain", "Hamburg,3")
    made = Conversation()
    turn = simple_turn()
    image = Image(b"\x89PNG")
    prompt = Message(Role.USER, (image, report, table, Text("How many?")))
    made.add(turn.__class__(prompt, turn.question, outcome="stopped"))
    await kept.save(made)
    made.rename("Ports")
    await kept.save(made, made.version - 1)  # which does not write the documents again
    again = await kept.load(made.id)
    assert again is not None
    assert again.node(1).turn.prompt == prompt


async def test_a_conversation_comes_back_with_its_images(kept: Kept) -> None:
    image = Image(bytes(range(256)) * 100, "image/webp")
    made = Conversation()
    turn = simple_turn()
    made.add(turn.__class__(Message(Role.USER, (image, Text("Look"))), turn.question, outcome="stopped"))
    await kept.save(made)
    made.rename("Pictures")
    await kept.save(made, made.version - 1)  # which does not write the image again
    again = await kept.load(made.id)
    assert again is not None
    assert again.node(1).turn.prompt.images == (image,)
    assert again.title == "Pictures"


async def test_a_growing_conversation_is_written_piece_by_piece(kept: Kept) -> None:
    made = conversation("one")
    await kept.save(made)
    for number in range(2, 6):
        version = made.version
        made.add(simple_turn(f"turn {number}", outcome="pending"))
        made.update(number, simple_turn(f"turn {number}", "done"))
        await kept.save(made, version)
    again = await kept.load(made.id)
    assert again is not None
    assert [turn.answer.text for turn in again.turns()] == ["An answer to one", *["done"] * 4]


async def test_an_answer_that_nobody_writes_any_more_has_ended_with_a_note(kept: Kept) -> None:
    made = conversation("one")
    made.add(simple_turn("two", "Half of", outcome="pending"))
    await kept.save(made)
    again = await kept.load(made.id)
    assert again is not None
    assert [(turn.outcome, turn.note) for turn in again.turns()] == [("stopped", ""), ("stopped", INTERRUPTED)]
    assert again.node(2).turn.answer.text == "Half of"
    assert again.version > made.version


async def test_an_older_version_never_replaces_a_newer_one(kept: Kept, opened: OpenStore) -> None:
    made = conversation("one")
    await kept.save(made)
    other = await opened.reopened().store.load(made.id)
    assert other is not None
    for answer in ("new", "newer", "newest"):
        made.update(1, simple_turn("one", answer))
    other.update(1, simple_turn("one", "old"))
    await kept.save(made)
    await opened.store.save(other, 0)
    await kept.save(made)
    again = await kept.load(made.id)
    assert again is not None
    assert again.node(1).turn.answer.text == "newest"
    assert again.version == made.version


async def test_the_list_has_pinned_ones_first_and_then_the_newest(kept: Kept) -> None:
    old, middle, new = (conversation(f"prompt {at}", at=at) for at in (1.0, 2.0, 3.0))
    for made in (middle, new, old):
        await kept.save(made)
    assert [head["shown_title"] for head in await kept.heads()] == ["prompt 3.0", "prompt 2.0", "prompt 1.0"]
    await kept.change(old.id, pinned=True)
    heads = await kept.heads()
    assert [(head["shown_title"], head["pinned"]) for head in heads] == [
        ("prompt 1.0", True), ("prompt 3.0", False), ("prompt 2.0", False),
    ]  # fmt: skip
    assert heads[0]["created_at"] == heads[0]["changed_at"] == 1.0


async def test_a_title_is_given_and_taken_away(kept: Kept) -> None:
    made = conversation("The first\nline")
    await kept.save(made)
    head = await kept.change(made.id, title="  My\n title\0 ")
    assert head is not None
    assert (head["title"], head["shown_title"]) == ("My title", "My title")
    assert [head["shown_title"] for head in await kept.heads("MY TITLE")] == ["My title"]
    head = await kept.change(made.id, title="")
    assert head is not None
    assert (head["title"], head["shown_title"]) == ("", "The first")
    assert await kept.heads("my title") == []


@pytest.mark.parametrize(
    ("words", "search"),
    [
        ("Die Straße ist lang", "STRASSE"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("日本語のテスト", "テスト"),
        ("ﬁne \uff37\uff49\uff44\uff45", "fine wide"),
        ("Cafe\u0301", "café"),
        ("100% of_it \\ 'quoted'", "100% of_it \\ 'quoted'"),
        ("many words in any order", "order MANY"),
        ("a\0b", "b"),
    ],
)
async def test_a_search_finds_words_however_they_are_written(kept: Kept, words: str, search: str) -> None:
    made, other = conversation("Hello", words), conversation("Something else")
    for each in (made, other):
        await kept.save(each)
    heads = await kept.heads(search)
    assert [head["id"] for head in heads] == [made.id]
    assert " ".join(words.split()[:2]) in heads[0]["excerpt"]


async def test_a_search_finds_prompts_answers_reasoning_and_titles_and_wants_every_word(kept: Kept) -> None:
    made = Conversation()
    turn = simple_turn("apple", "banana")
    made.add(
        turn.__class__(turn.prompt, turn.question, answer=turn.answer.__class__("banana", "cherry"), outcome="stopped")
    )
    made.add(simple_turn("damson"))
    made.rename("Elderberry")
    await kept.save(made)
    for search in ("apple", "banana", "cherry", "damson", "elderberry", "apple damson", "elderberry banana", " "):
        assert [head["id"] for head in await kept.heads(search)] == [made.id], search
    for search in ("fig", "apple fig", "%", "_pple", "elderberry fig"):
        assert await kept.heads(search) == [], search


async def test_what_is_deleted_is_gone_can_be_taken_back_for_a_day_and_is_then_swept(
    kept: Kept, opened: OpenStore
) -> None:
    made = conversation("secret words")
    await kept.save(made)
    await kept.change(made.id, deleted=True)
    assert await kept.load(made.id) is None
    assert await kept.heads() == await kept.heads("secret") == []
    made.update(1, simple_turn("secret words", "an answer that was still being written"))
    await kept.save(made)
    assert await kept.load(made.id) is None
    opened.clock.now += UNDO_SECONDS - 1
    assert await opened.store.sweep() == 0
    assert await kept.change(made.id, deleted=False) is not None
    again = await kept.load(made.id)
    assert again is not None
    assert again.node(1).turn.answer.text == "an answer that was still being written"
    await opened.store.change(made.id, deleted=True)
    opened.clock.now += UNDO_SECONDS + 1
    assert await opened.store.sweep() == 1
    assert await opened.store.change(made.id, deleted=False) is None
    assert await opened.reopened().store.load(made.id) is None


async def test_what_is_not_there_is_none(kept: Kept) -> None:
    assert await kept.load("nobody-has-this-id") is None
    assert await kept.change("nobody-has-this-id", pinned=True) is None
    assert await kept.heads() == []


async def test_no_key_is_ever_kept(kept: Kept, opened: OpenStore) -> None:
    made = conversation("one")
    error = ProviderError(f"Refused {KEY}", detail=f"Bearer {KEY} sk-abcdefghijkl", hint=KEY)
    made.add(simple_turn("two", error=error))
    await kept.save(made)
    schema = await opened.database.schema()
    rows = await opened.database.run(lambda connection: connection.execute(schema.turns.select()).all())
    rows_text = str([row for row in rows if row.conversation_id == made.id])
    assert KEY not in rows_text
    assert "abcdefghijkl" not in rows_text
    assert "[key]" in rows_text


async def test_hubs_that_write_at_once_lose_nothing(opened: OpenStore) -> None:
    hubs = [opened, opened.reopened(), opened.reopened()]
    made = [conversation(f"prompt {number}", at=number) for number in range(30)]
    await asyncio.gather(*(hubs[number % 3].store.save(each, 0) for number, each in enumerate(made)))
    assert {head["id"] for head in await opened.store.heads()} == {each.id for each in made}


async def test_reading_makes_no_file(tmp_path: Path) -> None:
    async with OpenStore(f"sqlite:///{tmp_path / 'hub.db'}", Clock()) as opened:
        assert await opened.store.heads("x") == []
        assert await opened.store.load("x" * 20) is None
        assert await opened.store.change("x" * 20, pinned=True) is None
        assert await opened.store.sweep() == 0
        assert opened.database.is_missing


async def test_a_row_that_somebody_broke_is_told_and_hides_no_other(tmp_path: Path) -> None:
    async with OpenStore(f"sqlite:///{tmp_path / 'hub.db'}", Clock()) as opened:
        broken, other = conversation("broken"), conversation("other")
        for made in (broken, other):
            await opened.store.save(made, 0)
        schema = await opened.database.schema()
        change = schema.turns.update().where(schema.turns.c.conversation_id == broken.id).values(document='{"a": 1')
        await opened.database.run(lambda connection: connection.execute(change).rowcount)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            await opened.store.load(broken.id)
        assert await opened.store.load(other.id) is not None
        assert len(await opened.store.heads()) == 2
        assert len(await opened.store.heads("broken")) == 1

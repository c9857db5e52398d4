"""Conversations in use: answers outlive whoever asked, memory is bounded, and a database that fails costs nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.access.client_address import from_here
from llm_hub.chat import AttemptStarted, Done, Image, LLMResponse, Message, Role, TextDelta
from llm_hub.conversations.coalescer import Coalescer
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.conversation_memory import MAX_IDLE_SECONDS, MAX_OPEN, MAX_OWNER_BYTES, MAX_UNKEPT_SECONDS
from llm_hub.conversations.open_conversations import BROWSER_HEADER, OpenConversations
from llm_hub.conversations.turn import Turn
from llm_hub.conversations.turn_document import INTERRUPTED
from llm_hub.errors import ServerFailed
from tests.conversations.generated import simple_turn
from tests.conversations.stores import Clock, OpenStore
from tests.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from llm_hub.chat import Event
    from llm_hub.conversations.running_answer import RunningAnswer

DONE = Done(LLMResponse("Hello there", "gpt", {}, "stop", "openai"))
PENDING = simple_turn("Hi", outcome="pending")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenStore]:
    async with OpenStore(f"sqlite:///{tmp_path / 'hub.db'}", Clock()) as opened:
        yield opened


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[OpenStore]:
    """A database in a folder that is not there: every write fails until somebody makes it."""
    async with OpenStore(f"sqlite:///{tmp_path / 'folder' / 'hub.db'}", Clock()) as opened:
        yield opened


def make_folder(path: Path) -> None:
    path.mkdir(parents=True)


class Script:
    """The events of an answer: it says Hello, and goes on once the test lets it."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def events(self) -> AsyncGenerator[Event]:
        yield AttemptStarted("openai", "gpt", 1)
        yield TextDelta("Hello")
        await self.go_on.wait()
        yield TextDelta(" there")
        yield DONE


def begin(conversations: OpenConversations, conversation: Conversation, script: Script) -> RunningAnswer:
    number = conversation.add(PENDING).number
    return conversations.answer(
        conversation, number, script.events(), coalescer=Coalescer(), finish=Turn.with_outcome
    )  # fmt: skip


async def wait_for_text(conversation: Conversation, text: str) -> None:
    while conversation.nodes[-1].turn.answer.text != text:
        await conversation.next_change()


async def test_a_page_names_what_it_begins_and_takes_nobody_elses_place() -> None:
    conversations, name = OpenConversations(keeping="browser"), "n" * 32
    mine, theirs, second = (conversations.begin(owner, name=name) for owner in ("me", "them", "me"))
    assert (mine.id, theirs.id) == (name, name)
    assert second.id != name
    assert await conversations.find("me", name) is mine
    assert await conversations.find("them", name) is theirs


async def test_an_answer_is_written_to_its_end_though_nobody_looks(opened: OpenStore) -> None:
    conversations, script = OpenConversations(opened.store), Script()
    conversation = conversations.begin("")
    answer = begin(conversations, conversation, script)
    await wait_for_text(conversation, "Hello")
    assert conversations.is_answering(conversation)
    script.go_on.set()
    await answer.task
    assert not conversations.is_answering(conversation)
    kept = await opened.reopened().store.load(conversation.id)
    assert kept is not None
    assert kept.node(1).turn.answer.text == "Hello there"
    assert kept.node(1).turn.outcome == "answered"


async def test_a_prompt_is_kept_at_once_and_a_hub_that_is_lost_has_kept_what_had_come(opened: OpenStore) -> None:
    conversations, script = OpenConversations(opened.store), Script()
    conversation = conversations.begin("")
    other = opened.reopened().store
    await begin(conversations, conversation, script).keep_prompt()
    kept = await other.load(conversation.id)
    assert kept is not None
    assert kept.node(1).turn.prompt == PENDING.prompt
    while not kept.nodes[0].turn.answer.text:
        await conversation.next_change()  # the next one comes within a second
        kept = await other.load(conversation.id)
        assert kept is not None
    assert (kept.node(1).turn.outcome, kept.node(1).turn.note) == ("stopped", INTERRUPTED)
    await conversations.aclose()


class RecordingStore:
    """Keeps when each write was made, and how much of the answer it had."""

    def __init__(self) -> None:
        self.writes: list[tuple[float, int]] = []

    async def save(self, conversation: Conversation, since: int = 0) -> None:
        self.writes.append((asyncio.get_running_loop().time(), len(conversation.node(1).turn.answer.text)))
        await asyncio.sleep(0.3)  # a slow database


def test_no_more_than_two_seconds_of_an_answer_are_unwritten_at_any_time() -> None:
    store = RecordingStore()

    async def words() -> AsyncGenerator[Event]:
        for _ in range(200):
            yield TextDelta("x" * 10)
            await asyncio.sleep(0.1)
        yield DONE

    async def main() -> None:
        conversations = OpenConversations(store)  # type: ignore[arg-type]  # only writes are asked for
        conversation = conversations.begin("")
        number = conversation.add(PENDING).number
        await conversations.answer(
            conversation, number, words(), coalescer=Coalescer(), finish=Turn.with_outcome
        ).task  # fmt: skip

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
    times = [at for at, _ in store.writes]
    assert max(after - before for before, after in pairwise(times)) + 0.3 < 2
    assert len(times) < 40  # and it is not written for every token
    assert store.writes[-1][1] == 2000


async def test_an_answer_can_be_stopped_before_its_first_step_and_in_the_middle(opened: OpenStore) -> None:
    conversations = OpenConversations(opened.store)
    conversation = conversations.begin("")
    begin(conversations, conversation, Script())
    await conversations.stop(conversation)
    assert conversation.node(1).turn.outcome == "stopped"
    begin(conversations, conversation, Script())
    await wait_for_text(conversation, "Hello")
    await conversations.stop(conversation)
    assert (conversation.node(2).turn.outcome, conversation.node(2).turn.answer.text) == ("stopped", "Hello")
    assert not conversations.is_answering(conversation)
    await conversations.aclose()


async def test_closing_ends_every_answer_and_writes_it(opened: OpenStore) -> None:
    conversations = OpenConversations(opened.store)
    made = [conversations.begin("") for _ in range(5)]
    for conversation in made:
        begin(conversations, conversation, Script())
        await wait_for_text(conversation, "Hello")
    await conversations.aclose()
    other = opened.reopened().store
    for conversation in made:
        kept = await other.load(conversation.id)
        assert kept is not None
        assert (kept.node(1).turn.answer.text, kept.node(1).turn.note) == ("Hello", "")


async def test_a_fault_at_the_end_of_an_answer_costs_none_of_its_text(
    opened: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    conversations, script = OpenConversations(opened.store), Script()
    conversation = conversations.begin("")
    number = conversation.add(PENDING).number

    def fail(_: Turn) -> Turn:
        raise ZeroDivisionError

    script.go_on.set()
    await conversations.answer(conversation, number, script.events(), coalescer=Coalescer(), finish=fail).task
    assert conversation.node(1).turn.answer.text == "Hello there"
    assert conversation.node(1).turn.outcome == "answered"
    assert "could not be completed" in caplog.text


async def test_of_a_failure_only_what_it_says_is_held_in_memory(opened: OpenStore) -> None:
    conversations = OpenConversations(opened.store)
    conversation = conversations.begin("")

    async def fail() -> AsyncGenerator[Event]:
        yield TextDelta("Hello")
        raise ServerFailed("It is down.") from ZeroDivisionError()

    number = conversation.add(PENDING).number
    answer = conversations.answer(conversation, number, fail(), coalescer=Coalescer(), finish=Turn.with_outcome)
    await answer.task
    error = conversation.node(number).turn.answer.error
    assert isinstance(error, ServerFailed)
    assert (error.message, error.__traceback__, error.__cause__) == ("It is down.", None, None)


async def test_with_a_database_that_fails_the_answer_goes_on_the_problem_is_told_and_it_is_written_later(
    broken: OpenStore, tmp_path: Path
) -> None:
    conversations, script = OpenConversations(broken.store), Script()
    conversation = conversations.begin("")
    script.go_on.set()
    await begin(conversations, conversation, script).task
    assert conversation.node(1).turn.outcome == "answered"
    assert "not kept" in conversation.problem
    assert "LLM_HUB_DATABASE_URL" in conversation.problem
    assert await conversations.find("", conversation.id) is conversation
    make_folder(tmp_path / "folder")
    await conversations.sweep()
    assert conversation.problem == ""
    assert await broken.reopened().store.load(conversation.id) is not None


@pytest.mark.parametrize("is_there", [True, False])
async def test_with_a_database_that_fails_the_list_has_what_is_in_memory_and_the_problem(
    broken: OpenStore, tmp_path: Path, is_there: bool
) -> None:
    if is_there:
        make_folder(tmp_path / "folder" / "hub.db")  # which is no database
    conversations = OpenConversations(broken.store)
    conversation = conversations.begin("")
    conversation.add(simple_turn("Hi there"))
    await conversations.save(conversation)
    heads, problem = await conversations.heads("")
    assert [head["shown_title"] for head in heads] == ["Hi there"]
    assert "The database cannot be used" in problem


async def test_two_pages_that_open_a_conversation_at_once_get_the_same(opened: OpenStore) -> None:
    made = Conversation()
    made.add(simple_turn())
    await opened.store.save(made)
    conversations = OpenConversations(opened.store)
    first, second = await asyncio.gather(*(conversations.find("", made.id) for _ in range(2)))
    assert first is second is not None
    assert await conversations.find("", made.id) is first


async def test_what_another_hub_has_added_or_deleted_is_seen_and_what_is_not_saved_stays(opened: OpenStore) -> None:
    here, there = OpenConversations(opened.store), OpenConversations(opened.reopened().store)
    conversation = here.begin("")
    conversation.add(simple_turn("one"))
    await here.save(conversation)
    elsewhere = await there.find("", conversation.id)
    assert elsewhere is not None
    elsewhere.add(simple_turn("two"))
    await there.save(elsewhere)
    again = await here.find("", conversation.id)
    assert again is not None
    assert [turn.prompt.text for turn in again.turns()] == ["one", "two"]
    again.add(simple_turn("three"))
    elsewhere.rename("Elsewhere")
    elsewhere.pin(pinned=True)
    await there.save(elsewhere)
    assert await here.find("", conversation.id) is again
    await here.save(again)
    await there.change("", conversation.id, deleted=True)
    assert await here.find("", conversation.id) is not again
    assert await there.find("", conversation.id) is None


# Memory.


def adopted(conversations: OpenConversations, owner: str, megabytes: int = 0) -> Conversation:
    conversation = Conversation(owner=owner)
    prompt = Message(Role.USER, (Image(b"x" * (megabytes * 2**20)),)) if megabytes else Message(Role.USER, "Hi")
    conversation.add(replace(simple_turn(), prompt=prompt))
    return conversations.adopt(conversation)


async def test_one_visitors_conversations_push_out_their_own_and_nobody_elses() -> None:
    conversations = OpenConversations(keeping="browser")
    neighbour = adopted(conversations, "neighbour", 1)
    mine = [adopted(conversations, "me", 9) for _ in range(20)]
    held = [await conversations.find("me", each.id) is not None for each in mine]
    assert held == [False] * 13 + [True] * 7
    assert sum(each.bytes for each, is_held in zip(mine, held, strict=True) if is_held) <= MAX_OWNER_BYTES
    assert await conversations.find("neighbour", neighbour.id) is neighbour


async def test_a_crowd_is_bounded_and_an_answer_that_is_being_written_stays() -> None:
    conversations = OpenConversations(keeping="browser")
    running = conversations.begin("me")
    begin(conversations, running, Script())
    first = adopted(conversations, "first")
    for number in range(MAX_OPEN + 5):
        adopted(conversations, f"visitor {number}")
    assert await conversations.find("first", first.id) is None
    assert await conversations.find("me", running.id) is running
    await conversations.aclose()


async def test_what_nobody_uses_is_dropped_and_later_if_it_is_kept_nowhere_else() -> None:
    clock = Clock()
    conversations = OpenConversations(keeping="browser", clock=clock)
    kept, temporary = adopted(conversations, "me"), conversations.begin("me", is_kept=False)
    adopted(conversations, "me")
    clock.now += MAX_IDLE_SECONDS + 1
    await conversations.sweep()
    assert await conversations.find("me", kept.id) is None
    assert await conversations.find("me", temporary.id) is temporary
    adopted(conversations, "me")
    clock.now += MAX_UNKEPT_SECONDS + 1
    await conversations.sweep()
    assert await conversations.find("me", temporary.id) is None


async def test_a_temporary_conversation_is_never_written(opened: OpenStore) -> None:
    conversations, script = OpenConversations(opened.store), Script()
    conversation = conversations.adopt(conversations.begin("", is_kept=False))
    script.go_on.set()
    await begin(conversations, conversation, script).task
    assert conversation.node(1).turn.answer.text == "Hello there"
    assert opened.database.is_missing
    assert await conversations.find("", conversation.id) is conversation


def test_a_conversations_size_is_counted_as_it_grows() -> None:
    conversation = Conversation()
    conversation.add(PENDING)
    conversation.update(1, simple_turn("Hi", "x" * 10_000))
    conversation.add(simple_turn("Hi", "x" * 500))
    assert conversation.bytes == sum(node.turn.bytes for node in conversation.nodes)
    assert conversation.bytes > 21_000


# Whose they are.


async def test_who_comes_through_a_proxy_is_not_the_owner_of_a_hub_for_this_computer(opened: OpenStore) -> None:
    conversations = OpenConversations(opened.store, is_here=partial(from_here, "127.0.0.1"))
    here = {"host": "127.0.0.1:7860"}
    made = conversations.begin(conversations.owner(here))
    made.add(simple_turn("mine alone"))
    await conversations.save(made)
    for header in ("x-forwarded-for", "via", "forwarded"):
        stranger = conversations.owner({**here, header: "8.8.8.8", BROWSER_HEADER: "s" * 40})
        assert await conversations.find(stranger, made.id) is None
        assert await conversations.change(stranger, made.id, deleted=True) is None
        assert await conversations.heads(stranger) == ([], "")
        theirs = conversations.begin(stranger)
        theirs.add(simple_turn("theirs"))
        await conversations.save(theirs)
        assert await conversations.find(stranger, theirs.id) is theirs
        assert (conversations.keeping_of(stranger), theirs.is_kept) == ("off", False)
    assert conversations.keeping_of(conversations.owner(here)) == "database"
    assert [head["id"] for head in (await conversations.heads(conversations.owner(here)))[0]] == [made.id]


async def test_a_browser_is_known_by_its_secret_and_without_one_owns_nothing() -> None:
    conversations = OpenConversations(keeping="browser")
    mine, yours = ({BROWSER_HEADER: secret * 32} for secret in "ab")
    owner = conversations.owner(mine)
    assert owner == conversations.owner(mine) != conversations.owner(yours)
    assert "a" * 32 not in owner
    nobody: list[dict[str, Any]] = [{}, {BROWSER_HEADER: ""}, {BROWSER_HEADER: "short"}]
    for headers in nobody:
        assert conversations.owner(headers) != conversations.owner(headers)
        assert len(conversations.owner(headers)) == 64

"""A conversation: a tree of turns that only grows. Nothing that was said is ever overwritten.

    conversation = Conversation()
    first = conversation.add(turn)              # a prompt, and soon its answer
    again = conversation.add(turn, after=0)     # another version of it: 2 of 2
    conversation.choose(first.number)           # the page shows the first version again, and all that followed it

A comparison is a conversation of several panes, each with a tree of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.conversations.turn import Turn, Turns

Kind = Literal["chat", "comparison"]

MAX_TITLE_CHARS = 80
"""Characters of a title: longer ones are cut."""


def plain_title(text: str) -> str:
    """A title in one line, not too long, and without what no database takes."""
    text = " ".join(text.replace("\0", " ").encode("utf-8", "replace").decode().split())
    return text if len(text) <= MAX_TITLE_CHARS else text[: MAX_TITLE_CHARS - 1] + "…"


class CommonPace(Protocol):
    """How much of each answer of a blind comparison may be seen by now."""

    def note_progress(self, pane: int, characters: int, *, over: bool) -> None: ...

    def characters(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Node:
    """A turn in its place. `parent` is the number of the turn before it in the same pane, 0 at the beginning.

    `version` is the conversation's when this turn changed last, and `asked` when its prompt came: whoever has that
    version of the conversation has the prompt.
    """

    number: int
    parent: int
    turn: Turn
    pane: int = 0
    version: int = 0
    asked: int = field(default=0, compare=False)


@dataclass
class Conversation:
    """The turns, numbered from 1 in the order in which they were asked, and which of them the page shows.

    `leaves` has, by pane, the last turn that is shown, 0 for none: the others lead to it. `title` is "" until somebody
    gives one: then the first prompt's first line stands for it. `owner` is whose it is where several people share a
    hub: a hash of their browser's secret, "" for the owner of the hub. `is_kept` is false for a temporary one.
    `setup` is what a comparison has beside its turns. `version` counts the changes, and `saved_version` is the one that
    is kept in the database. `problem` says why it could not be written there, "" if it could. `is_deleted` can be taken
    back for a while. `bytes` is about how much memory it takes. `paced` has, by number, the turns of a blind comparison
    whose text is shown bit by bit.
    """

    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    kind: Kind = "chat"
    owner: str = ""
    title: str = ""
    pinned: bool = False
    is_kept: bool = True
    created_at: float = 0.0
    changed_at: float = 0.0
    version: int = 0
    nodes: list[Node] = field(default_factory=list)
    leaves: dict[int, int] = field(default_factory=dict)
    setup: dict[str, Any] = field(default_factory=dict)
    saved_version: int = 0
    problem: str = ""
    is_deleted: bool = False
    paced: dict[int, CommonPace] = field(default_factory=dict, repr=False, compare=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    bytes: int = field(default=0, init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def __post_init__(self) -> None:
        self.created_at = self.created_at or self.clock()
        self.changed_at = self.changed_at or self.created_at
        self.bytes = sum(node.turn.bytes for node in self.nodes)

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others: two owners' conversations may have one id."""
        return self.owner, self.id

    @property
    def shown_title(self) -> str:
        """Its title, or the first line of the first prompt."""
        return self.title or self.first_line

    @property
    def first_line(self) -> str:
        """The first line of the first prompt, as a title; of one that is a document alone, its name."""
        prompt = self.nodes[0].turn.prompt if self.nodes else None
        lines = (prompt.text.strip().splitlines() or [each.name for each in prompt.documents]) if prompt else []
        return plain_title(lines[0]) if lines else ""

    def node(self, number: int) -> Node:
        """The turn with this number. Raises `LookupError`."""
        if not 0 < number <= len(self.nodes):
            raise LookupError(number)
        return self.nodes[number - 1]

    def path(self, pane: int = 0, *, leaf: int | None = None) -> tuple[Node, ...]:
        """The turns of a pane that are shown, in order, or those that lead to the one with the number `leaf`."""
        path, number = [], self.leaves.get(pane, 0) if leaf is None else leaf
        while number:
            path.append(self.node(number))
            number = path[-1].parent
        return tuple(reversed(path))

    def turns(self, pane: int = 0) -> Turns:
        """As `path`, without their places."""
        return tuple(node.turn for node in self.path(pane))

    def versions(self, node: Node) -> list[Node]:
        """Every turn in the same place, in the order in which they were asked: this one, and what it was before."""
        return [other for other in self.nodes if other.parent == node.parent and other.pane == node.pane]

    def answered_version(self, node: Node) -> Node | None:
        """The newest version of a turn that has an answer, if this one failed without any: a failed retry must not
        stand in the place of an answer."""
        turn = self.node(node.number).turn
        if turn.outcome != "failed" or turn.answer.text:
            return None
        same = (other for other in reversed(self.versions(node)) if other.turn.prompt == turn.prompt)
        return next((other for other in same if other.turn.answer.text), None)

    # What changes it.

    def add(self, turn: Turn, *, after: int | None = None, pane: int = 0) -> Node:
        """Adds a turn and shows it: after the last one that is shown, or after the one with this number."""
        parent = self.leaves.get(pane, 0) if after is None else after
        if parent and self.node(parent).pane != pane:
            raise LookupError(parent)
        node = Node(len(self.nodes) + 1, parent, turn, pane, asked=self.version + 1)
        self.nodes.append(node)
        self.bytes += turn.bytes
        self.leaves[pane] = node.number
        self._touch(node.number)
        return self.node(node.number)

    def update(self, number: int, turn: Turn) -> None:
        """A turn whose answer has grown, or has ended."""
        self.bytes += turn.bytes - self.node(number).turn.bytes
        self.nodes[number - 1] = replace(self.node(number), turn=turn)
        self._touch(number)

    def choose(self, number: int) -> None:
        """Shows this turn, and what was asked after it last."""
        newest = {node.parent: node.number for node in self.nodes}
        leaf = number
        while leaf in newest:
            leaf = newest[leaf]
        self.leaves[self.node(number).pane] = leaf
        self._touch()

    def show_until(self, number: int, pane: int = 0) -> None:
        """Shows the turns up to this one, none with 0. Those after it stay where they are, as versions."""
        if number and self.node(number).pane != pane:
            raise LookupError(number)
        self.leaves[pane] = number
        self._touch()

    def rename(self, title: str) -> None:
        self.title = plain_title(title)
        self._touch()

    def pin(self, *, pinned: bool) -> None:
        self.pinned = pinned
        self._touch()

    def mark_deleted(self, *, deleted: bool) -> None:
        """Deletes it, or takes that back. Its turns stay until a sweep."""
        self.is_deleted = deleted
        self._touch()

    def set_up(self, **setup: Any) -> None:
        """Changes what a comparison has beside its turns."""
        self.setup |= setup
        self._touch()

    def touch_turns(self) -> None:
        """Every turn counts as changed: whoever keeps them has to take them over once more."""
        self._touch()
        self.nodes = [replace(node, version=self.version, asked=self.version) for node in self.nodes]

    def _touch(self, number: int = 0) -> None:
        self.version += 1
        self.changed_at = self.clock()
        if number:
            self.nodes[number - 1] = replace(self.node(number), version=self.version)
        self.wake()

    # Whoever shows it waits for its next change.

    def wake(self) -> None:
        """Lets everybody who waits look again, also where nothing has changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def next_change(self) -> None:
        """Returns at the next change, or when it is woken."""
        await self._changed.wait()

"""A tree of messages, as other programs keep them, made into a conversation: a tree of turns.

A turn is a prompt and everything that follows it until the next prompt. Where the messages branch, each branch is a
turn of its own: versions of each other.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from llm_hub.chat import Image, LLMResponse
from llm_hub.conversations.coalescer import Snapshot
from llm_hub.conversations.conversation import Conversation, Node, plain_title
from llm_hub.conversations.document import MAX_NODES
from llm_hub.conversations.turn import Question, Turn
from llm_hub.conversations.turn_document import prompt_message
from llm_hub.conversations.turn_schema import StoredModel

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_STEPS = 1_000_000
"""Messages of one conversation, counted once for each turn in which they stand."""
MAX_CHARS = 100 * 2**20
"""Characters of one conversation's turns: a text before a branch stands in each of its versions."""


class SourceModel(StoredModel):
    """A part of another program's export, where `null` stands for anything that is not there."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if each is not None}
    return [each for each in value if each is not None] if isinstance(value, list) else value


@dataclass(slots=True)
class SourceMessage:
    """A message of another program. `missing` are the files that it had, and that its export does not hold."""

    id: str
    parent: str = ""
    role: Literal["user", "assistant", "other"] = "other"
    text: str = ""
    reasoning: str = ""
    model: str = ""
    at: float = 0.0
    images: list[Image] = field(default_factory=list)
    missing: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A conversation of another program, `program`. `shown` is the id of the last message that it shows."""

    program: str
    id: str
    title: str
    messages: Sequence[SourceMessage]
    shown: str = ""
    system: str = ""
    created_at: float = 0.0
    changed_at: float = 0.0
    pinned: bool = False


def fenced(code: str, language: str = "") -> str:
    """A block of code in Markdown; "" for none."""
    fence = "`" * (1 + max(2, *map(len, re.findall("`+", code)), 0))
    return f"{fence}{language if language.isalnum() and language != 'unknown' else ''}\n{code}\n{fence}" if code else ""


def stable_id(*parts: str) -> str:
    """The same id for the same source, so that a conversation that is imported twice is there once."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode()


def seconds(value: object) -> float:
    """A time as seconds since 1970, from a number (seconds or milliseconds) or an ISO date; 0: not known."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
            value = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return 0.0
    if not isinstance(value, int | float) or not 0 <= value < 1e15:  # nor what is no number
        return 0.0
    return value / 1000 if value >= 1e11 else float(value)


def grow(source: Source, *, owner: str = "") -> Conversation | None:
    """The conversation; None if nothing was said in it. Raises `ValueError`."""
    ordered, children = _in_order(source.messages)
    by_id = {message.id: message for message in ordered}
    nodes: list[Node] = []
    turn_numbers: dict[str, int] = {}
    """The number of the turn that ends with a message, or the one before it where it adds none."""
    steps = chars = 0
    for message in ordered:
        followers = children[message.id]
        if followers and not any(follower.role == "user" for follower in followers):
            continue  # the turn goes on
        run = [message]
        while run[-1].role != "user" and run[-1].parent:
            run.append(by_id[run[-1].parent])
        steps += len(run)
        parent = turn_numbers.get(run[-1].parent, 0)
        turn = _turn(source, run[::-1])
        turn_numbers[message.id] = parent if turn is None else len(nodes) + 1
        if turn is None:
            continue
        nodes.append(Node(len(nodes) + 1, parent, turn, version=len(nodes) + 1))
        chars += len(turn.prompt.text) + len(turn.answer.text) + len(turn.answer.reasoning)
        if len(nodes) > MAX_NODES or steps > MAX_STEPS or chars > MAX_CHARS:
            raise ValueError("one conversation is too long")
    if not nodes:
        return None
    return Conversation(
        id=stable_id(source.program, source.id or source.title + "\0".join(by_id)),
        owner=owner, title=plain_title(source.title), pinned=source.pinned, created_at=source.created_at,
        changed_at=source.changed_at, version=len(nodes), nodes=nodes,
        leaves={0: turn_numbers.get(source.shown) or len(nodes)},
    )  # fmt: skip


def _in_order(
    messages: Sequence[SourceMessage],
) -> tuple[list[SourceMessage], dict[str, list[SourceMessage]]]:
    """Parents before their children, and otherwise as they were written, so that a later export only adds to the end;
    and the children of each. Raises `ValueError`."""
    places = {message.id: place for place, message in enumerate(messages)}
    if len(places) != len(messages):
        raise ValueError("two messages have the same id")
    children: dict[str, list[SourceMessage]] = defaultdict(list)
    for message in messages:
        message.parent = message.parent if message.parent in places else ""
        children[message.parent].append(message)
    heap = [(root.at, places[root.id]) for root in children.pop("", [])]
    heapq.heapify(heap)
    ordered = []
    while heap:
        message = messages[heapq.heappop(heap)[1]]
        ordered.append(message)
        for child in children[message.id]:
            heapq.heappush(heap, (child.at, places[child.id]))
    if len(ordered) != len(messages):
        raise ValueError("its messages follow each other in a circle")
    return ordered, children


def _turn(source: Source, run: list[SourceMessage]) -> Turn | None:
    """The turn of a prompt and what follows it; None if there is nothing in it."""
    asked = [message for message in run if message.role == "user"]
    replies = [message for message in run if message.role == "assistant"]
    text = "\n\n".join(message.text for message in replies if message.text)
    reasoning = "\n\n".join(message.reasoning for message in replies if message.reasoning)
    prompt = prompt_message(
        "\n\n".join(message.text for message in asked), [im for message in asked for im in message.images]
    )
    if not (prompt.text.strip() or prompt.images or text or reasoning):
        return None
    model = next((message.model for message in reversed(replies) if message.model), "")
    turn = Turn(
        prompt, Question(source.program, model, system=source.system), answer=Snapshot(text=text, reasoning=reasoning),
        outcome="stopped", note=_note(source.program, run),
    )  # fmt: skip
    if not text:
        return turn
    response = LLMResponse(text, model, {}, "stop", provider=source.program, reasoning=reasoning)
    return replace(turn, outcome="answered", answer=replace(turn.answer, response=response))


def _note(program: str, run: list[SourceMessage]) -> str:
    notes = list(dict.fromkeys(message.note for message in run if message.note))
    if missing := sum(message.missing for message in run):
        files = "One file or picture is" if missing == 1 else f"{missing} files or pictures are"
        notes.append(f"{files} missing here: the export of {program} does not hold them.")
    return " ".join(notes)

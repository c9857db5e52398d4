"""Conversations as JSON documents: in the database, in a visitor's own browser, and in files.

    {"format": "llm-hub/1", "id": "…", "kind": "chat", "title": "", "pinned": false, "created_at": 1795800000.0,
     "changed_at": 1795800100.0, "version": 7, "leaves": {"0": 2}, "setup": {},
     "nodes": [{"number": 1, "parent": 0, "pane": 0, "version": 3, "turn": {…}}, …]}

A document that comes back from a browser or a file may hold anything: `read_document` takes what is of the right shape,
and refuses the rest with `InvalidRequest`, as a whole.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, ValidationError

from llm_hub.conversations.conversation import Conversation, Kind, Node, plain_title
from llm_hub.conversations.hidden_names import hide_names, hides_names
from llm_hub.conversations.turn_document import read_turn, write_turn
from llm_hub.conversations.turn_schema import Count, Seconds, StoredModel, TurnDocument, first_problem
from llm_hub.errors import InvalidRequest
from llm_hub.redaction import redact
from llm_hub.wire.json_limits import holds_more

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = "llm-hub/1"
"""What a document of this version begins with."""
MAX_NODES = 20_000
"""Turns in one conversation."""
MAX_SETUP_LEVELS = 8
MAX_VALUES = 100_000
"""Objects, lists and their entries in a document, altogether."""

_ID = r"^[A-Za-z0-9_-]{16,64}$"


def _plain(setup: dict[str, Any]) -> dict[str, Any]:
    """What a comparison has beside its turns, if it is plain JSON of a few levels."""
    level: list[Any] = [setup]
    for _ in range(MAX_SETUP_LEVELS):
        if any(isinstance(value, dict) and "__proto__" in value for value in level):
            raise ValueError("__proto__ is no name")
        level = [
            item for value in level if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]  # fmt: skip
    if level:
        raise ValueError("it is nested too deeply")
    encode(setup)
    return setup


class NodeDocument(StoredModel):
    number: Annotated[int, Field(ge=1, le=MAX_NODES)]
    parent: Annotated[int, Field(ge=0, le=MAX_NODES)]
    pane: Annotated[int, Field(ge=0, le=11)] = 0
    version: Count = 0
    turn: TurnDocument


class ConversationDocument(StoredModel):
    format: Literal["llm-hub/1"]
    id: Annotated[str, Field(pattern=_ID)]
    kind: Kind = "chat"
    title: str = ""
    pinned: bool = False
    created_at: Seconds = 0
    changed_at: Seconds = 0
    version: Count = 0
    leaves: dict[Annotated[int, Field(ge=0, le=11)], Count] = Field({})
    setup: Annotated[dict[str, Any], AfterValidator(_plain)] = Field({})
    nodes: Annotated[list[Any], Field(max_length=MAX_NODES)] = Field([])


def is_id(text: str) -> bool:
    """Whether a text can be a conversation's id."""
    return re.fullmatch(_ID, text) is not None


def encode(value: Any) -> str:
    """A value as JSON. Halves of characters, which JSON cannot hold, become question marks."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def write_document(
    conversation: Conversation, since: int = 0, *, redact: Callable[[str], str] = redact
) -> dict[str, Any]:
    """The conversation as a JSON object, with the turns that have changed since this version of it.

    Of a turn that was there by then, its prompt is left out: with files it may be large, and whoever asks for what has
    changed asks once a second while an answer is written.

    `redact` takes keys out of what providers say of a failure. Until the vote on a blind comparison nothing tells who
    answers: see hidden_names.py.
    """
    hidden = hides_names(conversation)

    def write(node: Node) -> dict[str, Any]:
        has_prompt = 0 < node.asked <= since
        turn = write_turn(node.turn, redact=redact, with_files=not has_prompt)
        turn = hide_names(conversation, node, turn) if hidden else turn
        if has_prompt:
            del turn["prompt"]
        return turn

    return {
        "format": FORMAT,
        **write_head(conversation),
        "leaves": {str(pane): number for pane, number in conversation.leaves.items()},
        "setup": conversation.setup,
        "nodes": [
            {"number": node.number, "parent": node.parent, "pane": node.pane, "version": node.version,
                "turn": write(node)}
            for node in conversation.nodes if node.version > since
        ],
    }  # fmt: skip


def write_head(conversation: Conversation) -> dict[str, Any]:
    """What a list shows of a conversation, as a JSON object. `running` says whether an answer is being written."""
    return {
        "id": conversation.id,
        "kind": conversation.kind,
        "title": conversation.title,
        "shown_title": conversation.shown_title,
        "pinned": conversation.pinned,
        "created_at": conversation.created_at,
        "changed_at": conversation.changed_at,
        "version": conversation.version,
        "turns": len(conversation.nodes),
        "running": any(node.turn.outcome == "pending" for node in conversation.nodes),
    }


def read_document(value: Any, *, owner: str = "") -> Conversation:
    """The conversation of a JSON object, or of its bytes. Raises `InvalidRequest` where anything has a wrong shape.

    Nobody writes at the answers of a document: one that was being written has ended there.
    """
    try:
        document = ConversationDocument.model_validate(_parse(value) if isinstance(value, bytes) else value)
        return _conversation(document, owner)
    except (ValidationError, ValueError, RecursionError, ArithmeticError) as error:
        raise InvalidRequest(
            f"This is no conversation of LLM Hub: {_first_problem(error)}.", hint="Choose a file that LLM Hub saved."
        ) from None


def _parse(body: bytes) -> Any:
    if holds_more(body, MAX_VALUES):
        raise ValueError(f"it has more than {MAX_VALUES} entries")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("it is not JSON") from None


def _conversation(document: ConversationDocument, owner: str) -> Conversation:
    # Node by node: while one call reads them all, Python does nothing else.
    read = [NodeDocument.model_validate(node) for node in document.nodes]
    # An answer that has ended by now is a change, which a browser has to fetch.
    version = max(1, document.version) + any(node.turn.outcome == "pending" for node in read)
    nodes = [
        Node(node.number, node.parent, read_turn(node.turn), node.pane,
            version if node.turn.outcome == "pending" else max(1, node.version), asked=version)
        for node in read
    ]  # fmt: skip
    for place, node in enumerate(nodes, 1):
        if node.version > version:
            raise ValueError("a turn is newer than the whole")
        if node.number != place or node.parent >= place or (node.parent and nodes[node.parent - 1].pane != node.pane):
            raise ValueError("its turns are not in order")
    for pane, number in document.leaves.items():
        if number > len(nodes) or (number and nodes[number - 1].pane != pane):
            raise ValueError("it shows a turn that is not there")
    return Conversation(
        id=document.id, kind=document.kind, owner=owner, title=plain_title(document.title), pinned=document.pinned,
        created_at=document.created_at, changed_at=document.changed_at, version=version, nodes=nodes,
        leaves=dict(document.leaves), setup=document.setup,
    )  # fmt: skip


def _first_problem(error: Exception) -> str:
    """What is wrong and where, without what somebody wrote there."""
    if isinstance(error, ValidationError):
        return first_problem(error)
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0][:200]

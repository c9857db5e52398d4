"""Conversations as rows of the database, both ways."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from llm_hub.chat import Document, Image
from llm_hub.conversations.conversation import Conversation, Node, plain_title
from llm_hub.conversations.document import FORMAT, encode, read_document
from llm_hub.conversations.search_text import fold, turn_text
from llm_hub.conversations.turn_document import prompt_message, write_turn
from llm_hub.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def head_row(conversation: Conversation) -> dict[str, Any]:
    title = plain_title(conversation.title)
    return {
        "id": conversation.id,
        "kind": conversation.kind,
        "title": title,
        "first_line": conversation.first_line,
        "folded_title": fold(title),
        "pinned": conversation.pinned,
        "created_at": conversation.created_at,
        "changed_at": conversation.changed_at,
        "version": conversation.version,
        "leaves": encode({str(pane): number for pane, number in conversation.leaves.items()}),
        "setup": encode(conversation.setup),
    }


def image_rows(conversation: Conversation, node: Node) -> list[dict[str, Any]]:
    return [
        {"conversation_id": conversation.id, "number": node.number, "place": place, "type": image.media_type,
            "data": image.data}
        for place, image in enumerate(node.turn.prompt.images)
    ]  # fmt: skip


def file_rows(conversation: Conversation, node: Node) -> list[dict[str, Any]]:
    return [
        {"conversation_id": conversation.id, "number": node.number, "place": place, "name": document.name,
            "type": document.media_type, "text": document.text or "", "pages": document.pages, "data": document.data}
        for place, document in enumerate(node.turn.prompt.documents)
    ]  # fmt: skip


def turn_row(conversation: Conversation, node: Node, redact: Callable[[str], str]) -> dict[str, Any]:
    return {
        "conversation_id": conversation.id,
        "number": node.number,
        "parent": node.parent,
        "pane": node.pane,
        "version": node.version,
        "folded": fold(turn_text(node.turn)),
        "document": encode(write_turn(node.turn, redact=redact, with_files=False)),
    }


def head_columns(schema: ModuleType) -> list[Any]:
    rows = schema.conversations.c
    return [
        rows.id,
        rows.kind,
        rows.title,
        rows.first_line,
        rows.pinned,
        rows.created_at,
        rows.changed_at,
        rows.version,
    ]


def read_head(row: Any) -> dict[str, Any]:
    """As `write_head`. Whether an answer is being written is known to the hub that writes it alone."""
    return {
        "id": row.id,
        "kind": row.kind,
        "title": row.title,
        "shown_title": row.title or row.first_line,
        "pinned": bool(row.pinned),
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "version": row.version,
        "running": False,
    }


def read_conversation(head: Any, turn_rows: list[Any], image_rows: list[Any], file_rows: list[Any]) -> Conversation:
    try:
        turns = [
            {"number": row.number, "parent": row.parent, "pane": row.pane, "version": row.version,
                "turn": orjson.loads(row.document)}
            for row in turn_rows
        ]  # fmt: skip
        parts = {"leaves": orjson.loads(head.leaves), "setup": orjson.loads(head.setup), "nodes": turns}
        conversation = read_document({"format": FORMAT, **read_head(head), **parts})
    except orjson.JSONDecodeError:
        raise ConfigurationError("This conversation cannot be read: somebody has changed its row.") from None
    except InvalidRequest as error:
        raise ConfigurationError(f"This conversation cannot be read. {error.message}") from None
    files: dict[int, list[Image | Document]] = defaultdict(list)
    for row in image_rows:
        files[row.number].append(Image(row.data, row.type))
    for row in file_rows:
        files[row.number].append(Document(row.name, row.type, row.text, row.data, row.pages))
    nodes = list(conversation.nodes)
    for number, found in files.items():
        node = conversation.node(number)
        prompt = prompt_message(node.turn.prompt.text, found)
        nodes[number - 1] = replace(node, turn=replace(node.turn, prompt=prompt))
    return replace(conversation, nodes=nodes, saved_version=conversation.version)

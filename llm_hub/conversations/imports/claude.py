"""What Claude exports: `conversations.json`, a list of conversations, each with its `chat_messages`.

Anthropic does not describe it. `chat_messages` are in order, and since 2025 each names the one before it in
`parent_message_uuid`, by which they branch; the first one names an id that is nowhere
(00000000-0000-4000-8000-000000000000). Seen in exports that people have published (checked November 2026), such as
https://github.com/jmorenobl/claude-conversation-extractor. What a tool was given to write, an artifact or a file, is a
part of the answer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic import Field

from llm_hub.conversations.imports.message_tree import Source, SourceMessage, SourceModel, fenced, seconds

PROGRAM = "Claude"


class _Block(SourceModel):
    type: str = ""
    text: str = ""
    thinking: str = ""
    name: str = ""
    input: Any = None


class _Attachment(SourceModel):
    file_name: str = ""
    extracted_content: str = ""


class _ClaudeMessage(SourceModel):
    uuid: str
    sender: str = ""
    text: str = ""
    content: list[_Block] = Field([])
    created_at: Any = None
    parent_message_uuid: str = ""
    attachments: list[_Attachment] = Field([])
    files: list[Any] = Field([])


class _ClaudeConversation(SourceModel):
    uuid: str = ""
    name: str = ""
    model: str = ""
    created_at: Any = None
    updated_at: Any = None
    is_starred: bool = False
    current_leaf_message_uuid: str = ""
    chat_messages: list[_ClaudeMessage] = Field([])


def is_claude(value: dict[str, Any]) -> bool:
    return "chat_messages" in value


def read_claude(value: dict[str, Any]) -> Source:
    """Raises `ValidationError`."""
    read = _ClaudeConversation.model_validate(value)
    messages = [_message(message, read.model) for message in read.chat_messages]
    if not any(message.parent for message in messages):
        for before, message in pairwise(messages):
            message.parent = before.id
    return Source(
        PROGRAM, read.uuid, read.name, messages,
        read.current_leaf_message_uuid or (messages[-1].id if messages else ""),
        created_at=seconds(read.created_at), changed_at=seconds(read.updated_at), pinned=read.is_starred,
    )  # fmt: skip


def _message(message: _ClaudeMessage, model: str) -> SourceMessage:
    blocks, attached = message.content, message.attachments
    texts = [block.text if block.type == "text" else _written(block) for block in blocks]
    if not any(block.type == "text" and block.text for block in blocks):
        texts.insert(0, message.text)
    texts += [_file(each.file_name or "File", each.extracted_content) for each in attached if each.extracted_content]
    tools = [block.name or "one" for block in blocks if block.type == "tool_use" and not _written(block)]
    is_prompt = message.sender == "human"
    return SourceMessage(
        message.uuid,
        message.parent_message_uuid,
        "user" if is_prompt else "assistant",
        "\n\n".join(filter(None, texts)),
        "\n\n".join(block.thinking for block in blocks if block.thinking),
        "" if is_prompt else model,
        seconds(message.created_at),
        missing=len(message.files) + sum(not each.extracted_content for each in attached),
        note=f"What its tools did is not here ({', '.join(dict.fromkeys(tools))[:200]})." if tools else "",
    )


def _written(block: _Block) -> str:
    """What a tool was given to write: `artifacts` and `create_file` are such tools. "": nothing."""
    given = block.input if block.type == "tool_use" and isinstance(block.input, dict) else {}
    text = given.get("content") or given.get("file_text")
    name = given.get("title") or given.get("path")
    return _file(name if isinstance(name, str) else "File", text) if text and isinstance(text, str) else ""


def _file(name: str, text: str) -> str:
    return f"{name}:\n{fenced(text)}"

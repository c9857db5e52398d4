"""What ChatGPT exports: `conversations.json`, a list of conversations, each with a tree of messages in its `mapping`.

OpenAI does not describe it. Its shape, from the parsers that people have published:
https://github.com/mitkury/chatgpt-export-parser/blob/main/docs/chatgpt-data-export-format.md (checked November 2026).
`thoughts` are a model's reasoning, `code` is what it ran and `execution_output` what came of it. Where an answer
names a source or a thing, its text has a mark between two characters of private use, and `content_references` what is
shown there.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field

from llm_hub.conversations.imports.message_tree import Source, SourceMessage, SourceModel, fenced, seconds

PROGRAM = "ChatGPT"
TO_ALL = "all"
"""The recipient of what is said in the conversation; other ones are tools."""
_ROLES: dict[str, Literal["user", "assistant", "other"]] = {
    "user": "user", "assistant": "assistant", "tool": "assistant",
}  # fmt: skip
_MARK = re.compile("\ue200[^\ue200\ue201]*\ue201")
_THING = re.compile(r'entity\ue202\["[^"]*", ?"([^"]+)"')


class _Author(SourceModel):
    role: str = ""


class _Thought(SourceModel):
    summary: str = ""
    content: str = ""


class _Content(SourceModel):
    content_type: str = ""
    parts: list[Any] = Field([])
    text: str = ""
    language: str = ""
    thoughts: list[_Thought] = Field([])


class _Metadata(SourceModel):
    model_slug: str = ""
    is_visually_hidden_from_conversation: bool = False
    attachments: list[Any] = Field([])
    content_references: Any = None


class _ChatGPTMessage(SourceModel):
    author: _Author = _Author()
    create_time: Any = None
    content: _Content = _Content()
    metadata: _Metadata = _Metadata()
    recipient: str = TO_ALL


class _ChatGPTNode(SourceModel):
    message: _ChatGPTMessage | None = None
    parent: str = ""


class _ChatGPTConversation(SourceModel):
    conversation_id: str = ""
    id: str = ""
    title: str = ""
    create_time: Any = None
    update_time: Any = None
    current_node: str = ""
    mapping: dict[str, _ChatGPTNode] = Field({})


def is_chatgpt(value: dict[str, Any]) -> bool:
    return "mapping" in value


def read_chatgpt(value: dict[str, Any]) -> Source:
    """Raises `ValidationError`."""
    read = _ChatGPTConversation.model_validate(value)
    return Source(
        PROGRAM, read.conversation_id or read.id, read.title,
        [_message(name, node) for name, node in read.mapping.items()], read.current_node,
        created_at=seconds(read.create_time), changed_at=seconds(read.update_time),
    )  # fmt: skip


def _message(name: str, node: _ChatGPTNode) -> SourceMessage:
    made = SourceMessage(name, node.parent)
    message = node.message
    if message is None:
        return made
    made.at = seconds(message.create_time)
    content, metadata = message.content, message.metadata
    if metadata.is_visually_hidden_from_conversation:
        return made
    made.role, made.model = _ROLES.get(message.author.role, "other"), metadata.model_slug
    match content.content_type:
        case "thoughts":
            thoughts = [text for thought in content.thoughts for text in (thought.summary, thought.content)]
            made.reasoning = "\n\n".join(text for text in thoughts if text)
        case "code" | "execution_output":
            made.text = fenced(content.text, content.language)
        case "reasoning_recap" | "model_editable_context" | "user_editable_context":
            pass  # how long it thought, and what stands in the settings
        case _:
            text = "\n\n".join(filter(None, [content.text, *map(_part, content.parts)]))
            is_to_tool = message.recipient != TO_ALL
            made.text = fenced(text) if is_to_tool else _without_marks(text, metadata.content_references)
            pictures = [part for part in content.parts if isinstance(part, dict) and "asset_pointer" in part]
            made.missing = max(len(pictures), len(metadata.attachments))
    if made.text and not message.author.role:  # nobody's, and yet somebody's words
        made.role = "assistant" if made.model else "user"
    return made


def _without_marks(text: str, references: Any) -> str:
    if "\ue200" not in text:
        return text
    shown = {
        str(reference.get("matched_text")): str(reference.get("alt") or "")
        for reference in (references if isinstance(references, list) else []) if isinstance(reference, dict)
    }  # fmt: skip

    def words(mark: re.Match[str]) -> str:
        thing = _THING.search(mark[0])
        return shown.get(mark[0]) or (thing[1] if thing else "")

    return _MARK.sub(words, text)


def _part(part: Any) -> str:
    """A piece of a text: a text, or an object that may have one, such as the transcript of speech."""
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else ""

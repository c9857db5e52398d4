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

from llm_hub.conversations.imports.message_tree import Source, SourceMessage, seconds
from llm_hub.conversations.turn_schema import StoredModel

PROGRAM = "ChatGPT"
_ROLES: dict[str, Literal["user", "assistant", "other"]] = {
    "user": "user", "assistant": "assistant", "tool": "assistant",
}  # fmt: skip
_MARK = re.compile("\ue200[^\ue200\ue201]*\ue201")
_THING = re.compile(r'entity\ue202\["[^"]*", ?"([^"]+)"')


class _Author(StoredModel):
    role: str | None = None


class _Thought(StoredModel):
    summary: str | None = None
    content: str | None = None


class _Content(StoredModel):
    content_type: str | None = None
    parts: list[Any] | None = None
    text: str | None = None
    language: str | None = None
    thoughts: list[_Thought] | None = None


class _Metadata(StoredModel):
    model_slug: str | None = None
    is_visually_hidden_from_conversation: bool | None = None
    attachments: list[Any] | None = None
    content_references: Any = None


class _ChatGPTMessage(StoredModel):
    author: _Author = _Author()
    create_time: Any = None
    content: _Content | None = None
    metadata: _Metadata | None = None


class _ChatGPTNode(StoredModel):
    message: _ChatGPTMessage | None = None
    parent: str | None = None


class _ChatGPTConversation(StoredModel):
    conversation_id: str | None = None
    id: str | None = None
    title: str | None = None
    create_time: Any = None
    update_time: Any = None
    current_node: str | None = None
    mapping: dict[str, _ChatGPTNode]


def is_chatgpt(value: dict[str, Any]) -> bool:
    return "mapping" in value


def read_chatgpt(value: dict[str, Any]) -> Source:
    """Raises `ValidationError`."""
    read = _ChatGPTConversation.model_validate(value)
    return Source(
        PROGRAM, read.conversation_id or read.id or "", read.title or "",
        [_message(name, node) for name, node in read.mapping.items()], read.current_node or "",
        created_at=seconds(read.create_time), changed_at=seconds(read.update_time),
    )  # fmt: skip


def _message(name: str, node: _ChatGPTNode) -> SourceMessage:
    made = SourceMessage(name, node.parent or "")
    message = node.message
    if message is None:
        return made
    made.at = seconds(message.create_time)
    content, metadata = message.content or _Content(), message.metadata or _Metadata()
    if metadata.is_visually_hidden_from_conversation:
        return made
    made.role, made.model = _ROLES.get(message.author.role or "", "other"), metadata.model_slug or ""
    match content.content_type:
        case "thoughts":
            thoughts = [text for thought in content.thoughts or [] for text in (thought.summary, thought.content)]
            made.reasoning = "\n\n".join(text for text in thoughts if text)
        case "code" | "execution_output":
            made.text = _fenced(content.text or "", content.language or "")
        case "reasoning_recap" | "model_editable_context" | "user_editable_context":
            pass  # how long it thought, and what stands in the settings
        case _:
            text = "\n\n".join(filter(None, [content.text or "", *map(_part, content.parts or [])]))
            made.text = _without_marks(text, metadata.content_references)
            pictures = [part for part in content.parts or [] if isinstance(part, dict) and "asset_pointer" in part]
            made.missing = max(len(pictures), len(metadata.attachments or []))
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


def _fenced(code: str, language: str) -> str:
    fence = "````" if "```" in code else "```"
    return f"{fence}{language if language.isalnum() and language != 'unknown' else ''}\n{code}\n{fence}" if code else ""

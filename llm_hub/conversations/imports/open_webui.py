"""What Open WebUI exports: a list of chats, each with the tree of its messages in `chat.history`, or, in an old one,
a plain list of them in `chat.messages`.

Its shape is written in https://github.com/open-webui/open-webui, src/lib/utils/index.ts (`convertMessagesToHistory`)
and backend/open_webui/models/chats.py. Reasoning stands in the text, in `<details type="reasoning">`.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from typing import Any, Literal

from pydantic import Field

from llm_hub.chat import Image
from llm_hub.conversations.imports.message_tree import Source, SourceMessage, seconds
from llm_hub.conversations.turn_schema import StoredModel

PROGRAM = "Open WebUI"
_ROLES: dict[str, Literal["user", "assistant"]] = {"user": "user", "assistant": "assistant"}
_REASONING = re.compile(
    r'<details type="reasoning"[^>]{0,200}>\s*<summary>[^<]{0,200}</summary>(.*?)</details>\s*', re.DOTALL
)
_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,")


class _File(StoredModel):
    type: str | None = None
    url: str | None = None


class _OpenWebUIMessage(StoredModel):
    id: str | None = None
    parentId: str | None = None  # noqa: N815  # its name there
    role: str | None = None
    content: str | list[Any] | None = None
    model: str | None = None
    timestamp: Any = None
    files: list[_File] | None = None


class _History(StoredModel):
    messages: dict[str, _OpenWebUIMessage] = Field({})
    currentId: str | None = None  # noqa: N815  # as above


class _Params(StoredModel):
    system: str | None = None


class _Chat(StoredModel):
    title: str | None = None
    history: _History | None = None
    messages: list[_OpenWebUIMessage] | None = None
    params: _Params | None = None
    system: str | None = None


class _OpenWebUIConversation(StoredModel):
    id: str | None = None
    title: str | None = None
    created_at: Any = None
    updated_at: Any = None
    pinned: bool | None = None
    chat: _Chat


def is_open_webui(value: dict[str, Any]) -> bool:
    return isinstance(value.get("chat"), dict)


def read_open_webui(value: dict[str, Any]) -> Source:
    """Raises `ValidationError`."""
    read = _OpenWebUIConversation.model_validate(value)
    chat = read.chat
    if chat.history is not None and chat.history.messages:
        messages = [_message(message, name, message.parentId or "") for name, message in chat.history.messages.items()]
        shown = chat.history.currentId or ""
    else:
        names = [str(place) for place in range(len(chat.messages or []) + 1)]
        messages = [
            _message(message, name, parent)
            for message, name, parent in zip(chat.messages or [], names[1:], ["", *names[1:]], strict=False)
        ]
        shown = names[-1]
    system = (chat.params.system if chat.params else None) or chat.system or ""
    return Source(
        PROGRAM, read.id or "", read.title or chat.title or "", messages, shown, system,
        seconds(read.created_at), seconds(read.updated_at), bool(read.pinned),
    )  # fmt: skip


def _message(message: _OpenWebUIMessage, name: str, parent: str) -> SourceMessage:
    role = message.role
    text = message.content if isinstance(message.content, str) else _texts(message.content or [])
    reasoning: list[str] = []
    if role == "assistant" and "<details" in text:
        reasoning = [re.sub(r"(?m)^> ?", "", html.unescape(found)).strip() for found in _REASONING.findall(text)]
        text = _REASONING.sub("", text)
    images = [image for file in message.files or [] if (image := _image(file.url or "")) is not None]
    return SourceMessage(
        name,
        parent,
        _ROLES.get(role or "", "other"),
        text,
        "\n\n".join(reasoning),
        message.model or "",
        seconds(message.timestamp),
        images,
        len(message.files or []) - len(images),
    )


def _texts(parts: list[Any]) -> str:
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n\n".join(text for text in texts if isinstance(text, str))


def _image(url: str) -> Image | None:
    start = _IMAGE.match(url)
    try:
        return Image(base64.b64decode(url[start.end() :], validate=True), start.group(1)) if start else None
    except (binascii.Error, ValueError):
        return None

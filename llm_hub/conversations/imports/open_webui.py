"""What Open WebUI exports: a list of chats, each with the tree of its messages in `chat.history`, or, in an old one,
a plain list of them in `chat.messages`.

Its shape is written in https://github.com/open-webui/open-webui, src/lib/utils/index.ts (`convertMessagesToHistory`)
and backend/open_webui/models/chats.py. Reasoning stands in the text, in `<details type="reasoning">`, and so do calls
of tools and code that was run (backend/open_webui/utils/middleware.py), with what came of them in attributes.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from typing import Any, Literal

from pydantic import Field

from llm_hub.chat import Image
from llm_hub.conversations.imports.message_tree import Source, SourceMessage, SourceModel, fenced, seconds

PROGRAM = "Open WebUI"
_ROLES: dict[str, Literal["user", "assistant"]] = {"user": "user", "assistant": "assistant"}
_DETAILS = re.compile(
    r'<details type="(reasoning|tool_calls|code_interpreter)"([^<>]*)>\s*<summary>[^<]{0,200}</summary>'
)
_DETAILS_END = re.compile(r"</details>\s*")
_ATTRIBUTE = re.compile(r'\b(name|arguments|result|output)="([^"]*)"')
MAX_ERROR_CHARS = 300
_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,")


class _File(SourceModel):
    type: str = ""
    url: str = ""


class _OpenWebUIMessage(SourceModel):
    id: str = ""
    parentId: str = ""  # noqa: N815  # its name there
    role: str = ""
    content: str | list[Any] = ""
    model: str = ""
    timestamp: Any = None
    files: list[_File] = Field([])
    error: Any = None


class _History(SourceModel):
    messages: dict[str, _OpenWebUIMessage] = Field({})
    currentId: str = ""  # noqa: N815  # as above


class _Params(SourceModel):
    system: str = ""


class _Chat(SourceModel):
    title: str = ""
    history: _History = _History()
    messages: list[_OpenWebUIMessage] = Field([])
    params: _Params = _Params()
    system: str = ""


class _OpenWebUIConversation(SourceModel):
    id: str = ""
    title: str = ""
    created_at: Any = None
    updated_at: Any = None
    pinned: bool = False
    chat: _Chat


def is_open_webui(value: dict[str, Any]) -> bool:
    return isinstance(value.get("chat"), dict)


def read_open_webui(value: dict[str, Any]) -> Source:
    """Raises `ValidationError`."""
    read = _OpenWebUIConversation.model_validate(value)
    chat = read.chat
    if chat.history.messages:
        messages = [_message(message, name, message.parentId) for name, message in chat.history.messages.items()]
        shown = chat.history.currentId
    else:
        names = [str(place) for place in range(len(chat.messages) + 1)]
        messages = [
            _message(message, name, parent)
            for message, name, parent in zip(chat.messages, names[1:], ["", *names[1:]], strict=False)
        ]
        shown = names[-1]
    return Source(
        PROGRAM, read.id, read.title or chat.title, messages, shown, chat.params.system or chat.system,
        seconds(read.created_at), seconds(read.updated_at), read.pinned,
    )  # fmt: skip


def _message(message: _OpenWebUIMessage, name: str, parent: str) -> SourceMessage:
    role = message.role
    text = message.content if isinstance(message.content, str) else _texts(message.content)
    reasoning: list[str] = []
    if role == "assistant" and "<details" in text:
        text, reasoning = _without_details(text)
    images = [image for file in message.files if (image := _image(file.url)) is not None]
    return SourceMessage(
        name,
        parent,
        _ROLES.get(role, "other"),
        text,
        "\n\n".join(reasoning),
        message.model,
        seconds(message.timestamp),
        images,
        len(message.files) - len(images),
        f"{PROGRAM} says that it failed: {_error(message.error)}" if message.error else "",
    )


def _error(error: Any) -> str:
    text = error.get("content") if isinstance(error, dict) else error
    return " ".join(text.split())[:MAX_ERROR_CHARS].rstrip(".") + "." if isinstance(text, str) else "no reason given."


def _without_details(text: str) -> tuple[str, list[str]]:
    """An answer with its tools' calls as code, and its reasoning."""
    parts, reasoning, at = [], [], 0
    while (start := _DETAILS.search(text, at)) and (end := _DETAILS_END.search(text, start.end())):
        parts.append(text[at : start.start()])
        inside, at = text[start.end() : end.start()].strip(), end.end()
        if start[1] == "reasoning":
            reasoning.append(re.sub(r"(?m)^> ?", "", html.unescape(inside)).strip())
        else:
            given = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(start[2])}
            call = f"{given['name']}({given.get('arguments', '')})" if "name" in given else ""
            codes = [call, given.get("result", ""), given.get("output", "")]
            parts.append("\n\n".join(filter(None, [inside, *map(fenced, codes)])) + "\n\n")
    return "".join([*parts, text[at:]]), reasoning


def _texts(parts: list[Any]) -> str:
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n\n".join(text for text in texts if isinstance(text, str))


def _image(url: str) -> Image | None:
    start = _IMAGE.match(url)
    try:
        return Image(base64.b64decode(url[start.end() :], validate=True), start.group(1)) if start else None
    except (binascii.Error, ValueError):
        return None

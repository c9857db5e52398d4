"""How large a request is, in tokens, before anybody has counted them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.chat import Document, Image, Text, ToolCall, ToolResult
from llm_hub.chat.exact_json import dump_exactly

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, Message, OriginalRequest

MIN_BYTES_PER_TOKEN = 2
"""Of a token in most texts: what is reserved, and what no provider has counted, is on the high side."""
MAX_BYTES_PER_TOKEN = 5
"""Of a token in most texts: an answer of more bytes has more tokens than it was allowed."""
MESSAGE_TOKENS = 8
"""Tokens of a message beside its text."""
TOOLS_TOKENS = 1000
"""Tokens of what a provider tells a model about tools and JSON forms, beside the request's own words."""


def request_tokens(request: ChatRequest, bytes_per_token: int) -> int:
    """Tokens of a request's messages and tools, without its images."""
    descriptions = [f"{tool.name} {tool.description} {tool.parameters}" for tool in request.tools]
    if request.format is not None:
        descriptions.append(str(request.format.schema))
    tokens = sum(MESSAGE_TOKENS + _message_bytes(message) // bytes_per_token for message in request.messages)
    if descriptions:
        tokens += TOOLS_TOKENS + sum(map(byte_length, descriptions)) // bytes_per_token
    if request.original is not None:
        tokens = max(tokens, _original_bytes(request, request.original) // bytes_per_token)
    return tokens


def _original_bytes(request: ChatRequest, original: OriginalRequest) -> int:
    """Bytes of a request as its client wrote it, without its files: it may hold more than the hub's words."""
    files = [image.data for message in request.messages for image in message.images]
    files += [document.data for message in request.messages for document in message.documents]
    return max(0, len(dump_exactly(original.body)) - sum((len(data) + 2) // 3 * 4 for data in files))


def _message_bytes(message: Message) -> int:
    """Bytes of a message's text."""
    if isinstance(message.content, str):
        return byte_length(message.content)
    total = 0
    for part in message.content:
        match part:
            case Text(text) | ToolResult(_, text):
                total += byte_length(text)
            case ToolCall(_, name, text):
                total += byte_length(name) + byte_length(text)
            case Document(name, _, text):
                total += byte_length(name) + byte_length(text or "")
            case Image():
                pass
    return total


def byte_length(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

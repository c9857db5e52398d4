"""The words of an answer in Anthropic's protocol, where its next events are nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson

from llm_hub.wire.decoders import MAX_LINE_VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping


class GrowingMessage(Protocol):
    """An answer of which events are read."""

    is_text_open: bool


def plain_texts(builder: GrowingMessage, texts: list[bytes]) -> str | None:
    """The words of an answer's next events, as they came, in the middle of a block of text; None: one of the events is
    not only words."""
    if not builder.is_text_open:
        return None
    if len(texts) == 1:
        return _plain_text(texts[0])
    words = []
    for data in texts:
        if (text := _plain_text(data)) is None:
            return None
        words.append(text)
    return "".join(words)


def _plain_text(data: bytes) -> str | None:
    """The words of an event as it came. This runs for each token."""
    try:
        event = orjson.loads(data) if len(data) <= MAX_LINE_VALUES else None
    except orjson.JSONDecodeError:
        return None
    return plain_text(event) if type(event) is dict else None


def plain_text(event: Mapping[str, Any]) -> str | None:
    """The words of an event that is nothing but a piece of text; None: it says more, or something else."""
    if event.get("type") == "content_block_delta" and len(event) <= 3:
        delta = event.get("delta")
        if type(delta) is dict and len(delta) <= 2 and isinstance(text := delta.get("text"), str) and text:
            return text
    return None

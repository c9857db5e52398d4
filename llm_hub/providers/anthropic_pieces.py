"""The words of an answer in Anthropic's protocol, where its next events are nothing else."""

from __future__ import annotations

from typing import Protocol

import orjson

from llm_hub.wire.decoders import MAX_LINE_VALUES


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
    """The words of an event that is nothing but a piece of text. This runs for each token."""
    if len(data) > MAX_LINE_VALUES:
        return None
    try:
        event = orjson.loads(data)
        delta = event["delta"]
        text = delta["text"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None
    is_plain = len(event) <= 3 and len(delta) <= 2 and type(text) is str and event.get("type") == "content_block_delta"
    return text if is_plain and text else None

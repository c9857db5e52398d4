"""Words of Anthropic's that are read at once are nothing but words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.providers.anthropic import AnthropicProvider
from llm_hub.providers.anthropic_answer import MessageBuilder
from llm_hub.providers.anthropic_pieces import plain_texts


def delta(value: object, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": value, **fields}


WORDS = delta({"type": "text_delta", "text": "tide"})
OTHER: tuple[object, ...] = (
    delta(None),
    delta(["text"]),
    delta({"type": "text_delta", "text": None}),
    delta({"type": "text_delta", "text": "tide", "score": 1}),
    delta({"type": "text_delta", "text": "tide"}, seq=1),
    WORDS | {"type": "message_delta"},
    {"type": "content_block_stop", "index": 0},
    [WORDS],
    None,
)
"""Events that have more than words, or something else, and what is none."""


def open_text() -> MessageBuilder:
    builder = MessageBuilder(AnthropicProvider("sk-test"), ChatRequest((Message(Role.USER, "Which?"),)))
    builder.start_block({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Low "}})
    return builder


@pytest.mark.parametrize("other", OTHER)
def test_words_beside_anything_else_are_left_to_the_reading_of_events(other: object) -> None:
    words, more = json.dumps(WORDS).encode(), json.dumps(other).encode()
    builder = open_text()
    assert plain_texts(builder, [words, words]) == "tidetide"
    assert plain_texts(builder, [words, more]) is None
    assert plain_texts(builder, [more]) is None
    assert plain_texts(builder, [words, b"{"]) is None


def test_words_after_a_block_of_text_are_left_to_it_as_well() -> None:
    builder = open_text()
    builder.stop_block({"type": "content_block_stop", "index": 0})
    assert plain_texts(builder, [json.dumps(WORDS).encode()]) is None

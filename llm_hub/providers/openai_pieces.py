"""Pieces of an answer in chat completions that are put together in their own way: logprobs, and calls whose input is
text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from llm_hub.providers.openai_fields import REASONING_FIELDS
from llm_hub.wire.validation import MAX_REFUSAL_CHARS, parse_count, parse_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def add_logprobs(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Adds how likely the next tokens were to what is known of those before. Each field has a list of tokens."""
    for name, value in piece.items():
        known = whole.get(name)
        if isinstance(value, list) and isinstance(known, list):
            known += value
        elif value is not None or known is None:
            whole[name] = [*value] if isinstance(value, list) else value


class CustomCalls:
    """The calls of custom tools. The hub's words have the text of each in an object, as `input`: see `ToolCall`."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun: dict[int | str, tuple[int | None, str]] = {}
        """The positions and ids of the calls whose objects are open."""

    def read(self, call: Mapping[str, Any], custom: Mapping[str, Any]) -> tuple[int | None, str, str, str]:
        """The position, id and name of a call, and the next piece of its arguments."""
        position, call_id = parse_count(call.get("index")), parse_name(call.get("id"))
        key = call_id if position is None else position
        opening = "" if key in self._begun else '{"input":"'
        self._begun.setdefault(key, (position, call_id))
        text = orjson.dumps(str(custom.get("input") or "")).decode()[1:-1]
        return position, call_id, parse_name(custom.get("name")), opening + text

    def ends(self) -> Iterator[tuple[int | None, str, str]]:
        """For each call its position, its id, and what closes its object."""
        for position, call_id in self._begun.values():
            yield position, call_id, '"}'
        self._begun.clear()


def add_refusal(refusal: str, words: object) -> str:
    """The refusal, with the next words of it, if they are any."""
    return (refusal + words)[:MAX_REFUSAL_CHARS] if isinstance(words, str) else refusal


def says_something(delta: Mapping[str, Any]) -> bool:
    """Whether a delta has text or reasoning, which is shown at once."""
    return any(delta.get(name) for name in ("content", *REASONING_FIELDS))


def read_text(value: Any) -> str:
    """The text of a field that is text, a part, or a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(read_text, value))
    if isinstance(value, dict):
        return next((text for name in _TEXT_FIELDS if (text := read_text(value.get(name)))), "")
    return ""


_TEXT_FIELDS = ("text", "summary", "thinking", "reasoning", "content")
"""Where the text of a part may stand: Mistral's parts of thinking have a list of parts of text under `thinking`."""

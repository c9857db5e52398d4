"""Pieces of an answer in chat completions that are read in their own way: words alone, logprobs, arguments of calls,
and calls whose input is text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson

from llm_hub.chat.exact_json import dump_exactly
from llm_hub.providers.openai_fields import CALL_FIELDS, FUNCTION_FIELDS, PLAIN_CHOICE, QUIET_FIELDS, REASONING_FIELDS
from llm_hub.wire.decoders import MAX_LINE_VALUES
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


def plain_text(chunk: Mapping[str, Any], model: str, index: object) -> str | None:
    """The text of a chunk in the middle of an answer that says nothing else than the next words of that model's choice;
    None: it says more, or something else. This runs for each token."""
    choices = chunk.get("choices")
    if (
        type(choices) is list
        and len(choices) == 1
        and (delta := (choice := choices[0]).get("delta")) is not None
        and len(delta) == 1
        and isinstance(text := delta.get("content"), str)
        and choice.get("finish_reason") is None
        and choice.get("index") == index
        and choice.get("logprobs") is None
        and (PLAIN_CHOICE.issuperset(choice) or all(choice[name] is None for name in choice.keys() - PLAIN_CHOICE))
        and chunk.get("usage") is None
        and chunk.get("model") == model
        and QUIET_FIELDS.issuperset(chunk)
    ):
        return text
    return None


class GrowingText(Protocol):
    """An answer of which chunks are read: the model's name and its choice as the chunks have them."""

    model: str
    choice: object
    is_under_way: bool

    @property
    def is_in_text(self) -> bool: ...


def plain_texts(builder: GrowingText, texts: list[bytes]) -> str | None:
    """The text of an answer's next chunks, as they came, if all are such; None: one says more, or something else."""
    if not (builder.is_under_way and builder.is_in_text):
        return None
    words = []
    for data in texts:
        try:
            chunk = orjson.loads(data) if len(data) <= MAX_LINE_VALUES else None
        except orjson.JSONDecodeError:
            return None
        text = plain_text(chunk, builder.model, builder.choice) if type(chunk) is dict else None
        if text is None:
            return None
        words.append(text)
    return words[0] if len(words) == 1 else "".join(words)


def read_arguments(function: Mapping[str, Any]) -> str:
    """The arguments of a call as text; "" if there are none. `parameters` is what parsers of small models write."""
    arguments = function.get("arguments", function.get("parameters"))
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else dump_exactly(arguments).decode()


def wrapped(call: dict[str, Any]) -> dict[str, Any]:
    """A call with its `function`, also where a server writes what belongs there beside it (acon96/home-llm#348)."""
    if "function" in call or "custom" in call or FUNCTION_FIELDS.isdisjoint(call):
        return call
    others = {name: value for name, value in call.items() if name not in FUNCTION_FIELDS}
    return {**others, "function": {name: call[name] for name in FUNCTION_FIELDS & call.keys()}}


def unknown_fields(call: Mapping[str, Any]) -> dict[str, Any]:
    """What a call has beside that for which the hub has words, also in its `function` or `custom`."""
    unknown = {name: value for name, value in call.items() if name not in CALL_FIELDS}
    for name in ("function", "custom"):
        if isinstance(called := call.get(name), dict) and not FUNCTION_FIELDS.issuperset(called):
            unknown[name] = {field: value for field, value in called.items() if field not in FUNCTION_FIELDS}
    return unknown


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

"""JSON values of which an answer streams the pieces, for which the hub has no word: put together, and counted."""

from __future__ import annotations

from typing import Any

from llm_hub.chat.exact_json import dump_exactly

_CONSTANT_FIELDS = frozenset({"id", "type", "format", "index", "role", "name", "expires_at", "object", "model"})
"""Fields of text that are said again with each piece, and are no piece themselves."""


def join_pieces(pieces: list[Any], name: str = "") -> Any:
    """One value from its pieces: texts are put together, objects field by field, lists item by item. Else the last.

    Null is no piece where there are others.
    """
    pieces = [piece for piece in pieces if piece is not None] or pieces
    last = pieces[-1]
    if len(pieces) > 1 and all(isinstance(piece, dict) for piece in pieces):
        fields: dict[str, list[Any]] = {}
        for piece in pieces:
            for field, value in piece.items():
                fields.setdefault(field, []).append(value)
        return {field: join_pieces(values, field) for field, values in fields.items()}
    if all(isinstance(piece, list) for piece in pieces):
        return _join_items([item for piece in pieces for item in piece])
    if isinstance(last, str) and name not in _CONSTANT_FIELDS:
        return "".join(piece for piece in pieces if isinstance(piece, str))
    return last


def _join_items(items: list[Any]) -> list[Any]:
    """The items of lists that came one after another. Those of one `index` and type are pieces of one; and one that
    came before, as in a list that is repeated with each chunk, is left out."""
    places: dict[Any, list[Any]] = {}
    for item in items:
        is_piece = isinstance(item, dict) and item.get("index") is not None
        key = (item["index"], item.get("type")) if is_piece else dump_exactly(item)
        if is_piece:
            places.setdefault(str(key), []).append(item)
        else:
            places[key] = [item]
    return [join_pieces(pieces) for pieces in places.values()]


def has_pieces(value: object) -> bool:
    """Whether a value has text that may be a piece of a longer one."""
    if isinstance(value, dict):
        return any((isinstance(inner, str) and inner) or has_pieces(inner) for inner in value.values())
    return isinstance(value, list) and any(isinstance(item, dict) and "index" in item for item in value)


def count_characters(value: object) -> int:
    """Characters of a JSON value, roughly."""
    if isinstance(value, dict):
        return sum(len(name) + count_characters(inner) for name, inner in value.items())
    if isinstance(value, list):
        return sum(map(count_characters, value))
    return len(value) if isinstance(value, str) else 1

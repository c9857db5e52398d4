"""What the fault server's models make of a request's tools and schemas: the same, whatever protocol they come in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STRING = 'Zürich "old town" 😀'
"""What the models write where a schema wants a text: quotes and more than one byte a character."""
_PIECE = 4
"""Characters of JSON in a token."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The tools of a request, by name with their schemas. `choice` is "auto", "none", "required" or a tool's name."""

    tools: Mapping[str, Mapping[str, Any]]
    choice: str = "auto"
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, and its arguments' JSON in pieces."""

    id: str
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


def calls(request: ToolRequest, number: int) -> tuple[Call, ...]:
    """The calls that a model makes which means to make `number`, as far as the request lets it."""
    names = [request.choice] if request.choice in request.tools else list(request.tools)
    if request.choice in ("required", *request.tools):
        number = max(number, 1)
    if not names or request.choice == "none":
        number = 0
    elif not request.parallel:
        number = min(number, 1)
    return tuple(
        Call(f"call_{index}{name}", name, tuple(pieces(filled(request.tools[name]))))
        for index in range(number)
        for name in [names[index % len(names)]]
    )


def filled(schema: Mapping[str, Any]) -> Any:
    """A value of that schema."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: filled(inner) for name, inner in (schema.get("properties") or {}).items()}
        case "array":
            return [filled(schema.get("items", {}))] * 2
        case "integer":
            return 7
        case "number":
            return 1.5
        case "boolean":
            return True
    return STRING


def pieces(value: Any) -> list[str]:
    """Its JSON, a token at a time."""
    text = json.dumps(value, ensure_ascii=False)
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]

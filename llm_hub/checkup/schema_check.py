"""Whether a JSON text is a value of one of the check-up's own schemas: the few keywords that these use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.chat import decode_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def matches(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether the text is JSON of that schema."""
    try:
        return _holds(decode_json(text), schema)
    except (ValueError, TypeError, RecursionError):
        return False


def _holds(value: Any, schema: Mapping[str, Any]) -> bool:
    if not isinstance(value, _TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, list):
        return all(_holds(item, schema["items"]) for item in value)
    if isinstance(value, dict):
        properties = schema["properties"]
        return set(schema["required"]) <= value.keys() <= properties.keys() and all(
            _holds(item, properties[name]) for name, item in value.items()
        )
    return True

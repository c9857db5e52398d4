"""A provider's list of models, in whatever shape its server writes it."""

from __future__ import annotations

from typing import Any

from llm_hub.wire.decoders import parse_json
from llm_hub.wire.http_reply import unusable_reply
from llm_hub.wire.validation import parse_name

MAX_LISTED_MODELS = 20_000
"""Models in a provider's list. The longest of today have a thousand."""


def parse_model_list(data: bytes, *, rows: str, name: str) -> list[tuple[str, dict[str, Any]]]:
    """The models of a list, by name, each with its row.

    `rows` and `name` are the fields that the protocol gives the list and a model's name; several servers send a bare
    list, or use other fields. Rows whose name nobody could ask for are left out. Raises `StreamBroken` for what is no
    list of models, and for more than `MAX_LISTED_MODELS`.
    """
    document = parse_json(data)
    listed = document
    if isinstance(document, dict):
        listed = next((document[field] for field in (rows, "data", "models", "result") if field in document), document)
    if listed is None:
        return []  # Go writes an empty list so
    if not isinstance(listed, list):
        raise unusable_reply("The server's list of models cannot be read.")
    if len(listed) > MAX_LISTED_MODELS:
        raise unusable_reply(f"The server lists more than {MAX_LISTED_MODELS} models.")
    names = (name, "id", "name", "model", "slug")
    models = []
    for row in listed:
        value = (
            row
            if isinstance(row, str)
            else next(filter(None, map(row.get, names)), None)
            if isinstance(row, dict)
            else None
        )
        if value and parse_name(value) == value:
            models.append((value, row if isinstance(row, dict) else {}))
    if listed and not models:
        raise unusable_reply("The server's list of models has no names that can be read.")
    return models

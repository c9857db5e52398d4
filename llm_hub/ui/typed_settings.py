"""Settings that a visitor types as text. The errors are sentences for the visitor."""

from __future__ import annotations

from contextlib import suppress

from llm_hub.errors import InvalidRequest


def parse_temperature(text: str) -> float | None:
    """A temperature, or None for the model's own. Raises `InvalidRequest` for any other text."""
    if not text.strip():
        return None
    with suppress(ValueError):
        value = float(text.replace(",", "."))
        if 0 <= value <= 2:
            return value
    raise InvalidRequest("Temperature is a number from 0 to 2.", hint="Leave it empty for the model's own.")


def parse_max_tokens(text: str) -> int | None:
    """A number of tokens, or None for the model's own. Raises `InvalidRequest` for any other text."""
    if not text.strip():
        return None
    with suppress(ValueError):
        value = int(text)
        if value >= 1:
            return value
    raise InvalidRequest("Max tokens is a whole number above 0.", hint="Leave it empty for the model's own.")

"""Settings that a visitor types as text. The errors are sentences for the visitor."""

from __future__ import annotations

from contextlib import suppress

from llm_hub.errors import InvalidRequest
from llm_hub.ui.texts import settings_texts as texts


def parse_temperature(text: str) -> float | None:
    """A temperature, or None for the model's own. Raises `InvalidRequest` for any other text."""
    if not text.strip():
        return None
    with suppress(ValueError):
        value = float(text.replace(",", "."))
        if 0 <= value <= 2:
            return value
    raise InvalidRequest(texts.BAD_TEMPERATURE, hint=texts.MODELS_OWN_HINT)


def parse_max_tokens(text: str) -> int | None:
    """A number of tokens, or None for the model's own. Raises `InvalidRequest` for any other text."""
    if not text.strip():
        return None
    with suppress(ValueError):
        value = int(text)
        if value >= 1:
            return value
    raise InvalidRequest(texts.BAD_MAX_TOKENS, hint=texts.MODELS_OWN_HINT)

"""What a search reads, and the piece of a text that its result shows."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_hub.conversations.turn import Turn

EXCERPT_CHARS = 120
"""Characters of an excerpt, about."""


def turn_text(turn: Turn) -> str:
    """All words of a turn."""
    return f"{turn.prompt.text}\n{turn.answer.text}\n{turn.answer.reasoning}"


def fold(text: str) -> str:
    """The text without what a search does not tell apart: upper and lower case, and two ways to write one character.

    A database refuses NUL and halves of characters.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())
    return text.casefold().replace("\0", " ")


def excerpt(text: str, words: Iterable[str]) -> str:
    """The piece of a text where the first of some folded words stands, in one line."""
    places = (re.search(re.escape(word), text, re.IGNORECASE) for word in words)
    start = max(0, min((place.start() for place in places if place), default=0) - EXCERPT_CHARS // 3)
    piece = " ".join(text[start : start + EXCERPT_CHARS].split())
    return ("…" if start else "") + piece + ("…" if len(text) > start + EXCERPT_CHARS else "")

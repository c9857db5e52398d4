"""Keeps API keys out of logs, errors and whatever else is shown or kept, and foreign text short."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable


# Every line of the log is searched: most of them have none of these words, which takes a third of the time to find.
# "gsk" is no word of its own there, since it holds another one.
_PREFIXES = ("sk", "pk", "rk", "hf", "xai", "key", "tgp", "AIza", "ya29")

_KEY_SHAPES = re.compile(
    rf"(?<!\w)(?!key_refused\b)(?:(?:gsk|{'|'.join(_PREFIXES)})[-_.][A-Za-z0-9_\-*.…]{{6,}}|AIza[A-Za-z0-9_\-]{{20,}})"
)

_BEARER = re.compile(r"([Bb][Ee][Aa][Rr][Ee][Rr] )[^\s\"',;]+")


def redact(text: str, *secrets: str) -> str:
    """`text` without `secrets`, and without whatever has the shape of an API key, even one that is partly masked."""
    if not text:
        return text
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "[key]")
    for prefix in _PREFIXES:
        if prefix in text:
            text = _KEY_SHAPES.sub("[key]", text)
            break
    return _BEARER.sub(r"\1[key]", text) if "bearer" in text.lower() else text


_QUERY_KEYS = re.compile(r"([?&][^=&]*(?:key|token|secret|pass|auth|sig|code)[^=&]*=)[^&,\s]+", re.IGNORECASE)


def redact_query(url: str) -> str:
    """An address, or several, without what may be a key in its query, by the parameter's name."""
    return redact(_QUERY_KEYS.sub(r"\1[key]", url))


MIN_KEY_CHARS = 12
"""Characters of a visitor's key that is known by its value: whoever holds a shorter one could hide words of the log."""

PIECE = 6

STEP = MIN_KEY_CHARS - PIECE + 1
"""Wherever a key stands in a text, one of its pieces begins at a multiple of this."""

MAX_CACHED_NAMES = 200
"""Models' names that are remembered as they were cleaned."""


class Redactor:
    """Leaves out of a text the keys that are held at the time, by value, and whatever looks like a key.

    `secrets` are the owner's: few, of any length, held for good, and looked for one by one. Visitors' may be many: what
    they cost grows with the text and not with the keys, which are found by pieces of their ends.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        own = {form for secret in secrets for form in {secret, *_forms(secret)}}
        self._own = tuple(sorted(own, key=len, reverse=True))
        self._held: Counter[str] = Counter()
        self._by_piece: dict[str, set[str]] = {}
        self.name = lru_cache(MAX_CACHED_NAMES)(self.__call__)
        """Cleans a model's name, of which the same few come again and again."""

    def hold(self, key: str) -> None:
        """From now on it is left out, also as it stands in an address or in a quotation of Python's."""
        for form in _forms(key):
            self._held[form] += 1
            for piece in _pieces(form):
                self._by_piece.setdefault(piece, set()).add(form)
        self.name.cache_clear()

    def drop(self, key: str) -> None:
        """One of those who held it does not hold it any more."""
        for form in _forms(key):
            self._held[form] -= 1
            if self._held[form] > 0:
                continue
            del self._held[form]
            for piece in _pieces(form):
                self._by_piece[piece].discard(form)
                if not self._by_piece[piece]:
                    del self._by_piece[piece]
        self.name.cache_clear()

    def __call__(self, text: str) -> str:
        known = self._by_piece
        found = known.keys() & {text[at : at + PIECE] for at in range(0, len(text), STEP)} if known else ()
        if not found:
            return redact(text, *self._own)
        held = {key for piece in found for key in tuple(known.get(piece, ()))}
        return redact(text, *sorted({*held, *self._own}, key=len, reverse=True))


def _forms(key: str) -> set[str]:
    return {key, quote(key, safe=""), repr(key)[1:-1]} if len(key) >= MIN_KEY_CHARS else set()


def _pieces(form: str) -> set[str]:
    end = form[-MIN_KEY_CHARS:]
    return {end[at : at + PIECE] for at in range(STEP)}


def shorten(text: str | bytes, limit: int = 300) -> str:
    """Foreign text in one line of at most `limit` characters."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    text = " ".join(text[: limit * 20].split())
    return text if len(text) <= limit else text[:limit] + "…"

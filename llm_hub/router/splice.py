"""Joins the answer that broke off with the one that goes on, so that no word is lost or repeated.

The second model does not get the last word that was read: from the text alone nobody can tell whether it was whole, or
whether a space followed. It writes that word again, and the splice drops it. The splice also drops whatever else the
second answer repeats, whether it starts over from the beginning or overlaps the tail. `target_attempt.py` feeds it.
"""

from __future__ import annotations

import re

_MAX_OVERLAP = 400
"""Characters of the tail that are searched for an overlap: a model that repeats more than that starts over."""
_MIN_CLEAR_OVERLAP = 12
"""Characters that are an overlap wherever they begin: a shorter one may be chance, and must begin with a word."""
_LETTER = r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_INSIDE = re.compile(_LETTER * 2)
_LAST_WORD = re.compile(rf"(?:{_LETTER}+|\S)?\s*\Z")
"""The last word of a text; one character where the script writes no spaces (Thai, Khmer, Chinese, Japanese, …)."""


class Splice:
    """Takes the second answer piece by piece, and gives what of it is new after `first`, the text that broke off."""

    __slots__ = ("_candidates", "_drop", "_expected", "_first", "_follows", "_lead", "_open", "_pending", "prefix")

    def __init__(self, first: str) -> None:
        self._first = first
        last = _LAST_WORD.search(first)
        self.prefix = first[: last.start()].rstrip() if last else first
        """What the second model is told it has written; "" where it had better start over."""
        self._pending = ""
        self._lead: str | None = None
        """The white space before the second answer's first word, once that has come."""
        self._drop = 0
        self._follows = False
        """Whether the second answer begins with the very word that it was to begin with."""
        self._open = True
        behind = first[len(self.prefix) :]
        self._expected = len(first) - len(behind.lstrip())
        self._candidates = self._beginnings()

    def feed(self, piece: str) -> str:
        """What is new so far: nothing while the second answer may still be repeating the first."""
        if not self._open:
            return piece
        self._pending += piece
        if self._lead is None:
            stripped = self._pending.lstrip()
            if not stripped:
                return ""
            self._lead, self._pending = self._pending[: len(self._pending) - len(stripped)], stripped
        alive = []
        for start in self._candidates:
            length = len(self._first) - start
            if not self._first.startswith(self._pending[:length], start):
                continue
            if len(self._pending) >= length:
                self._drop = max(self._drop, length)
                self._follows = self._follows or start == self._expected
            else:
                alive.append(start)
        self._candidates = alive
        return self._release() if not alive else ""

    def flush(self) -> str:
        """What is new at the second answer's end. One that ends while it repeats the first says nothing new."""
        if not self._open:
            return ""
        if self._candidates and not self._drop and len(self._pending) >= _MIN_CLEAR_OVERLAP:
            self._open, self._pending = False, ""
            return ""
        return self._release()

    def _release(self) -> str:
        self._open = False
        length = len(self._first) - self._expected
        if self._follows and not _INSIDE.match(self._pending, length - 1) and self._drop < 2 * _MIN_CLEAR_OVERLAP:
            # A text that repeats itself has other overlaps, too: the very word that was expected is the likelier one.
            self._drop = length
        if self._drop:
            return self._pending[self._drop :]
        lead = self._lead or ""
        if not lead and self._pending[:1].isalnum() and self._first[-1:].isalnum():
            lead = " "
        return lead + self._pending

    def _beginnings(self) -> list[int]:
        """Where in the first text the second answer may begin: at its start, or somewhere in its tail."""
        text = self._first
        tail = range(max(0, len(text) - _MAX_OVERLAP), len(text))
        start_of_text = len(text) - len(text.lstrip())
        starts = {start_of_text, self._expected} | {
            start
            for start in tail
            if not text[start].isspace()
            and (len(text) - start >= _MIN_CLEAR_OVERLAP or start == 0 or not text[start - 1].isalnum())
        }
        return sorted(start for start in starts if start < len(text))

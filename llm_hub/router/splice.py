"""Joins the answer that broke off with the one that goes on, so that no word is lost or repeated.

The model that goes on is not shown the last word that was read, because whether it was whole, and whether a space
followed, cannot be seen from the text: it writes that word again, and the splice drops it. So it does with whatever
else the second answer repeats, whether it starts over from the beginning or overlaps the tail.
"""

from __future__ import annotations

import re

_WINDOW = 400
"""Characters of the tail that are searched for an overlap."""
_CLEAR = 12
"""Characters that are an overlap wherever they begin; a shorter one must begin with a word."""
_LETTER = r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_INSIDE = re.compile(_LETTER * 2)
_LAST_WORD = re.compile(rf"(?:{_LETTER}+|\S)?\s*\Z")
"""The last word of a text; one character where the script writes no spaces (Thai, Khmer, Chinese, Japanese, …)."""


class Splice:
    """Takes the second answer piece by piece, and gives what of it is new after `seen`."""

    __slots__ = ("_asked", "_candidates", "_drop", "_follows", "_held", "_lead", "_open", "_seen", "prefix")

    def __init__(self, seen: str) -> None:
        self._seen = seen
        last = _LAST_WORD.search(seen)
        self.prefix = seen[: last.start()].rstrip() if last else seen
        """What the model that goes on is told it has written; "" where it had better start over."""
        self._held = ""
        self._lead: str | None = None
        """The white space before the second answer's first word, once that has come."""
        self._drop = 0
        self._follows = False
        """Whether the second answer begins with the very word that it was asked for."""
        self._open = True
        behind = seen[len(self.prefix) :]
        self._asked = len(seen) - len(behind.lstrip())
        self._candidates = self._beginnings()

    def feed(self, piece: str) -> str:
        """What is new so far: nothing while the second answer may still be repeating the first."""
        if not self._open:
            return piece
        self._held += piece
        if self._lead is None:
            stripped = self._held.lstrip()
            if not stripped:
                return ""
            self._lead, self._held = self._held[: len(self._held) - len(stripped)], stripped
        alive = []
        for start in self._candidates:
            length = len(self._seen) - start
            if not self._seen.startswith(self._held[:length], start):
                continue
            if len(self._held) >= length:
                self._drop = max(self._drop, length)
                self._follows = self._follows or start == self._asked
            else:
                alive.append(start)
        self._candidates = alive
        return self._release() if not alive else ""

    def flush(self) -> str:
        """What is new at the second answer's end. One that ends while it repeats the first says nothing new."""
        if not self._open:
            return ""
        if self._candidates and not self._drop and len(self._held) >= _CLEAR:
            self._open, self._held = False, ""
            return ""
        return self._release()

    def _release(self) -> str:
        self._open = False
        length = len(self._seen) - self._asked
        if self._follows and not _INSIDE.match(self._held, length - 1) and self._drop < 2 * _CLEAR:
            # A text that repeats itself has other overlaps, too: the very word that was asked for is the likelier one.
            self._drop = length
        if self._drop:
            return self._held[self._drop :]
        lead = self._lead or ""
        if not lead and self._held[:1].isalnum() and self._seen[-1:].isalnum():
            lead = " "
        return lead + self._held

    def _beginnings(self) -> list[int]:
        """Where in the text that was seen the second answer may begin: at its start, or somewhere in its tail."""
        seen = self._seen
        tail = range(max(0, len(seen) - _WINDOW), len(seen))
        first = len(seen) - len(seen.lstrip())
        found = {first, self._asked} | {
            start
            for start in tail
            if not seen[start].isspace()
            and (len(seen) - start >= _CLEAR or start == 0 or not seen[start - 1].isalnum())
        }
        return sorted(start for start in found if start < len(seen))

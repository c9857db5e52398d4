"""The log: a line of text or of JSON for each record, with the id of the request it belongs to, and without keys."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import orjson

from llm_hub.errors import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

requests = logging.getLogger("llm_hub.requests")
requests.setLevel(logging.INFO)

ID = "x-request-id"
"""The header with a request's id: the client's own, where it sends a short one, else one of ours."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Request:
    """What is known of a request so far: its line in the log when it is over. Never a word of what was said.

    `who` asks, and `way` is how; `target` and `outcome` say who answered it, where it was one for an answer.
    """

    id: str
    who: str = ""
    way: str = ""
    target: str = ""
    outcome: str = ""
    status: int | None = None
    seconds: float = 0.0

    def fields(self) -> dict[str, Any]:
        """Everything but the id, as a program reads it. All of it are names of ours, of models and of keys' owners."""
        return {
            "who": self.who,
            "way": self.way,
            "target": self.target,
            "outcome": self.outcome,
            "status": self.status,
            "seconds": round(self.seconds, 4),
        }

    def log(self) -> None:
        """Writes the line."""
        if requests.isEnabledFor(logging.INFO):
            said = (self.who or "nobody", self.way, self.status or "", self.target, self.outcome)
            text = " ".join(str(part) for part in said if part)
            requests.info("%s in %.3f s", printable(text), self.seconds, extra={"request": self})


def printable(text: str) -> str:
    """A name from a request, in one line: no line of a log, and no row of a table, is another's to write."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def id_for(said: str) -> str:
    """The id of a request that says this of itself."""
    return said if _ID.fullmatch(said) else secrets.token_hex(8)


current: ContextVar[Request | None] = ContextVar("request", default=None)
"""The request of the API that is being answered."""


SHORTEST = 12
"""Characters of a visitor's key that is known by its value: whoever holds a shorter one could hide words of the log."""
PIECE = 6
STEP = SHORTEST - PIECE + 1
"""Wherever a key stands in a text, one of its pieces begins at a multiple of this."""
NAMES = 200
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
        self.name = lru_cache(NAMES)(self.__call__)
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
    return {key, quote(key, safe=""), repr(key)[1:-1]} if len(key) >= SHORTEST else set()


def _pieces(form: str) -> set[str]:
    end = form[-SHORTEST:]
    return {end[at : at + PIECE] for at in range(STEP)}


class Lines(logging.Formatter):
    """Text, without keys, also in what an exception says."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        request = _request(record)
        text = super().format(record)
        return self._redactor(f"{text} [{request.id}]" if request is not None and request.id else text)


class JSONLines(logging.Formatter):
    """An object a line: time, level, logger, message, and of the request it belongs to its id, or all that is known."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        plain = {"time": f"{when}.{int(record.msecs):03}Z", "level": record.levelname, "logger": record.name}
        said: dict[str, Any] = {"message": record.getMessage()}
        request = _request(record)
        if request is not None:
            said["request_id"] = request.id
            if hasattr(record, "request"):
                said |= request.fields()
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        clean = {name: self._clean(one) if isinstance(one, str) else one for name, one in said.items()}
        return orjson.dumps(plain | clean).decode()

    def _clean(self, text: str) -> str:
        """Without keys, and without halves of characters, which are no UTF-8."""
        return self._redactor(text if text.isascii() else text.encode("utf-8", "replace").decode())


def install(form: Literal["plain", "json"], secrets: Iterable[str] = ()) -> Redactor:
    """From now on whatever is logged in this process comes out in this form. Returns what leaves keys out of it."""
    handler, redactor = logging.StreamHandler(), Redactor(secrets)
    handler.setFormatter(JSONLines(redactor) if form == "json" else Lines(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    return redactor


def _request(record: logging.LogRecord) -> Request | None:
    found = getattr(record, "request", None) or current.get()
    return found if isinstance(found, Request) else None

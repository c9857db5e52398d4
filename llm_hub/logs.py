"""The log: a line of text or of JSON for each record, with the id of the request it belongs to, and without keys."""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from llm_hub.redaction import Redactor

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

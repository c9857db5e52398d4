"""The log: a line of text or of JSON for each record, with the id of its request, and without keys."""

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

REQUEST_ID_HEADER = "x-request-id"
"""The header with a request's id: the client's own if it sends a short one, else one of ours."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Request:
    """What is known of a request: its line in the log when it is over. Never any text of the prompt or the answer.

    `caller` is the name of the API key that was used, and `endpoint` the path. `target` is the model that answered and
    `outcome` how; both are empty for requests that ask no model. The JSON log calls the first two `who` and `way`:
    these names are public.
    """

    id: str
    caller: str = ""
    endpoint: str = ""
    target: str = ""
    outcome: str = ""
    status: int | None = None
    seconds: float = 0.0

    def fields(self) -> dict[str, Any]:
        """The fields of the JSON log, without the id."""
        return {
            "who": self.caller,
            "way": self.endpoint,
            "target": self.target,
            "outcome": self.outcome,
            "status": self.status,
            "seconds": round(self.seconds, 4),
        }

    def log(self) -> None:
        """Writes the line."""
        if requests.isEnabledFor(logging.INFO):
            parts = (self.caller or "nobody", self.endpoint, self.status or "", self.target, self.outcome)
            text = " ".join(str(part) for part in parts if part)
            requests.info("%s in %.3f s", printable(text), self.seconds, extra={"request": self})


def printable(text: str) -> str:
    """A name from a request, with `?` for what cannot be printed: so it forges no line of a log or row of a table."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)


def id_for(client_id: str) -> str:
    """The id of a request: the client's own if it is short and plain, else a new one."""
    return client_id if _ID.fullmatch(client_id) else secrets.token_hex(8)


current_request: ContextVar[Request | None] = ContextVar("request", default=None)
"""The request of the API that is being answered."""


class TextFormatter(logging.Formatter):
    """Writes a record as a line of text. Keys are left out, also those in the text of an exception."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        request = _request(record)
        text = super().format(record)
        return self._redactor(f"{text} [{request.id}]" if request is not None and request.id else text)


class JSONFormatter(logging.Formatter):
    """Writes a record as a JSON object: time, level, logger, message and the id of its request.

    The record of a finished request has all fields of the request.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        plain = {"time": f"{when}.{int(record.msecs):03}Z", "level": record.levelname, "logger": record.name}
        entry: dict[str, Any] = {"message": record.getMessage()}
        request = _request(record)
        if request is not None:
            entry["request_id"] = request.id
            if hasattr(record, "request"):
                entry |= request.fields()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        clean = {name: self._clean(value) if isinstance(value, str) else value for name, value in entry.items()}
        return orjson.dumps(plain | clean).decode()

    def _clean(self, text: str) -> str:
        """The text without keys, and without lone surrogates, which UTF-8 does not have."""
        return self._redactor(text if text.isascii() else text.encode("utf-8", "replace").decode())


def install(form: Literal["plain", "json"], secrets: Iterable[str] = ()) -> Redactor:
    """Sends every record of this process to standard error, in this form. Returns the redactor that leaves keys out."""
    handler, redactor = logging.StreamHandler(), Redactor(secrets)
    handler.setFormatter(JSONFormatter(redactor) if form == "json" else TextFormatter(redactor))
    # No line tells where it was written: see "Optimization" in Python's logging HOWTO.
    logging._srcfile = None  # noqa: SLF001
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    return redactor


def _request(record: logging.LogRecord) -> Request | None:
    request = getattr(record, "request", None) or current_request.get()
    return request if isinstance(request, Request) else None

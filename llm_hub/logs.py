"""The log: a line of text or of JSON for each record, with the id of the request it belongs to, and without keys."""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from llm_hub.errors import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

requests = logging.getLogger("llm_hub.requests")
requests.setLevel(logging.INFO)


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

    def log(self) -> None:
        """Writes the line."""
        if requests.isEnabledFor(logging.INFO):
            said = (self.who or "nobody", self.way, self.status or "", self.target, self.outcome)
            text = " ".join(str(part) for part in said if part)
            requests.info("%s in %.3f s", text, self.seconds, extra={"request": self})


current: ContextVar[Request | None] = ContextVar("request", default=None)
"""The request of the API that is being answered."""


class Lines(logging.Formatter):
    """Text. `secrets` are left out of it, and so is whatever looks like a key, also in what an exception says."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        request = _request(record)
        text = super().format(record)
        return redact(f"{text} [{request.id}]" if request is not None and request.id else text, *self._secrets)


class JSONLines(logging.Formatter):
    """An object a line: time, level, logger, message, and of the request it belongs to its id, or all that is known."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        said: dict[str, Any] = {
            "time": f"{when}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        request = _request(record)
        if request is not None:
            known = asdict(request) if hasattr(record, "request") else {"id": request.id}
            said["request_id"] = known.pop("id")
            said |= {name: self._clean(value) if isinstance(value, str) else value for name, value in known.items()}
        if record.exc_info:
            said["exception"] = self._clean(self.formatException(record.exc_info))
        return orjson.dumps(said).decode()

    def _clean(self, text: str) -> str:
        return redact(text, *self._secrets).encode("utf-8", "replace").decode()


def install(form: Literal["plain", "json"], secrets: Iterable[str] = ()) -> None:
    """From now on whatever is logged in this process comes out in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines(secrets) if form == "json" else Lines(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _request(record: logging.LogRecord) -> Request | None:
    found = getattr(record, "request", None) or current.get()
    return found if isinstance(found, Request) else None

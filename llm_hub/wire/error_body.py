"""What a vendor's error body says, in whatever dress it comes: an object, a list, a text, JSON inside of a text.

`ErrorBody` reads one. `is_error` tells an error from a piece of an answer, since many servers send errors with the
status 200: as the whole body, as an event, or inside of a choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from llm_hub.chat.exact_json import dump_exactly, load_exactly
from llm_hub.errors import OriginalError
from llm_hub.redaction import redact
from llm_hub.wire.decoders import MAX_LINE_VALUES
from llm_hub.wire.json_limits import holds_more
from llm_hub.wire.validation import parse_count

MAX_NESTED_ERRORS = 4
"""Errors inside of errors that are opened: a gateway quotes its upstream, which may quote another."""
MAX_TEXT_BYTES = 4000
"""Bytes of a body that is not JSON, such as a web page: more of it is not shown."""

_INNER = ("error", "errors", "base_resp")
"""The fields in which an error holds another one. The last is MiniMax's: platform.minimax.io, "Error Codes"."""
_WORDS = ("message", "error_message", "error_msg", "errorMessage", "msg", "status_msg", "detail", "details",
    "error_description", "title", "reason")  # fmt: skip
"""The fields that hold an error's words, the likelier ones first."""
_CODES = ("code", "type", "status", "error_code", "error_type", "name")
_STATUSES = ("code", "status", "status_code", "statusCode", "StatusCode", "error_code", "http_status")
"""The fields that hold a status. Ollama's errors of its cloud have `StatusCode`: ollama's api/types.go, StatusError."""


def is_error(value: dict[str, Any]) -> bool:
    """Whether an object that came with a successful status is an error, and no part of an answer."""
    if value.get("error") or value.get("object") == "error" or value.get("type") == "error":
        return True
    if value.get("success") is False or value.get("ok") is False:
        return True
    if isinstance(base := value.get("base_resp"), dict) and base.get("status_code"):
        return True
    if value.get("choices") or "delta" in value or "content" in value or "usage" in value:
        return False
    return any(isinstance(value.get(name), str) for name in _WORDS) or bool(value.get("errors") or value.get("detail"))


def is_error_document(body: bytes) -> bool:
    """Whether a whole body that came with a successful status is an error, alone or in a list."""
    if body.lstrip()[:1] not in (b"{", b"["):
        return False
    document = _first(_decoded(body))
    return isinstance(document, dict) and is_error(document)


def original_error(protocol: str, status: int | None, body: object, key: str) -> OriginalError | None:
    """An error body as its vendor wrote it, without `key` or any other; None: it has not the shape of its protocol."""
    value = _decoded(body) if isinstance(body, bytes) else body
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    return OriginalError(protocol, status, _redacted(value, key))


def _redacted(value: Any, key: str) -> Any:
    """The value with every text redacted, also those that are names of fields."""
    if isinstance(value, str):
        return redact(value, key)
    if isinstance(value, list):
        return [_redacted(item, key) for item in value]
    if isinstance(value, dict):
        return {redact(name, key): _redacted(item, key) for name, item in value.items()}
    return value


class ErrorBody:
    """What the vendors' error bodies have in common: codes, the name of a parameter, a message, a status.

    `body` is a reply's bytes, or already decoded. `codes` are in small letters. `is_object` tells whether the server
    that was asked described an error, as APIs do: a web server that has no such page does not. `layers` are the
    objects of the error, the outermost first, for what only one vendor writes.
    """

    def __init__(self, body: Any) -> None:
        self.message = ""
        self.parameter = ""
        """The name of the field that the error is about."""
        self.parameter_path = ""
        """The same with its place in it, such as `reasoning.effort`."""
        self.status: int | None = None
        self.codes: list[str] = []
        self.layers: list[dict[str, Any]] = []
        self.is_object = False
        self.is_flagged = False
        """Whether OpenRouter's moderation flagged the prompt, which it says with 403, as of a refused key."""
        value = _decoded(body) if isinstance(body, bytes) else body
        self._open(value, MAX_NESTED_ERRORS)

    def _open(self, value: Any, depth: int) -> None:
        """Reads an error, then those inside of it: the innermost words are the nearest to the cause."""
        value = _first(value)
        if isinstance(value, str):
            inner = _quoted_object(value) if depth else None
            self.message = self.message or value
            value = inner
        if not isinstance(value, dict):
            return
        if isinstance(value.get("detail"), list):  # FastAPI servers: [{"loc": ["body", name], "type": …, "msg": …}]
            value = next(_validation_errors(value["detail"]), value)
        self._read(value, depth)
        metadata = value.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        self.is_flagged = self.is_flagged or "flagged_input" in metadata
        raw = metadata.get("raw")  # OpenRouter: what the provider behind it said
        if depth and isinstance(raw, str | dict):
            self.message = raw if isinstance(raw, str) and _quoted_object(raw) is None else self.message
            self._open(raw, depth - 1)
        for name in _INNER:
            if depth and (inner := value.get(name)):
                self.is_object = True
                self._open(inner, depth - 1)

    def _read(self, error: dict[str, Any], depth: int) -> None:
        """Takes what one object says."""
        self.layers.append(error)
        codes = [code.lower() for name in _CODES if isinstance(code := error.get(name), str) and code != "error"]
        details = error.get("details")
        if isinstance(details, dict) and isinstance(details.get("error_code"), str):
            codes.insert(0, details["error_code"].lower())
        if isinstance(details, list):  # google.rpc.ErrorInfo: {"reason": "API_KEY_INVALID", …}
            reasons = (item.get("reason") for item in details if isinstance(item, dict))
            codes += [reason.lower() for reason in reasons if isinstance(reason, str)]
        self.codes += codes
        self.is_object = self.is_object or bool(codes) or error.get("object") == "error"
        if self.status is None:
            statuses = (_status(error.get(name)) for name in _STATUSES)
            self.status = next((status for status in statuses if status is not None), None)
        parameter = error.get("param")
        if isinstance(parameter, str) and parameter:
            self.parameter, self.parameter_path = parameter.split(".")[0], parameter
        words = (error.get(name) for name in _WORDS)
        self.message = _as_text(next((text for text in words if text and not isinstance(text, list)), self.message))
        if depth and (quoted := _quoted_object(self.message)) is not None:
            self._open(quoted, depth - 1)


def _decoded(body: bytes) -> Any:
    """A body's JSON, or its text without tags; None for JSON with more values than any error has."""
    try:
        return None if holds_more(body, MAX_LINE_VALUES) else load_exactly(body)
    except orjson.JSONDecodeError:
        return re.sub(r"<[^>]*>", " ", body[:MAX_TEXT_BYTES].decode("utf-8", "replace"))


def _first(value: Any) -> Any:
    """Gemini's compatible endpoint wraps the error in a list; others list several."""
    return value[0] if isinstance(value, list) and value else value


def _status(value: object) -> int | None:
    """An HTTP status in an error, as a number or in digits."""
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[45]\d\d", value) else parse_count(value)
    return number if number is not None and 400 <= number <= 599 else None


def _quoted_object(text: str) -> dict[str, Any] | None:
    """The error of an upstream that a text quotes as JSON; None: it quotes none."""
    text = text.strip()
    if not text.startswith(("{", "[")) or len(text) > MAX_TEXT_BYTES * 4:
        return None
    try:
        value = _first(orjson.loads(text))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _as_text(message: Any) -> str:
    """A message that is no text as JSON; "" for one that is nested deeper than any message is."""
    try:
        return message if isinstance(message, str) else dump_exactly(message).decode()
    except TypeError:
        return ""


def _validation_errors(detail: list[Any]) -> Iterator[dict[str, Any]]:
    """The errors of FastAPI's list, each in the shape of OpenAI's."""
    for item in detail:
        if isinstance(item, dict) and isinstance(item.get("loc"), list) and item["loc"]:
            path = [part for part in item["loc"] if part != "body"]
            yield {"code": item.get("type"), "param": str(path[0]) if path else "", "message": item.get("msg", "")}

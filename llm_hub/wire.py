"""From bytes on the wire to JSON objects, and from a failed reply to our errors: what every HTTP adapter shares.

The decoders take whatever pieces the network makes of a stream. Failures are classified by status, type and code,
never by message text.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from llm_hub.errors import (
    ContentRejected,
    InvalidRequest,
    KeyRefused,
    ModelNotFound,
    PromptTooLong,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    StreamBroken,
    UnsupportedParameter,
    redact,
)

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes. A server that sends a longer line is not speaking the protocol."""


class LineDecoder:
    """Splits a byte stream into lines at LF, CRLF or CR. Bytes are joined before anything is decoded."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends."""
        data = self._rest + chunk if self._rest else chunk
        if b"\r" in data:
            # A CR at the very end may be half of a CRLF: it waits for the next chunk.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        lines = data.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            raise StreamBroken(f"The server sent a line of more than {LONGEST_LINE // 1024 // 1024} MB.")
        return lines

    def flush(self) -> list[bytes]:
        """What is left when the stream has ended."""
        rest, self._rest = self._rest.rstrip(b"\r"), b""
        return [rest] if rest else []


class SSEDecoder:
    """Server-sent events as pairs of event name ("" if unnamed) and data. Comments, ids and retries are skipped.

    Source: the WHATWG HTML standard, "Interpreting an event stream".
    """

    __slots__ = ("_data", "_event", "_fresh", "_lines")

    def __init__(self) -> None:
        self._lines = LineDecoder()
        self._event = ""
        self._data: list[bytes] = []
        self._fresh = True

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """The events that are complete now."""
        return self._take(self._lines.feed(chunk))

    def flush(self) -> list[tuple[str, bytes]]:
        """An event that the stream's end left without its blank line: several servers end so."""
        return self._take([*self._lines.flush(), b""])

    def _take(self, lines: list[bytes]) -> list[tuple[str, bytes]]:
        events = []
        for raw in lines:
            line = raw
            if self._fresh:
                self._fresh = False
                line = raw.removeprefix(b"\xef\xbb\xbf")
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append((self._event, data))
                    self._data = []
                self._event = ""
            elif line.startswith(b"event:"):
                self._event = line[6:].strip().decode("utf-8", "replace")
        return events


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises `StreamBroken` if it is malformed or anything else than an object."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            # orjson refuses half a surrogate pair, which servers send that split an emoji's escape between two tokens.
            value = json.loads(json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise StreamBroken("The server sent something that is not JSON.", detail=_short(data)) from error
    if not isinstance(value, dict):
        raise StreamBroken("The server sent JSON of an unexpected shape.", detail=_short(data))
    return value


def _short(data: bytes | str, limit: int = 300) -> str:
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"


class ThinkSplitter:
    """Keeps apart the reasoning that a model writes inline, as `<think>…</think>` before its answer.

    Only a tag that opens the answer counts: one that is quoted later is text.
    """

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Pieces of text as pairs of "is reasoning" and text; what may be half a tag is held back."""
        if self._state == "text":
            return [(False, text)]
        self._held += text
        if self._state == "start":
            head = self._held.lstrip()
            if len(head) < 7 and "<think>".startswith(head):
                return []
            if not head.startswith("<think>"):
                return self._as_text()
            self._state, self._held = "thinking", head[7:].lstrip("\n")
        return self._while_thinking()

    def flush(self) -> list[tuple[bool, str]]:
        """What is held when the stream ends."""
        held, self._held = self._held, ""
        return [(self._state == "thinking", held)] if held else []

    def _as_text(self) -> list[tuple[bool, str]]:
        self._state, held, self._held = "text", self._held, ""
        return [(False, held)] if held else []

    def _while_thinking(self) -> list[tuple[bool, str]]:
        thought, tag, after = self._held.partition("</think>")
        if tag:
            self._held = after.lstrip("\n")
            return ([(True, thought)] if thought else []) + self._as_text()
        keep = next((n for n in range(7, 0, -1) if self._held.endswith("</think>"[:n])), 0)
        thought, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [(True, thought)] if thought else []


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait that a reply asks for; None if it does not say, or says nonsense.

    `now` is the Unix time that an HTTP date is held against. Sources: RFC 9110, and `retry-after-ms`, which OpenAI sends.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value) * scale
        except ValueError:
            try:
                when = email.utils.parsedate_to_datetime(value).timestamp()
            except (ValueError, OverflowError):
                continue
            seconds = max(0.0, when - (time.time() if now is None else now))
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


_BY_CODE: dict[str, type[ProviderError]] = {
    "insufficient_quota": QuotaExhausted,
    "billing_hard_limit_reached": QuotaExhausted,
    "billing_not_active": QuotaExhausted,
    "billing_error": QuotaExhausted,
    "insufficient_credits": QuotaExhausted,
    "insufficient_balance": QuotaExhausted,
    "spend_limit_exceeded": QuotaExhausted,
    "context_length_exceeded": PromptTooLong,
    "exceed_context_size_error": PromptTooLong,
    "model_context_window_exceeded": PromptTooLong,
    "string_above_max_length": PromptTooLong,
    "request_too_large": PromptTooLong,
    "content_policy_violation": ContentRejected,
    "content_filter": ContentRejected,
    "responsibleaipolicyviolation": ContentRejected,
    "invalid_prompt": ContentRejected,
    "invalid_api_key": KeyRefused,
    "authentication_error": KeyRefused,
    "permission_error": KeyRefused,
    "permission_denied": KeyRefused,
    "model_not_found": ModelNotFound,
    "model_not_supported": ModelNotFound,
    "model_decommissioned": ModelNotFound,
    "not_found_error": ModelNotFound,
    "unsupported_parameter": UnsupportedParameter,
    "unsupported_value": UnsupportedParameter,
    "unknown_parameter": UnsupportedParameter,
    "extra_forbidden": UnsupportedParameter,
    "rate_limit_error": RateLimited,
    "rate_limit_exceeded": RateLimited,
    "overloaded_error": ServerFailed,
    "overloaded": ServerFailed,
    "api_error": ServerFailed,
    "server_error": ServerFailed,
    "internal_server_error": ServerFailed,
    "service_unavailable": ServerFailed,
    "unavailable_error": ServerFailed,
    "timeout_error": ServerFailed,
    "engine_overloaded": ServerFailed,
}
_BY_STATUS: dict[int, type[ProviderError]] = {
    400: InvalidRequest,
    401: KeyRefused,
    402: QuotaExhausted,
    403: KeyRefused,
    404: ModelNotFound,
    408: ServerFailed,
    413: PromptTooLong,
    422: InvalidRequest,
    425: ServerFailed,
    429: RateLimited,
    498: ServerFailed,
}
_SENTENCES: dict[type[ProviderError], tuple[str, str]] = {
    QuotaExhausted: (
        "{provider}: the account's quota or credit is used up.",
        "Add credit at the provider, or choose another one.",
    ),
    PromptTooLong: (
        "The conversation is too long for {model}.",
        "Shorten it, start a new chat, or choose a model with a larger context.",
    ),
    ContentRejected: ("{provider} rejected the request under its content policy.", "Rephrase the prompt."),
    KeyRefused: ("{provider} refused the API key.", "Check the key, and that it may use {model}."),
    ModelNotFound: ("{provider} does not know the model {model}.", "Choose a model from the list."),
    UnsupportedParameter: ("{model} does not take the setting {parameter}.", "Leave it empty."),
    RateLimited: ("{provider}: too many requests.", "Wait a moment, or choose another provider."),
    ServerFailed: ("{provider} has a problem of its own.", "Try again, or choose another provider."),
    InvalidRequest: ("{provider} did not accept the request.", ""),
    StreamBroken: ("{provider} sent something that is not an answer.", "Check the base URL."),
}


def failure(
    *,
    provider: str,
    model: str,
    status: int | None,
    body: bytes | object,
    headers: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    sent: frozenset[str] = frozenset(),
) -> ProviderError:
    """The error that a failed reply, or an error inside a stream (`status` None), stands for.

    `body` is the reply as bytes or already decoded; `sent` names the parameters of our request: a 400 or 422 that
    names one of them is an `UnsupportedParameter`, whatever its code.
    """
    words = _Words(body)
    kind = next((_BY_CODE[code] for code in words.codes if code in _BY_CODE), None)
    if status is not None and status in (400, 422) and kind in (None, InvalidRequest) and words.parameter in sent:
        kind = UnsupportedParameter
    if kind is UnsupportedParameter and status not in (400, 422):
        kind = None
    if kind is RateLimited and status == 413:
        kind = PromptTooLong  # Groq: the request alone is over the limit of tokens a minute
    if status is not None and (kind is None or (status in (401, 402) and kind is not QuotaExhausted)):
        kind = _BY_STATUS.get(status)
        if kind is None:
            kind = ServerFailed if status >= 500 else StreamBroken if status < 400 else InvalidRequest
    if kind is None:
        kind = ServerFailed  # an error inside a stream that says nothing we know
    sentence, hint = _SENTENCES[kind]
    names = {"provider": provider, "model": model, "parameter": words.parameter}
    details: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "hint": hint.format(**names),
        "detail": redact(_short(words.message), *secrets),
        "status": status,
        "code": words.codes[0] if words.codes else "",
        "retry_after": retry_after(headers) if headers is not None else None,
    }
    if kind is UnsupportedParameter:
        return UnsupportedParameter(sentence.format(**names), parameter=words.parameter, **details)
    return kind(sentence.format(**names), **details)


class _Words:
    """What the error bodies of the field have in common: codes, a parameter, a message."""

    def __init__(self, body: bytes | object) -> None:
        if isinstance(body, bytes):
            try:
                body = orjson.loads(body)
            except orjson.JSONDecodeError:
                body = re.sub(r"<[^>]*>", " ", body[:4000].decode("utf-8", "replace"))
        if isinstance(body, list) and body:  # Gemini's compatible endpoint wraps the error in a list
            body = body[0]
        error: Any = body.get("error", body) if isinstance(body, dict) else body
        self.message = ""
        self.parameter = ""
        self.codes: list[str] = []
        if isinstance(error, str):
            self.message = error
            return
        if not isinstance(error, dict):
            return
        if isinstance(error.get("detail"), list):  # FastAPI servers: [{"loc": ["body", name], "type": …, "msg": …}]
            error = next(iter(_complaints(error["detail"])), error)
        self.codes = [code.lower() for key in ("code", "type", "status") if isinstance(code := error.get(key), str)]
        nested = error.get("details")
        if isinstance(nested, dict) and isinstance(nested.get("error_code"), str):
            self.codes.insert(0, nested["error_code"].lower())
        parameter = error.get("param")
        self.parameter = parameter.split(".")[0] if isinstance(parameter, str) else ""
        message = error.get("message") or error.get("detail") or ""
        self.message = message if isinstance(message, str) else json.dumps(message)


def _complaints(detail: list[Any]) -> Iterator[dict[str, Any]]:
    for item in detail:
        if isinstance(item, dict) and isinstance(item.get("loc"), list) and item["loc"]:
            where = [part for part in item["loc"] if part != "body"]
            yield {"code": item.get("type"), "param": str(where[0]) if where else "", "message": item.get("msg", "")}

"""Turns failed replies and broken connections into our errors: by status, type and code, never by the message's text.

`error_from_reply` is for what a server said, `error_from_exception` for what an HTTP client raised.
"""

from __future__ import annotations

import email.utils
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import orjson

from llm_hub.errors import (
    ConnectionFailed,
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
    TimedOut,
    UnsupportedParameter,
    shorten,
)
from llm_hub.redaction import redact
from llm_hub.wire.decoders import MAX_LINE_VALUES
from llm_hub.wire.json_limits import holds_more
from llm_hub.wire.validation import parse_count, parse_name

MAX_RETRY_AFTER = 86400.0
"""Seconds to wait. A server that asks for more than a day is asked again after a day."""
MAX_ERROR_CHARS = 100_000
"""Characters of an error's message that are searched for keys. Some hundred of them are shown."""


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait that a reply asks for; None if it asks for none, or the header is not valid.

    `now` is the Unix time from which an HTTP date is counted. Sources: RFC 9110, and OpenAI's `retry-after-ms`.
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
            return min(seconds, MAX_RETRY_AFTER)
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
_INVALID_VALUE = re.compile(
    r"_(above_max|below_min)_|^invalid_(type|value)$|^(less|greater)_than|^too_(long|short)$|_(type|parsing)$"
)
"""Codes that name a parameter because its value is wrong, for any model (OpenAI's, and pydantic's)."""
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
    ServerFailed: ("{provider} failed on its own side{status}.", "Try again, or choose another provider."),
    InvalidRequest: ("{provider} did not accept the request.", ""),
    StreamBroken: ("{provider} sent something that is not an answer.", "Check the base URL."),
}


def error_from_reply(
    *,
    provider: str,
    title: str,
    model: str,
    status: int | None,
    body: object,
    headers: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    sent: frozenset[str] = frozenset(),
) -> ProviderError:
    """The error that a failed reply, or an error inside a stream (`status` None), stands for.

    `title` is the provider's name in sentences. `body` is the reply as bytes, or already decoded. `secrets` are cut out
    of what it says. `sent` names the parameters of our request that a model may not know: a 400 or 422 that names one
    of them is an `UnsupportedParameter`, unless its code says that the value is wrong.
    """
    details = _ErrorBody(body)
    status = details.status if status is None else status
    kind = _kind_of(status, details, sent)
    sentence, hint = _SENTENCES[kind]
    names = {"provider": title, "model": model or "the model", "parameter": details.parameter}
    names["status"] = f" ({status})" if status is not None else ""
    fields: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "hint": hint.format(**names),
        "detail": shorten(redact(details.message[:MAX_ERROR_CHARS], *secrets)),
        "status": status,
        "code": parse_name(details.codes[0]) if details.codes else "",
        "retry_after": retry_after(headers) if headers is not None else None,
    }
    if kind is UnsupportedParameter:
        return UnsupportedParameter(sentence.format(**names), parameter=details.parameter, **fields)
    return kind(sentence.format(**names), **fields)


def _kind_of(status: int | None, details: _ErrorBody, sent: frozenset[str]) -> type[ProviderError]:
    """The class of an error: by its codes first, and by its status where they say nothing or contradict it."""
    kind = next((_BY_CODE[code] for code in details.codes if code in _BY_CODE), None)
    if status in (400, 422) and kind in (None, InvalidRequest) and details.parameter in sent:
        kind = InvalidRequest if any(map(_INVALID_VALUE.search, details.codes)) else UnsupportedParameter
    if kind is UnsupportedParameter and status not in (400, 422):
        kind = None
    if kind is RateLimited and status == 413:
        return PromptTooLong  # Groq: the request alone is over the limit of tokens a minute
    if status is None:
        return kind or ServerFailed  # an error inside a stream that says nothing we know
    if kind is None or (status in (401, 402) and kind is not QuotaExhausted):
        usual = ServerFailed if status >= 500 else StreamBroken if status < 400 else InvalidRequest
        return _BY_STATUS.get(status, usual)
    return kind


def error_from_exception(
    error: BaseException, *, provider: str, title: str, model: str, streaming: bool
) -> ProviderError:
    """The error that an HTTP client's exception stands for. `streaming`: the reply had begun.

    httpx and httpx2 name their exceptions alike. The SDKs wrap them: the causes are read as well.
    """
    causes = list(_chain(error))
    if own_error := next((cause for cause in causes if isinstance(cause, ProviderError)), None):
        own_error = copy(own_error)  # our transport's; raised from its own wrapper it would be its own cause
        own_error.provider, own_error.model = provider, model
        return own_error
    names = {cls.__name__ for cause in causes for cls in type(cause).__mro__}
    details: dict[str, Any] = {"provider": provider, "model": model}
    if "ReadTimeout" in names or "WriteTimeout" in names or type(error) is TimeoutError:  # the last: asyncio.timeout's
        return TimedOut(f"{title} fell silent.", hint="Try again, or choose another provider.", **details)
    if streaming:
        problem = f"The connection to {title} broke in the middle of its answer."
        return StreamBroken(problem, hint="Try again.", **details)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        problem, hint = "its TLS certificate could not be verified", "Check the base URL."
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        problem, hint = "its host name was not found", "Check the base URL and the network."
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        problem, hint = "nothing answers at its address", "Check that it runs, and its base URL."
    elif "NotPublic" in names:
        problem, hint = "its address is not public", "Use a server on the public internet."
    elif {"ConnectionTimeoutError", "PoolTimeout"} & names:  # aiohttp's; its adapter calls any lost one ConnectTimeout
        problem, hint = "it took too long to connect", "Check the base URL and the network."
    else:
        problem, hint = "the connection was closed", "Try again."
    failed = ConnectionFailed(f"{title} cannot be reached: {problem}.", hint=hint, **details)
    if hint == "Try again.":
        failed.scope = "model"  # it was reached, and closed the connection on this request
    return failed


def safe_cause(error: BaseException) -> BaseException | None:
    """The exception as the cause of our error, or None: for our error itself, and for an SDK's that holds the reply.

    A traceback prints every cause, and a reply may quote the key.
    """
    return None if isinstance(error, ProviderError) or hasattr(error, "response") else error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, then its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _ErrorBody:
    """What the vendors' error bodies have in common: codes, the name of a parameter, a message, a status."""

    def __init__(self, body: Any) -> None:
        if isinstance(body, bytes):
            try:
                body = None if holds_more(body, MAX_LINE_VALUES) else orjson.loads(body)
            except orjson.JSONDecodeError:
                body = re.sub(r"<[^>]*>", " ", body[:4000].decode("utf-8", "replace"))
        if isinstance(body, list) and body:  # Gemini's compatible endpoint wraps the error in a list
            body = body[0]
        error: Any = body.get("error", body) if isinstance(body, dict) else body
        self.message = ""
        self.parameter = ""
        self.status: int | None = None
        self.codes: list[str] = []
        if isinstance(error, str):
            self.message = error
            return
        if not isinstance(error, dict):
            return
        if isinstance(error.get("detail"), list):  # FastAPI servers: [{"loc": ["body", name], "type": …, "msg": …}]
            error = next(_validation_errors(error["detail"]), error)
        self.codes = [code.lower() for key in ("code", "type", "status") if isinstance(code := error.get(key), str)]
        nested = error.get("details")
        if isinstance(nested, dict) and isinstance(nested.get("error_code"), str):
            self.codes.insert(0, nested["error_code"].lower())
        number = parse_count(error.get("code"))
        self.status = number if number is not None and 400 <= number <= 599 else None
        parameter = error.get("param")
        self.parameter = parameter.split(".")[0] if isinstance(parameter, str) else ""
        self.message = _as_text(error.get("message") or error.get("detail") or "")


def _as_text(message: Any) -> str:
    """A message that is no text as JSON; "" for one that is nested deeper than any message is."""
    try:
        return message if isinstance(message, str) else orjson.dumps(message).decode()
    except TypeError:
        return ""


def _validation_errors(detail: list[Any]) -> Iterator[dict[str, Any]]:
    """The errors of FastAPI's list, each in the shape of OpenAI's."""
    for item in detail:
        if isinstance(item, dict) and isinstance(item.get("loc"), list) and item["loc"]:
            path = [part for part in item["loc"] if part != "body"]
            yield {"code": item.get("type"), "param": str(path[0]) if path else "", "message": item.get("msg", "")}

"""Errors as the API reports them: an HTTP status, and an error object that each dialect writes in its own shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.errors import (
    ConfigurationError,
    ContentRejected,
    InvalidRequest,
    KeyRefused,
    LLMHubError,
    LoopDetected,
    ModelNotFound,
    NotConfigured,
    NotOffered,
    OutOfDescriptors,
    PromptTooLong,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RouteFailed,
    ServerFailed,
    ShuttingDown,
    TargetPaused,
    TimedOut,
    UnsupportedParameter,
)
from llm_hub.redaction import redact
from llm_hub.usage.limit_errors import LimitNotKept, LimitReached

if TYPE_CHECKING:
    from llm_hub.api.shapes import AttemptReport, ErrorObject
    from llm_hub.chat import Attempt

_STATUS: dict[type[LLMHubError], tuple[int, str]] = {
    ConfigurationError: (404, "invalid_request_error"),
    InvalidRequest: (400, "invalid_request_error"),
    UnsupportedParameter: (400, "invalid_request_error"),
    NotOffered: (400, "invalid_request_error"),
    PromptTooLong: (400, "invalid_request_error"),
    ContentRejected: (400, "invalid_request_error"),
    LoopDetected: (508, "provider_error"),
    ModelNotFound: (404, "invalid_request_error"),
    KeyRefused: (502, "provider_error"),
    NotConfigured: (503, "provider_error"),
    OutOfDescriptors: (503, "server_error"),
    QuotaExhausted: (502, "provider_error"),
    RateLimited: (429, "rate_limit_error"),
    LimitReached: (429, "rate_limit_error"),
    LimitNotKept: (503, "server_error"),
    TimedOut: (504, "provider_error"),
    ServerFailed: (503, "provider_error"),
    TargetPaused: (503, "provider_error"),
    RouteFailed: (503, "provider_error"),
    ShuttingDown: (503, "server_error"),
}
"""By class of the error, or the nearest of its base classes: the status, and the error object's type."""
_CODES: dict[type[LLMHubError], str] = {
    PromptTooLong: "context_length_exceeded",
    ContentRejected: "content_policy_violation",
    ModelNotFound: "model_not_found",
    ConfigurationError: "model_not_found",
    ShuttingDown: "shutting_down",
    UnsupportedParameter: "unsupported_parameter",
    NotOffered: "unsupported_parameter",
    RateLimited: "rate_limit_exceeded",
    LimitReached: "rate_limit_exceeded",
    LimitNotKept: LimitNotKept.kind,
}
_REFUSAL_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
"""By status: the type of a refusal's error object, where it is not the one of all client's or all server's errors."""

INTERNAL_ERROR: tuple[int, ErrorObject] = (
    500,
    {"message": "Something went wrong inside LLM Hub.", "type": "server_error", "param": None, "code": None},
)
"""What is told of an exception that nobody expected. The log has the rest."""


class Refusal(Exception):
    """A request that the API does not pass on to the hub.

    `field` is the part of the body that is to blame. `allowed` are the methods that the endpoint takes, where it was
    asked with another.
    """

    def __init__(
        self, status: int, message: str, *, field: str | None = None, code: str | None = None, allowed: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.code = code
        self.allowed = allowed


def error_of(error: LLMHubError | Refusal) -> tuple[int, ErrorObject]:
    """The HTTP status and the error object.

    The provider's own words are part of the message. A key is never repeated, wherever a client has put it. `param` is
    a field of the body, or of the `ChatRequest` that was made of it; each dialect renames the latter to its own field.
    """
    return _refusal_error(error) if isinstance(error, Refusal) else _hub_error(error)


def _refusal_error(refusal: Refusal) -> tuple[int, ErrorObject]:
    default = "invalid_request_error" if refusal.status < 500 else "server_error"
    return refusal.status, {
        "message": redact(refusal.message),
        "type": _REFUSAL_TYPES.get(refusal.status, default),
        "param": redact(refusal.field) if refusal.field else refusal.field,
        "code": refusal.code,
    }


def _hub_error(error: LLMHubError) -> tuple[int, ErrorObject]:
    status, kind = next((_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS), (502, "provider_error"))
    message = str(error)
    if isinstance(error, ProviderError) and error.detail:
        message = f"{error.message} ({error.detail}) {error.hint}".strip()
    report: ErrorObject = {
        "message": redact(message),
        "type": kind,
        "param": error.parameter or None if isinstance(error, UnsupportedParameter | NotOffered) else None,
        "code": _CODES.get(type(error)) or (error.kind if isinstance(error, ProviderError) else None),
    }
    if isinstance(error, ProviderError) and error.attempts:
        report["attempts"] = [attempt_of(attempt) for attempt in error.attempts]
    return status, report


def vendors_error(error: LLMHubError | Refusal, protocol: str) -> dict[str, Any] | None:
    """The error body as its vendor wrote it, with the hub's attempts, for a client of the same protocol.

    None where there is no such body, and for a key that was refused: it is the hub's and not the client's, so that it
    is told in the hub's words.
    """
    original = error.original if isinstance(error, ProviderError) else None
    if original is None or original.protocol != protocol or isinstance(error, KeyRefused):
        return None
    report = error_of(error)[1]
    attempts = {"attempts": report["attempts"]} if "attempts" in report else {}
    return {**original.body, "error": {**original.body["error"], **attempts}}


def attempt_of(attempt: Attempt) -> AttemptReport:
    """The report of an attempt. A key that somebody typed where models are named is not repeated."""
    report: AttemptReport = {
        "provider": attempt.provider,
        "model": redact(attempt.model),
        "started": round(attempt.started, 4),
        "wait": round(attempt.wait, 4),
        "seconds": round(attempt.seconds, 4),
        "first_token": None if attempt.first_token is None else round(attempt.first_token, 4),
        "outcome": attempt.outcome,
        "reason": redact(attempt.reason),
        "usage": attempt.usage,
    }
    if attempt.files:
        report["files"] = attempt.files
    if attempt.price is not None:
        report["price"] = float(attempt.price)
    return report

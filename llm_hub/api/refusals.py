"""What the API answers when it does not answer: a status, and an error in OpenAI's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.errors import (
    ConfigurationError,
    ContentRejected,
    InvalidRequest,
    KeyRefused,
    LLMHubError,
    ModelNotFound,
    NotConfigured,
    NotOffered,
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
from llm_hub.usage.quotas import LimitReached

if TYPE_CHECKING:
    from llm_hub.chat import Attempt

_STATUS: dict[type[LLMHubError], tuple[int, str]] = {
    ConfigurationError: (404, "invalid_request_error"),
    InvalidRequest: (400, "invalid_request_error"),
    UnsupportedParameter: (400, "invalid_request_error"),
    NotOffered: (400, "invalid_request_error"),
    PromptTooLong: (400, "invalid_request_error"),
    ContentRejected: (400, "invalid_request_error"),
    ModelNotFound: (404, "invalid_request_error"),
    KeyRefused: (502, "provider_error"),
    NotConfigured: (503, "provider_error"),
    QuotaExhausted: (502, "provider_error"),
    RateLimited: (429, "rate_limit_error"),
    LimitReached: (429, "rate_limit_error"),
    TimedOut: (504, "provider_error"),
    ServerFailed: (503, "provider_error"),
    TargetPaused: (503, "provider_error"),
    RouteFailed: (503, "provider_error"),
    ShuttingDown: (503, "server_error"),
}
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
}


class Refused(Exception):  # said by the API itself, before the hub is asked
    """A request that the API does not pass on. `field` is the part of the body that is to blame; `allowed` are the
    methods that the endpoint takes, where it was asked with another."""

    def __init__(
        self, status: int, message: str, *, field: str | None = None, code: str | None = None, allowed: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.code = code
        self.allowed = allowed


def error_of(error: LLMHubError | Refused) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the `error` object. The provider's own words are part of the message. No key is repeated,
    wherever a client has put one.

    `param` is the field of the body, or of the `ChatRequest` that was made of it, which each dialect calls its own way.
    """
    if isinstance(error, Refused):
        kinds = {401: "authentication_error", 403: "permission_error"}
        kind = kinds.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
        field = redact(error.field) if error.field else error.field
        return error.status, {"message": redact(error.message), "type": kind, "param": field, "code": error.code}
    status, kind = next((_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS), (502, "provider_error"))
    message = str(error)
    if isinstance(error, ProviderError) and error.detail:
        message = f"{error.message} ({error.detail}) {error.hint}".strip()
    code = _CODES.get(type(error)) or (error.kind if isinstance(error, ProviderError) else None)
    param = error.parameter or None if isinstance(error, UnsupportedParameter | NotOffered) else None
    said: dict[str, Any] = {"message": redact(message), "type": kind, "param": param, "code": code}
    if isinstance(error, ProviderError) and error.attempts:
        said["attempts"] = [attempt_of(attempt) for attempt in error.attempts]
    return status, said


def attempt_of(attempt: Attempt) -> dict[str, Any]:
    """An attempt for a program, in seconds since the request was made. A key in a model's place is not repeated."""
    return {
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

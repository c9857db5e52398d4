"""What can go wrong, and what each error permits.

    LLMHubError
    ├── ConfigurationError          a setting, key, name or file that cannot be used as it is
    ├── ShuttingDown                the hub is being stopped
    └── ProviderError               a provider did not answer
        ├── ConnectionFailed        refused, reset, DNS, TLS, connect timeout
        ├── OutOfDescriptors        the hub itself can open no further connection
        ├── ServerFailed            408, 5xx, 529, overload inside a stream; `retry_after` where the provider says
        ├── RateLimited             429 for too many requests; `retry_after` where the provider says
        ├── QuotaExhausted          402, insufficient_quota: the account has nothing left
        ├── KeyRefused              401, 403
        ├── NotConfigured           cannot be asked at all: no key, a wrong setting or base URL, no model file yet
        ├── LoopDetected            a provider's base URL leads back to this hub, or round a ring of hubs
        ├── ModelNotFound           404: unknown, retired or not installed
        ├── UnsupportedParameter    400 or 422 that names one of our parameters
        ├── NotOffered              a part of the request that this provider cannot do at all
        ├── PromptTooLong           longer than the model's context
        ├── InvalidRequest          any other 4xx, and requests that are refused before they are sent
        ├── ContentRejected         policy rejection, refusal, content filter
        ├── TimedOut                silence: no first token, or none after it
        ├── Overtaken               slower to begin than another target, which was asked as well
        ├── StreamBroken            cut, malformed, or ended without its terminal marker
        ├── FormBroken              an answer that two models wrote, and that is not the JSON it was to be
        ├── EmptyAnswer             a complete answer without any text
        ├── TargetPaused            not asked, for what happened to others before; `retry_after` as with a rate limit
        └── RouteFailed             no target of a route could answer; carries every attempt

A router asks the error, it never lists types: `retryable` (the same target again may help), `falls_back` (another
target may help), `breaker` (whether it counts against the target's health, or puts the target on hold) and `scope`
(what it says something about: the provider, one of its models, the key, or this model with this key).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Breaker = Literal["counts", "holds", "ignores"]

Scope = Literal["provider", "model", "key", "target"]


class LLMHubError(Exception):
    """What happened, in plain words; `hint` is the one next step that helps, where there is one."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigurationError(LLMHubError):
    """A setting, key, name or file that cannot be used as it is. Names it, and never shows a key."""


class ShuttingDown(LLMHubError):
    """The hub is being stopped: it takes no new request, or could not complete a running one."""

    kind: ClassVar[str] = "shutting_down"

    def __init__(self, message: str, *, hint: str = "Ask again in a moment.") -> None:
        super().__init__(message, hint=hint)


@dataclass(frozen=True, slots=True)
class OriginalError:
    """An error as its vendor wrote it, without keys: what clients of the same protocol are told.

    `protocol` is the vendor's, as `OriginalRequest` names it. `status` is None where the error came inside a stream.
    """

    protocol: str
    status: int | None
    body: Mapping[str, Any]


class ProviderError(LLMHubError):
    """A provider did not answer. `detail` is the provider's own words, redacted and shortened. `status` is the HTTP
    status, where there was one; `code` the provider's word for the error."""

    kind: ClassVar[str] = "failed"
    next_step: ClassVar[str] = "Try again, or choose another model."
    """The hint of an error that is given none."""
    retryable: bool = False
    falls_back: bool = True
    breaker: Breaker = "ignores"
    scope: Scope = "model"
    may_wait: ClassVar[bool] = False
    """Whether a `retry_after` says when the same target is asked again, be it now or once it is no longer on hold."""
    longest_wait: ClassVar[float] = 5.0
    """A `retry_after` of more seconds than this puts the target on hold instead of being waited for."""

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        model: str = "",
        hint: str = "",
        detail: str = "",
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint or self.next_step)
        self.provider = provider
        self.model = model
        self.detail = detail
        self.status = status
        self.code = code
        self.retry_after = retry_after
        """Seconds that the provider asked to wait; None: it did not say."""
        self.original: OriginalError | None = None
        self.attempts: tuple[Any, ...] = ()
        """Every `Attempt` of the route that ended with this error."""
        self.usage: Any = None
        """The tokens of an answer that was complete and is none, such as a refusal: they are paid."""
        if self.may_wait and retry_after is not None:
            self.retryable = retry_after <= self.longest_wait
            self.breaker = "ignores" if self.retryable else "holds"

    @property
    def passes(self) -> bool:
        """Whether time alone may mend it."""
        return self.retry_after is not None or self.retryable or self.breaker == "counts"


class ConnectionFailed(ProviderError):
    kind = "connection_failed"
    retryable = True
    breaker = "counts"
    scope: Scope = "provider"


class OutOfDescriptors(ProviderError):
    """The hub's own failure, and nobody else's: it says nothing about the provider. One may be free a moment later."""

    kind = "out_of_descriptors"
    next_step = "Try again in a moment. The owner of the hub can raise the limit of open files (ulimit -n)."
    retryable = True


class ServerFailed(ProviderError):
    kind = "server_failed"
    retryable = True
    breaker = "counts"
    may_wait = True


class RateLimited(ProviderError):
    kind = "rate_limited"
    retryable = True
    breaker = "counts"
    scope = "target"
    may_wait = True


class QuotaExhausted(ProviderError):
    kind = "quota_exhausted"
    breaker = "holds"
    scope = "key"


class KeyRefused(ProviderError):
    kind = "key_refused"
    breaker = "holds"
    scope = "key"


class NotConfigured(ProviderError):
    kind = "not_configured"
    next_step = "Set it up in .env or the environment, and start again."


class LoopDetected(ProviderError):
    """The request has come back to a hub that it had passed. Asked again, or elsewhere, it could go round again."""

    kind = "loop_detected"
    next_step = "Set the provider's base URL to its own server: only agents are given a hub's address."
    falls_back = False


class ModelNotFound(ProviderError):
    """Unknown, retired, or not open to the key that asked: others may find it."""

    kind = "model_not_found"
    next_step = "Choose a model from the list."
    breaker: Breaker = "holds"
    scope = "target"


class UnsupportedParameter(ProviderError):
    """`parameter` is the name on the wire. Adapters learn from it; callers see it where nothing could be learnt."""

    kind = "unsupported_parameter"

    def __init__(self, message: str, *, parameter: str = "", **rest: Any) -> None:
        super().__init__(message, **rest)
        self.parameter = parameter


class NotOffered(ProviderError):
    """`parameter` is the field of the `ChatRequest` that the provider does not take: another one may."""

    kind = "not_offered"
    next_step = "Leave it out, or choose another provider."

    def __init__(self, message: str, *, parameter: str = "", **rest: Any) -> None:
        super().__init__(message, **rest)
        self.parameter = parameter


class PromptTooLong(ProviderError):
    kind = "prompt_too_long"
    next_step = "Shorten the conversation, start a new chat, or choose a model with a larger context."


class InvalidRequest(ProviderError):
    """Every target would refuse it, so that no other is asked.

    A vendor's 400 that names no part of the request is the exception: nobody knows what it is about, and it may be
    what this one server does not take. Its `falls_back` is true. A request that everybody refuses then costs one
    attempt at each target, and ends as the same error.
    """

    kind = "invalid_request"
    next_step = "Change the prompt or the settings, or choose another model."
    falls_back = False


class ContentRejected(ProviderError):
    kind = "content_rejected"
    next_step = "Rephrase the prompt, or choose another model."
    falls_back = False


class TimedOut(ProviderError):
    kind = "timed_out"
    breaker: Breaker = "counts"


class Overtaken(ProviderError):
    kind = "overtaken"


class StreamBroken(ProviderError):
    kind = "stream_broken"
    retryable = True
    breaker = "counts"


class FormBroken(ProviderError):
    """Its text has been read and is none of the form that was asked for: nobody can go on with it."""

    kind = "form_broken"
    falls_back = False


class EmptyAnswer(ProviderError):
    kind = "empty_answer"
    retryable = True


class TargetPaused(ProviderError):
    """Not asked, for what happened to others before. Without a `retry_after` only a person can end the pause."""

    kind = "paused"

    def __init__(self, message: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(message, hint=wait_hint(retry_after), retry_after=retry_after, **rest)
        self.breaker = "holds" if retry_after is None else "ignores"


class RouteFailed(ProviderError):
    """`retry_after` is the shortest wait of the route, where only time is in the way and every target said how long."""

    kind = "route_failed"
    falls_back = False


def wait_hint(seconds: float | None) -> str:
    """The hint to wait that long; None: until somebody mends something."""
    if seconds is None:
        return "Mend that first, or choose another model."
    return f"Ask again in {max(1, math.ceil(seconds))} s, or choose another model."


def errors_by_kind(base: type[ProviderError] = ProviderError) -> dict[str, type[ProviderError]]:
    """Every class of a provider's error, by its `kind`: how documents and replies name it."""
    return {base.kind: base} | {
        kind: each for cls in base.__subclasses__() for kind, each in errors_by_kind(cls).items()
    }

"""The error that a route ends with, made of those of its attempts."""

from __future__ import annotations

from llm_hub.errors import (
    InvalidRequest,
    NotOffered,
    PromptTooLong,
    ProviderError,
    RouteFailed,
    UnsupportedParameter,
    wait_hint,
)

_OF_REQUEST = (InvalidRequest, NotOffered, PromptTooLong, UnsupportedParameter)
"""What a request is refused for, however often it is sent."""


def summarize_failures(errors: list[ProviderError]) -> ProviderError:
    """One error from those of a route's attempts: what each target said last, and the one next step that helps.

    The step is that of a failure which only a person can mend, where there is one, else to wait as long as the
    targets say, else the first target's. What no target takes is the request's fault, and not the route's.
    """
    last = {(error.provider, error.model): error for error in errors}.values()
    told = " ".join(f"{error.message}" for error in last)
    mendable = [error.hint for error in last if error.breaker == "holds" and error.retry_after is None]
    passing = [error for error in last if error.passes]
    waits = [error.retry_after for error in passing if error.retry_after is not None]
    wait = min(waits, default=None) if len(waits) == len(passing) else None
    waiting = [] if wait is None else [wait_hint(wait)]
    hint = next((hint for hint in [*mendable, *waiting, *(error.hint for error in last)] if hint), "")
    message = f"None of the {len(last)} models of the route could answer. {told}"
    lacking = [error.parameter for error in last if isinstance(error, NotOffered)]
    if len(lacking) == len(last):
        return NotOffered(message, parameter=lacking[0], hint=hint)
    if all(isinstance(error, _OF_REQUEST) for error in last):
        is_too_long = any(isinstance(error, PromptTooLong) for error in last)
        return (PromptTooLong if is_too_long else InvalidRequest)(message, hint=hint)
    return RouteFailed(message, hint=hint, retry_after=wait)

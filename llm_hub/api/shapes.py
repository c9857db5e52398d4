"""The shapes of answers that all dialects share: tokens, attempts, errors, and the report of who answered.

A shape is a TypedDict. The function that writes a part of an answer returns its shape, which the type checker checks,
and `openapi.py` describes the API from the same shapes. At run time they are plain dicts: nothing validates them.
"""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic describes no other on Python 3.11

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class TokenCounts(TypedDict, total=False):
    """Tokens as the provider counted them, and what it says that it charged. What it did not report is absent."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    reasoning_tokens: Count
    cached_tokens: Count
    cache_write_tokens: Count
    cache_write_1h_tokens: Count
    reported_nanodollars: Count


class AttemptReport(TypedDict):
    """One attempt to get an answer from a model. Times are seconds; `started` counts from the request.
    `files` says how the request's documents went to it. `price` is in US dollars, and absent where it is unknown."""

    provider: str
    model: str
    started: Seconds
    wait: Seconds
    seconds: Seconds
    first_token: Seconds | None
    outcome: str
    reason: str
    usage: TokenCounts | None
    files: NotRequired[tuple[str, ...]]
    price: NotRequired[Annotated[float, Field(ge=0)]]


class HubReport(TypedDict):
    """`x_llm_hub`, for which OpenAI and Anthropic have no field: who really answered, and every attempt."""

    provider: str
    model: str
    finish_reason: str
    ignored: tuple[str, ...]
    notes: tuple[str, ...]
    attempts: list[AttemptReport]


class ErrorObject(TypedDict):
    """An error, before a dialect puts it into its own shape. `param` is the part of the request that is to blame."""

    message: str
    type: str
    param: str | None
    code: str | None
    attempts: NotRequired[list[AttemptReport]]

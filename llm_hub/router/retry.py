"""When the same target is asked again, and how long after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.errors import EmptyAnswer

if TYPE_CHECKING:
    from llm_hub.errors import ProviderError


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `max_retries` further attempts, after waits that double from `first` seconds up to `longest`.

    Each wait is drawn between nothing and its bound (full jitter), so that many callers do not come back as one.
    """

    max_retries: int = 2
    first: float = 0.5
    longest: float = 8.0

    def wait(self, error: ProviderError, retries: int, chance: float) -> float | None:
        """Seconds before the next attempt; None: no more. `retries` were made before, `chance` is from 0 to 1."""
        if not error.retryable or retries >= self.max_retries:
            return None
        if isinstance(error, EmptyAnswer) and retries >= 1:
            return None
        if error.retry_after is not None:
            return error.retry_after
        return chance * min(self.longest, self.first * 2.0**retries)

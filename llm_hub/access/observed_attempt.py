"""What observers are told of an attempt that is over: those who keep a target's history, and who sends alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llm_hub.chat import Attempt
from llm_hub.router import Target


@dataclass(frozen=True, slots=True)
class ObservedAttempt:
    """An attempt that the owner pays, or makes. `pause_reason` says why its target is paused since; "": it is not.

    `pause_seconds` is how long; None: until somebody mends the cause.
    """

    target: Target
    attempt: Attempt
    is_known: bool
    """Whether the model's name may be kept: see `Session.knows`."""
    pause_reason: str = ""
    pause_seconds: float | None = None

    @property
    def name(self) -> str:
        """The target as `provider/model`; one whose name may not be kept has none."""
        return f"{self.attempt.provider}/{self.attempt.model if self.is_known else 'other'}"


AttemptObserver = Callable[[ObservedAttempt], None]

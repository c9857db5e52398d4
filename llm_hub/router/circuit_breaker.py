"""One circuit breaker: whether its target may be asked, what changes that, and what others call it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from llm_hub.errors import Scope


class BreakerName(NamedTuple):
    """What several hubs call one breaker. `model` is "" for all models, `key` for everybody's keys: see `key_id`."""

    provider: str
    address: str
    model: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """What happens to a breaker. Its times are durations, since every hub has a clock of its own.

    "failure" is one more in a row, or opens it `at_once`. "pause" lasts as long as the provider asked for, or until a
    person mends the cause (infinite). "prolong": a probe found that the target is not back. "close": it is.
    """

    kind: Literal["failure", "pause", "prolong", "close"]
    seconds: float = 0.0
    reason: str = ""
    at_once: bool = False


CLOSE = BreakerChange("close")


@dataclass(slots=True, eq=False)
class CircuitBreaker:
    """Opens after `threshold` failures in a row, blocks until `until`, then lets one request through as a probe.

    `until` is a time of the clock. Infinite is a pause that only a person can end (a new key, credit, another model);
    `reason` says why. `by_provider`: the provider asked for the pause (Retry-After), or said what must be mended.
    `probe` is the permit of the request that finds out whether the pause is over. `name` is None where the breaker is
    this hub's alone.
    """

    threshold: int
    cooldown: float
    scope: Scope
    name: BreakerName | None = None
    failures: int = 0
    until: float = 0.0
    reason: str = ""
    by_provider: bool = False
    probe: object | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is anything but closed: while it blocks, and until a probe has succeeded."""
        return self.until > 0.0

    def admits(self, now: float, *, last_resort: bool) -> bool:
        """Whether a request may pass now, be it as the probe."""
        if not self.is_open:
            return True
        return not self.blocks(now, last_resort=last_resort) and (self.probe is None or math.isinf(self.until))

    def blocks(self, now: float, *, last_resort: bool) -> bool:
        """Whether the pause is not over yet, whoever probes.

        For a route's last target, indefinite pauses are ignored, and our own cool-down lets probes through one at a
        time. Only a pause that the provider asked for (Retry-After) is always kept.
        """
        if last_resort and (not self.by_provider or math.isinf(self.until)):
            return False
        return now < self.until

    def apply(self, change: BreakerChange, now: float) -> None:
        """Takes a change into account that happens at that time of the clock."""
        match change.kind:
            case "failure":
                self._count_failure(now, change.reason, at_once=change.at_once)
            case "pause":
                self.until, self.reason, self.by_provider = now + change.seconds, change.reason, True
            case "prolong":  # from now on the pause is our own cool-down
                if self.until < now + change.seconds:
                    self.until, self.by_provider = now + change.seconds, False
            case "close":  # an answer came, or somebody says that the cause is mended
                self.failures, self.until, self.reason, self.by_provider, self.probe = 0, 0.0, "", False, None

    def _count_failure(self, now: float, reason: str, *, at_once: bool) -> None:
        self.failures += 1
        if at_once or (self.failures >= self.threshold and self.until < now + self.cooldown):
            self.until, self.reason, self.by_provider = now + self.cooldown, reason, False

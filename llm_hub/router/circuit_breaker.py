"""The health of targets, shared by every route: which are paused, for how long, and which request may probe.

A target is judged in four scopes, so that one visitor's bad key never pauses a provider for the others: its provider,
its model at that provider, its key (which is the provider's instance: one is built for each key), and the model with
that key, which is what a rate limit is about.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.errors import ProviderError, Scope
    from llm_hub.provider import LLMProvider

MAX_BREAKERS = 2000
"""Breakers kept of each key, and of all keys together: anybody may ask for models that do not exist."""
PROBE_PATIENCE = 2.0
"""Seconds after which it is worth asking again while another request probes a target: how long it takes is unknown."""

_SCOPES_WITHIN: dict[Scope, tuple[Scope, ...]] = {
    "provider": ("provider", "model", "key", "target"),
    "model": ("model", "target"),
    "key": ("key", "target"),
    "target": ("target",),
}
"""What an error says something about: its own scope, and those that are part of it."""


@dataclass(slots=True, eq=False)
class CircuitBreaker:
    """Opens after `threshold` failures in a row, blocks until `until`, then lets one request through as a probe.

    `until` is a time of the clock. Infinite is a pause that only a person can end (a new key, credit, another model);
    `reason` says why. `by_provider`: the provider asked for the pause (Retry-After), or said what must be mended.
    `probe` is the permit of the request that finds out whether the pause is over.
    """

    threshold: int
    cooldown: float
    scope: Scope
    failures: int = 0
    until: float = 0.0
    reason: str = ""
    by_provider: bool = False
    probe: Permit | None = None

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

    def close(self) -> None:
        """Lets every request through: an answer came, or somebody says that the cause is mended."""
        self.failures, self.until, self.reason, self.by_provider, self.probe = 0, 0.0, "", False, None

    def count_failure(self, now: float, reason: str, *, at_once: bool) -> None:
        """One more failure in a row. `at_once`: it opens the breaker, however many came before."""
        self.failures += 1
        if at_once or (self.failures >= self.threshold and self.until < now + self.cooldown):
            self.until, self.reason, self.by_provider = now + self.cooldown, reason, False

    def pause(self, until: float, reason: str) -> None:
        """Blocks as long as the provider asked for, or until somebody mends the cause."""
        self.until, self.reason, self.by_provider = until, reason, True

    def prolong(self, until: float) -> None:
        """A probe found that the target is not back. From now on the pause is our own cool-down."""
        if self.until < until:
            self.until, self.by_provider = until, False


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a target is not asked now. `seconds` until it may be; None: until a person changes something.

    `probed`: another request is finding out whether it is back.
    """

    reason: str
    seconds: float | None
    probed: bool = False


class Health:
    """The breakers of every target. One belongs to a hub, and every router of that hub is given it."""

    def __init__(
        self, *, threshold: int = 3, cooldown: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = threshold
        self._cooldown = cooldown
        self._clock = clock
        # By provider, address and model, "" for all its models: everybody's, and each key's own.
        self._shared: dict[tuple[str, str, str], CircuitBreaker] = {}
        self._keys: WeakKeyDictionary[LLMProvider, dict[tuple[str, str, str], CircuitBreaker]] = WeakKeyDictionary()

    def current_pause(self, provider: LLMProvider, model: str) -> Pause | None:
        """Why this target is paused, or None: for whoever shows it."""
        now = self._clock()
        opened = [breaker for breaker in self._breakers(provider, model) if breaker.is_open]
        worst = max(opened, key=lambda breaker: breaker.until, default=None)
        if worst is None:
            return None
        return Pause(worst.reason, None if math.isinf(worst.until) else max(0.0, worst.until - now))

    def common_pause(self, providers: Sequence[LLMProvider], model: str) -> Pause | None:
        """Why a model is paused at all of these providers: the pause that is over first. None: one may be asked."""
        pauses = [self.current_pause(provider, model) for provider in providers]
        known = [pause for pause in pauses if pause is not None]
        if not known or len(known) < len(pauses):
            return None
        return min(known, key=lambda pause: math.inf if pause.seconds is None else pause.seconds)

    def explain_refusal(self, provider: LLMProvider, model: str, *, last_resort: bool) -> Pause:
        """Why `admit` has just given no permit, and when it is worth asking again."""
        now = self._clock()
        opened = [breaker for breaker in self._breakers(provider, model) if breaker.is_open]
        blocking = [breaker for breaker in opened if breaker.blocks(now, last_resort=last_resort)]
        worst = max(blocking or opened, key=lambda breaker: breaker.until)
        if not blocking:
            return Pause(worst.reason, PROBE_PATIENCE, probed=True)
        return Pause(worst.reason, None if math.isinf(worst.until) else worst.until - now)

    def admit(self, provider: LLMProvider, model: str, *, last_resort: bool = False) -> Permit | None:
        """A permit for one attempt, to be settled or released whatever happens; None while the target is paused."""
        now = self._clock()
        breakers = self._breakers(provider, model)
        if not all(breaker.admits(now, last_resort=last_resort) for breaker in breakers):
            return None
        probed = [breaker for breaker in breakers if breaker.is_open]
        permit = Permit(self, provider, model, probed)
        for breaker in probed:
            breaker.probe = permit
        return permit

    def reset(self, provider: LLMProvider, model: str, *, key_only: bool = False) -> None:
        """Lets the next request through: somebody says that the cause is mended. `key_only`: what this key caused."""
        for breaker in self._breakers(provider, model, key_only=key_only):
            breaker.close()

    def settle(
        self, provider: LLMProvider, model: str, error: ProviderError | None, *, probed: Sequence[CircuitBreaker] = ()
    ) -> None:
        """Takes an attempt's outcome into account: None is an answer. `probed` is what the attempt was a probe of.

        A probe that failed pauses at once, however many failures there were before: what it probed, where the error
        says something about it, else what the error is about. An error that says nothing about anybody's health, such
        as a prompt that is too long, leaves room for the next probe.
        """
        if error is None:
            self.reset(provider, model)
            return
        soon = bool(probed) and error.retryable and error.retry_after is not None  # too soon for a probe, all the same
        if error.breaker == "ignores" and not soon:
            return
        now = self._clock()
        breaker = self._breaker(provider, model, error.scope)
        if error.breaker != "counts":
            breaker.pause(math.inf if error.retry_after is None else now + error.retry_after, error.message)
            return
        still_paused = [other for other in probed if other.scope in _SCOPES_WITHIN[error.scope]]
        for other in still_paused:
            other.prolong(now + self._cooldown)
        at_once = bool(probed) and (not still_paused or breaker in still_paused)
        breaker.count_failure(now, error.message, at_once=at_once)

    def _breaker(self, provider: LLMProvider, model: str, scope: Scope) -> CircuitBreaker:
        """The breaker of one scope, made if nothing has failed there yet."""
        breakers = self._shared if scope in ("provider", "model") else self._keys.setdefault(provider, {})
        key = (provider.name, provider.address, model if scope in ("model", "target") else "")
        breaker = breakers.setdefault(key, CircuitBreaker(self._threshold, self._cooldown, scope))
        if len(breakers) > MAX_BREAKERS:
            del breakers[next(iter(breakers))]
        return breaker

    def _breakers(self, provider: LLMProvider, model: str, *, key_only: bool = False) -> list[CircuitBreaker]:
        """Those of the target's scopes in which anything has failed."""
        name, address = provider.name, provider.address
        keys = ((name, address, ""), (name, address, model))
        owners = ({} if key_only else self._shared, self._keys.get(provider, {}))
        return [breakers[key] for breakers in owners if breakers for key in keys if key in breakers]


class Permit:
    """Leave for one attempt, which ends once: by `settle` with its outcome, or by `release` without one."""

    __slots__ = ("_health", "_is_over", "_model", "_probed", "_provider")

    def __init__(self, health: Health, provider: LLMProvider, model: str, probed: list[CircuitBreaker]) -> None:
        self._health, self._provider, self._model = health, provider, model
        self._probed = probed
        self._is_over = False

    @property
    def is_probe(self) -> bool:
        """Whether this is the one request that finds out whether a paused target is back."""
        return bool(self._probed)

    def settle(self, error: ProviderError | None) -> None:
        """Reports the outcome: None is an answer. Only the first outcome counts."""
        if not self._is_over:
            self._health.settle(self._provider, self._model, error, probed=self._probed)
            self.release()

    def release(self) -> None:
        """Ends an attempt that was cancelled and says nothing about the target. Does nothing once it is settled."""
        self._is_over = True
        for breaker in self._probed:
            if breaker.probe is self:
                breaker.probe = None

"""The health of targets, shared by every route: who is paused, for how long, and who may probe.

A target is judged in four scopes, so that one visitor's bad key never closes a provider for the others: its provider,
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
    from collections.abc import Callable

    from llm_hub.errors import ProviderError
    from llm_hub.provider import LLMProvider

BREAKERS_KEPT = 2000
"""Of each key, and of all together."""
PROBE = 2.0
"""Seconds after which it is worth asking again where another request is finding out whether a target is back: nobody
knows how long that takes."""


@dataclass(slots=True)
class CircuitBreaker:
    """Opens after `threshold` failures in a row, refuses until `until`, then lets one request through as a probe.

    `until` infinite is a hold that only a person can end (a new key, credit, another model); `reason` says why.
    `asked` marks a pause that the provider itself asked for: it is kept whoever else is left.
    """

    threshold: int
    cooldown: float
    failures: int = 0
    until: float = 0.0
    reason: str = ""
    probing: bool = False
    asked: bool = False

    @property
    def tripped(self) -> bool:
        """Whether it is anything but closed."""
        return self.until > 0.0

    def admits(self, now: float, *, last_resort: bool) -> bool:
        """Whether a request may pass now, be it as the one that finds out whether a pause is over."""
        if not self.tripped:
            return True
        return not self.keeps(now, last_resort=last_resort) and (not self.probing or math.isinf(self.until))

    def keeps(self, now: float, *, last_resort: bool) -> bool:
        """Whether the pause still keeps requests out, whoever probes.

        Where nobody else is left to ask, a hold without an end is no obstacle, and a pause that we chose ourselves lets
        one request after the other find out whether it is over.
        """
        if last_resort and (not self.asked or math.isinf(self.until)):
            return False
        return now < self.until

    def succeeded(self) -> None:
        self.failures, self.until, self.reason, self.probing, self.asked = 0, 0.0, "", False, False

    def failed(self, now: float, reason: str) -> None:
        self.failures += 1
        if self.probing or self.failures >= self.threshold:
            self.until, self.reason, self.asked = now + self.cooldown, reason, False
        self.probing = False

    def hold(self, until: float, reason: str) -> None:
        self.until, self.reason, self.probing, self.asked = until, reason, False, True


@dataclass(frozen=True, slots=True)
class Paused:
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

    def paused(self, provider: LLMProvider, model: str) -> Paused | None:
        """Why this target is paused, or None: for whoever shows it."""
        now = self._clock()
        shut = [breaker for breaker in self._breakers(provider, model) if breaker.tripped]
        worst = max(shut, key=lambda breaker: breaker.until, default=None)
        if worst is None:
            return None
        return Paused(worst.reason, None if math.isinf(worst.until) else max(0.0, worst.until - now))

    def refusal(self, provider: LLMProvider, model: str, *, last_resort: bool) -> Paused:
        """Why `admit` has just given no permit, and when it is worth asking again."""
        now = self._clock()
        shut = [breaker for breaker in self._breakers(provider, model) if breaker.tripped]
        keeping = [breaker for breaker in shut if breaker.keeps(now, last_resort=last_resort)]
        worst = max(keeping or shut, key=lambda breaker: breaker.until)
        if not keeping:
            return Paused(worst.reason, PROBE, probed=True)
        return Paused(worst.reason, None if math.isinf(worst.until) else worst.until - now)

    def admit(self, provider: LLMProvider, model: str, *, last_resort: bool = False) -> Permit | None:
        """A permit for one attempt, to be settled whatever happens; None while the target is paused."""
        now = self._clock()
        breakers = self._breakers(provider, model)
        if not all(breaker.admits(now, last_resort=last_resort) for breaker in breakers):
            return None
        probed = [breaker for breaker in breakers if breaker.tripped]
        for breaker in probed:
            breaker.probing = True
        return Permit(self, provider, model, probed)

    def reset(self, provider: LLMProvider, model: str, *, key_only: bool = False) -> None:
        """Lets the next request through: somebody says that the cause is mended. `key_only`: what this key caused."""
        for breaker in self._breakers(provider, model, key_only=key_only):
            breaker.succeeded()

    def settle(self, provider: LLMProvider, model: str, error: ProviderError | None) -> None:
        """Takes an attempt's outcome into account: None is an answer."""
        if error is None:
            self.reset(provider, model)
            return
        if error.breaker == "ignores":
            return
        breakers = self._shared if error.scope in ("provider", "model") else self._keys.setdefault(provider, {})
        key = (provider.name, provider.address, model if error.scope in ("model", "target") else "")
        breaker = breakers.setdefault(key, CircuitBreaker(self._threshold, self._cooldown))
        if len(breakers) > BREAKERS_KEPT:  # anybody may ask for models that do not exist
            del breakers[next(iter(breakers))]
        now = self._clock()
        if error.breaker == "counts":
            breaker.failed(now, error.message)
        else:
            breaker.hold(math.inf if error.retry_after is None else now + error.retry_after, error.message)

    def _breakers(self, provider: LLMProvider, model: str, *, key_only: bool = False) -> list[CircuitBreaker]:
        """Those of the target's scopes in which anything has failed."""
        name, address = provider.name, provider.address
        places = ((name, address, ""), (name, address, model))
        kept = ({} if key_only else self._shared, self._keys.get(provider, {}))
        return [breakers[place] for breakers in kept if breakers for place in places if place in breakers]


class Permit:
    """Leave for one attempt. `probe`: it is the one request that finds out whether a paused target is back."""

    __slots__ = ("_health", "_model", "_probed", "_provider", "_settled", "probe")

    def __init__(self, health: Health, provider: LLMProvider, model: str, probed: list[CircuitBreaker]) -> None:
        self.probe = bool(probed)
        self._health, self._provider, self._model, self._probed = health, provider, model, probed
        self._settled = False

    def settle(self, error: ProviderError | None) -> None:
        """Reports the outcome: None is an answer."""
        self._settled = True
        self._health.settle(self._provider, self._model, error)
        self._let_go()

    def release(self) -> None:
        """Ends an attempt that was cancelled and says nothing about the target. Does nothing once settled."""
        if not self._settled:
            self._let_go()

    def _let_go(self) -> None:
        for breaker in self._probed:
            breaker.probing = False

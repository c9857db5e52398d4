"""The health of targets, shared by every route: which are paused, for how long, and which request may probe.

A target is judged in four scopes, so that one visitor's bad key never pauses a provider for the others: its provider,
its model at that provider, its key (which is the provider's instance, or its `key_id`), and the model with that key,
which is what a rate limit is about.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from llm_hub.router.circuit_breaker import CLOSE, BreakerChange, BreakerName, CircuitBreaker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.errors import ProviderError, Scope
    from llm_hub.provider import LLMProvider

    Breakers = dict[tuple[str, str, str], CircuitBreaker]
    """By provider, address and model, "" for all of its models."""

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


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a target is not asked now. `seconds` until it may be; None: until a person changes something.

    `probed`: another request is finding out whether it is back.
    """

    reason: str
    seconds: float | None
    probed: bool = False


class Health:
    """The breakers of every target, in memory. One belongs to a hub, and every router of that hub is given it.

    Several hubs have one health where `_tell` lets the others know of each change, which they `hear`, and `confirm`
    asks them who probes.
    """

    def __init__(
        self, *, threshold: int = 3, cooldown: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = threshold
        self._cooldown = cooldown
        self._clock = clock
        self._shared: Breakers = {}
        self._keys: WeakKeyDictionary[LLMProvider, Breakers] = WeakKeyDictionary()
        self._named_keys: dict[str, Breakers] = {}

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

    async def confirm(self, permit: Permit) -> bool:  # noqa: ARG002  # this hub is alone
        """Whether a probe may be made: no other hub makes it now. If not, the permit is released."""
        return True

    def reset(self, provider: LLMProvider, model: str, *, key_only: bool = False) -> None:
        """Lets the next request through: somebody says that the cause is mended. `key_only`: what this key caused."""
        for breaker in self._breakers(provider, model, key_only=key_only):
            if breaker.failures or breaker.is_open:
                self._change(breaker, CLOSE)

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
        breaker = self._breaker(provider, model, error.scope)
        if error.breaker != "counts":
            seconds = math.inf if error.retry_after is None else error.retry_after
            self._change(breaker, BreakerChange("pause", seconds, error.message))
            return
        still_paused = [other for other in probed if other.scope in _SCOPES_WITHIN[error.scope]]
        for other in still_paused:
            self._change(other, BreakerChange("prolong", self._cooldown))
        at_once = bool(probed) and (not still_paused or breaker in still_paused)
        self._change(breaker, BreakerChange("failure", reason=error.message, at_once=at_once))

    def hear(self, name: BreakerName, change: BreakerChange, age: float) -> None:
        """Takes over what happened `age` seconds ago at another hub."""
        breakers = self._named_keys.setdefault(name.key, {}) if name.key else self._shared
        if change.kind == "close" and name[:3] not in breakers:
            return
        scopes: tuple[Scope, Scope] = ("key", "target") if name.key else ("provider", "model")
        self._made(breakers, name[:3], scopes[bool(name.model)], name).apply(change, self._clock() - age)

    def _change(self, breaker: CircuitBreaker, change: BreakerChange) -> None:
        breaker.apply(change, self._clock())
        if breaker.name is not None:
            self._tell(breaker.name, change)

    def _tell(self, name: BreakerName, change: BreakerChange) -> None:
        """Lets other hubs know."""

    def _breaker(self, provider: LLMProvider, model: str, scope: Scope) -> CircuitBreaker:
        """The breaker of one scope, made if nothing has failed there yet. What runs in this process, or has a key that
        is nobody's but its caller's, is no other hub's concern."""
        is_keys = scope in ("key", "target")
        if not is_keys:
            breakers = self._shared
        elif provider.key_id:
            breakers = self._named_keys.setdefault(provider.key_id, {})
        else:
            breakers = self._keys.setdefault(provider, {})
        place = (provider.name, provider.address, model if scope in ("model", "target") else "")
        name = None
        if provider.address and (provider.key_id or not is_keys):
            name = BreakerName(*place, provider.key_id if is_keys else "")
        return self._made(breakers, place, scope, name)

    def _made(
        self, breakers: Breakers, place: tuple[str, str, str], scope: Scope, name: BreakerName | None
    ) -> CircuitBreaker:
        breaker = breakers.setdefault(place, CircuitBreaker(self._threshold, self._cooldown, scope, name))
        if len(breakers) > MAX_BREAKERS:
            del breakers[next(iter(breakers))]
        return breaker

    def _breakers(self, provider: LLMProvider, model: str, *, key_only: bool = False) -> list[CircuitBreaker]:
        """Those of the target's scopes in which anything has failed."""
        name, address, key_id = provider.name, provider.address, provider.key_id
        keys = ((name, address, ""), (name, address, model))
        own = self._named_keys.get(key_id) if key_id else self._keys.get(provider)
        owners = (None if key_only else self._shared, own)
        return [breakers[key] for breakers in owners if breakers for key in keys if key in breakers]


class Permit:
    """Leave for one attempt, which ends once: by `settle` with its outcome, or by `release` without one."""

    __slots__ = ("_health", "_is_over", "_model", "_provider", "lease", "probed")

    def __init__(self, health: Health, provider: LLMProvider, model: str, probed: list[CircuitBreaker]) -> None:
        self._health, self._provider, self._model = health, provider, model
        self.probed = probed
        self.lease: Callable[[], None] | None = None
        """Ends what keeps other hubs from the same probe."""
        self._is_over = False

    @property
    def is_probe(self) -> bool:
        """Whether this is the one request that finds out whether a paused target is back."""
        return bool(self.probed)

    def settle(self, error: ProviderError | None) -> None:
        """Reports the outcome: None is an answer. Only the first outcome counts."""
        if not self._is_over:
            self._health.settle(self._provider, self._model, error, probed=self.probed)
            self.release()

    def release(self) -> None:
        """Ends an attempt that was cancelled and says nothing about the target. Does nothing once it is settled."""
        self._is_over = True
        for breaker in self.probed:
            if breaker.probe is self:
                breaker.probe = None
        if self.lease is not None:
            self.lease()
            self.lease = None

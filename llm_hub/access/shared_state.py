"""What all sessions of a hub have in common: settings, open providers, and what is known of their health."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from llm_hub.access.hedging import HedgeAllowance
from llm_hub.access.observed_attempt import ObservedAttempt
from llm_hub.access.pool_order import PoolOrder
from llm_hub.access.provider_pool import ProviderPool
from llm_hub.router import Health, Timeouts
from llm_hub.router.interruptible_answers import InterruptibleAnswers

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.access.configured_providers import ConfiguredProviders
    from llm_hub.access.observed_attempt import AttemptObserver
    from llm_hub.chat import Attempt, Order
    from llm_hub.router import Target
    from llm_hub.usage.prices import Prices


@dataclass(frozen=True, slots=True)
class SharedState:
    """What every session of a hub shares, whoever pays."""

    configured: ConfiguredProviders
    prices: Prices
    max_retries: int = 2
    resume: bool = True
    order: Order = "given"
    hedge_allowance: HedgeAllowance | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    health: Health = field(default_factory=Health)
    clock: Callable[[], float] = time.monotonic
    pool: ProviderPool = field(default_factory=ProviderPool)
    running: InterruptibleAnswers = field(default_factory=InterruptibleAnswers)
    pool_order: PoolOrder = field(default_factory=lambda: PoolOrder(Health()))
    observers: list[AttemptObserver] = field(default_factory=list)
    """Are told of each attempt with a target that the owner is to know of."""

    def observe(self, target: Target, attempt: Attempt, *, is_known: bool) -> None:
        """Tells the observers of an attempt that is over, and whether it left its target paused."""
        observed = ObservedAttempt(target, attempt, is_known)
        if attempt.has_failed and (pause := self.health.current_pause(target.provider, target.model_id)) is not None:
            observed = replace(observed, pause_reason=pause.reason, pause_seconds=pause.seconds)
        for observer in self.observers:
            observer(observed)

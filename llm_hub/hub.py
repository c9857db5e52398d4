"""class Hub: every provider that the settings name, for whoever may use it."""

from __future__ import annotations

import asyncio
import logging
import time
from importlib import import_module
from typing import TYPE_CHECKING

from llm_hub.access.configured_providers import ConfiguredProviders
from llm_hub.access.hedging import HedgeAllowance
from llm_hub.access.keyring import Keyring
from llm_hub.access.pool_order import PoolOrder
from llm_hub.access.provider_pool import ProviderPool
from llm_hub.access.session import Session
from llm_hub.access.shared_health import SharedHealth
from llm_hub.access.shared_pool_order import SharedPoolOrder
from llm_hub.access.shared_state import SharedState
from llm_hub.errors import LLMHubError
from llm_hub.router import Health, Timeouts
from llm_hub.storage.redis_exchange import RedisExchange
from llm_hub.usage.prices import Prices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_hub.access.observed_attempt import AttemptObserver
    from llm_hub.settings import Settings

log = logging.getLogger(__name__)


class Hub:
    """The providers of one set of settings. `session` opens them for a caller; each is built when it is first used.

    Raises `ConfigurationError` for settings that contradict each other.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        configured = ConfiguredProviders(settings)
        self.exchange = RedisExchange(settings.redis_url) if settings.redis_url else None
        """What this hub and others tell each other, once it runs; None without a Redis."""
        health, pool_order = _health(self.exchange, cooldown=settings.cooldown, clock=clock)
        self._shared = SharedState(
            configured,
            Prices(configured.price_lists(), settings.prices),
            settings.max_retries,
            settings.midstream == "resume",
            settings.order,
            HedgeAllowance() if settings.hedge else None,
            Timeouts(
                first_token=settings.first_token_timeout,
                reasoning=settings.reasoning_timeout,
                thinking=settings.thinking_timeout,
                loading=settings.loading_timeout,
                idle=settings.idle_timeout,
                total=settings.total_timeout,
            ),
            health,
            clock,
            ProviderPool(clock),
            pool_order=pool_order,
        )
        self.prices = self._shared.prices
        self.running = self._shared.running
        """The answers that are being written."""

    def session(
        self, typed_keys: Mapping[str, str] | None = None, *, owner_pays: bool = True, trusted: bool = True
    ) -> Session:
        """The hub for one caller: with keys that they typed, by provider, and with the owner's keys if `owner_pays`.

        Without arguments it is the owner's own session. A caller who is not `trusted` is a visitor.
        """
        keyring = Keyring(self._shared.configured, typed_keys, owner_pays=owner_pays, trusted=trusted)
        return Session(self._shared, keyring)

    def observe_attempts(self, observer: AttemptObserver) -> None:
        """Has an observer told of each attempt that the owner pays, or makes."""
        self._shared.observers.append(observer)

    @property
    def sharing_problem(self) -> str:
        """Why this hub knows nothing of the others at present, as a sentence; "" where there is no reason."""
        return self.exchange.problem if self.exchange is not None else ""

    @property
    def configured(self) -> ConfiguredProviders:
        """The providers, as the settings have them now."""
        return self._shared.configured

    def replace_settings(self, settings: Settings) -> None:
        """Takes other keys, addresses, servers and another route; everything else stays as it was at the start.

        Answers that are being written go on with what they began with. Raises `ConfigurationError`, and then nothing
        has changed.
        """
        for name in self._shared.configured.replace(settings):
            self._shared.pool.renew(name)

    def checked_key(self, provider: str, key: str) -> str:
        """A key that a visitor typed, without the white space around it. Raises `ConfigurationError`."""
        return Keyring(self._shared.configured).checked(provider, key)

    def forget(self, provider: str, key: str) -> None:
        """A visitor took their key away: closes what was opened with it, once no answer needs it."""
        self._shared.pool.forget(provider, key)

    async def warm_up(self) -> None:
        """Imports what the ready providers need, so that the first chat does not wait for it."""
        session = self.session()
        for state in session.providers():
            spec = self._shared.configured.specs.get(state.name)
            if state.asks_itself:
                log.warning("%s cannot be used: %s", state.name, state.problem)
            if state.ready and spec and spec.key:
                try:
                    await session.warm_up(state.name)
                except LLMHubError as error:
                    log.warning("%s cannot be used: %s", state.name, error)
        await asyncio.to_thread(import_module, "genai_prices")

    async def aclose(self) -> None:
        """Closes every provider's connections, and ends every download."""
        self._shared.configured.stop_downloads()
        await self._shared.pool.aclose()


def _health(exchange: RedisExchange | None, *, cooldown: float, clock: Callable[[], float]) -> tuple[Health, PoolOrder]:
    """What is known of targets, and the order in pools: of this hub alone, or with all those of the exchange."""
    if exchange is None:
        health = Health(cooldown=cooldown, clock=clock)
        return health, PoolOrder(health)
    health = SharedHealth(exchange, cooldown=cooldown, clock=clock)
    return health, SharedPoolOrder(health, exchange, clock=clock)

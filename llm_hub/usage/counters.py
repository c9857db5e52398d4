"""Where the counts of quotas are kept: in memory, or in Redis, where several hubs share them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError
from llm_hub.usage.memory_counts import MemoryCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from limits.aio.storage import Storage
    from limits.errors import StorageError

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that Redis may take for an answer."""
PAUSE = 30.0
"""Seconds that a Redis that failed is not asked again. Meanwhile this server counts by itself."""

_RAISE = """
if (tonumber(redis.call('GET', KEYS[1])) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""


class Counters:
    """Where the counts are kept: in memory, or behind an address such as redis://host:6379.

    `patience`: the seconds that Redis may take for an answer. `clock` is one that nobody sets back.
    """

    def __init__(
        self, redis_url: str = "", *, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._redis = _redis(redis_url, patience) if redis_url else None
        self._memory = MemoryCounts(clock)
        self._paused_until = 0.0
        self._failures = 0

    @property
    def is_shared(self) -> bool:
        """Whether the counts are in Redis, as long as that answers."""
        return self._redis is not None

    @property
    def epoch(self) -> tuple[int, bool]:
        """Another one whenever counts go on in another place, which does not know what was added meanwhile."""
        return self._failures, self._is_paused

    @property
    def _is_paused(self) -> bool:
        return self.clock() < self._paused_until

    async def ping(self) -> None:
        """Asks Redis for an answer, if it is used. Raises `ConfigurationError` if there is none."""
        if self._redis is not None and not await self._redis.check():
            raise ConfigurationError(
                "Redis cannot be reached: this hub counts by itself.", hint="Check LLM_HUB_REDIS_URL and its server."
            )

    async def add(self, key: str, seconds: int, amount: int) -> tuple[int, float, Storage | MemoryCounts]:
        """Adds to a count that is kept for so long. Gives the new count, seconds until it is over, and where it is."""
        from limits.errors import StorageError

        if self._redis is not None and not self._is_paused:
            try:
                count = await self._redis.incr(key, seconds, amount)
                return count, await self._redis.get_expiry(key) - time.time(), self._redis
            except StorageError as error:
                self._pause(error)
        count = await self._memory.incr(key, seconds, amount)
        return count, self._memory.seconds_left(key), self._memory

    async def raise_to(self, key: str, seconds: int, amount: int) -> None:
        """Raises a count to this, unless it is higher."""
        from limits.errors import StorageError

        if self._redis is not None and not self._is_paused:
            bridge = self._redis.bridge  # type: ignore[attr-defined]  # of Redis' storage alone
            try:
                await bridge.get_connection().eval(_RAISE, 1, bridge.prefixed_key(key), amount, seconds)
            except bridge.dependency.RedisError as error:
                self._pause(StorageError(error))
            else:
                return
        self._memory.raise_to(key, seconds, amount)

    async def correct(self, key: str, seconds: int, amount: int, place: Storage | MemoryCounts) -> int:
        """Adds to a count that was begun at `place`, or with a negative amount takes back. Gives it; 0: not known."""
        from limits.errors import StorageError

        try:
            return await place.incr(key, seconds, amount)
        except StorageError as error:
            log.warning("A limit could not be settled: %s", type(error.args[0]).__name__)
            return 0

    def _pause(self, error: StorageError) -> None:
        """Redis is not asked for a while."""
        if not self._is_paused:  # many may have waited at once
            self._failures += 1
            log.error(
                "Redis failed (%s): for %.0f s this hub counts by itself.", type(error.args[0]).__name__, PAUSE
            )  # the error's own text may show the address, and with it a password
        self._paused_until = self.clock() + PAUSE

    async def aclose(self) -> None:
        """Closes the connections to Redis."""
        if self._redis is not None:
            await self._redis.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # of Redis' storage alone


def _redis(url: str, patience: float) -> Storage:
    from limits.aio.storage import RedisStorage
    from limits.errors import ConfigurationError as Missing

    try:
        return RedisStorage(
            f"async+{url}",
            wrap_exceptions=True,
            implementation="redispy",
            socket_connect_timeout=patience,
            socket_timeout=patience,
        )
    except Missing:
        raise ConfigurationError(
            "LLM_HUB_REDIS_URL needs the package redis.", hint="Install it: pip install redis."
        ) from None
    except ValueError:
        raise ConfigurationError("LLM_HUB_REDIS_URL is no address of a Redis server.") from None

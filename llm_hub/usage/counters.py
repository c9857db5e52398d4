"""Where the counts of quotas are kept: in memory, or in Redis, where several hubs share them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError
from llm_hub.usage.memory_counts import MemoryCounts
from llm_hub.usage.redis_counts import RedisCounts, RedisFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.usage.shares import Outcome, Share

    Place = MemoryCounts | RedisCounts

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that Redis may take for an answer."""
PAUSE = 30.0
"""Seconds that a Redis that failed is not asked again. Meanwhile this server counts by itself."""


class UnknownCounts(Exception):
    """Counts have to begin with what the database has, and nothing was added to them."""


class Counters:
    """Where the counts are kept: in memory, or behind an address such as redis://host:6379.

    `patience`: the seconds that Redis may take for an answer. `clock` is one that nobody sets back.
    """

    def __init__(
        self, redis_url: str = "", *, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._redis = RedisCounts(redis_url, patience) if redis_url else None
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
        try:
            if self._redis is not None:
                await self._redis.ping()
        except RedisFailed as error:
            raise ConfigurationError(
                f"Redis cannot be used ({error}): this hub counts by itself.",
                hint="Check LLM_HUB_REDIS_URL and its server.",
            ) from None

    async def add(self, shares: Sequence[Share], epoch: object, *, begin: bool) -> tuple[Outcome, Place]:
        """Adds all of the shares of a request, or none where one does not fit. Gives how it ended, and where they are.

        Without `begin`, `UnknownCounts` is raised where a count would have to begin with what the database has: Redis
        does not know it, or `epoch` is no longer the present one.
        """
        needs_recall = not begin and any(share.is_recalled for share in shares)
        if needs_recall and epoch != self.epoch:
            raise UnknownCounts
        if self._redis is not None and not self._is_paused:
            try:
                outcome = await self._redis.add(shares, begin=begin)
            except RedisFailed as error:
                self._pause(error)
                if needs_recall:
                    raise UnknownCounts from None
            else:
                if outcome is None:
                    raise UnknownCounts
                return outcome, self._redis
        return self._memory.add(shares), self._memory

    async def raise_to(self, key: str, seconds: int, amount: int) -> None:
        """Raises a count to this, unless it is higher."""
        if self._redis is not None and not self._is_paused:
            try:
                await self._redis.raise_to(key, seconds, amount)
            except RedisFailed as error:
                self._pause(error)
            else:
                return
        await self._memory.raise_to(key, seconds, amount)

    async def change(self, key: str, amount: int, place: Place) -> int:
        """Adds to a count that was begun at `place`, or with a negative amount takes back. Gives it; 0: not known."""
        try:
            return await place.change(key, amount)
        except RedisFailed as error:
            log.warning("A limit could not be settled: %s", error)
            return 0

    def _pause(self, error: RedisFailed) -> None:
        """Redis is not asked for a while."""
        if not self._is_paused:  # many may have waited at once
            self._failures += 1
            log.error("Redis failed (%s): for %.0f s this hub counts by itself.", error, PAUSE)
        self._paused_until = self.clock() + PAUSE

    async def aclose(self) -> None:
        """Closes the connections to Redis."""
        if self._redis is not None:
            await self._redis.aclose()

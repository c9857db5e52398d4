"""Counts in a Redis, which several hubs share.

Each change is one script, so that no other request comes between its reading and its writing: what does not fit is
never added, not even for a moment in which it would keep out what fits.
"""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, Any

from llm_hub.errors import ConfigurationError
from llm_hub.usage.shares import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.usage.shares import Share

MAX_CONNECTIONS = 4
"""Of one hub. Redis answers in less time than it takes to connect: who finds all of them taken waits for one."""

_ADD = """
local reply, full, counts = {}, -1, {}
for i, key in ipairs(KEYS) do
  local count = redis.call('GET', key)
  if not count and ARGV[4 * i] == '1' then return {} end
  counts[i] = tonumber(count or 0)
  if full < 0 and counts[i] + tonumber(ARGV[4 * i - 2]) > tonumber(ARGV[4 * i - 1]) then full = i - 1 end
end
reply[1] = full
for i, key in ipairs(KEYS) do
  if full < 0 then
    counts[i] = redis.call('INCRBY', key, ARGV[4 * i - 2])
    if redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, ARGV[4 * i - 3]) end
  end
  reply[2 * i] = counts[i]
  reply[2 * i + 1] = redis.call('TTL', key)
end
return reply
"""
"""Adds to all of the counts, or to none where one would become too high, or where one is missing that may not be."""

_CHANGE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('INCRBY', KEYS[1], ARGV[1])
"""

_RAISE = """
if (tonumber(redis.call('GET', KEYS[1])) or -1) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""


class RedisFailed(Exception):
    """Redis cannot be reached, or gave no answer in time. Its text is the kind of the error alone: the error's own may
    show the address, and with it a password."""


class RedisCounts:
    """Counts by name, each for so many seconds. Every method may raise `RedisFailed`.

    `patience`: the seconds that Redis may take for an answer.
    """

    def __init__(self, url: str, patience: float) -> None:
        self._patience = patience
        try:
            from redis import RedisError
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise ConfigurationError(
                "LLM_HUB_REDIS_URL needs the package redis.", hint="Install it: pip install redis."
            ) from None
        self._errors = RedisError, OSError, TimeoutError
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=MAX_CONNECTIONS,
                timeout=None,
                protocol=2,
                socket_connect_timeout=None,  # `patience` holds for the whole
                socket_timeout=None,
                retry=Retry(NoBackoff(), 1),  # a connection that was idle for long may have been closed
            )
        except ValueError:
            raise ConfigurationError("LLM_HUB_REDIS_URL is no address of a Redis server.") from None
        self._client = Redis.from_pool(pool)

    async def ping(self) -> None:
        """Asks for an answer."""
        await self._run("return 1")

    async def add(self, shares: Sequence[Share], *, begin: bool) -> Outcome | None:
        """Adds all of the shares, or none where one does not fit.

        A count that does not exist begins with 0. Without `begin`, nothing is added and None given if it ought to
        begin with what the database has.
        """
        arguments = ((s.seconds, s.amount, s.limit, int(s.is_recalled and not begin)) for s in shares)
        reply = await self._run(_ADD, [share.key for share in shares], *chain.from_iterable(arguments))
        return Outcome(reply[0], reply[1::2], reply[2::2]) if reply else None

    async def change(self, key: str, amount: int) -> int:
        """Adds to a count, or with a negative amount takes back, and gives it. One that is over stays so, and is 0."""
        return int(await self._run(_CHANGE, [key], amount))

    async def raise_to(self, key: str, seconds: int, amount: int) -> None:
        """Raises a count to this, unless it is higher."""
        await self._run(_RAISE, [key], amount, seconds)

    async def _run(self, script: str, keys: Sequence[str] = (), *arguments: str | int) -> Any:
        try:
            async with asyncio.timeout(self._patience):
                return await self._client.eval(script, len(keys), *keys, *arguments)
        except self._errors as error:
            raise RedisFailed(type(error).__name__) from None

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

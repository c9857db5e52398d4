"""Accounts: what belongs to one provider as those see it who hold one key.

Two people share an account only if they hold the same key. Keys are looked up by a keyed hash that means nothing
outside this process, and are never kept here.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from llm_hub.chat import Attempt, ModelInfo
    from llm_hub.provider import LLMProvider

MAX_ATTEMPTS_KEPT = 200
"""Attempts remembered for each model, for whoever shows its health."""
MAX_MODELS_KEPT = 200
"""Models of one account whose attempts are remembered: a name can be anything that somebody types."""
MAX_VISITOR_PROVIDERS = 500
"""Accounts of visitors' keys that are kept open; the one that was not used for longest goes first."""


class PooledProvider:
    """One provider with one key: built when it is first asked, its list of models, and how its attempts went.

    `seen` holds by model when each attempt was over, and the attempt, newest last.
    """

    def __init__(self) -> None:
        self.provider: LLMProvider | None = None
        self.listed: tuple[float, tuple[ModelInfo, ...]] | None = None
        self.seen: OrderedDict[str, deque[tuple[float, Attempt]]] = OrderedDict()
        self._building = asyncio.Lock()
        self._users = 0
        self._over = False

    @asynccontextmanager
    async def use(self, build: Callable[[], Awaitable[LLMProvider]]) -> AsyncIterator[LLMProvider]:
        """The provider, open for as long as it is used. Raises what `build` raises."""
        self._users += 1
        try:
            async with self._building:
                if self.provider is None:
                    self.provider = await build()
            yield self.provider
        finally:
            self._users -= 1
            if self._over and not self._users:
                await self.aclose()

    def remember(self, now: float, attempt: Attempt) -> None:
        self.seen.setdefault(attempt.model, deque(maxlen=MAX_ATTEMPTS_KEPT)).append((now, attempt))
        self.seen.move_to_end(attempt.model)
        while len(self.seen) > MAX_MODELS_KEPT:
            self.seen.popitem(last=False)

    async def end(self) -> None:
        """Closes the provider's connections as soon as nobody uses them."""
        self._over = True
        if not self._users:
            await self.aclose()

    async def aclose(self) -> None:
        """Closes the provider's connections now."""
        provider, self.provider = self.provider, None
        if provider is not None:
            await provider.aclose()


class ProviderPool:
    """Every account. The owner's, and those of providers that need no key, stay; of visitors' only so many do."""

    def __init__(self) -> None:
        self._owners: dict[str, PooledProvider] = {}
        self._visitors: OrderedDict[tuple[str, bytes], PooledProvider] = OrderedDict()
        self._secret = secrets.token_bytes(32)
        self._ending: set[asyncio.Task[None]] = set()

    def of(self, provider: str, key: str = "") -> PooledProvider:
        """The account of a visitor's key, opened if need be; without a key the owner's, or the one that all share."""
        if not key:
            return self._owners.setdefault(provider, PooledProvider())
        place = (provider, self._hash(key))
        pooled = self._visitors.setdefault(place, PooledProvider())
        self._visitors.move_to_end(place)
        while len(self._visitors) > MAX_VISITOR_PROVIDERS:
            _, oldest = self._visitors.popitem(last=False)
            self._end(oldest)
        return pooled

    def find(self, provider: str, key: str = "") -> PooledProvider | None:
        """The account, if it was opened."""
        return self._visitors.get((provider, self._hash(key))) if key else self._owners.get(provider)

    def forget(self, provider: str, key: str) -> None:
        """Somebody took their key away. Who else holds it begins anew."""
        if pooled := self._visitors.pop((provider, self._hash(key)), None):
            self._end(pooled)

    async def aclose(self) -> None:
        """Closes every provider's connections."""
        provider_pool = [*self._owners.values(), *self._visitors.values()]
        self._owners, self._visitors = {}, OrderedDict()
        await asyncio.gather(*(pooled.aclose() for pooled in provider_pool), *self._ending, return_exceptions=True)

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode(), "sha256")

    def _end(self, pooled: PooledProvider) -> None:
        task = asyncio.get_running_loop().create_task(pooled.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

"""A pool of open providers, one for each (provider, API key), each with its model list and its recent attempts.

Two callers share an open provider only if they hold the same key. Keys are looked up by a keyed hash that means nothing
outside this process, and are never kept here.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from llm_hub.router.attempt_history import AttemptHistory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llm_hub.chat import ModelInfo
    from llm_hub.provider import LLMProvider

MAX_VISITOR_PROVIDERS = 500
"""Providers that are kept open with visitors' keys; the one that was not used for longest is closed first."""


class PooledProvider:
    """One provider with one key: it is built when it is first used, and keeps its model list and its recent attempts.

    `model_list` is when the list was read, and the list.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.provider: LLMProvider | None = None
        self.model_list: tuple[float, tuple[ModelInfo, ...]] | None = None
        self.list_problem = ""
        """Why the list of models could not be read when it was last asked for; "" if it could."""
        self.is_unreachable = False
        """Whether it could not because there was no connection."""
        self.history = AttemptHistory(clock)
        self._building = asyncio.Lock()
        self._users = 0
        self._closing = False

    def use(self, build: Callable[[], Awaitable[LLMProvider]]) -> ProviderUse:
        """The provider, open for as long as it is used. Raises what `build` raises."""
        return ProviderUse(self, build)

    async def begin_use(self, build: Callable[[], Awaitable[LLMProvider]]) -> LLMProvider:
        """The provider, which stays open until `end_use`. Where `build` fails, its use has ended."""
        self._users += 1
        try:
            if self.provider is None:
                async with self._building:
                    if self.provider is None:  # nobody else has built it meanwhile
                        self.provider = await build()
        except BaseException:
            await self.end_use()
            raise
        return self.provider

    async def end_use(self) -> None:
        """One use has ended."""
        self._users -= 1
        if self._closing and not self._users:
            await self.aclose()

    async def close_when_unused(self) -> None:
        """Closes the provider's connections as soon as nobody uses them."""
        self._closing = True
        if not self._users:
            await self.aclose()

    async def aclose(self) -> None:
        """Closes the provider's connections now."""
        provider, self.provider = self.provider, None
        if provider is not None:
            await provider.aclose()


class ProviderUse:
    """One use of a pooled provider. A class, since every answer has one, and a generator costs it a hundredth more."""

    __slots__ = ("_build", "_pooled")

    def __init__(self, pooled: PooledProvider, build: Callable[[], Awaitable[LLMProvider]]) -> None:
        self._pooled = pooled
        self._build = build

    async def __aenter__(self) -> LLMProvider:
        return await self._pooled.begin_use(self._build)

    async def __aexit__(self, *_: object) -> None:
        await self._pooled.end_use()


class ProviderPool:
    """Every open provider. The owner's, and those that need no key, stay open; of visitors' only so many do."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shared: dict[tuple[str, int], PooledProvider] = {}
        self._visitors: OrderedDict[tuple[str, bytes], PooledProvider] = OrderedDict()
        self._secret = secrets.token_bytes(32)
        self._closing: set[asyncio.Task[None]] = set()

    def open(self, provider: str, key: str = "", place: int = 0) -> PooledProvider:
        """A provider with a visitor's key, added if need be; without a key the owner's, or the one that all share.

        `place` tells several keys of the owner's apart.
        """
        if not key:
            if (shared := self._shared.get((provider, place))) is None:
                shared = self._shared[provider, place] = PooledProvider(self._clock)
            return shared
        entry = (provider, self._hash(key))
        pooled = self._visitors.setdefault(entry, PooledProvider(self._clock))
        self._visitors.move_to_end(entry)
        while len(self._visitors) > MAX_VISITOR_PROVIDERS:
            _, oldest = self._visitors.popitem(last=False)
            self._close_later(oldest)
        return pooled

    def find(self, provider: str, key: str = "", place: int = 0) -> PooledProvider | None:
        """The same, if it is in the pool."""
        return self._visitors.get((provider, self._hash(key))) if key else self._shared.get((provider, place))

    def forget(self, provider: str, key: str) -> None:
        """Closes what was opened with a key, once no answer needs it. Others who hold the same key open it anew."""
        if pooled := self._visitors.pop((provider, self._hash(key)), None):
            self._close_later(pooled)

    def renew(self, provider: str) -> None:
        """The owner's settings have changed: closes what is open, once no answer needs it. The next opens it anew."""
        shared = [self._shared.pop(entry) for entry in [*self._shared] if entry[0] == provider]
        visitors = [self._visitors.pop(entry) for entry in [*self._visitors] if entry[0] == provider]
        for pooled in shared + visitors:
            self._close_later(pooled)

    async def aclose(self) -> None:
        """Closes every provider's connections."""
        everything = [*self._shared.values(), *self._visitors.values()]
        self._shared, self._visitors = {}, OrderedDict()
        await asyncio.gather(*(pooled.aclose() for pooled in everything), *self._closing, return_exceptions=True)

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode(), "sha256")

    def _close_later(self, pooled: PooledProvider) -> None:
        task = asyncio.get_running_loop().create_task(pooled.close_when_unused())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

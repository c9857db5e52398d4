"""The pool of open providers as one keyring uses it: with which key each is opened, and who may use it."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import TYPE_CHECKING

from llm_hub.chat import split_target
from llm_hub.errors import ConfigurationError, ProviderError
from llm_hub.factory import ProviderFactory
from llm_hub.provider import LLMProvider, UnconfiguredProvider
from llm_hub.providers.upstreams import Upstream
from llm_hub.router import Target

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from llm_hub.access.configured_providers import ConfiguredProviders
    from llm_hub.access.keyring import Keyring, Payer
    from llm_hub.access.provider_pool import PooledProvider, ProviderPool, ProviderUse
    from llm_hub.chat import ModelInfo


class KeyedPool:
    """The pool, opened with the keys of one keyring."""

    def __init__(self, pool: ProviderPool, configured: ConfiguredProviders, keyring: Keyring) -> None:
        self._pool = pool
        self._configured = configured
        self._keyring = keyring

    def find(self, provider: str, payer: Payer | None = None, place: int = 0) -> PooledProvider | None:
        """A provider that is in the pool, as this keyring's requests use it, if they may; see `use` for `place`."""
        typed = self._keyring.typed(provider)
        if typed and payer != "owner":
            return self._pool.find(provider, typed)
        if (payer == "visitor" or not self._keyring.owner_pays) and self._keyring.needs_key(provider):
            return None
        return self._pool.find(provider, place=place)

    def open_providers(self, name: str) -> list[LLMProvider]:
        """What is open of a provider now: one for each way to it."""
        places = range(len(self._configured.upstreams(name)))
        return [pooled.provider for place in places if (pooled := self.find(name, place=place)) and pooled.provider]

    def use(self, name: str, payer: Payer, place: int = 0) -> ProviderUse:
        """The provider with the payer's key, for as long as it is used. Raises `ConfigurationError`.

        `place` is that among the owner's ways to it, from 0. The first one's attempts and models are those of all.
        """
        spec = self._configured.specs.get(name)
        if spec is None or name in ProviderFactory.registered:
            return self._pool.open(name).use(partial(asyncio.to_thread, ProviderFactory.create, name))
        key = self._keyring.key(name, payer, place) if payer == "visitor" else ""  # the owner's is checked by `_build`
        pooled = self._pool.open(name, key, place)
        return pooled.use(partial(self._build, name, payer, place))

    async def list_models(self, name: str, payer: Payer, place: int | None = None) -> tuple[ModelInfo, ...]:
        """The models that a provider lists now, at one of the owner's ways to it; None: at the first where it does.

        What one key may not do another may, and what one server cannot another can. Raises the first `LLMHubError`.
        """
        ways = self._configured.upstreams(name) if self._is_owners(name, payer) else (Upstream(),)
        problem: ProviderError | None = None
        failed: set[str] = set()
        for number, way in enumerate(ways):
            if way.address in failed or place not in (None, number):
                continue
            try:
                async with self.use(name, payer, number) as opened:
                    return await opened.models()
            except ProviderError as error:
                problem = problem or error
                if error.scope in ("provider", "model"):
                    failed.add(way.address)
        raise problem or ConfigurationError(f"{name} has no key or server number {place}.")

    async def open_targets(self, name: str, payer: Payer, stack: AsyncExitStack) -> list[Target]:
        """A target by its name, or a pool: one for each of the owner's ways to its provider."""
        ways = len(self._configured.upstreams(split_target(name)[0])) if self._is_owners(name, payer) else 1
        if ways == 1:
            return [await self.open_target(name, payer, stack)]
        return [await self.open_target(name, payer, stack, number) for number in range(1, ways + 1)]

    async def open_target(self, name: str, payer: Payer, stack: AsyncExitStack, number: int = 0) -> Target:
        """A target by its name; one that cannot be used says why when it is asked, so that the route goes on.

        `number` is that of the target in its pool, from 1; 0: it is in none.
        """
        provider, model = split_target(name)
        try:
            opened = self.use(self._configured.check(name), payer, max(0, number - 1))
            return Target(await stack.enter_async_context(opened), model, number)
        except ConfigurationError as error:
            if provider not in self._configured.specs:
                raise
            spec = self._configured.specs[provider]
            unconfigured = UnconfiguredProvider(
                name=provider, title=spec.title, default_model=spec.default_model or "?", reason=error
            )
            return Target(unconfigured, model, number)

    def _is_owners(self, name: str, payer: Payer) -> bool:
        """Whether a payer asks a provider in the ways that the owner has, and not with a key of their own."""
        return payer == "owner" or not self._keyring.typed(split_target(name)[0])

    async def _build(self, name: str, payer: Payer, place: int) -> LLMProvider:
        """A new provider, built in a thread: importing an SDK takes up to a second.

        Key and address are read together: the owner may have changed both since it was asked for.
        """
        self._configured.check(name)
        spec, key = self._configured.specs[name], self._keyring.key(name, payer, place)
        options = self._configured.options(name, for_visitor=payer == "visitor", place=place)
        if key:
            options["api_key"] = key
        if len(ways := self._configured.upstreams(name)) > 1 and self._is_owners(name, payer):
            differs = "server" if ways[0].address != ways[1].address else "key"
            options["title"] = f"{spec.title} ({differs} {place + 1})"
        provider = await asyncio.to_thread(ProviderFactory.build, name, spec, **options)
        if self._is_owners(name, payer):
            provider.key_id = _key_id(key)
        return provider


def _key_id(key: str) -> str:
    """What several hubs call a key: too little of a hash to find the key by, and enough to tell keys apart."""
    return hashlib.sha256(f"llm-hub {key}".encode()).hexdigest()[:12]

"""The pool of open providers as one keyring uses it: with which key each is opened, and who may use it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from llm_hub.chat import split_target
from llm_hub.errors import ConfigurationError
from llm_hub.factory import ProviderFactory
from llm_hub.provider import LLMProvider, UnconfiguredProvider
from llm_hub.router import Target

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager, AsyncExitStack

    from llm_hub.access.keyring import Keyring, Payer
    from llm_hub.access.provider_pool import PooledProvider, ProviderPool
    from llm_hub.factory import ConfiguredProviders


class KeyedPool:
    """The pool, opened with the keys of one keyring."""

    def __init__(self, pool: ProviderPool, configured: ConfiguredProviders, keyring: Keyring) -> None:
        self._pool = pool
        self._configured = configured
        self._keyring = keyring

    def find(self, provider: str, payer: Payer | None = None) -> PooledProvider | None:
        """A provider that is in the pool, as this keyring's requests use it, if they may."""
        typed = self._keyring.typed(provider)
        if typed and payer != "owner":
            return self._pool.find(provider, typed)
        if (payer == "visitor" or not self._keyring.owner_pays) and self._keyring.needs_key(provider):
            return None
        return self._pool.find(provider)

    def use(self, name: str, payer: Payer) -> AbstractAsyncContextManager[LLMProvider]:
        """The provider with the payer's key, for as long as it is used. Raises `ConfigurationError`."""
        spec = self._configured.specs.get(name)
        if spec is None or name in ProviderFactory.registered:
            return self._pool.open(name).use(partial(asyncio.to_thread, ProviderFactory.create, name))
        key = self._keyring.key(name, payer)
        pooled = self._pool.open(name, key if payer == "visitor" else "")
        return pooled.use(partial(self._build, name, payer))

    async def open_target(self, name: str, payer: Payer, stack: AsyncExitStack) -> Target:
        """A target by its name; one that cannot be used says why when it is asked, so that the route goes on."""
        provider, model = split_target(name)
        try:
            opened = self.use(self._configured.check(name), payer)
            return Target(await stack.enter_async_context(opened), model)
        except ConfigurationError as error:
            if provider not in self._configured.specs:
                raise
            spec = self._configured.specs[provider]
            unconfigured = UnconfiguredProvider(
                name=provider, title=spec.title, default_model=spec.default_model or "?", reason=error
            )
            return Target(unconfigured, model)

    async def _build(self, name: str, payer: Payer) -> LLMProvider:
        """A new provider, built in a thread: importing an SDK takes up to a second.

        Key and address are read together: the owner may have changed both since it was asked for.
        """
        self._configured.check(name)
        spec, key = self._configured.specs[name], self._keyring.key(name, payer)
        options = self._configured.options(name, for_visitor=payer == "visitor") | ({"api_key": key} if key else {})
        return await asyncio.to_thread(ProviderFactory.build, name, spec, **options)

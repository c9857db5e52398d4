"""class Hub: every provider that the settings know, behind one door. The page and the API talk to nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, aclosing, suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_hub.access.keyring import TYPE_A_KEY, Keyring, Payer
from llm_hub.access.provider_pool import ProviderPool
from llm_hub.chat import Attempt, AttemptFailed, Done, LLMResponse
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.factory import ConfiguredProviders, ProviderFactory
from llm_hub.provider import LLMProvider, UnconfiguredProvider
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.router import Clocks, Health, LLMRouter, Target
from llm_hub.router.deadlines import Running
from llm_hub.usage.prices import has_fees, own_price, price

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from decimal import Decimal

    from llm_hub.access.provider_pool import PooledProvider
    from llm_hub.chat import ChatRequest, Event, ModelInfo
    from llm_hub.providers.catalog import ProviderSpec
    from llm_hub.router.circuit_breaker import Paused
    from llm_hub.settings import Settings

log = logging.getLogger(__name__)

LISTS_KEPT = 600.0
"""Seconds that a provider's list of models is kept."""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A provider as the page shows it. Not ready: `problem` says what is missing and what to do."""

    name: str
    title: str
    ready: bool
    problem: str
    default_model: str
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of a target that has been asked: `attempts` newest last, and why it is paused, if it is.

    `ages` are the seconds since each of the attempts was over.
    """

    name: str
    paused: Paused | None
    attempts: tuple[Attempt, ...]
    ages: tuple[float, ...] = ()


class Hub:
    """The providers of one set of settings. Each is built when it is first used, and then shared by every chat.

    `for_visitor` is the same hub with a visitor's keys: providers are shared only by those who hold the same key.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self.running = Running()
        self._configured = ConfiguredProviders(settings)
        self._specs = self._configured.specs
        self._provider_pool = ProviderPool()
        self._health = Health(cooldown=settings.cooldown, clock=clock)
        self._keyring = Keyring(settings, self._specs)
        self._clocks = Clocks(
            first_token=settings.first_token_timeout,
            reasoning=settings.first_token_timeout * 10,
            idle=settings.idle_timeout,
            total=settings.total_timeout,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Hub:
        """A hub. Raises `ConfigurationError` for settings that contradict each other."""
        return cls(settings)

    def for_visitor(self, keys: Mapping[str, str], *, owner_pays: bool = False, trusted: bool = False) -> Hub:
        """The same hub as a visitor sees it, with their own keys by provider.

        Each request has one payer: the visitor, if the first model of its route that needs a key is one they have a
        key for; else the owner if `owner_pays`. A route never goes on with somebody else's key. Who is not `trusted`
        cannot end a pause for others, and sees of others only how the providers that all share are doing.
        """
        view = copy(self)
        view._keyring = self._keyring.of_visitor(keys, owner_pays=owner_pays, trusted=trusted)  # noqa: SLF001  # its own class
        return view

    def keyed(self) -> tuple[tuple[ProviderState, str], ...]:
        """The providers that take a key, each with the host that it is sent to."""
        found = []
        for name, spec in self._specs.items():
            if self._keyring.takes_key(name):
                with suppress(ConfigurationError):  # the owner's base URL is none: the key could not be sent anywhere
                    url = self._configured.address(spec) or spec.base_url
                    found.append((self._state(name, spec), urlsplit(url).hostname or ""))
        return tuple(found)

    def checked_key(self, provider: str, key: str) -> str:
        """A key that a visitor typed, without the white space around it. Raises `ConfigurationError`."""
        return self._keyring.checked(provider, key)

    def forget(self, provider: str, key: str) -> None:
        """A visitor took their key away: closes what was opened with it, once no answer needs it."""
        self._provider_pool.forget(provider, key)

    @property
    def default_provider(self) -> str:
        """The provider that a new chat begins with: the first that has a key, else the embedded model."""
        keyed = (name for name, spec in PROVIDERS.items() if spec.key)
        return next((name for name in keyed if self._is_ready(name)), "local")

    def providers(self) -> tuple[ProviderState, ...]:
        """Every provider, in the order of the page, whether it can be used or not."""
        known = [
            self._state(name, spec) for name, spec in self._specs.items() if name not in ProviderFactory.registered
        ]
        added = [
            ProviderState(name, name, True, "", provider.default_model, ())
            for name, provider in ProviderFactory.registered.items()
        ]
        return (*known, *added)

    async def models(self, provider: str, *, fresh: bool = False) -> tuple[ModelInfo, ...]:
        """The provider's models, asked live and kept for ten minutes; `fresh` asks anew. Raises `LLMHubError`."""
        payer = self._keyring.payer((provider,))
        pooled = self._found(provider)
        if pooled and pooled.listed and not fresh and self._clock() - pooled.listed[0] < LISTS_KEPT:
            return pooled.listed[1]
        async with self._use(provider, payer) as used:
            models = await used.models()
            if pooled := self._found(provider):
                pooled.listed = (self._clock(), models)
        return models

    async def known_models(self, provider: str, patience: float = 0.0) -> tuple[str, ...]:
        """The names of a provider's models as far as they are known within `patience` seconds: live, kept or static."""
        if patience > 0:
            with suppress(TimeoutError, LLMHubError):
                async with asyncio.timeout(patience):
                    return tuple(model.id for model in await self.models(provider))
        if (pooled := self._found(provider)) and pooled.listed:
            return tuple(model.id for model in pooled.listed[1])
        spec = self._specs.get(provider)
        if spec is None:
            return ()
        return spec.suggestions or ((spec.default_model,) if spec.default_model else ())

    def listed(self, provider: str) -> tuple[ModelInfo, ...]:
        """The provider's models as they were last listed, without asking anybody; () if they never were."""
        pooled = self._found(provider)
        return pooled.listed[1] if pooled and pooled.listed else ()

    @property
    def route(self) -> tuple[str, ...]:
        """What `auto` asks, in order."""
        return self._settings.route or (self.default_provider,)

    @property
    def fallback(self) -> tuple[str, ...]:
        """What follows a chosen model where a request does not say: the configured route, or nothing."""
        return self._settings.route

    @property
    def tries(self) -> int:
        """How often one target is asked at most before the next one is."""
        return self._settings.max_retries + 1

    def order(self, request: ChatRequest) -> tuple[str, ...]:
        """The targets that a request is for, in order: provider/model, or a provider's name for its default model."""
        chosen = () if request.model in (None, "auto") else (request.model,)
        follow = request.fallback if request.fallback is not None else self.fallback if chosen else self.route
        return tuple(dict.fromkeys((*chosen, *follow))) or self.route[:1]

    def payer(self, request: ChatRequest) -> Payer | None:
        """Who pays for a request; None: no model of its route needs a key, or nobody has one."""
        return self._keyring.paying(_providers(self.order(request)))

    def uses_registered(self, request: ChatRequest) -> bool:
        """Whether a program's own provider may be asked: it needs no key that somebody could pay with."""
        own = ProviderFactory.registered
        return bool(own) and any(name in own for name in _providers(self.order(request)))

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer to a request, from the first target that can give it.

        Its model is `provider/model`, a provider's name alone for its default model, or `auto` (or None) for the
        configured route. A chosen model is followed by `request.fallback`, or where that is None by the configured
        route; `auto` asks them in the route's place, or its first target alone where they are (). Raises `LLMHubError`.
        Closing the generator closes the provider's connection.
        """
        names = self.order(request)
        payer = self._keyring.payer(_providers(names))
        async with AsyncExitStack() as used:
            targets = [await self._target(name, payer, used) for name in names]
            router = LLMRouter(
                targets[0],
                targets[1:],
                self._settings.max_retries,
                clocks=self._clocks,
                health=self._health,
                resume=self._settings.midstream == "resume",
            )
            answer = self.running.watch(router.events(replace(request, model=None)))
            events = await used.enter_async_context(aclosing(answer))
            async for event in events:
                if isinstance(event, AttemptFailed):
                    self._remember(event.attempt, payer)
                elif isinstance(event, Done):
                    self._remember(event.response.attempts[-1], payer)
                yield event

    def price(self, answer: LLMResponse | Attempt) -> Decimal | None:
        """US dollars that an answer, or one attempt at it, cost; None where that is unknown."""
        if rates := self._configured.rates(answer.provider, answer.model):
            return own_price(rates, answer.usage)
        spec = self._specs.get(answer.provider)
        return price(answer.model, answer.usage, spec.prices) if spec else None

    def has_fees(self, target: str) -> bool:
        """Whether a target may cost more than its price says, and the owner has not said how much."""
        provider, _, model = target.partition("/")
        if self._configured.rates(provider, model) is not None:
            return False
        spec = self._specs.get(provider)
        return has_fees(model, spec.prices if spec else "")

    def knows(self, provider: str, model: str) -> bool:
        """Whether a model's name may be kept: it is listed, is set, or has answered. What else somebody typed may be a
        key in the wrong place."""
        pooled = self._found(provider)
        seen = pooled.seen.get(model, ()) if pooled else ()
        if any(attempt.outcome == "answered" for _, attempt in seen) or self._is_known(provider, model, pooled):
            return True
        return f"{provider}/{model}" in (*self._settings.route, *self._settings.prices)

    def targets(self) -> tuple[TargetState, ...]:
        """Every target that has been asked since the start, by name."""
        states = []
        for name in [*self._specs, *ProviderFactory.registered]:
            pooled = self._found(name)
            for model, attempts in list(pooled.seen.items()) if pooled else ():
                if self._keyring.trusted or self._keyring.typed(name) or self._is_known(name, model, pooled):
                    paused = self._health.paused(pooled.provider, model) if pooled and pooled.provider else None
                    ages = tuple(self._clock() - at for at, _ in attempts)
                    said = tuple(attempt for _, attempt in attempts)
                    states.append(TargetState(f"{name}/{model}", paused, said, ages))
        return tuple(sorted(states, key=lambda state: state.name))

    def try_now(self, target: str) -> None:
        """Ends a target's pause: somebody says that the cause is mended, or asks this target on purpose.

        Of a visitor it ends what their own key caused; what a provider caused is everybody's, and passes by itself.
        """
        provider, _, model = target.partition("/")
        pooled = self._found(provider)
        if pooled and pooled.provider and (self._keyring.trusted or self._keyring.typed(provider)):
            model = model or pooled.provider.default_model
            self._health.reset(pooled.provider, model, key_only=not self._keyring.trusted)

    async def warm_up(self) -> None:
        """Imports what the ready providers need, so that the first chat does not wait for it."""
        for state in self.providers():
            spec = self._specs.get(state.name)
            if state.ready and spec and spec.key:
                try:
                    async with self._use(state.name, "owner"):
                        pass
                except LLMHubError as error:
                    log.warning("%s cannot be used: %s", state.name, error)
        await asyncio.to_thread(import_module, "genai_prices")

    async def aclose(self) -> None:
        """Closes every provider's connections."""
        await self._provider_pool.aclose()

    def _found(self, provider: str, payer: Payer | None = None) -> PooledProvider | None:
        """The account that this hub's requests to a provider use, if it was opened; None: or if they may use none."""
        typed = self._keyring.typed(provider)
        if typed and payer != "owner":
            return self._provider_pool.find(provider, typed)
        if self._keyring.needs_key(provider) and (payer == "visitor" or not self._keyring.owner_pays):
            return None
        return self._provider_pool.find(provider)

    def _is_known(self, provider: str, model: str, pooled: PooledProvider | None) -> bool:
        """Whether a model is one of the provider's, and not just what somebody typed."""
        spec = self._specs.get(provider)
        named = {model.id for model in pooled.listed[1]} if pooled and pooled.listed else set()
        default = pooled.provider.default_model if pooled and pooled.provider else ""
        return model in named or model == default or (spec is not None and model in spec.suggestions)

    def _remember(self, attempt: Attempt, payer: Payer) -> None:
        """Keeps an attempt for `targets`; but where all share it no model of a stranger's that is none: it may be a key
        that was typed in the wrong place."""
        name, pooled = attempt.provider, self._found(attempt.provider, payer)
        own = self._keyring.trusted or (payer == "visitor" and self._keyring.typed(name))
        if pooled and (own or attempt.outcome == "answered" or self._is_known(name, attempt.model, pooled)):
            pooled.remember(self._clock(), attempt)

    async def _target(self, name: str, payer: Payer, used: AsyncExitStack) -> Target:
        """A target by its name; one that cannot be used says why when it is asked, so that the route goes on."""
        provider, _, model = name.partition("/")
        try:
            return Target(await used.enter_async_context(self._use(self._configured.known(name), payer)), model)
        except ConfigurationError as error:
            if provider not in self._specs:
                raise
            spec = self._specs[provider]
            unconfigured = UnconfiguredProvider(
                name=provider, title=spec.title, default_model=spec.default_model or "?", reason=error
            )
            return Target(unconfigured, model)

    def _state(self, name: str, spec: ProviderSpec) -> ProviderState:
        error = self._missing(name)
        problem = ""
        if error is not None:
            problem = str(error)
            if error.message.endswith("needs a key."):
                problem = f"needs a key: {f'set {spec.key[0]}' if self._keyring.owner_pays else TYPE_A_KEY}"
        model = spec.default_model if error is not None else self._configured.default_model(name)
        return ProviderState(name, spec.title, error is None, problem.removesuffix("."), model, spec.suggestions)

    def _is_ready(self, name: str) -> bool:
        return name in ProviderFactory.registered or self._missing(name) is None

    def _missing(self, name: str) -> ConfigurationError | None:
        """Why this provider cannot be used, if it cannot."""
        try:
            self._keyring.key(name, self._keyring.payer((name,)))
            self._configured.options(name)
        except ConfigurationError as error:
            return error
        return None

    def _use(self, name: str, payer: Payer) -> AbstractAsyncContextManager[LLMProvider]:
        """The provider with the payer's key, for as long as it is used. Raises `ConfigurationError`."""
        spec = self._specs.get(name)
        if spec is None or name in ProviderFactory.registered:
            return self._provider_pool.of(name).use(partial(asyncio.to_thread, ProviderFactory.create, name))
        key = self._keyring.key(name, payer)
        return self._provider_pool.of(name, key if payer == "visitor" else "").use(
            partial(self._build, name, spec, key)
        )

    async def _build(self, name: str, spec: ProviderSpec, key: str) -> LLMProvider:
        """A new provider, built in a thread: importing an SDK takes up to a second."""
        options = self._configured.options(name) | ({"api_key": key} if key else {})
        return await asyncio.to_thread(ProviderFactory.build, name, spec, **options)


def _providers(targets: tuple[str, ...]) -> list[str]:
    return [target.partition("/")[0] for target in targets]

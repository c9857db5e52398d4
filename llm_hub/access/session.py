"""The hub as one keyring opens it: which providers can be asked, with which key, and what is known of them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_hub.access.available_providers import AvailableProviders, ProviderState
from llm_hub.access.hedging import MeasuredHedging
from llm_hub.access.keyed_pool import KeyedPool
from llm_hub.access.route import AUTO, Route, TargetState, providers_of, targets_of
from llm_hub.access.route_order import sort_targets
from llm_hub.chat import split_target
from llm_hub.errors import ConnectionFailed, LLMHubError
from llm_hub.factory import ProviderFactory
from llm_hub.redaction import redact
from llm_hub.router import LLMRouter, Target
from llm_hub.router.deadlines import Wait

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from llm_hub.access.keyring import Keyring, Payer
    from llm_hub.access.provider_pool import PooledProvider
    from llm_hub.access.shared_state import SharedState
    from llm_hub.chat import Attempt, ChatRequest, Event, ModelInfo
    from llm_hub.providers.llamacpp.downloads import Downloads
    from llm_hub.router.attempt_history import AttemptHistory

__all__ = ["MAX_LIST_AGE", "ProviderState", "Session", "TargetState"]

MAX_LIST_AGE = 600.0
"""Seconds that a provider's list of models is kept."""


class Session:
    """The providers of a hub as one caller may use them: open providers are shared by those who hold the same key.

    A caller who is not trusted cannot end a pause for others, and sees of others only how the providers that all share
    are doing.
    """

    def __init__(self, shared: SharedState, keyring: Keyring) -> None:
        self._shared = shared
        self._configured = shared.configured
        self._keyring = keyring
        self._pool = KeyedPool(shared.pool, shared.configured, keyring)
        self._available = AvailableProviders(shared.configured, keyring)
        self.prices = shared.prices
        self.order = shared.order
        """In which order the targets of a route are asked where a request does not say."""

    @property
    def default_provider(self) -> str:
        """The provider that a new chat begins with: the first that has a key, else the embedded model."""
        return self._available.default_route()[0]

    @property
    def route(self) -> tuple[str, ...]:
        """What `auto` asks, in order: the configured route, or every provider that is configured."""
        return self._configured.route or self._available.default_route()

    @property
    def fallback(self) -> tuple[str, ...]:
        """What follows a chosen model where a request does not say: the configured route, or nothing."""
        return self._configured.route

    @property
    def downloads(self) -> Downloads | None:
        """The embedded models that this caller may download; None: none are offered."""
        return self._configured.downloads(trusted=self._keyring.trusted)

    @property
    def max_tries(self) -> int:
        """How often one target is asked before the next one is."""
        return self._shared.max_retries + 1

    def providers(self) -> tuple[ProviderState, ...]:
        """Every provider, in the order of the page, whether it can be used or not."""
        states = self._available.states()
        return tuple(self._add_list_problem(state) for state in states)

    def titles(self) -> dict[str, str]:
        """What each provider is called on the page, by name."""
        return self._available.titles()

    def providers_with_keys(self) -> tuple[tuple[ProviderState, str], ...]:
        """The providers that take a key, each with the host that the key is sent to."""
        return self._available.states_with_key_hosts()

    async def models_at(self, provider: str, place: int) -> tuple[ModelInfo, ...]:
        """The models that one of several keys or servers lists, from 0, asked live. Raises `LLMHubError`."""
        return await self._pool.list_models(provider, self._keyring.payer((provider,)), place)

    async def models(self, provider: str, *, fresh: bool = False) -> tuple[ModelInfo, ...]:
        """The provider's models, asked live and kept for ten minutes; `fresh` asks anew. Raises `LLMHubError`."""
        payer = self._keyring.payer((provider,))
        pooled = self._pool.find(provider)
        if pooled and pooled.model_list and not fresh and self._shared.clock() - pooled.model_list[0] < MAX_LIST_AGE:
            return pooled.model_list[1]
        try:
            models = await self._pool.list_models(provider, payer)
            if pooled := self._pool.find(provider):
                pooled.model_list, pooled.list_problem = (self._shared.clock(), models), ""
        except LLMHubError as error:
            if pooled := self._pool.find(provider):
                pooled.list_problem = redact(str(error))
                pooled.is_unreachable = isinstance(error, ConnectionFailed)
            raise
        return models

    def _add_list_problem(self, state: ProviderState) -> ProviderState:
        pooled = self._pool.find(state.name)
        if pooled is None or not pooled.list_problem:
            return state
        is_absent = state.is_assumed and pooled.is_unreachable
        return replace(state, list_problem=pooled.list_problem, is_absent=is_absent)

    async def model_names(self, provider: str, patience: float = 0.0) -> tuple[str, ...]:
        """The names of a provider's models as far as they are known within `patience` seconds: live, kept or static."""
        if patience > 0:
            with suppress(TimeoutError, LLMHubError):
                async with asyncio.timeout(patience):
                    return tuple(model.id for model in await self.models(provider))
        if models := self.last_models(provider):
            return tuple(model.id for model in models)
        spec = self._configured.specs.get(provider)
        if spec is None:
            return ()
        return spec.suggestions or ((spec.default_model,) if spec.default_model else ())

    async def servers_with(self, model: str, patience: float) -> list[str]:
        """The servers of the settings (LLM_HUB_SERVERS) that list a model, be it for chats or not."""
        names = [name for name in self._configured.specs if not self._configured.is_built_in(name)]
        await asyncio.gather(*(self.model_names(name, patience) for name in names))
        pooled = {name: self._pool.find(name) for name in names}
        return [name for name, item in pooled.items() if item and model in getattr(item.provider, "listed", ())]

    def last_models(self, provider: str) -> tuple[ModelInfo, ...]:
        """The provider's models as they were last listed, without asking anybody; () if they never were."""
        pooled = self._pool.find(provider)
        return pooled.model_list[1] if pooled and pooled.model_list else ()

    def has_provider(self, name: str) -> bool:
        """Whether there is a provider of that name, be it ready or not."""
        return self._configured.knows(name)

    def target(self, name: str) -> str:
        """A target with its model: a provider's name alone means the provider's default model."""
        provider, model = split_target(name)
        return name if model else f"{provider}/{self._available.default_model(provider)}"

    def sends_on(self, target: str, protocol: str) -> bool:
        """Whether a target may be sent what the hub cannot read in a request of that protocol."""
        name, _ = split_target(target)
        spec = None if name in ProviderFactory.registered else self._configured.specs.get(name)
        return spec is None or protocol in spec.protocols

    def route_of(self, request: ChatRequest) -> Route:
        """Which targets a request is for, and who pays: the holder of the key for the first that somebody has one for.

        A route never goes on with somebody else's key.
        """
        is_automatic = request.model in (None, AUTO) or AUTO in (request.fallback or ())
        named = targets_of(request, self.route if is_automatic else (), self.fallback)
        unique: dict[str, str] = {}
        for name in named:
            unique.setdefault(self.target(name), name)
        targets = tuple(unique.values())
        providers = providers_of(targets)
        explicit = {request.model, *(request.fallback or ()), *self._configured.route}
        payer = self._keyring.payer(providers)
        return Route(
            self._sort(request, targets, payer),
            payer,
            paid=frozenset(name for name in providers if self._keyring.key_holder((name,)) is not None),
            registered=not ProviderFactory.registered.keys().isdisjoint(providers),
            optional=frozenset(targets) - explicit,
        )

    def _sort(self, request: ChatRequest, targets: tuple[str, ...], payer: Payer) -> tuple[str, ...]:
        """A route's targets in the order that is wished for. A chosen model is asked first, whatever that is."""
        chosen, order = 0 if request.model in (None, AUTO) else 1, request.order or self._shared.order
        if order == "given" or len(targets) - chosen < 2:
            return targets
        following = sort_targets(targets[chosen:], order, partial(self._history, payer), self.prices)
        return (*targets[:chosen], *following)

    def _history(self, payer: Payer, provider: str) -> AttemptHistory | None:
        pooled = self._pool.find(provider, payer)
        return pooled.history if pooled else None

    @asynccontextmanager
    async def answer(
        self, request: ChatRequest, route: Route | None = None, *, hedge: bool = True
    ) -> AsyncIterator[tuple[AsyncGenerator[Event], Wait]]:
        """The events of the answer to a request, from the first target of its route that can give one.

        Its model is `provider/model`, a provider's name alone for its default model, or `auto` (or None) for the
        hub's `route`; see `targets_of`. `hedge` False: no target is asked beside another, whatever the settings say.
        Raises `LLMHubError`. At the end every connection is closed or returned.

        Each event is to be awaited within the `Wait`, which a stop of the hub interrupts.
        """
        route = route or self.route_of(request)
        allowance = self._shared.hedge_allowance if hedge else None
        async with AsyncExitStack() as stack:
            targets = await self._open_targets(request, route, stack)
            router = LLMRouter(
                targets[0],
                targets[1:],
                self._shared.max_retries,
                timeouts=self._shared.timeouts,
                health=self._shared.health,
                resume=self._shared.resume,
                record=partial(self._remember, request, route.payer),
                hedging=MeasuredHedging(allowance, partial(self._history, route.payer)) if allowance else None,
            )
            events = router.events(request.of_model(targets[0].model or None))
            with self._shared.running.answer() as wait:
                async with aclosing(events):
                    yield events, wait

    async def _open_targets(self, request: ChatRequest, route: Route, stack: AsyncExitStack) -> list[Target]:
        """The targets of a route; those of a pool in the order that suits this request."""
        targets: list[Target] = []
        for name in route.targets:
            opened = await self._pool.open_targets(name, route.payer, stack)
            targets += opened if len(opened) < 2 else self._shared.pool_order.sort(request, opened)
        if targets[0].place:
            stack.enter_context(self._shared.pool_order.asking(targets[0]))
        return targets

    async def count_tokens(self, request: ChatRequest, route: Route) -> Mapping[str, Any] | None:
        """A request's tokens as the vendor that is asked first counts them; None: it does not. Raises `LLMHubError`."""
        async with AsyncExitStack() as stack:
            target = await self._pool.open_target(route.targets[0], route.payer, stack)
            return await target.provider.count_tokens(request.of_model(target.model or None))

    def knows(self, provider: str, model: str) -> bool:
        """Whether a model's name may be kept in the ledger and in metrics: it is listed, configured or has answered.

        Any other name was typed by somebody, and may be a key in the wrong place.
        """
        pooled = self._pool.find(provider)
        if (pooled and pooled.history.has_answered(model)) or self._lists(provider, model, pooled):
            return True
        return f"{provider}/{model}" in self._configured.route or self.prices.names(f"{provider}/{model}")

    def targets(self) -> tuple[TargetState, ...]:
        """Every target that has been asked since the start, by name."""
        states = []
        for name in [*self._configured.specs, *ProviderFactory.registered]:
            pooled = self._pool.find(name)
            for model in pooled.history.models if pooled else ():
                if self._keyring.trusted or self._keyring.typed(name) or self._lists(name, model, pooled):
                    paused = self._shared.health.common_pause(self._pool.open_providers(name), model)
                    past = pooled.history.attempts(model) if pooled else ()
                    attempts, ages = tuple(item.attempt for item in past), tuple(item.age for item in past)
                    states.append(TargetState(f"{name}/{model}", paused, attempts, ages))
        return tuple(sorted(states, key=lambda state: state.name))

    def try_now(self, target: str) -> None:
        """Ends a target's pause: somebody says that the cause is mended, or asks this target on purpose.

        A visitor ends only what their own key caused; what a provider caused concerns everybody, and passes by itself.
        """
        provider, model = split_target(target)
        if not (self._keyring.trusted or self._keyring.typed(provider)):
            return
        for opened in self._pool.open_providers(provider):
            name = model or opened.default_model
            self._shared.health.reset(opened, name, key_only=not self._keyring.trusted)

    async def warm_up(self, provider: str) -> None:
        """Builds a provider, which imports its SDK. Raises `LLMHubError` if it cannot be used."""
        async with self._pool.use(provider, self._keyring.payer((provider,))):
            pass

    def _lists(self, provider: str, model: str, pooled: PooledProvider | None) -> bool:
        """Whether a model is one that the provider lists, or its default, and not just what somebody typed."""
        spec = self._configured.specs.get(provider)
        listed = {info.id for info in pooled.model_list[1]} if pooled and pooled.model_list else set()
        default = pooled.provider.default_model if pooled and pooled.provider else ""
        return model in listed or model == default or (spec is not None and model in spec.suggestions)

    def _remember(self, request: ChatRequest, payer: Payer, target: Target, attempt: Attempt) -> None:
        """Keeps an attempt for `targets`. In a pool that all share no unlisted model of a visitor's is kept: its name
        may be a key that was typed in the wrong place."""
        if target.place and attempt.outcome == "answered":
            self._shared.pool_order.note_answer(request, target)
        name, pooled = attempt.provider, self._pool.find(attempt.provider, payer)
        private = self._keyring.trusted or (payer == "visitor" and self._keyring.typed(name))
        if pooled and (private or attempt.outcome == "answered" or self._lists(name, attempt.model, pooled)):
            pooled.history.add(attempt)
            if self._shared.observers and (payer == "owner" or self._keyring.trusted):
                self._shared.observe(target, attempt, is_known=self.knows(name, attempt.model))

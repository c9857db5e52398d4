"""class Hub: every provider that the settings know, behind one door. The page and the API talk to nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from llm_hub.chat import Attempt, AttemptFailed, Done, LLMResponse
from llm_hub.errors import ConfigurationError, LLMHubError, NotConfigured
from llm_hub.factory import ROWS, ProviderFactory, Row, compatible
from llm_hub.pricing import price
from llm_hub.provider import LLMProvider
from llm_hub.providers import gguf
from llm_hub.router import Clocks, Health, LLMRouter, Target
from llm_hub.wire import checked_key, checked_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from decimal import Decimal

    from llm_hub.chat import ChatRequest, Event, ModelInfo
    from llm_hub.router.circuit_breaker import Paused
    from llm_hub.settings import Settings

log = logging.getLogger(__name__)

ATTEMPTS_KEPT = 200
"""Attempts remembered for each target, for whoever shows its health."""
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
    """The providers of one set of settings. Each is built when it is first used, and then shared by every chat."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._rows: dict[str, Row] = {name: row for name, row in ROWS.items() if name != "chaos" or settings.chaos}
        for name, url in settings.servers.items():
            if name in ROWS or name == "auto":
                raise ConfigurationError(f"LLM_HUB_SERVERS: the name {name} is taken.", hint="Choose another name.")
            key = f"{name.upper().replace('-', '_')}_API_KEY"
            self._rows[name] = compatible(name, checked_url(url, f"LLM_HUB_SERVERS: {name}"), key)
        self._built: dict[str, LLMProvider] = {}
        self._building: dict[str, asyncio.Lock] = {}
        self._lists: dict[str, tuple[float, tuple[ModelInfo, ...]]] = {}
        self._health = Health(cooldown=settings.cooldown, clock=clock)
        self._seen: dict[str, deque[tuple[float, Attempt]]] = {}
        self._clocks = Clocks(
            first_token=settings.first_token_timeout,
            reasoning=settings.first_token_timeout * 10,
            idle=settings.idle_timeout,
            total=settings.total_timeout,
        )
        for name in settings.route:
            self._known(name, "LLM_HUB_ROUTE: ")

    @classmethod
    def from_settings(cls, settings: Settings) -> Hub:
        """A hub. Raises `ConfigurationError` for settings that contradict each other."""
        return cls(settings)

    @property
    def default_provider(self) -> str:
        """The provider that a new chat begins with: the first that has a key, else the embedded model."""
        ready = {state.name for state in self.providers() if state.ready}
        return next((name for name, row in ROWS.items() if row.key and name in ready), "local")

    def providers(self) -> tuple[ProviderState, ...]:
        """Every provider, in the order of the page, whether it can be used or not."""
        known = [self._state(name, row) for name, row in self._rows.items() if name not in ProviderFactory.registered]
        added = [
            ProviderState(name, name, True, "", provider.default_model, ())
            for name, provider in ProviderFactory.registered.items()
        ]
        return (*known, *added)

    async def models(self, provider: str, *, fresh: bool = False) -> tuple[ModelInfo, ...]:
        """The provider's models, asked live and kept for ten minutes; `fresh` asks anew. Raises `LLMHubError`."""
        kept = self._lists.get(provider)
        if kept and not fresh and self._clock() - kept[0] < LISTS_KEPT:
            return kept[1]
        models = await (await self._provider(provider)).models()
        self._lists[provider] = (self._clock(), models)
        return models

    async def known_models(self, provider: str, patience: float = 0.0) -> tuple[str, ...]:
        """The names of a provider's models as far as they are known within `patience` seconds: live, kept or static."""
        if patience > 0:
            with suppress(TimeoutError, LLMHubError):
                async with asyncio.timeout(patience):
                    return tuple(model.id for model in await self.models(provider))
        if kept := self._lists.get(provider):
            return tuple(model.id for model in kept[1])
        row = self._rows.get(provider)
        if row is None:
            return ()
        return row.suggestions or ((row.default_model,) if row.default_model else ())

    def listed(self, provider: str) -> tuple[ModelInfo, ...]:
        """The provider's models as they were last listed, without asking anybody; () if they never were."""
        return self._lists.get(provider, (0.0, ()))[1]

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

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer to a request, from the first target that can give it.

        Its model is `provider/model`, a provider's name alone for its default model, or `auto` (or None) for the
        configured route. A chosen model is followed by `request.fallback`, or where that is None by the configured
        route; `auto` asks them in the route's place, or its first target alone where they are (). Raises `LLMHubError`.
        Closing the generator closes the provider's connection.
        """
        chosen = () if request.model in (None, "auto") else (request.model,)
        follow = request.fallback if request.fallback is not None else self.fallback if chosen else self.route
        names = tuple(dict.fromkeys((*chosen, *follow))) or self.route[:1]
        targets = [await self._target(name) for name in names]
        router = LLMRouter(
            targets[0],
            targets[1:],
            self._settings.max_retries,
            clocks=self._clocks,
            health=self._health,
            resume=self._settings.midstream == "resume",
        )
        async with aclosing(router.events(replace(request, model=None))) as events:
            async for event in events:
                if isinstance(event, AttemptFailed):
                    self._remember(event.attempt)
                elif isinstance(event, Done):
                    self._remember(event.response.attempts[-1])
                yield event

    def price(self, answer: LLMResponse | Attempt) -> Decimal | None:
        """US dollars that an answer, or one attempt at it, cost; None where that is unknown."""
        row = self._rows.get(answer.provider)
        return price(answer.model, answer.usage, row.prices) if row else None

    def targets(self) -> tuple[TargetState, ...]:
        """Every target that has been asked since the start, by name."""
        states = []
        for name, attempts in sorted(self._seen.items()):
            provider, _, model = name.partition("/")
            built = self._built.get(provider)
            paused = self._health.paused(built, model) if built else None
            ages = tuple(self._clock() - at for at, _ in attempts)
            states.append(TargetState(name, paused, tuple(attempt for _, attempt in attempts), ages))
        return tuple(states)

    def try_now(self, target: str) -> None:
        """Ends a target's pause: somebody says that the cause is mended, or asks this target on purpose."""
        provider, _, model = target.partition("/")
        if built := self._built.get(provider):
            self._health.reset(built, model or built.default_model)

    async def warm_up(self) -> None:
        """Imports what the ready providers need, so that the first chat does not wait for it."""
        for state in self.providers():
            row = self._rows.get(state.name)
            if state.ready and row and row.key:
                try:
                    await self._provider(state.name)
                except LLMHubError as error:
                    log.warning("%s cannot be used: %s", state.name, error)
        await asyncio.to_thread(import_module, "genai_prices")

    async def aclose(self) -> None:
        """Closes every provider's connections."""
        built, self._built = list(self._built.values()), {}
        await asyncio.gather(*(provider.aclose() for provider in built), return_exceptions=True)

    def _remember(self, attempt: Attempt) -> None:
        seen = self._seen.setdefault(f"{attempt.provider}/{attempt.model}", deque(maxlen=ATTEMPTS_KEPT))
        seen.append((self._clock(), attempt))

    def _known(self, target: str, where: str = "") -> str:
        """The provider's name in a target's. Raises `ConfigurationError` if there is no such provider."""
        name = target.partition("/")[0]
        known = [*self._rows, *ProviderFactory.registered]
        if name in known:
            return name
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
        raise ConfigurationError(f"{where}There is no provider {name!r}; a model is written provider/model.", hint=hint)

    async def _target(self, name: str) -> Target:
        """A target by its name; one that cannot be used says why when it is asked, so that the route goes on."""
        provider, _, model = name.partition("/")
        try:
            return Target(await self._provider(self._known(name)), model)
        except ConfigurationError as error:
            if provider not in self._rows:
                raise
            return Target(_NotReady(provider, self._rows[provider], error), model)

    def _state(self, name: str, row: Row) -> ProviderState:
        error = self._missing(name, row)
        problem = ""
        if error is not None:
            problem = f"needs a key: set {row.key[0]}" if error.message.endswith("needs a key.") else str(error)
        model = row.default_model
        if name == "local" and error is None:
            model = gguf.find(self._settings.local_model or None).title
        return ProviderState(name, row.title, error is None, problem.removesuffix("."), model, row.suggestions)

    def _missing(self, name: str, row: Row) -> ConfigurationError | None:
        """Why the settings do not make this provider, if they do not."""
        if row.key and name in ROWS and not self._settings.value(*row.key):
            return ConfigurationError(
                f"{row.title} needs a key.", hint=f"Set {row.key[0]} in .env or the environment, and start again."
            )
        try:
            self._options(name, row)
        except ConfigurationError as error:
            return error
        return None

    def _options(self, name: str, row: Row) -> dict[str, Any]:
        """What the settings say about a provider, for its constructor."""
        if name == "local":
            gguf.find(self._settings.local_model or None)  # raises for a file that cannot be used
            return {
                "model": self._settings.local_model or None,
                "token": self._settings.value("HF_TOKEN") or None,  # for a repository that asks for one
            }
        if name == "chaos":
            return {}
        options: dict[str, Any] = {
            "connect_timeout": self._settings.connect_timeout,
            "read_timeout": self._settings.total_timeout,  # the route's own clocks are shorter
        }
        if key := self._settings.value(*row.key):
            options["api_key"] = checked_key(key, next(name for name in row.key if self._settings.value(name)))
        if url := self._settings.value(*row.url):
            setting = next(name for name in row.url if self._settings.value(name))
            options["base_url"] = checked_url(_with_scheme(url) if setting == "OLLAMA_HOST" else url, setting)
        return options

    async def _provider(self, name: str) -> LLMProvider:
        """The provider, built in a thread if this is its first use: importing an SDK takes up to a second."""
        if name in self._built:
            return self._built[name]
        async with self._building.setdefault(name, asyncio.Lock()):
            if name not in self._built:
                row = self._rows.get(name)
                if row is None or name in ProviderFactory.registered:
                    self._built[name] = await asyncio.to_thread(ProviderFactory.create, name)
                else:
                    if error := self._missing(name, row):
                        raise error
                    self._built[name] = await asyncio.to_thread(
                        ProviderFactory.build, name, row, **self._options(name, row)
                    )
        return self._built[name]


class _NotReady(LLMProvider):
    """Stands in for a provider that cannot be built: no key, or a setting that is wrong."""

    def __init__(self, name: str, row: Row, error: ConfigurationError) -> None:
        self.name, self.title, self.default_model = name, row.title, row.default_model or "?"
        self._error = error

    async def complete(self, *_: object, **__: object) -> NoReturn:
        raise NotConfigured(self._error.message, provider=self.name, hint=self._error.hint)


def _with_scheme(host: str) -> str:
    """OLLAMA_HOST is also Ollama's own setting, an address to listen on: host, host:port, or 0.0.0.0."""
    url = host if "://" in host else f"http://{host}"
    url = url.replace("//0.0.0.0", "//127.0.0.1")
    return url if url.count(":") > 1 else f"{url}:11434"

"""class Hub: every provider that the settings know, behind one door. The page and the API talk to nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.factory import ROWS, ProviderFactory, Row, compatible
from llm_hub.pricing import price
from llm_hub.wire import checked_key, checked_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from decimal import Decimal

    from llm_hub.chat import ChatRequest, Event, LLMResponse, ModelInfo
    from llm_hub.provider import LLMProvider
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


class Hub:
    """The providers of one set of settings. Each is built when it is first used, and then shared by every chat."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._rows: dict[str, Row] = dict(ROWS)
        for name, url in settings.servers.items():
            if name in ROWS or name == "auto":
                raise ConfigurationError(f"LLM_HUB_SERVERS: the name {name} is taken.", hint="Choose another name.")
            key = f"{name.upper().replace('-', '_')}_API_KEY"
            self._rows[name] = compatible(name, checked_url(url, f"LLM_HUB_SERVERS: {name}"), key)
        self._built: dict[str, LLMProvider] = {}
        self._building: dict[str, asyncio.Lock] = {}
        self._lists: dict[str, tuple[float, tuple[ModelInfo, ...]]] = {}

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

    async def models(self, provider: str) -> tuple[ModelInfo, ...]:
        """The provider's models, asked live and kept for ten minutes. Raises `LLMHubError`."""
        kept = self._lists.get(provider)
        if kept and self._clock() - kept[0] < LISTS_KEPT:
            return kept[1]
        models = await (await self._provider(provider)).models()
        self._lists[provider] = (self._clock(), models)
        return models

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer to a request whose model is `provider/model`, or a provider's name alone for its default model.

        Raises `LLMHubError`. Closing the generator closes the provider's connection.
        """
        name, _, model = (request.model or self.default_provider).partition("/")
        provider = await self._provider(name)
        async with aclosing(provider.events(replace(request, model=model or None))) as events:
            async for event in events:
                yield event

    def price(self, response: LLMResponse) -> Decimal | None:
        """US dollars that an answer cost; None where that is unknown."""
        row = self._rows.get(response.provider)
        return price(response, row.prices) if row else None

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

    def _state(self, name: str, row: Row) -> ProviderState:
        problem = ""
        if row.key and name in ROWS and not self._settings.value(*row.key):
            problem = f"needs a key: set {row.key[0]}"
        else:
            try:
                self._options(name, row)
            except ConfigurationError as error:
                problem = str(error)
        return ProviderState(name, row.title, not problem, problem, row.default_model, row.suggestions)

    def _options(self, name: str, row: Row) -> dict[str, Any]:
        """What the settings say about a provider, for its constructor."""
        if name == "local":
            return {"model": self._settings.local_model or None}
        options: dict[str, Any] = {
            "connect_timeout": self._settings.connect_timeout,
            "read_timeout": self._settings.read_timeout,
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
                    state = self._state(name, row)
                    if not state.ready:
                        raise ConfigurationError(f"{row.title} cannot be used yet: {state.problem}.")
                    self._built[name] = await asyncio.to_thread(
                        ProviderFactory.build, name, row, **self._options(name, row)
                    )
        return self._built[name]


def _with_scheme(host: str) -> str:
    """OLLAMA_HOST is also Ollama's own setting, an address to listen on: host, host:port, or 0.0.0.0."""
    url = host if "://" in host else f"http://{host}"
    url = url.replace("//0.0.0.0", "//127.0.0.1")
    return url if url.count(":") > 1 else f"{url}:11434"

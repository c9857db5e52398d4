"""The catalogue: the providers that there are with one set of settings, and what these say of each."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llm_hub.errors import ConfigurationError
from llm_hub.factory import ROWS, ProviderFactory, Row, compatible
from llm_hub.providers import gguf
from llm_hub.wire import checked_url

if TYPE_CHECKING:
    from decimal import Decimal

    from llm_hub.settings import Settings


class Catalogue:
    """Rows by name: those that come with the hub, then the servers that the settings add.

    Raises `ConfigurationError` for settings that contradict each other, or name a provider that there is not.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.rows: dict[str, Row] = {name: row for name, row in ROWS.items() if name != "chaos" or settings.chaos}
        for name, url in settings.servers.items():
            if name in ROWS or name == "auto":
                raise ConfigurationError(f"LLM_HUB_SERVERS: the name {name} is taken.", hint="Choose another name.")
            key = f"{name.upper().replace('-', '_')}_API_KEY"
            self.rows[name] = compatible(name, checked_url(url, f"LLM_HUB_SERVERS: {name}"), key)
        for name in settings.route:
            self.known(name, "LLM_HUB_ROUTE: ")
        for name in settings.prices:
            self.known(name, "LLM_HUB_PRICES: ")

    def known(self, target: str, where: str = "") -> str:
        """The provider's name in a target's. Raises `ConfigurationError` if there is no such provider."""
        name = target.partition("/")[0]
        known = [*self.rows, *ProviderFactory.registered]
        if name in known:
            return name
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
        raise ConfigurationError(f"{where}There is no provider {name!r}; a model is written provider/model.", hint=hint)

    def rates(self, provider: str, model: str) -> tuple[Decimal, Decimal] | None:
        """What the owner says that a model costs."""
        own = self._settings.prices
        return own.get(f"{provider}/{model}") or own.get(provider)

    def default_model(self, name: str) -> str:
        """The model that a provider's name alone stands for. Raises `ConfigurationError` for a file that is none."""
        if name == "local":
            return gguf.find(self._settings.local_model or None).title
        return self.rows[name].default_model

    def options(self, name: str) -> dict[str, Any]:
        """What the settings say about a provider, for its constructor: everything but the key."""
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
        if url := self.address(self.rows[name]):
            options["base_url"] = url
        return options

    def address(self, row: Row) -> str:
        """Another base URL than the row's, if the settings name one. Raises `ConfigurationError`."""
        setting = next((name for name in row.url if self._settings.value(name)), "")
        if row.url and not setting and self._settings.on_space and urlsplit(row.base_url).hostname == "127.0.0.1":
            raise ConfigurationError(
                f"{row.title} does not run on a Space.",
                hint=f"Set {row.url[0]} to a server that the internet can reach on port 443, 80 or 8080.",
            )
        url = self._settings.value(setting)
        return checked_url(_with_scheme(url) if setting == "OLLAMA_HOST" else url, setting) if url else ""


def _with_scheme(host: str) -> str:
    """OLLAMA_HOST is also Ollama's own setting, an address to listen on: host, host:port, or 0.0.0.0."""
    url = host if "://" in host else f"http://{host}"
    url = url.replace("//0.0.0.0", "//127.0.0.1")
    return url if url.count(":") > 1 else f"{url}:11434"

"""The providers of one hub, as its settings have them: addresses, the owner's keys, and what each is opened with."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llm_hub.chat import split_target
from llm_hub.errors import ConfigurationError
from llm_hub.factory import ProviderFactory
from llm_hub.providers.catalog import PROVIDERS, ProviderSpec, compatible, keys_variable
from llm_hub.providers.llamacpp.model_file import find_model_file
from llm_hub.providers.llamacpp.offered_models import OFFERED_MODELS
from llm_hub.providers.upstreams import Upstream, read_upstreams
from llm_hub.wire.network import Network
from llm_hub.wire.own_addresses import OwnAddress, OwnAddresses
from llm_hub.wire.validation import checked_url

if TYPE_CHECKING:
    from llm_hub.providers.llamacpp.downloads import Downloads
    from llm_hub.settings import Settings


class ConfiguredProviders:
    """The providers of one hub: those that come with it, then the servers of the settings, each with its settings.

    Raises `ConfigurationError` for settings that contradict each other, or that name an unknown provider. The settings
    may be replaced while the hub runs, so nobody keeps a copy of what is read here.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.route, self.servers = settings.route, settings.servers
        """The configured route, () for none, and the servers of the settings: by name, the addresses of each."""
        self._network = Network.read(settings.value)
        self._own_addresses = OwnAddresses(settings.host, settings.port, settings.public_names)
        self.specs: dict[str, ProviderSpec] = {
            name: spec for name, spec in PROVIDERS.items() if name != "chaos" or settings.chaos
        }
        addresses: dict[str, list[str]] = {}
        for name, urls in settings.servers.items():
            if name in PROVIDERS or name == "auto":
                raise ConfigurationError(f"LLM_HUB_SERVERS: the name {name} is taken.", hint="Choose another name.")
            addresses[name] = [checked_url(url, f"LLM_HUB_SERVERS: {name}", takes_query=True) for url in urls]
            self.specs[name] = compatible(name, addresses[name][0])
        self._downloads = self._offer_downloads()
        self._upstreams = {
            name: read_upstreams(name, spec, addresses.get(name, ()), settings.value)
            for name, spec in self.specs.items()
        }
        for name in settings.route:
            self.check(name, "LLM_HUB_ROUTE: ")
        for name in settings.prices:
            self.check(name, "LLM_HUB_PRICES: ")

    takes_keys_on_page = False
    """Whether the owner may also enter keys on the hub's page: errors then say so."""

    def replace(self, settings: Settings) -> set[str]:
        """Takes other settings, all of them or, where they are refused, none.

        Returns the providers that an answer must not be asked of as they were opened before: with another key, at
        another address, or not at all any more.
        """
        other = ConfiguredProviders(settings)
        other._downloads = self._downloads  # those that run go on
        before, after = self._openings(), other._openings()
        self.__dict__.update(other.__dict__)
        return {name for name, opening in before.items() if after.get(name) != opening}

    def _openings(self) -> dict[str, tuple[Any, ...]]:
        """What each provider is opened with."""
        openings: dict[str, tuple[Any, ...]] = {}
        for name, spec in self.specs.items():
            options = None
            with suppress(ConfigurationError):  # it is not opened
                options = self.options(name)
            openings[name] = (spec, self.upstreams(name), options)
        return openings

    def check(self, target: str, where: str = "") -> str:
        """The provider's name in a target's. Raises `ConfigurationError` if there is no such provider."""
        name, _ = split_target(target)
        if self.knows(name):
            return name
        known = [*self.specs, *ProviderFactory.registered]
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
        raise ConfigurationError(f"{where}There is no provider {name!r}; a model is written provider/model.", hint=hint)

    def knows(self, name: str) -> bool:
        """Whether there is a provider of that name."""
        return name in self.specs or name in ProviderFactory.registered

    def is_built_in(self, name: str) -> bool:
        """Whether a provider comes with the hub, and is not a server of the settings."""
        return name in PROVIDERS

    def takes_key(self, name: str) -> bool:
        """Whether a provider may be asked with an API key."""
        spec = self.specs.get(name)
        return spec is not None and bool(spec.key) and name not in ProviderFactory.registered

    def upstreams(self, name: str) -> tuple[Upstream, ...]:
        """The owner's ways to a provider, with their keys as they stand in the settings. Any of them may be asked."""
        return (Upstream(),) if name in ProviderFactory.registered else self._upstreams.get(name, (Upstream(),))

    def owner_key(self, name: str) -> str:
        """The owner's first API key for a provider, as it stands in the settings, or ""."""
        return self.upstreams(name)[0].key

    def key_variable(self, name: str) -> str:
        """The setting that holds the owner's key, or that would."""
        variables = self.specs[name].key
        all_variables = (*variables, *map(keys_variable, variables))
        return next((variable for variable in all_variables if self._settings.value(variable)), variables[0])

    def downloads(self, *, trusted: bool) -> Downloads | None:
        """The embedded models that a caller may download; None: none. A visitor may only if the settings say so."""
        return self._downloads if trusted or self._settings.local_downloads else None

    def _offer_downloads(self) -> Downloads | None:
        """The offered models, where they are offered and can run: without the one that is the default."""
        allowed = self._settings.local_downloads
        if not find_spec("xllamacpp") or not (not self._settings.public if allowed is None else allowed):
            return None
        from llm_hub.providers.llamacpp.downloads import Downloads  # takes a program's import 6 ms, which makes no hub

        default = ""
        with suppress(ConfigurationError):  # the provider's state says so
            default = self.default_model("local")
        models = [model for model in OFFERED_MODELS if model.id != default]
        return Downloads(models, endpoint=self._settings.value("HF_ENDPOINT") or None, network=self._network)

    def stop_downloads(self) -> None:
        """Ends every download."""
        if self._downloads:
            self._downloads.stop_all()

    def price_lists(self) -> dict[str, str]:
        """For each provider its id in the public price lists; see `Prices`."""
        return {name: spec.prices for name, spec in self.specs.items()}

    def default_model(self, name: str) -> str:
        """The model that a provider's name alone stands for. Raises `ConfigurationError` for a file that is none."""
        if name == "local":
            return find_model_file(self._settings.local_model or None).title
        return self.specs[name].default_model

    def options(self, name: str, *, for_visitor: bool = False, place: int = 0) -> dict[str, Any]:
        """What the settings say about a provider, for its constructor: everything but the key. `place` is that of the
        way to it among `upstreams`.

        A visitor's key goes through the owner's proxy only where the owner says so: whoever runs it could read the key.
        """
        if name == "local":
            find_model_file(self._settings.local_model or None)  # raises for a file that cannot be used
            return {
                "model": self._settings.local_model or None,
                "endpoint": self._settings.value("HF_ENDPOINT") or None,
                "token": self._settings.value("HF_TOKEN") or None,  # for a repository that asks for one
                "downloads": self._downloads,
                "network": self._network,
            }
        if name == "chaos":
            return {}
        options: dict[str, Any] = {
            "connect_timeout": self._settings.connect_timeout,
            "read_timeout": self._settings.total_timeout,  # the route's own clocks are shorter
        }
        if not for_visitor or self._settings.proxy_visitors:
            options["network"] = self._network
        if "anthropic" in self.specs[name].protocols:
            options["cache_prompts"] = self._settings.cache_prompts
        address = self.upstreams(name)[place].address
        if url := self.address(self.specs[name], address):
            options["base_url"] = url
        return options

    def has_address(self, spec: ProviderSpec) -> bool:
        """Whether the settings name the address of a provider's server."""
        return any(self._settings.value(name) for name in spec.url)

    def own_address(self, name: str) -> OwnAddress | None:
        """The error of a provider whose server would be this hub; None for any other."""
        try:
            self.options(name)
        except ConfigurationError as error:
            return error if isinstance(error, OwnAddress) else None
        return None

    def address(self, spec: ProviderSpec, url: str = "") -> str:
        """Another base URL than the spec's, if the settings name one, or `url`. Raises `ConfigurationError`."""
        setting = next((name for name in spec.url if self._settings.value(name)), "")
        if spec.url and not setting and self._settings.on_space and urlsplit(spec.base_url).hostname == "127.0.0.1":
            raise ConfigurationError(
                f"{spec.title} does not run on a Space.",
                hint=f"Set {spec.url[0]} to a server that the internet can reach on port 443, 80 or 8080.",
            )
        url = url or self._settings.value(setting)
        url = _with_scheme(url) if setting == "OLLAMA_HOST" else url
        takes_query = "openai" in spec.protocols
        url = checked_url(url, setting, takes_query=takes_query) if url else ""
        if (asked := url or spec.base_url) and self._own_addresses.includes(asked):
            raise OwnAddress(setting or (spec.url[0] if spec.url else "LLM_HUB_SERVERS"), asked)
        return url


def _with_scheme(host: str) -> str:
    """OLLAMA_HOST is also Ollama's own setting, an address to listen on: host, host:port, or 0.0.0.0."""
    url = (host if "://" in host else f"http://{host}").replace("//0.0.0.0", "//127.0.0.1")
    return url if url.count(":") > 1 else f"{url}:11434"

"""Which providers one caller can use, what is missing for the others, and which ones `auto` asks by default."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_hub.access.keyring import ENTER_A_KEY, TYPE_A_KEY
from llm_hub.errors import ConfigurationError
from llm_hub.factory import ProviderFactory
from llm_hub.wire.own_addresses import OwnAddress

if TYPE_CHECKING:
    from llm_hub.access.configured_providers import ConfiguredProviders
    from llm_hub.access.keyring import Keyring, Payer
    from llm_hub.providers.catalog import ProviderSpec

NEEDS_KEY = "needs a key"


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A provider as the page shows it. Not ready: `problem` says what is missing and what to do.

    `list_problem` says why its list of models could not be read when it was last asked for; "" if it could.
    """

    name: str
    title: str
    ready: bool
    problem: str
    default_model: str
    suggestions: tuple[str, ...]
    list_problem: str = ""
    is_assumed: bool = False
    """Whether no setting names its server: it is there if it runs where it usually does."""
    is_absent: bool = False
    """Whether that is so, and nothing answers there: it is not in use here."""
    asks_itself: bool = False
    """Whether it is not ready because its server would be this hub."""
    ways: int = 1
    """How many keys or servers of the owner's share its requests."""

    @property
    def needs_key(self) -> bool:
        """Whether it is not ready because a key is missing."""
        return self.problem.startswith(NEEDS_KEY)


class AvailableProviders:
    """The providers of the settings and of the program, as they are usable with a caller's keyring.

    Opens no provider and connects to none: it only reads the settings and the keyring.
    """

    def __init__(self, configured: ConfiguredProviders, keyring: Keyring) -> None:
        self._configured = configured
        self._keyring = keyring

    def states(self) -> tuple[ProviderState, ...]:
        """Every provider, in the order of the page, whether it can be used or not."""
        registered = ProviderFactory.registered
        built_in = [self._state(name, spec) for name, spec in self._configured.specs.items() if name not in registered]
        added = [
            ProviderState(name, name, True, "", provider.default_model, ()) for name, provider in registered.items()
        ]
        return (*built_in, *added)

    def titles(self) -> dict[str, str]:
        """What each provider is called on the page, by name. Cheap, unlike `states`: it looks at no settings."""
        registered = ProviderFactory.registered
        built_in = {name: spec.title for name, spec in self._configured.specs.items() if name not in registered}
        return built_in | {name: name for name in registered}

    def states_with_key_hosts(self) -> tuple[tuple[ProviderState, str], ...]:
        """The providers that take a key, each with the host that the key is sent to."""
        listing = []
        for name, spec in self._configured.specs.items():
            if self._configured.takes_key(name):
                with suppress(ConfigurationError):  # the owner's base URL is unusable: the key could not be sent
                    url = self._configured.address(spec) or spec.base_url
                    listing.append((self._state(name, spec), urlsplit(url).hostname or ""))
        return tuple(listing)

    def default_model(self, provider: str) -> str:
        """The model that a provider's name alone means; "" if there is none."""
        if provider in ProviderFactory.registered:
            return ProviderFactory.registered[provider].default_model
        spec = self._configured.specs.get(provider)
        if spec is None:
            return ""
        return spec.default_model if self._problem(provider) is not None else self._configured.default_model(provider)

    def default_route(self) -> tuple[str, ...]:
        """Every provider that is configured: those with a key first; without any, the embedded model. A caller with
        keys of their own pays for all of it, so the owner's keys are not in it."""
        payer: Payer = "visitor" if self._keyring.has_typed_keys else self._keyring.payer(())
        names = [name for name, spec in self._configured.specs.items() if self._is_automatic(name, spec, payer)]
        names.sort(key=lambda name: self._keyring.key_holder((name,)) is None)
        return tuple(names) or ("local",)

    def _state(self, name: str, spec: ProviderSpec) -> ProviderState:
        error = self._problem(name)
        problem = ""
        if error is not None:
            problem = str(error)
            if error.message.endswith("needs a key."):
                also = f", or {ENTER_A_KEY}" if self._configured.takes_keys_on_page else ""
                problem = f"{NEEDS_KEY}: {f'set {spec.key[0]}{also}' if self._keyring.owner_pays else TYPE_A_KEY}"
        model = spec.default_model if error is not None else self._configured.default_model(name)
        problem, asks_itself = problem.removesuffix("."), isinstance(error, OwnAddress)
        return ProviderState(
            name,
            spec.title,
            error is None,
            problem,
            model,
            spec.suggestions,
            is_assumed=bool(spec.url) and not spec.key and not self._configured.has_address(spec),
            asks_itself=asks_itself,
            ways=len(self._configured.upstreams(name)),
        )

    def _is_automatic(self, name: str, spec: ProviderSpec, payer: Payer) -> bool:
        """Whether a provider is in the default route. Ollama and the servers of the settings have no default model:
        theirs is the first that they list."""
        if not (self._configured.has_address(spec) if name == "ollama" else spec.key):
            return False
        if name in ProviderFactory.registered:  # the owner's program pays for it
            return not self._keyring.has_typed_keys
        return self._problem(name, payer) is None

    def _problem(self, name: str, payer: Payer | None = None) -> ConfigurationError | None:
        """Why this provider cannot be used, with the payer's key or with any, if it cannot."""
        try:
            self._keyring.key(name, payer or self._keyring.payer((name,)))
            self._configured.options(name)
        except ConfigurationError as error:
            return self._configured.own_address(name) or error
        return None

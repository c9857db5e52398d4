"""The purse: whose keys a request may use. A request has one payer, and no key of its route is anybody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from llm_hub.errors import ConfigurationError
from llm_hub.factory import ProviderFactory
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.wire.validation import checked_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_hub.providers.catalog import ProviderSpec
    from llm_hub.settings import Settings

TYPE_A_KEY = "type yours in the tab Keys"
"""What a visitor can do about a missing key."""

Payer = Literal["owner", "visitor"]
"""The owner, with keys from the settings, or a visitor, with keys that they typed."""


class Keyring:
    """The keys that a view of the hub may use: those that a visitor typed, by provider, and the owner's if they pay.

    Who is not `trusted` is a stranger on a hub that others can reach.
    """

    def __init__(
        self,
        settings: Settings,
        specs: Mapping[str, ProviderSpec],
        typed: Mapping[str, str] | None = None,
        *,
        owner_pays: bool = True,
        trusted: bool = True,
    ) -> None:
        self._settings = settings
        self._specs = specs
        self._typed = dict(typed or {})
        self.owner_pays = owner_pays
        self.trusted = trusted

    def of_visitor(self, typed: Mapping[str, str], *, owner_pays: bool, trusted: bool) -> Keyring:
        """The purse of a visitor who typed these keys."""
        return Keyring(self._settings, self._specs, typed, owner_pays=owner_pays, trusted=trusted)

    def typed(self, provider: str) -> str:
        """The visitor's own key, or ""."""
        return self._typed.get(provider, "")

    def paying(self, providers: Sequence[str]) -> Payer | None:
        """Whoever has the key for the first of these that needs one; None: nobody."""
        for provider in providers:
            if provider in self._typed:
                return "visitor"
            if self.owner_pays and self._owners(provider):
                return "owner"
        return None

    def payer(self, providers: Sequence[str]) -> Payer:
        """Whose keys a route of these providers may use."""
        return self.paying(providers) or ("owner" if self.owner_pays else "visitor")

    def needs_key(self, provider: str) -> bool:
        """Whether nobody is answered without a key. A server from the settings needs one if the owner has one."""
        if not self.takes_key(provider):
            return False
        return provider in PROVIDERS or bool(self._owners(provider))

    def takes_key(self, provider: str) -> bool:
        spec = self._specs.get(provider)
        return spec is not None and bool(spec.key) and provider not in ProviderFactory.registered

    def key(self, provider: str, payer: Payer) -> str:
        """The payer's key, "" where none is needed. Raises `ConfigurationError` for one that is missing or unusable."""
        spec = self._specs[provider]
        if payer == "visitor" and (typed := self.typed(provider)):
            return self.checked(provider, typed)
        if payer == "owner" and (owners := self._owners(provider)):
            return checked_key(owners, next(name for name in spec.key if self._settings.value(name)))
        if not self.needs_key(provider):
            return ""
        if payer == "owner" and provider in self._typed:
            raise ConfigurationError(
                f"{spec.title} is not asked with your key, since the owner of this hub pays for this answer.",
                hint="Choose it first to pay yourself.",
            )
        step = f"Set {spec.key[0]} in .env or the environment, and start again."
        if payer == "visitor":
            step = f"{TYPE_A_KEY[0].upper()}{TYPE_A_KEY[1:]}."
        raise ConfigurationError(f"{spec.title} needs a key.", hint=step)

    def checked(self, provider: str, key: str) -> str:
        """A key that a visitor typed, without the white space around it. Raises `ConfigurationError`."""
        if not self.takes_key(provider):
            raise ConfigurationError("There is no such provider, or it takes no key.")
        return checked_key(key, f"Your key for {self._specs[provider].title}")

    def _owners(self, provider: str) -> str:
        return self._settings.value(*self._specs[provider].key) if self.takes_key(provider) else ""

"""Which API keys a request may use. Each request has one payer, and every key of its route is that payer's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from llm_hub.errors import ConfigurationError
from llm_hub.wire.validation import checked_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_hub.access.configured_providers import ConfiguredProviders

TYPE_A_KEY = "type yours in the tab Keys"
ENTER_A_KEY = "enter it in the page's tab Keys"
"""What a visitor can do about a missing key."""

Payer = Literal["owner", "visitor"]
"""The owner pays with the keys of the settings, a visitor with keys that they typed."""


class Keyring:
    """The keys that one caller may use: those that they typed, by provider, and the owner's where the owner pays.

    A caller who is not `trusted` is a visitor: somebody else than the owner, on a hub that others can reach.
    """

    def __init__(
        self,
        configured: ConfiguredProviders,
        typed: Mapping[str, str] | None = None,
        *,
        owner_pays: bool = True,
        trusted: bool = True,
    ) -> None:
        self._configured = configured
        self._typed = dict(typed or {})
        self.owner_pays = owner_pays
        self.trusted = trusted

    def typed(self, provider: str) -> str:
        """The caller's own key for a provider, or ""."""
        return self._typed.get(provider, "")

    @property
    def has_typed_keys(self) -> bool:
        """Whether the caller has typed a key."""
        return bool(self._typed)

    def key_holder(self, providers: Sequence[str]) -> Payer | None:
        """Who has the key for the first of these providers that somebody has a key for; None: nobody has one."""
        for provider in providers:
            if provider in self._typed:
                return "visitor"
            if self.owner_pays and self._configured.owner_key(provider):
                return "owner"
        return None

    def payer(self, providers: Sequence[str]) -> Payer:
        """Whose keys a route of these providers may use."""
        return self.key_holder(providers) or ("owner" if self.owner_pays else "visitor")

    def needs_key(self, provider: str) -> bool:
        """Whether nobody is answered without a key. A server of the owner's needs one if the owner has one for it."""
        if not self._configured.takes_key(provider):
            return False
        return self._configured.is_built_in(provider) or bool(self._configured.owner_key(provider))

    def key(self, provider: str, payer: Payer, place: int = 0) -> str:
        """The payer's key, "" where none is needed. `place` is that of the way among the owner's.

        Raises `ConfigurationError` for a key that is missing or unusable.
        """
        spec = self._configured.specs[provider]
        if payer == "visitor" and (typed := self.typed(provider)):
            return self.checked(provider, typed)
        if payer == "owner" and (key := self._configured.upstreams(provider)[place].key):
            return checked_key(key, self._configured.key_variable(provider))
        if not self.needs_key(provider):
            return ""
        if payer == "owner" and provider in self._typed:
            raise ConfigurationError(
                f"{spec.title} is not asked with your key, since the owner of this hub pays for this answer.",
                hint="Choose it first to pay yourself.",
            )
        step = f"Set {spec.key[0]} in .env or the environment, and start again."
        if self._configured.takes_keys_on_page:
            step = f"Set {spec.key[0]} in .env and start again, or {ENTER_A_KEY}."
        if payer == "visitor":
            step = f"{TYPE_A_KEY[0].upper()}{TYPE_A_KEY[1:]}."
        raise ConfigurationError(f"{spec.title} needs a key.", hint=step)

    def checked(self, provider: str, key: str) -> str:
        """A key that a visitor typed, without the white space around it. Raises `ConfigurationError`."""
        if not self._configured.takes_key(provider):
            raise ConfigurationError("There is no such provider, or it takes no key.")
        return checked_key(key, f"Your key for {self._configured.specs[provider].title}")

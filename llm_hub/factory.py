"""From names to providers. Adapters, and with them the vendors' SDKs, are imported only when a provider is built."""

from __future__ import annotations

import os
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

from llm_hub.errors import ConfigurationError
from llm_hub.providers.catalog import PROVIDERS, ProviderSpec

if TYPE_CHECKING:
    from llm_hub.provider import LLMProvider


class ProviderFactory:
    """Makes providers by their names: those in `PROVIDERS`, and those that a program registers."""

    registered: ClassVar[dict[str, type[LLMProvider]]] = {}

    @classmethod
    def register(cls, name: str, provider: type[LLMProvider]) -> None:
        """Makes the class `provider` known as `name`, also in place of one that comes with the hub.

        Raises `ConfigurationError` for a name that cannot stand before the slash in `provider/model`.
        """
        if not (isinstance(provider, type) and hasattr(provider, "events")):
            raise ConfigurationError(
                f"{provider!r:.60} is no provider.", hint="Register a class, not an instance of it."
            )
        if not name or "/" in name or not name.isprintable() or name != name.strip() or name == "auto":
            raise ConfigurationError(f"{name!r} cannot name a provider.", hint="Use a word without slashes.")
        cls.registered[name] = provider

    @classmethod
    def available_providers(cls) -> list[str]:
        """Every name that `create` knows, in the order of the page."""
        return list(dict.fromkeys([*PROVIDERS, *cls.registered]))

    @classmethod
    def create(cls, name: str, **options: Any) -> LLMProvider:
        """A new provider. `options` are arguments of its constructor, and come before those in its `ProviderSpec`.

        For a program's convenience a key that is not passed is read from the provider's own variables, such as
        OPENAI_API_KEY, and with it the base URL from OPENAI_BASE_URL: a key goes to no other server than the one that
        stands beside it. The hub does not come this way: it passes every key to `build`, since it has to know whose
        it is. Raises `ConfigurationError` for an unknown name, a missing key, or an option that cannot be used.
        """
        if name in cls.registered:
            return cls.registered[name](**options)
        if name not in PROVIDERS:
            from difflib import get_close_matches

            near = get_close_matches(name, cls.available_providers(), n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(cls.available_providers())}."
            raise ConfigurationError(f"There is no provider {name!r}.", hint=hint)
        spec = PROVIDERS[name]
        if "api_key" not in options:
            options = _environment_options(spec) | options
        return cls.build(name, spec, **options)

    @staticmethod
    def build(name: str, spec: ProviderSpec, **options: Any) -> LLMProvider:
        """A new provider from a `ProviderSpec`, without a look at the environment.

        Imports its adapter, which may take a second: call it in a thread.
        """
        module, _, adapter = spec.adapter.partition(":")
        if spec is PROVIDERS.get(name) and spec.key and not options.get("api_key"):
            raise ConfigurationError(f"{spec.title} needs an API key.", hint=f"Pass api_key, or set {spec.key[0]}.")
        defaults = {"name": name, "title": spec.title, "base_url": spec.base_url, "default_model": spec.default_model}
        arguments = {key: value for key, value in defaults.items() if value} | dict(spec.options) | options
        if arguments.get("base_url") != spec.base_url:  # a server that may be anybody's
            arguments = {key: value for key, value in arguments.items() if key not in ("state_fields", "stand_ins")}
        provider_class = getattr(import_module(f"llm_hub.providers.{module}"), adapter)
        try:
            signature(provider_class).bind(**arguments)
        except TypeError as error:
            raise ConfigurationError(f"{name}: {error}.") from None
        provider: LLMProvider = provider_class(**arguments)
        return provider


def _environment_options(spec: ProviderSpec) -> dict[str, str]:
    """The key and the base URL in a provider's variables of the environment; neither where there is no key."""
    key, url = (
        next((value for name in names if (value := os.environ.get(name, "").strip())), "")
        for names in (spec.key, spec.url)
    )
    if not key:
        return {}
    return {"api_key": key, "base_url": url} if url else {"api_key": key}

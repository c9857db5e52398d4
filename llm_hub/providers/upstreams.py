"""The ways to one provider: with each of the owner's keys, at each of its servers. Together they are a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llm_hub.errors import ConfigurationError
from llm_hub.providers.catalog import keys_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.providers.catalog import ProviderSpec

MAX_UPSTREAMS = 50
"""Ways to one provider. Each has connections of its own."""


class Upstream(NamedTuple):
    """One way to a provider. `key` is "" where there is none, `address` where it is the provider's usual one."""

    key: str = ""
    address: str = ""


def read_upstreams(
    name: str, spec: ProviderSpec, addresses: Sequence[str], value: Callable[..., str]
) -> tuple[Upstream, ...]:
    """The ways to a provider, at least one. `value` gives the first setting of several that is set.

    The keys are the single one, then those of the list, each once. Several keys at several addresses belong together in
    their order. Raises `ConfigurationError` where their numbers differ, or there are more than anybody has.
    """
    several = value(*map(keys_variable, spec.key)).split(",") if spec.key else ()
    single = value(*spec.key) if spec.key else ""
    keys = [*dict.fromkeys(key for part in (single, *several) if (key := part.strip()))] or [""]
    if len(keys) > 1 and len(addresses) > 1 and len(keys) != len(addresses):
        raise ConfigurationError(
            f"{name} has {len(addresses)} addresses and {len(keys)} keys.",
            hint="Give it one key for all of them, or one for each, in the order of the addresses.",
        )
    if max(len(keys), len(addresses)) > MAX_UPSTREAMS:
        raise ConfigurationError(f"{name} has more than {MAX_UPSTREAMS} keys or addresses.", hint="Leave some out.")
    places = range(max(len(keys), len(addresses)))
    usual = addresses[0] if addresses else ""
    return tuple(
        Upstream(keys[place] if len(keys) > 1 else keys[0], addresses[place] if len(addresses) > 1 else usual)
        for place in places
    )

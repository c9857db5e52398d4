"""What the suite has to know about a provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_hub.errors import ProviderError
    from llm_hub.provider import LLMProvider

KEY = "sk-wall-0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A provider in the suite. Adding a provider is adding one."""

    name: str
    """The provider's name, which its answers and errors must carry."""
    label: str
    """How the test's id calls it: the name, unless one class runs twice."""
    chat: str
    """The path of its chat endpoint."""
    build: Callable[..., LLMProvider]
    """`build(wall, **options)`; options are the constructor's own keywords."""
    keyed: bool = True
    """Whether it takes an `api_key`."""
    lacks: frozenset[str] = frozenset()
    """Faults, as the table in faults.py has them, that the protocol cannot show."""
    differs: Mapping[str, type[ProviderError]] = field(default_factory=dict)
    """Faults that this protocol reports in other words than most, and what they are then."""
    fails: Mapping[str, type[ProviderError]] = field(default_factory=dict)
    """Answers that are good enough in most protocols, and are none in this."""
    learns: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """Models that refuse a parameter: the setting that is lost ("" if none) and the name sent instead of it."""
    declines: frozenset[str] = frozenset()
    """Options, as the table in test_options.py has them, that it refuses before it asks anybody."""
    reports: frozenset[str] = frozenset()
    """Options, as the table in test_options.py has them, that it asks without, and then names as ignored."""
    spares: Mapping[str, tuple[Mapping[str, Any], tuple[str, ...]]] = field(default_factory=dict)
    """Models that do without some options: what they are asked with, and what of it is ignored then."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """Models that cannot do what an answer is for, and which option that is."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that its SDK reads, each with a value that must not reach the wire."""
    reasoning: tuple[str, ...] = ("reasoning",)
    """Models that reason before they answer."""
    system: Callable[[dict[str, Any]], str] = lambda body: "\n\n".join(
        turn["content"] for turn in body["messages"] if turn["role"] == "system"
    )
    """The system prompt in a request's body."""
    images: Callable[[dict[str, Any]], list[tuple[str, str]]] = lambda body: []
    """The images in a request's body, as pairs of media type ("" where the protocol has none) and base64."""
    limit: Callable[[dict[str, Any]], Any] = lambda body: body["max_tokens"]
    """The limit of tokens in a request's body."""
    temperature: Callable[[dict[str, Any]], Any] = lambda body: body["temperature"]
    """The temperature in a request's body."""

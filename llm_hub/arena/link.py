"""A comparison's set-up as the query of an address: `?models=a,b&prompt=…`. It holds no key and no answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LINK_CHARS = 6_000
"""Characters of a query that every browser and proxy takes as part of an address."""
MAX_MODELS = 4
"""Models that a link may name."""


@dataclass(frozen=True, slots=True)
class ComparisonLink:
    """The models and settings of a link, with which a comparison begins. `models` are targets: provider/model."""

    models: tuple[str, ...] = ()
    prompt: str = ""
    system: str = ""
    temperature: str = ""
    max_tokens: str = ""
    effort: str = ""
    blind: bool = False


def write_query(setup: ComparisonLink) -> str:
    """The set-up as a query, "" where it would be too long for an address."""
    fields = {
        "models": ",".join(setup.models),
        "prompt": setup.prompt,
        "system": setup.system,
        "temperature": setup.temperature,
        "max_tokens": setup.max_tokens,
        "effort": setup.effort,
        "blind": "1" if setup.blind else "",
    }
    text = urlencode({name: value for name, value in fields.items() if value}, safe="/,:@")
    return text if len(text) <= MAX_LINK_CHARS else ""


def read_query(parameters: Mapping[str, str]) -> ComparisonLink | None:
    """The set-up that an address asks for, or None where it asks for none."""
    models = tuple(name for part in parameters.get("models", "").split(",") if (name := part.strip()))
    if not models:
        return None
    return ComparisonLink(
        models=models[:MAX_MODELS],
        prompt=parameters.get("prompt", ""),
        system=parameters.get("system", ""),
        temperature=parameters.get("temperature", ""),
        max_tokens=parameters.get("max_tokens", ""),
        effort=parameters.get("effort", ""),
        blind=parameters.get("blind", "") not in ("", "0"),
    )

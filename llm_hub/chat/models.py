"""Models: how they are listed, and how they are named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as its provider lists it. `context` is the window in tokens; None: the provider does not say."""

    id: str
    title: str = ""
    context: int | None = None


def split_target(target: str) -> tuple[str, str]:
    """A target's provider and model. A name is `provider/model`, split at the first slash, since models' own names may
    have more of them; a provider's name alone has the model "", which means the provider's default."""
    provider, _, model = target.partition("/")
    return provider, model

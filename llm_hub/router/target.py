"""What a route is made of: a provider, and the model that is asked there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_hub.provider import LLMProvider


@dataclass(frozen=True, slots=True)
class Target:
    """A provider and the model that is asked there; "" is the provider's default model.

    Targets that follow each other and differ in their provider's key or server alone are a pool. `place` is a target's
    number in its pool, from 1; 0: it is in none.
    """

    provider: LLMProvider
    model: str = ""
    place: int = 0

    @property
    def model_id(self) -> str:
        """The model that is asked, by the provider's own name for it."""
        return self.model or self.provider.default_model

    @property
    def title(self) -> str:
        """The provider as it is called in sentences."""
        return self.provider.title or self.provider.name

    def is_twin_of(self, other: Target) -> bool:
        """Whether both are in one pool."""
        return bool(self.place and other.place) and str(self) == str(other)

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model_id}"

"""Which parameters a model refused, so that they are not sent to it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_hub.errors import (
    ProviderError,
    UnsupportedParameter,
)

MAX_LEARNED_MODELS = 1000
"""Models of a provider whose refusals are remembered."""


class LearnedParameters:
    """What models were found not to take, by their own refusals: asked once, then remembered for that model.

    A parameter is renamed if another name is known for it and was not refused too, and left out otherwise. Of one
    whose values are words, such as an effort, a value may be refused alone.
    """

    def __init__(self, droppable: frozenset[str], replaced_by: Mapping[str, str] | None = None) -> None:
        self._droppable = droppable
        self._replaced_by = replaced_by or {}
        self._refused: dict[str, set[str]] = {}

    def apply(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        """The body as this model takes it."""
        refused = self._refused.get(model)
        if not refused:
            return body
        adapted = {}
        for name, value in body.items():
            if name not in refused:
                if not isinstance(value, str) or f"{name}={value}" not in refused:
                    adapted[name] = value
            elif (other := self._replaced_by.get(name)) and other not in refused:
                adapted[other] = value
        return adapted

    def learn(self, model: str, error: ProviderError, sent: Mapping[str, Any]) -> bool:
        """Whether the error taught something, so that the request is worth sending once more."""
        parameter = error.parameter if isinstance(error, UnsupportedParameter) else ""
        if parameter not in self._droppable or parameter not in sent:
            return False
        word = sent[parameter] if error.code == "unsupported_value" else None
        if len(self._refused) >= MAX_LEARNED_MODELS and model not in self._refused:
            del self._refused[next(iter(self._refused))]  # anybody may invent names of models
        self._refused.setdefault(model, set()).add(f"{parameter}={word}" if isinstance(word, str) else parameter)
        return True

"""Which parameters a model refused, so that they are not sent to it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_hub.errors import ProviderError, UnsupportedParameter

MAX_LEARNED_MODELS = 1000
"""Models of a provider whose refusals are remembered. The oldest is forgotten: callers may invent names of models."""


class LearnedParameters:
    """Remembers for each model the parameters that it refused, so that each refusal costs one request only.

    `required` names the parameters that a request cannot do without. A refused parameter is sent under the name in
    `replaced_by`, unless the model refused that one as well; otherwise it is left out. Where a refusal is about a value
    that is a word, such as an effort, only that value is left out.
    """

    def __init__(self, required: frozenset[str], replaced_by: Mapping[str, str] | None = None) -> None:
        self._required = required
        self._replaced_by = replaced_by or {}
        self._refused: dict[str, set[str]] = {}

    def apply(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        """The body without the parameters that this model refused, or with their other names."""
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
        """Remembers what an error says about the parameters that were sent.

        Returns whether it taught something, so that the request is worth sending once more.
        """
        parameter = error.parameter if isinstance(error, UnsupportedParameter) else ""
        if parameter in self._required or parameter not in sent:
            return False
        value = sent[parameter] if error.code == "unsupported_value" else None
        if len(self._refused) >= MAX_LEARNED_MODELS and model not in self._refused:
            del self._refused[next(iter(self._refused))]
        self._refused.setdefault(model, set()).add(f"{parameter}={value}" if isinstance(value, str) else parameter)
        return True

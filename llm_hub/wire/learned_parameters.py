"""Which parameters a model refused, so that they are not sent to it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_hub.errors import ProviderError, UnsupportedParameter

MAX_LEARNED_MODELS = 1000
"""Models of a provider whose refusals are remembered. The oldest is forgotten: callers may invent names of models."""
MAX_LEARNED_PARAMETERS = 100
"""Refused parameters that are remembered of a model. Callers may invent their names as well."""
MIN_PROOFS = 2
"""How often a request must have been answered without a parameter, after a refusal of it, until it is left out at once.
One odd refusal teaches nothing: several servers may stand behind one name, and words may be misread."""


class LearnedParameters:
    """Remembers for each model the parameters that it refuses, so that a refusal costs few requests.

    `required` names the parameters that a request cannot do without. A refused parameter is sent under the name in
    `replaced_by`, unless the model refused that one as well; otherwise it is left out. Where a refusal is about a value
    that is a word, such as an effort, only that value is left out.
    """

    def __init__(self, required: frozenset[str], replaced_by: Mapping[str, str] | None = None) -> None:
        self._required = required
        self._replaced_by = replaced_by or {}
        self._proofs: dict[str, dict[tuple[str, str | None], int]] = {}
        """By model, then by parameter and value (None for any): how often it helped to leave that out."""

    def apply(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        """The body without the parameters that this model refuses, or with their other names."""
        proofs = self._proofs.get(model)
        if not proofs:
            return body
        refused = {place for place, count in proofs.items() if count >= MIN_PROOFS}
        adapted = {}
        for name, value in body.items():
            if (name, None) not in refused:
                if not isinstance(value, str) or (name, value) not in refused:
                    adapted[name] = value
            elif (other := self._replaced_by.get(name)) and (other, None) not in refused:
                adapted[other] = value
        return adapted

    def revise(
        self, model: str, error: ProviderError, body: Mapping[str, Any], sent: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """What was sent of `body`, without the parameter that an error refuses, or with its other name.

        None: the error is about none that a request can do without.
        """
        parameter = error.parameter if isinstance(error, UnsupportedParameter) else ""
        if parameter in self._required or parameter not in sent:
            return None
        value = sent[parameter]
        is_about_value = error.code == "unsupported_value" and isinstance(value, str)
        self._suspect(model, (parameter, value if is_about_value else None))
        revised = {name: value for name, value in sent.items() if name != parameter}
        other = self._replaced_by.get(parameter)
        if other and not is_about_value and other not in body and other not in sent:
            revised[other] = value
        return revised

    def confirm(self, model: str, body: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
        """Takes into account that the model answers to `sent`, which was `body` before what it refuses was left out."""
        proofs = self._proofs.get(model)
        for place in list(proofs or ()):
            name, value = place
            if proofs is None or proofs[place] >= MIN_PROOFS:
                continue
            if name in sent and value in (None, sent[name]):
                del proofs[place]  # it takes it after all
            elif name not in sent and (name in body or self._replaced_by.get(name) in body):
                proofs[place] += 1

    def _suspect(self, model: str, place: tuple[str, str | None]) -> None:
        if len(self._proofs) >= MAX_LEARNED_MODELS and model not in self._proofs:
            del self._proofs[next(iter(self._proofs))]
        proofs = self._proofs.setdefault(model, {})
        if len(proofs) >= MAX_LEARNED_PARAMETERS and place not in proofs:
            del proofs[next(iter(proofs))]
        proofs.setdefault(place, 0)

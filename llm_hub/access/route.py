"""The route of a request: which targets are asked for it, in which order, and who pays for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.chat import split_target

if TYPE_CHECKING:
    from llm_hub.access.keyring import Payer
    from llm_hub.chat import Attempt, ChatRequest
    from llm_hub.router.target_health import Pause

AUTO = "auto"
"""The name that stands for the hub's route: the configured one, or every provider that is configured."""


@dataclass(frozen=True, slots=True)
class Route:
    """The targets of one request, in order, as `provider/model` or as a provider's name for its default model.

    `payer` pays for all of them. `paid` are the providers among them that take the payer's key: the others need none.
    `registered` tells whether a program's own provider is among them, which needs no key that somebody could pay with.
    `optional` are the targets that nobody named: the hub may leave them out.
    """

    targets: tuple[str, ...]
    payer: Payer
    paid: frozenset[str]
    registered: bool
    optional: frozenset[str] = frozenset()

    @property
    def key_holder(self) -> Payer | None:
        """Whose key the route takes; None: none of its providers needs one, or nobody has one."""
        return self.payer if self.paid else None

    @property
    def costs_owner(self) -> bool:
        """Whether an answer costs the owner something: with a key of theirs, or by a provider of their program."""
        return self.registered or self.key_holder == "owner"

    def is_paid(self, target: str) -> bool:
        """Whether an attempt at one of the targets takes a key of the owner's, as far as can be told."""
        return self.key_holder != "visitor" and split_target(target)[0] in self.paid


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of a target that has been asked: `attempts` newest last, and why it is paused, if it is.

    `ages` are the seconds since each of the attempts was over.
    """

    name: str
    paused: Pause | None
    attempts: tuple[Attempt, ...]
    ages: tuple[float, ...] = ()


def targets_of(request: ChatRequest, auto: tuple[str, ...], fallback: tuple[str, ...]) -> tuple[str, ...]:
    """The targets that a request names, in order and each once. `auto` are those of the hub's route.

    A chosen model is followed by `request.fallback`, or where that is None by the hub's `fallback`. Without a chosen
    model `request.fallback` is asked in the place of the hub's route, or its first target alone where it is ().
    """
    chosen = () if request.model in (None, AUTO) else (request.model,)
    following = request.fallback if request.fallback is not None else fallback if chosen else auto
    expanded = (target for name in following for target in (auto if name == AUTO else (name,)))
    return tuple(dict.fromkeys((*chosen, *expanded))) or auto[:1]


def providers_of(targets: tuple[str, ...]) -> list[str]:
    """The targets' providers, in order."""
    return [split_target(target)[0] for target in targets]

"""A check-up: every target and the reference are asked the same, and each target gets a card."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.chat import reports_price, split_target
from llm_hub.checkup.findings import find_differences, overall
from llm_hub.checkup.questions import make_questions
from llm_hub.checkup.samples import ask_all, quantile
from llm_hub.errors import LLMHubError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.access.session import Session
    from llm_hub.checkup.findings import ProbeFinding, Verdict
    from llm_hub.checkup.samples import Sample
    from llm_hub.gateway.caller import Caller
    from llm_hub.gateway.gateway import Gateway

MAX_REQUESTS = 60
"""To each target, the reference among them."""
USUAL_WINDOW, MIN_WINDOW, MAX_WINDOW = 16_384, 512, 32_768
"""Tokens: the window that is tried where no provider says how large it is, the smallest into which the questions fit,
and the largest that is tried unasked."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a target's answers took: counts, seconds, tokens a second, and US dollars, None where unknown.

    `is_charged`: the price of each answer is what the provider says that it charged. `listed_price` is by the lists.
    """

    requests: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    price: float | None
    first_token_p50: float | None
    first_token_p95: float | None
    tokens_per_second_p50: float | None
    tokens_per_second_p95: float | None
    models: tuple[str, ...]
    same_seed_same_answer: bool | None
    is_charged: bool = False
    listed_price: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A target beside the reference. The reference's own has no findings, and the verdict "same"."""

    target: str
    reference: str
    window: int
    verdict: Verdict
    findings: tuple[ProbeFinding, ...]
    figures: Figures


async def check_up(
    gateway: Gateway,
    caller: Caller,
    reference: str,
    targets: Sequence[str],
    *,
    window: int | None = None,
    max_requests: int = MAX_REQUESTS,
    seed: int = 0,
) -> list[Card]:
    """The cards, the reference's first. The targets are asked at the same time, each one question after the other.

    `window` is the one that is claimed, in tokens; None asks the providers.
    """
    if window is None:
        window = await _claimed_window(caller.session, [reference, *targets])
    window = max(window, MIN_WINDOW)
    asked = [
        ask_all(gateway, caller, target, make_questions(window, target, seed=seed), max_requests=max_requests)
        for target in (reference, *targets)
    ]
    theirs, *others = await asyncio.gather(*asked)
    cards = [Card(reference, reference, window, "same", (), sum_up(theirs))]
    for target, samples in zip(targets, others, strict=True):
        findings = tuple(find_differences(samples, theirs))
        cards.append(Card(target, reference, window, overall(findings), findings, sum_up(samples)))
    return cards


async def _claimed_window(session: Session, targets: Sequence[str]) -> int:
    """The smallest window that a provider claims for one of the targets, up to `MAX_WINDOW`."""
    claimed = []
    for target in targets:
        provider, model = split_target(target)
        try:
            models = await session.models(provider)
        except LLMHubError:
            models = ()
        listed = next((info.context for info in models if info.id == model), None)
        claimed.append(listed or session.prices.context(provider, model))
    known = [context for context in claimed if context]
    return min(*known, MAX_WINDOW) if known else USUAL_WINDOW


def sum_up(samples: Sequence[Sample]) -> Figures:
    """The figures of a target."""
    answered = [sample for sample in samples if not sample.problem]
    waits = [sample.first_token for sample in answered if sample.first_token is not None]
    rates = [rate for sample in answered if (rate := sample.tokens_per_second) is not None]
    seeded = [sample.text for sample in answered if sample.question.probe == "seed" and "seed" not in sample.ignored]
    usages = [sample.usage or {} for sample in answered]
    return Figures(
        requests=sum(sample.requests for sample in samples),
        failures=len(samples) - len(answered),
        prompt_tokens=sum(usage.get("prompt_tokens", 0) for usage in usages),
        completion_tokens=sum(usage.get("completion_tokens", 0) for usage in usages),
        price=_total([sample.price for sample in answered]),
        first_token_p50=quantile(waits, 0.5),
        first_token_p95=quantile(waits, 0.95),
        tokens_per_second_p50=quantile(rates, 0.5),
        tokens_per_second_p95=quantile(rates, 0.95),
        models=tuple(sorted({sample.model for sample in answered})),
        same_seed_same_answer=len(set(seeded)) == 1 if len(seeded) > 1 else None,
        is_charged=bool(answered) and all(reports_price(sample.usage) for sample in answered),
        listed_price=_total([sample.listed_price for sample in answered]),
    )


def _total(prices: Sequence[float | None]) -> float | None:
    return None if None in prices else sum(price for price in prices if price is not None)

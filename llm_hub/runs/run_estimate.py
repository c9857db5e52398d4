"""What a run will ask, and what it will cost as far as that can be told before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, product
from typing import TYPE_CHECKING

from llm_hub.chat import Attempt, ChatRequest, Message, Role, Usage, split_target
from llm_hub.errors import ConfigurationError
from llm_hub.gateway.request_size import MIN_BYTES_PER_TOKEN, request_tokens
from llm_hub.runs.judge import INSTRUCTION, JUDGE_TOKENS, JudgePlan
from llm_hub.usage.prompt_tokens import TokenEstimate, estimate_messages, request_form

if TYPE_CHECKING:
    from llm_hub.runs.answering_hub import RunSession
    from llm_hub.runs.run_plan import RunPlan


@dataclass(frozen=True, slots=True)
class TargetEstimate:
    """Of one target: its requests, the tokens of their prompts, and US dollars.

    `least` is what the prompts cost, `most` what it is with answers as long as they may be. None: nobody knows. Where
    both are 0, it is free. The `is_judge` reads answers, too, which are not in `prompt_tokens` and `least`.
    """

    target: str
    requests: int
    prompt_tokens: int | None
    least: Decimal | None
    most: Decimal | None
    is_judge: bool = False


def estimate_run(plan: RunPlan, session: RunSession) -> list[TargetEstimate]:
    """The estimate of each target, in order, and of the judge. It says nothing of retries and of fallbacks."""
    targets = [_estimate_target(plan, session, target) for target in plan.targets]
    return [*targets, _estimate_judge(plan, session)] if plan.judge else targets


def _estimate_target(plan: RunPlan, session: RunSession, target: str) -> TargetEstimate:
    model = split_target(target)[1]
    requests = plan.size // len(plan.targets)
    each = request_form(model) + (estimate_messages(model, plan.system) if plan.system.strip() else TokenEstimate())
    total, least, most = TokenEstimate(), Decimal(0), Decimal(0)
    is_priced, is_bounded = True, plan.max_tokens is not None
    for texts in plan.texts:
        for text in texts:
            tokens = each + estimate_messages(model, text)
            total += tokens
            low = price_tokens(session, target, round(tokens.tokens), 0)
            high = price_tokens(session, target, round(tokens.tokens), plan.max_tokens or 0)
            if low is None or high is None:
                is_priced = False
            else:
                least, most = least + low, most + high
    is_free = is_priced and price_tokens(session, target, 10**6, 10**6) == 0
    if is_free:
        is_bounded = True
    is_priced = is_priced and (total.is_known or is_free)
    return TargetEstimate(
        target,
        requests,
        round(total.tokens) * plan.repeats if total.is_known else None,
        least * plan.repeats if is_priced else None,
        most * plan.repeats if is_priced and is_bounded else None,
    )


def _estimate_judge(plan: RunPlan, session: RunSession) -> TargetEstimate:
    """What the judge is asked if no two answers are the same. Each request has two of them, and the prompt of a pair of
    targets, or the two of a pair of variants: each of these counts for one of the pair's two requests."""
    judge, model = plan.judge, split_target(plan.judge)[1]
    requests = JudgePlan(plan, {}).size
    rubric = estimate_messages(model, INSTRUCTION) + estimate_messages(model, "\n".join(plan.rubric))
    total, least, most = TokenEstimate(), Decimal(0), Decimal(0)
    counts = {1: len(plan.targets) - 1, 2: len(plan.templates) - 1}
    for text, (prompts, others) in product(chain.from_iterable(plan.texts), counts.items()):
        times = plan.repeats * len(plan.targets) * others
        tokens = request_form(model) + rubric + estimate_messages(model, *[text] * prompts)
        total += TokenEstimate(tokens.tokens * times, tokens.guessed * times)
        low = price_tokens(session, judge, round(tokens.tokens), 0)
        high = price_tokens(session, judge, round(tokens.tokens) + 2 * (plan.max_tokens or 0), JUDGE_TOKENS)
        if low is None or high is None:
            return TargetEstimate(judge, requests, None, None, None, is_judge=True)
        least, most = least + low * times, most + high * times
    is_free = most == 0
    return TargetEstimate(
        judge,
        requests,
        round(total.tokens) if total.is_known else None,
        least if total.is_known or is_free else None,
        most if is_free or (total.is_known and plan.max_tokens is not None) else None,
        is_judge=True,
    )


def check_prices(plan: RunPlan, session: RunSession) -> None:
    """Raises `ConfigurationError` for a ceiling with somebody whose price is unknown."""
    if plan.max_usd is None:
        return
    text = (Message(Role.USER, "?"),)
    asked = dict.fromkeys((*plan.targets, *plan.fallback), plan.max_tokens)
    asked |= {plan.judge: JUDGE_TOKENS} if plan.judge else {}
    for target, max_tokens in asked.items():
        if most_usd(session, ChatRequest(text, target, max_tokens=max_tokens), target) is None:
            raise unknown_price(target)


def unknown_price(target: str) -> ConfigurationError:
    """What is said where a ceiling cannot be kept."""
    return ConfigurationError(
        f"What {target} costs is not known, so no ceiling can be kept.",
        hint="Set its price in LLM_HUB_PRICES, or leave out the ceiling.",
    )


def most_usd(session: RunSession, request: ChatRequest, target: str) -> Decimal | None:
    """The most that one attempt at a target may cost; None where nobody knows."""
    if session.prices.has_fees(target) or request.max_tokens is None:
        free = price_tokens(session, target, 10**6, 10**6)
        return free if free == 0 else None
    return price_tokens(session, target, request_tokens(request, MIN_BYTES_PER_TOKEN), request.max_tokens)


def price_tokens(session: RunSession, target: str, prompt: int, answer: int) -> Decimal | None:
    """US dollars for so many tokens of a target; None where nobody knows."""
    provider, model = split_target(target)
    usage = Usage(prompt_tokens=prompt, completion_tokens=answer)
    return session.prices.of(Attempt(provider, model, 0.0, 0.0, None, "", usage=usage))

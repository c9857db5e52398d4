"""In which order the models of a route are asked where somebody wishes another order than the given one."""

from __future__ import annotations

import math
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from llm_hub.chat import Attempt, Usage, split_target
from llm_hub.router.attempt_history import MAX_MEASURED_AGE, AttemptHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.chat import Order
    from llm_hub.usage.prices import Prices

_BLEND = Usage(prompt_tokens=3000, completion_tokens=1000)
"""What prices are compared for: three tokens of a prompt for each token of an answer, as price lists blend them."""


def sort_targets(
    targets: tuple[str, ...], order: Order, history_of: Callable[[str], AttemptHistory | None], prices: Prices
) -> Sequence[str]:
    """Targets in another order than the given one; equal ones stay as they were. `history_of` finds the attempts at a
    provider, by its name."""

    def delay(target: str) -> float:
        provider, model = split_target(target)
        return expected_delay(history_of(provider), model)

    match order:
        case "fastest":
            return sorted(targets, key=delay)
        case "cheapest":
            return sorted(targets, key=partial(token_price, prices))
    return targets


def expected_delay(history: AttemptHistory | None, model: str) -> float:
    """The seconds until a model's first token comes, for all that is known: the median of the last hour's.

    0 for a model that was not asked in that time, so that it is measured: it may be faster by now. Infinity for one
    that only failed.
    """
    recent = [past.attempt for past in history.attempts(model) if past.age <= MAX_MEASURED_AGE] if history else []
    if history is None or not any(attempt.was_sent for attempt in recent):
        return 0.0
    delays = history.first_token_delays(model)
    return median(delays) if delays else math.inf


def token_price(prices: Prices, target: str) -> float:
    """What a model's tokens cost beside those of others: US dollars for 3,000 of a prompt and 1,000 of an answer.

    Infinity where no price is known.
    """
    provider, model = split_target(target)
    price = prices.of(Attempt(provider, model, 0.0, 0.0, None, "answered", usage=_BLEND))
    return math.inf if price is None else float(price)

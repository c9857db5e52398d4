"""In which order the models of a route are asked where somebody wishes another order than the given one."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from llm_hub.chat import Attempt, Usage, split_target

if TYPE_CHECKING:
    from llm_hub.router.attempt_history import AttemptHistory
    from llm_hub.usage.prices import Prices

MAX_MEASURED_AGE = 3600.0
"""Seconds that a measured speed holds. Who was not asked since then may be faster by now, and is measured anew."""
_BLEND = Usage(prompt_tokens=3000, completion_tokens=1000)
"""What prices are compared for: three tokens of a prompt for each token of an answer, as price lists blend them."""


def expected_delay(history: AttemptHistory | None, model: str) -> float:
    """The seconds until a model's first token comes, for all that is known: the median of the last hour's answers.

    0 for a model that was not asked in that time, so that it is measured; infinity for one that only failed.
    """
    recent = [past.attempt for past in history.attempts(model) if past.age <= MAX_MEASURED_AGE] if history else []
    sent = [attempt for attempt in recent if attempt.was_sent]
    if not sent:
        return 0.0
    delays = [each.first_token for each in sent if each.outcome == "answered" and each.first_token is not None]
    return median(delays) if delays else math.inf


def token_price(prices: Prices, target: str) -> float:
    """What a model's tokens cost beside those of others: US dollars for 3,000 of a prompt and 1,000 of an answer.

    Infinity where no price is known.
    """
    provider, model = split_target(target)
    price = prices.of(Attempt(provider, model, 0.0, 0.0, None, "answered", usage=_BLEND))
    return math.inf if price is None else float(price)

"""What an answer cost, by the public price lists of genai-prices. What they do not list is unknown, never 0."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

    from llm_hub.chat import Usage

_MILLION = 1_000_000


class _Rates(NamedTuple):
    """US dollars for a token of the prompt, for one that was read from the cache, and for one of the answer."""

    prompt: Decimal
    cached: Decimal
    answer: Decimal


def price(model: str, usage: Usage | None, prices: str) -> Decimal | None:
    """US dollars. `prices` is the provider's id in genai-prices, "free", or "" where it has none."""
    if prices == "free":
        return Decimal(0)
    if not prices or not usage or "prompt_tokens" not in usage or "completion_tokens" not in usage:
        return None
    if prices == "huggingface":  # listed by the provider behind the router, which the model's name may tell
        model, _, behind = model.partition(":")
        prices = f"huggingface_{behind}"
    prompt, answer, cached = usage["prompt_tokens"], usage["completion_tokens"], usage.get("cached_tokens", 0)
    listed = _listed(model, prices)
    if listed is None or not 0 <= cached <= prompt:
        return None
    if isinstance(listed, _Rates):
        return (prompt - cached) * listed.prompt + cached * listed.cached + answer * listed.answer
    return _calculated(model, prices, prompt, answer, cached)


@lru_cache(maxsize=1000)
def _listed(model: str, prices: str) -> _Rates | ModelInfo | None:
    """What the lists say of a model: plain rates where it has such, for asking them takes a tenth of a millisecond."""
    from genai_prices.data_snapshot import get_snapshot  # a third of a second: loaded with the first price
    from genai_prices.types import ModelPrice, TieredPrices

    try:
        _, found = get_snapshot().find_provider_model(model, None, prices, None)
    except LookupError:
        return None
    plain = isinstance(found.prices, ModelPrice) and not any(
        isinstance(rate, TieredPrices) for rate in vars(found.prices).values()
    )
    if not plain:  # it depends on the time, or on the length of the prompt
        return found
    return _Rates(
        _calculated(model, prices, _MILLION, 0, 0) / _MILLION,
        _calculated(model, prices, _MILLION, 0, _MILLION) / _MILLION,
        _calculated(model, prices, 0, _MILLION, 0) / _MILLION,
    )


def _calculated(model: str, prices: str, prompt: int, answer: int, cached: int) -> Decimal:
    from genai_prices import Usage, calc_price

    tokens = Usage(input_tokens=prompt, output_tokens=answer, cache_read_tokens=cached)
    return calc_price(tokens, model, provider_id=prices).total_price

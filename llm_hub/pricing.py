"""What an answer cost, by the public price lists of genai-prices. What they do not list is unknown, never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_hub.chat import Usage


def price(model: str, usage: Usage | None, prices: str) -> Decimal | None:
    """US dollars. `prices` is the provider's id in genai-prices, "free", or "" where it has none."""
    if prices == "free":
        return Decimal(0)
    if not prices or not usage or "prompt_tokens" not in usage or "completion_tokens" not in usage:
        return None
    if prices == "huggingface":  # listed by the provider behind the router, which the model's name may tell
        model, _, behind = model.partition(":")
        prices = f"huggingface_{behind}"
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price  # a third of a second: loaded with the first answer that has a price

    tokens = Tokens(
        input_tokens=usage["prompt_tokens"],
        output_tokens=usage["completion_tokens"],
        cache_read_tokens=usage.get("cached_tokens", 0),
    )
    try:
        return calc_price(tokens, model, provider_id=prices).total_price
    except LookupError:
        return None

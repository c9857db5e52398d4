"""How the page writes seconds, dollars, counts and the names of targets."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from llm_hub.chat import reports_price
from llm_hub.ui.texts import answers_texts as texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.chat import Usage

Titles = dict[str, str]
"""The titles that the page gives providers, by provider name."""


def format_price(amount: Decimal | None) -> str:
    """A price in US dollars. One that is unknown is never written as nothing."""
    if amount is None:
        return texts.PRICE_UNKNOWN
    if amount == 0:
        return "free"
    if amount < Decimal("0.0001"):
        return "under $0.0001"
    places = 2 if amount >= 1 else 4
    return f"${amount:.{places}f}"


def format_cost(amount: Decimal | None, usage: Usage | None) -> str:
    """The price of an answer that took these tokens."""
    return format_spent(amount, amount if amount and reports_price(usage) else Decimal(0))


def format_spent(amount: Decimal | None, reported: Decimal) -> str:
    """A price, marked where it or `reported`, a part of it, is what a provider says that it charged."""
    price = format_price(amount)
    if not amount or not reported:
        return price
    return (
        texts.CHARGED.format(price=price)
        if reported == amount
        else f"{price} ({texts.CHARGED.format(price=format_price(reported))})"
    )


def format_seconds(value: float) -> str:
    """A duration with two figures or more: 0.42 s, 3.1 s, 75 s."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def format_age(age: float) -> str:
    """How long ago something was: 12 s ago, 3 min ago, 2 h ago; assets/page.js counts on in the same words."""
    for unit, length in (("h", 3600), ("min", 60)):
        if age >= length:
            return f"{age // length:.0f} {unit} ago"
    return f"{age:.0f} s ago"


def format_target(provider: str, model: str, titles: Mapping[str, str]) -> str:
    """A provider and a model in a reader's words: OpenAI · gpt-6-luna."""
    title = titles.get(provider, provider)
    return f"{title} · {model}" if model else title


def format_target_id(target_id: str, titles: Mapping[str, str]) -> str:
    """The same for a target as the hub names it: openai/gpt-6-luna."""
    provider, _, model = target_id.partition("/")
    return format_target(provider, model, titles)


def format_count(number: int, noun: str) -> str:
    """1 word, 2 words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

"""What an answer cost: as its provider says, else by the owner's own price, else by the price lists of genai-prices.

A price that nobody lists is unknown (None), never 0. Asking the lists takes a tenth of a millisecond, so the price of a
token is looked up once for each model, and again where it depends on the time or on the length of the prompt.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from llm_hub.chat import split_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from genai_prices.types import ModelInfo, ModelPrice

    from llm_hub.chat import Attempt, Usage

_MILLION = 1_000_000
_BILLION = 10**9
_DATE = re.compile(r"-20\d\d-?[01]\d-?[0-3]\d$")
"""The date of a model's snapshot, which costs what the model does: lists do not have each of them."""
_FEES = re.compile(r"(?<!re)search|deep-research|sonar|image|:online", re.IGNORECASE)
_TOKENS = frozenset({"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok"})
_NEVER_ASKED = frozenset(
    {"web_searches_kcount", "storage_searches_kcount", "input_audio_mtok", "cache_audio_read_mtok", "input_video_mtok"}
)
"""Rates of the lists for tools of the vendor's, and for sound and films: the hub sends none."""

_WRITE_FACTOR, _HOUR_FACTOR = Decimal("1.25"), Decimal("1.6")
"""What a token costs that Anthropic writes to its cache, in those of the prompt, and what it costs to keep it an hour,
in those of five minutes: platform.claude.com, "Prompt caching"."""

OwnPrice = tuple[Decimal, ...]
"""What the owner says that a model costs: US dollars for a million tokens of the prompt, and of the answer; then, where
the owner says it, of those that are read from the cache, and of those that are written to it."""


class Priced(Protocol):
    """An answer or one attempt at it, as far as its price depends on it."""

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def usage(self) -> Usage | None: ...


class Prices:
    """The prices of one hub. `lists` has for each provider its id in genai-prices: "free" for nothing, "" for none.

    `own` are the owner's prices, by `provider/model` or by a provider's name for all of its models. They go before the
    lists. What a provider says that it charged goes before both.
    """

    def __init__(self, lists: Mapping[str, str], own: Mapping[str, OwnPrice]) -> None:
        self._lists = lists
        self._own = own

    def of(self, answer: Priced) -> Decimal | None:
        """US dollars that an answer, or one attempt at it, cost; None where that is unknown."""
        reported = answer.usage.get("reported_nanodollars") if answer.usage else None
        return Decimal(reported) / _BILLION if reported else self.listed(answer)

    def priced(self, attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
        """The attempts with their prices. One that has a price keeps it."""
        return tuple(map(self._priced, attempts))

    def _priced(self, attempt: Attempt) -> Attempt:
        price = self.of(attempt) if attempt.price is None else None
        return attempt if price is None else replace(attempt, price=price)

    def listed(self, answer: Priced) -> Decimal | None:
        """US dollars by the owner's prices and the lists, whatever the provider says; None where they do not know."""
        names = _names(answer)
        exact = (own for name in names if (own := self._own.get(f"{answer.provider}/{name}")))
        if own := next(exact, None) or self._own.get(answer.provider):
            return _own_total(own, answer.usage, self._lists.get(answer.provider, ""))
        lists = self._lists.get(answer.provider, "")
        prices = (price(name, answer.usage, lists) for name in names)
        return next((listed for listed in prices if listed is not None), None)

    def has_fees(self, target: str) -> bool:
        """Whether a target may cost more than its tokens, and the owner has not said how much it costs."""
        provider, model = split_target(target)
        if self._own_price(provider, model) is not None:
            return False
        return has_fees(model, self._lists.get(provider, ""))

    def context(self, provider: str, model: str) -> int | None:
        """The tokens of a model's context, as the price lists say; None: they do not."""
        listed = _price_entry(model, self._lists.get(provider, ""))
        return None if listed is None else listed.context

    def names(self, target: str) -> bool:
        """Whether the owner has set a price for exactly this target."""
        return target in self._own

    def _own_price(self, provider: str, model: str) -> OwnPrice | None:
        return self._own.get(f"{provider}/{model}") or self._own.get(provider)


def _names(answer: Priced) -> tuple[str, ...]:
    """The model's names: by which it was asked, and by which the server calls it."""
    attempts: tuple[Attempt, ...] = getattr(answer, "attempts", ())
    requested = attempts[-1].model if attempts and attempts[-1].provider == answer.provider else answer.model
    return tuple(dict.fromkeys((answer.model, requested)))


class _Rates(NamedTuple):
    """US dollars for a token of the prompt, for one that was read from the cache, one that was written to it, one that
    was written to it for an hour, and one of the answer."""

    prompt: Decimal
    cached: Decimal
    written: Decimal
    hour: Decimal
    answer: Decimal

    def total(self, usage: Usage) -> Decimal | None:
        """What these tokens cost; None where their counts contradict each other."""
        prompt, cached = usage["prompt_tokens"], usage.get("cached_tokens", 0)
        written = usage.get("cache_write_tokens", 0)
        hour = usage.get("cache_write_1h_tokens", 0)
        if not 0 <= cached <= cached + written <= prompt or not 0 <= hour <= written:
            return None
        kept = cached * self.cached + (written - hour) * self.written + hour * self.hour
        return (prompt - cached - written) * self.prompt + kept + usage["completion_tokens"] * self.answer


def price(model: str, usage: Usage | None, prices: str) -> Decimal | None:
    """US dollars. `prices` is the provider's id in genai-prices, "free", or "" where it has none."""
    if prices == "free":
        return Decimal(0)
    if not prices or not usage or "prompt_tokens" not in usage or "completion_tokens" not in usage:
        return None
    if prices == "openrouter" and model.endswith(":free"):
        return Decimal(0)  # openrouter.ai/docs, "Model Variants"
    listed = _price_entry(model, prices)
    return None if listed is None else listed.rates(usage["prompt_tokens"]).total(usage)


def _own_total(own: OwnPrice, usage: Usage | None, prices: str) -> Decimal | None:
    """US dollars at the owner's price. Where that says nothing of caches, cached tokens cost the full price, and with
    Anthropic those that are written to the cache its surcharge."""
    if not usage or "prompt_tokens" not in usage or "completion_tokens" not in usage:
        return None
    prompt, answer, *caches = own
    cached, written = caches or (prompt, prompt * _WRITE_FACTOR if prices == "anthropic" else prompt)
    hour = written * _HOUR_FACTOR if written > prompt else written
    total = _Rates(prompt, cached, written, hour, answer).total(usage)
    if total is None:
        total = usage["prompt_tokens"] * prompt + usage["completion_tokens"] * answer
    return total / _MILLION


def has_fees(model: str, prices: str = "") -> bool:
    """Whether a model costs more than its tokens (a fee for each search, image, minute or message), as far as its name
    and the lists tell."""
    if _FEES.search(model):
        return True
    listed = _price_entry(model, prices)
    return listed is not None and listed.has_fees


class _PriceEntry:
    """A model of the lists, and its rates as far as they were asked for."""

    def __init__(self, model: ModelInfo) -> None:
        self._model = model
        self._starts: dict[int, tuple[int, ...]] = {}
        self._rates: dict[tuple[int, int], _Rates] = {}

    @property
    def context(self) -> int | None:
        return self._model.context_window

    @property
    def has_fees(self) -> bool:
        """Whether the list has a rate for more than its tokens, or none at all for what its name does not call free."""
        now = vars(self._model.get_prices(datetime.now(UTC)))
        rates = {name for name, rate in now.items() if rate is not None and not name.startswith("_")}
        return bool(rates - _TOKENS - _NEVER_ASKED) or (not rates and not self._model.id.endswith(":free"))

    def rates(self, prompt: int) -> _Rates:
        """What each token costs now, where a prompt has so many."""
        now = self._model.get_prices(datetime.now(UTC))  # an object that lives as long as the lists do
        if id(now) not in self._starts:
            self._starts[id(now)] = _starts(now)
        start = max((length for length in self._starts[id(now)] if length < prompt), default=0)
        place = (id(now), start)
        if place not in self._rates:
            self._rates[place] = _token_rates(now, start + 1)
        return self._rates[place]


def _price_entry(model: str, prices: str) -> _PriceEntry | None:
    if not prices or prices == "free":
        return None
    if prices == "huggingface":  # listed by the provider behind the router, which the model's name may tell
        model, _, behind = model.partition(":")
        prices = f"huggingface_{behind}"
    return _lookup(model, prices)


@lru_cache(maxsize=1000)
def _lookup(model: str, prices: str) -> _PriceEntry | None:
    from genai_prices.data_snapshot import get_snapshot  # a third of a second: loaded with the first price

    name = model.removeprefix("models/")  # as Gemini's own list calls its models
    for known in (name, _DATE.sub("", name)):
        with suppress(LookupError):
            return _PriceEntry(get_snapshot().find_provider_model(known, None, prices, None)[1])
    return None


def _starts(prices: ModelPrice) -> tuple[int, ...]:
    """The lengths of a prompt beyond which every token has another price."""
    from genai_prices.types import TieredPrices

    tiered = (rate for rate in vars(prices).values() if isinstance(rate, TieredPrices))
    return tuple({tier.start for rate in tiered for tier in rate.tiers})


def _token_rates(prices: ModelPrice, prompt: int) -> _Rates:
    """The rates for a prompt of this length."""
    from genai_prices import Usage

    def cost(**tokens: int) -> Decimal:
        return prices.calc_price(Usage(input_tokens=prompt, **tokens))["total_price"]

    fresh, cached = cost(), cost(cache_read_tokens=prompt)
    hour = cost(cache_write_tokens=prompt, cache_write_1h_tokens=prompt)
    return _Rates(
        fresh / prompt,
        cached / prompt,
        max(fresh, cached, cost(cache_write_tokens=prompt)) / prompt,  # some lists have what keeping it costs on top
        max(2 * fresh, hour) / prompt,  # Anthropic's price, which the lists of those who resell it lack
        (cost(output_tokens=_MILLION) - fresh) / _MILLION,
    )

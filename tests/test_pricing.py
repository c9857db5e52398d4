"""Prices agree with the lists they are taken from."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from genai_prices import Usage as Tokens
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot

from llm_hub.chat import Usage
from llm_hub.factory import ROWS
from llm_hub.pricing import _listed, _Rates, price

USAGE = Usage(prompt_tokens=1234, completion_tokens=567, cached_tokens=89)
LISTED = {provider.id: [model.id for model in provider.models] for provider in get_snapshot().providers}


@pytest.mark.parametrize("provider", sorted({row.prices for row in ROWS.values()} & LISTED.keys()))
def test_every_listed_model_costs_what_the_list_says(provider: str) -> None:
    tokens = Tokens(input_tokens=1234, output_tokens=567, cache_read_tokens=89)
    compared = 0
    for model in LISTED[provider]:
        with suppress(LookupError):  # some are listed under names by which the list itself does not find them
            assert calc_price(tokens, model, provider_id=provider).total_price == price(model, USAGE, provider), model
            compared += 1
    assert compared


def test_a_price_that_depends_on_the_length_of_the_prompt_is_not_taken_for_a_plain_one() -> None:
    tiered = [model for model in LISTED["google"] if not isinstance(_listed(model, "google"), _Rates)]
    assert tiered
    short, long = ((price(tiered[0], Usage(prompt_tokens=n, completion_tokens=0), "google") or 0) for n in (1, 10**6))
    assert long != short * 10**6


def test_what_no_list_knows_has_no_price() -> None:
    assert price("no-such-model", USAGE, "openai") is None
    assert price("gpt-5", Usage(prompt_tokens=1), "openai") is None
    assert price("gpt-5", USAGE, "") is None
    assert price("gpt-5", Usage(prompt_tokens=1, completion_tokens=1, cached_tokens=5), "openai") is None


def test_what_runs_at_home_is_free() -> None:
    assert price("anything", USAGE, "free") == Decimal(0)

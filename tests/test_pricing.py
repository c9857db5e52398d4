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
from llm_hub.pricing import price

LISTED = {provider.id: [model.id for model in provider.models] for provider in get_snapshot().providers}
COUNTS = ((1234, 567, 89), (0, 10, 0), (200_000, 1, 200_000), (272_001, 5000, 7), (3_000_000, 80_000, 0))


@pytest.mark.parametrize("provider", sorted({row.prices for row in ROWS.values()} & LISTED.keys()))
def test_every_listed_model_costs_what_the_list_says(provider: str) -> None:
    compared = 0
    for model in LISTED[provider]:
        for prompt, answer, cached in COUNTS:
            usage = Usage(prompt_tokens=prompt, completion_tokens=answer, cached_tokens=cached)
            tokens = Tokens(input_tokens=prompt, output_tokens=answer, cache_read_tokens=cached)
            with suppress(LookupError):  # some are listed under names by which the list itself does not find them
                listed = calc_price(tokens, model, provider_id=provider).total_price
                assert price(model, usage, provider) == listed, (model, usage)
                compared += 1
    assert compared


def test_what_no_list_knows_has_no_price() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=10)
    assert price("no-such-model", usage, "openai") is None
    assert price("gpt-5", Usage(prompt_tokens=1), "openai") is None
    assert price("gpt-5", usage, "") is None
    assert price("gpt-5", Usage(prompt_tokens=1, completion_tokens=1, cached_tokens=5), "openai") is None


def test_what_runs_at_home_is_free() -> None:
    assert price("anything", Usage(), "free") == Decimal(0)

"""Prices agree with the lists they are taken from."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage as Tokens
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from pydantic import ValidationError

from llm_hub.chat import Attempt, LLMResponse, Usage, reports_price
from llm_hub.providers import anthropic_usage
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.providers.openai_usage import read_timings, read_usage
from llm_hub.settings import Settings
from llm_hub.usage.prices import Prices, has_fees, price

LISTED = {provider.id: [model.id for model in provider.models] for provider in get_snapshot().providers}
NO_AMOUNTS: tuple[object, ...] = (0, -1, "0.1", True, None, float("nan"), float("inf"), 10**9, {})
COUNTS = ((1234, 567, 89), (0, 10, 0), (200_000, 1, 200_000), (272_001, 5000, 7), (3_000_000, 80_000, 0))


@pytest.mark.parametrize("provider", sorted({row.prices for row in PROVIDERS.values()} & LISTED.keys()))
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


@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-6-luna"), ("anthropic", "claude-haiku-5-5")])
def test_what_is_written_to_a_cache_costs_more(provider: str, model: str) -> None:
    usage = Usage(prompt_tokens=9000, completion_tokens=10, cached_tokens=1000, cache_write_tokens=5000)
    tokens = Tokens(input_tokens=9000, output_tokens=10, cache_read_tokens=1000, cache_write_tokens=5000)
    listed = calc_price(tokens, model, provider_id=provider).total_price
    assert price(model, usage, provider) == listed
    assert listed > (price(model, Usage(prompt_tokens=9000, completion_tokens=10, cached_tokens=1000), provider) or 0)


@pytest.mark.parametrize("provider", sorted({row.prices for row in PROVIDERS.values()} & LISTED.keys()))
def test_no_model_is_dearer_than_what_is_reserved_for_it(provider: str) -> None:
    for model in LISTED[provider]:
        for prompt in (1000, 300_000):
            written = Usage(prompt_tokens=prompt, completion_tokens=9, cache_write_tokens=prompt)
            dearest = price(model, written, provider)
            for cached, cache_written in ((0, 0), (prompt, 0), (prompt // 2, prompt // 2)):
                usage = Usage(
                    prompt_tokens=prompt, completion_tokens=9, cached_tokens=cached, cache_write_tokens=cache_written
                )
                assert (price(model, usage, provider) or 0) <= (dearest or 0), model


@pytest.mark.parametrize(
    ("name", "provider", "listed"),
    [
        ("models/gemini-3.5-flash", "google", "gemini-3.5-flash"),
        ("gpt-6-luna-2026-08-06", "openai", "gpt-6-luna"),
        ("claude-haiku-5-5-20260806", "anthropic", "claude-haiku-5-5"),
    ],
)
def test_a_model_costs_the_same_by_the_name_in_its_providers_own_list(name: str, provider: str, listed: str) -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=1000)
    assert price(listed, usage, provider)
    assert price(name, usage, provider) == price(listed, usage, provider)


def test_openrouters_free_variants_are_free_listed_or_not() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=1000)
    assert price("new/model:free", usage, "openrouter") == 0
    assert price("new/model", usage, "openrouter") is None


def test_an_answer_costs_what_the_model_costs_that_was_asked() -> None:
    """Servers call their models otherwise than they were asked: by a file's name, for example."""
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=0)
    attempt = Attempt("mine", "small", 0.0, 1.0, None, "answered", usage=usage)
    answer = LLMResponse("Yes.", "/models/small.gguf", usage, "stop", "mine", attempts=(attempt,))
    assert Prices({}, {"mine/small": (Decimal(3), Decimal(4)), "mine": (Decimal(9), Decimal(9))}).of(answer) == 3


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("grok-voice-latest", "x-ai"),  # for a minute, and for a message
        ("gemini-nano-banana-2.1", "google"),  # for tokens of images
        ("gpt-realtime-whisper", "openai"),
        ("google/lyria-3-pro-preview", "openrouter"),  # the list has no price at all
    ],
)
def test_a_rate_for_more_than_tokens_is_a_fee(model: str, provider: str) -> None:
    assert has_fees(model, provider)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-6-luna", "openai"),
        ("claude-opus-5-5", "anthropic"),
        ("gemini-flash-latest", "google"),
        ("grok-4", "x-ai"),
        ("openai/gpt-oss-20b:free", "openrouter"),
        ("openai/gpt-oss-20b:groq", "huggingface"),
        ("no-such-model", "openai"),
        ("anything", "free"),
    ],
)
def test_tokens_alone_are_no_fee(model: str, provider: str) -> None:
    assert not has_fees(model, provider)


def test_what_no_list_knows_has_no_price() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=10)
    assert price("no-such-model", usage, "openai") is None
    assert price("gpt-5", Usage(prompt_tokens=1), "openai") is None
    assert price("gpt-5", usage, "") is None
    assert price("gpt-5", Usage(prompt_tokens=1, completion_tokens=1, cached_tokens=5), "openai") is None


def test_what_runs_at_home_is_free() -> None:
    assert price("anything", Usage(), "free") == Decimal(0)


@pytest.mark.parametrize(
    ("reported", "billed"),
    [
        (  # xAI: what was reasoned is in the total alone
            {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
             "completion_tokens_details": {"reasoning_tokens": 94}},
            (32, 103, 0, 0),
        ),
        ({"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 81}, (21, 60, 0, 0)),  # Gemini
        (  # OpenAI: it is part of completion_tokens; what is written to the cache costs more
            {"prompt_tokens": 2000, "completion_tokens": 103, "total_tokens": 2103,
             "completion_tokens_details": {"reasoning_tokens": 94},
             "prompt_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 1400}},
            (2000, 103, 500, 1400),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 3}, (5, 7, 0, 0)),
        ({"prompt_tokens": 5, "completion_tokens": 7}, (5, 7, 0, 0)),
    ],
    ids=["xai", "gemini", "openai", "a total that is none", "no total"],
)  # fmt: skip
def test_what_a_provider_bills_is_counted(reported: dict[str, Any], billed: tuple[int, ...]) -> None:
    usage = read_usage(reported)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == billed[:2]
    assert (usage.get("cached_tokens", 0), usage.get("cache_write_tokens", 0)) == billed[2:]


def test_what_anthropic_writes_to_its_cache_is_counted() -> None:
    usage = anthropic_usage.read_usage(
        {"input_tokens": 10, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 30}
    )
    assert usage == {"prompt_tokens": 60, "cached_tokens": 20, "cache_write_tokens": 30}


def test_a_count_that_is_not_told_is_absent() -> None:
    assert read_usage({}) == {}
    assert read_usage({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}) == {}
    counts = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    assert read_usage(counts | {"prompt_tokens_details": None, "completion_tokens_details": {}}) == counts


@pytest.mark.parametrize(
    ("reported", "nanodollars"),
    [
        ({"cost": 0.0042, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.0042}}, 4_200_000),
        ({"cost": 8.41006e-05}, 84_101),
        ({"cost": 0.0005, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.01}}, 10_500_000),
        ({"cost": 0.0005, "is_byok": True, "cost_details": None}, None),
        ({"cost_in_usd_ticks": 37_756_000}, 3_775_600),
        *(({"cost": cost}, None) for cost in NO_AMOUNTS),
    ],
)
def test_what_a_provider_says_that_it_charged_is_the_price(reported: dict[str, Any], nanodollars: int | None) -> None:
    usage = read_usage({"prompt_tokens": 1000, "completion_tokens": 500} | reported)
    assert usage.get("reported_nanodollars") == nanodollars
    assert reports_price(usage) is (nanodollars is not None)
    attempt = Attempt("mine", "tug", 0, 1, 0.5, "answered", usage=usage)
    prices = Prices({}, {"mine": (Decimal(3), Decimal(4))})
    assert prices.listed(attempt) == Decimal("0.005")
    assert prices.of(attempt) == (Decimal("0.005") if nanodollars is None else Decimal(nanodollars) / 10**9)


def test_llama_cpps_timings_are_counts() -> None:
    usage = read_timings({"cache_n": 236, "prompt_n": 1, "predicted_n": 35, "predicted_ms": 661.0})
    assert usage == {"prompt_tokens": 237, "completion_tokens": 35, "total_tokens": 272, "cached_tokens": 236}


CACHED: Usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, "cached_tokens": 300,
    "cache_write_tokens": 500, "cache_write_1h_tokens": 200}  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "own", "microdollars"),
    [
        ("mine", "3/15", 1000 * 3 + 1500),
        ("anthropic", "3/15", 500 * 3 + 300 * 3.75 + 200 * 6 + 1500),
        ("mine", "3/15/0.3/3.75", 200 * 3 + 300 * 0.3 + 300 * 3.75 + 200 * 6 + 1500),
        ("mine", "3/15/0.3/3", 700 * 3 + 300 * 0.3 + 1500),
        ("anthropic", "0/0", 0),
    ],
)
def test_an_owners_price_knows_what_caches_cost(provider: str, own: str, microdollars: float) -> None:
    settings = Settings(prices=f"{provider}={own}")
    answer = Attempt(provider, "tug", 0, 1, 0.5, "answered", usage=CACHED)
    total = Prices({"anthropic": "anthropic"}, settings.prices).of(answer)
    assert total == Decimal(str(microdollars)) / 1_000_000


@pytest.mark.parametrize("own", ["3", "3/15/0.3", "3/15/0.3/3/1", "3/15/0.3/x"])
def test_an_owners_price_has_two_figures_or_four(own: str) -> None:
    with pytest.raises(ValidationError, match="provider/model=2/10"):
        Settings(prices=f"mine={own}")

"""The models that fail on purpose fail as they say, and a route with one that works gets the whole answer."""

from __future__ import annotations

import pytest

from llm_hub.errors import ProviderError
from llm_hub.providers.chaos import MODELS, TEXT, ChaosProvider
from llm_hub.router import LLMRouter, Target, Timeouts
from tests.router.routes import no_sleep

QUICK = Timeouts(first_token=0.1, reasoning=0.1, thinking=0.1, idle=0.1, total=20.0)
OUTCOMES = {
    "breaks-off": ["stream_broken", "answered"],
    "stalls": ["timed_out", "answered"],
    "silent": ["timed_out", "answered"],
    "overloaded": ["server_failed"] * 3 + ["answered"],
    "recovers": ["server_failed"] * 2 + ["answered"],
    "rate-limited": ["rate_limited", "answered"],
    "garbled": ["stream_broken"] * 3 + ["answered"],
    "empty": ["empty_answer"] * 2 + ["answered"],
    "no-credit": ["quota_exhausted", "answered"],
    "steady": ["answered"],
}


def chaos() -> ChaosProvider:
    return ChaosProvider(sleep=no_sleep)


@pytest.mark.parametrize("model", OUTCOMES)
async def test_a_route_with_one_model_that_works_gets_the_whole_answer(model: str) -> None:
    router = LLMRouter(Target(chaos(), model), Target(chaos(), "steady"), timeouts=QUICK, sleep=no_sleep)
    response = await router.complete("Is it safe?")
    assert response.content == TEXT
    assert [attempt.outcome for attempt in response.attempts] == OUTCOMES[model]


async def test_a_refusal_is_told_and_not_asked_elsewhere() -> None:
    router = LLMRouter(Target(chaos(), "refuses"), Target(chaos(), "steady"), timeouts=QUICK, sleep=no_sleep)
    with pytest.raises(ProviderError, match="declined") as caught:
        await router.complete("Is it safe?")
    assert [attempt.outcome for attempt in caught.value.attempts] == ["content_rejected"]


async def test_every_model_is_listed_and_tested() -> None:
    assert [info.id for info in await chaos().models()] == list(MODELS)
    assert {*OUTCOMES, "refuses"} == set(MODELS)


async def test_an_unknown_model_is_told_which_there_are() -> None:
    with pytest.raises(ProviderError, match="breaks-off"):
        await chaos().complete("hello", "gpt-6-luna")

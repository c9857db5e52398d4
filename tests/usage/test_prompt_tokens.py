"""The estimate of a prompt's tokens, beside what real tokenizers make of it."""

from __future__ import annotations

import pytest

from llm_hub.usage.prompt_tokens import TokenEstimate, estimate_messages, request_form
from tests.usage.planted_prompts import COUNTS, MODELS, PROMPTS

UNKNOWN = {"Polish", "Russian", "Chinese", "Japanese", "Arabic"}
"""Prompts in languages whose tokens no rule tells."""


def text_estimate(model: str, prompt: str) -> TokenEstimate:
    """The estimate without what a message takes beside its text, as the tokens were counted."""
    form = estimate_messages(model, "").tokens
    whole = estimate_messages(model, prompt)
    return TokenEstimate(whole.tokens - form, whole.guessed)


@pytest.mark.parametrize("name", PROMPTS)
def test_an_estimate_is_within_20_percent_or_a_guess(name: str) -> None:
    for model, counted in zip(MODELS, COUNTS[name], strict=True):
        estimate = text_estimate(model, PROMPTS[name])
        assert estimate.is_known == (name not in UNKNOWN)
        if estimate.is_known:
            assert estimate.tokens == pytest.approx(counted, rel=0.2), model


def test_a_model_whose_tokenizer_is_not_public_is_a_guess() -> None:
    assert not estimate_messages("claude-opus-5", PROMPTS["English"]).is_known
    assert not estimate_messages("some-new-model", PROMPTS["English"]).is_known


def test_another_kind_of_text_is_not_known_by_what_was_counted() -> None:
    english, chinese = (estimate_messages("gpt-5", PROMPTS[name]) for name in ("English", "Chinese"))
    assert not chinese.measured_by(119, english).is_known
    assert chinese.measured_by(67, chinese).is_known


def test_a_word_of_another_language_changes_nothing() -> None:
    assert estimate_messages("gpt-5", PROMPTS["English"] + "\nÇa va, Łukasz?").is_known


def test_a_greeting_has_the_tokens_of_its_message_too() -> None:
    assert (estimate_messages("gpt-4o", "Hello!") + request_form("gpt-4o")).tokens == pytest.approx(9, abs=1)


def test_a_very_long_text_is_looked_at_in_part() -> None:
    text = PROMPTS["English"]
    many = 1000
    assert text_estimate("gpt-5", text * many).tokens == pytest.approx(
        text_estimate("gpt-5", text).tokens * many, rel=0.05
    )

"""The recent attempts of one provider's models: bounded, by model, with their ages."""

from __future__ import annotations

from llm_hub.chat import Attempt
from llm_hub.router import attempt_history
from llm_hub.router.attempt_history import AttemptHistory
from tests.router.hand_clock import HandClock


def attempt(model: str = "m", outcome: str = "answered", *, number: int = 0) -> Attempt:
    return Attempt("vendor", model, float(number), 1.0, None, outcome)


def test_the_attempts_of_a_model_are_told_with_their_ages_the_newest_last() -> None:
    clock = HandClock()
    history = AttemptHistory(clock)
    first, second = attempt(), attempt(outcome="timed_out")
    history.add(first)
    clock.now += 5
    history.add(second)
    clock.now += 2
    assert [(past.attempt, past.age) for past in history.attempts("m")] == [(first, 7.0), (second, 2.0)]
    assert history.attempts("another") == ()


def test_a_model_has_answered_if_one_of_its_attempts_was_answered() -> None:
    history = AttemptHistory()
    history.add(attempt("good", "timed_out"))
    history.add(attempt("good"))
    history.add(attempt("bad", "timed_out"))
    assert [history.has_answered(model) for model in ("good", "bad", "unknown")] == [True, False, False]


def test_only_the_newest_attempts_of_a_model_are_kept() -> None:
    history = AttemptHistory()
    for number in range(attempt_history.MAX_ATTEMPTS + 3):
        history.add(attempt(number=number))
    numbers = [past.attempt.started for past in history.attempts("m")]
    assert len(numbers) == attempt_history.MAX_ATTEMPTS
    assert numbers[0] == 3


def test_only_the_models_that_were_asked_last_are_kept() -> None:
    history = AttemptHistory()
    history.add(attempt("first"))
    history.add(attempt("second"))
    for number in range(attempt_history.MAX_MODELS - 1):
        history.add(attempt(f"m{number}"))
        history.add(attempt("first"))
    assert len(history.models) == attempt_history.MAX_MODELS
    assert "second" not in history.models
    assert history.models[-1] == "first"

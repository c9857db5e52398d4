"""The tests of significance: against SciPy's, and by how often they are wrong."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_hub.checkup.significance import binomial, fisher, holm, unlikeness

WORDS = ("otter", "heron", "lynx", "tapir", "gecko", "stoat")


@given(st.integers(1, 25), st.integers(1, 25), st.data())
def test_fishers_test_is_scipys(total: int, other_total: int, data: st.DataObject) -> None:
    from scipy.stats import fisher_exact

    bad, other_bad = data.draw(st.integers(0, total)), data.draw(st.integers(0, other_total))
    table = [[bad, total - bad], [other_bad, other_total - other_bad]]
    expected = fisher_exact(table, alternative="greater").pvalue
    assert fisher(bad, total, other_bad, other_total) == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 40), st.floats(0.01, 0.5), st.data())
def test_the_binomial_test_is_scipys(total: int, rate: float, data: st.DataObject) -> None:
    from scipy.stats import binomtest

    bad = data.draw(st.integers(0, total))
    expected = binomtest(bad, total, rate, alternative="greater").pvalue
    assert binomial(bad, total, rate) == pytest.approx(expected, abs=1e-9)


def test_holms_correction_stops_at_the_first_that_is_not_rejected() -> None:
    assert holm({"a": 0.001, "b": 0.02, "c": 0.03, "d": 0.6}, 0.05) == {"a"}
    assert holm({"a": 0.001, "b": 0.01, "c": 0.02, "d": 0.04}, 0.05) == {"a", "b", "c", "d"}
    assert holm({}, 0.05) == set()


def draw_answers(chance: random.Random, words: tuple[str, ...]) -> list[list[str]]:
    """Six answers to each of four questions, of favourite words."""
    return [
        [" ".join(chance.choices(words[at:] + words[:at], (8, 4, 2, 1, 1, 1), k=3)) for _ in range(6)]
        for at in range(4)
    ]


def test_answers_of_one_source_are_told_apart_as_seldom_as_the_level_says() -> None:
    chance = random.Random(3)
    values = [unlikeness(draw_answers(chance, WORDS), draw_answers(chance, WORDS), permutations=99) for _ in range(150)]
    assert sum(value <= 0.05 for value in values) <= 15
    assert 0.3 < sum(value <= 0.5 for value in values) / len(values) < 0.7


def test_answers_of_other_favourites_are_told_apart() -> None:
    chance = random.Random(4)
    others = ("table", "chair", "couch", "bench", "stool", "shelf")
    assert unlikeness(draw_answers(chance, WORDS), draw_answers(chance, others), permutations=999) == 0.001
    assert unlikeness([["otter"] * 4], [["otter"] * 4], permutations=99) == 1.0

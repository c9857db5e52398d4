"""The formulas agree with SciPy's and NumPy's, and intervals hold what was planted as often as they say."""

from __future__ import annotations

import random
from math import isclose

import numpy as np
import pytest
from scipy import stats

from llm_hub.runs.run_statistics import _student, agreement, holm, pass_interval, quantile, sign_flip_test, wilson

REPEATS = 3


def answers(rate: float, seed: int, *, alike: bool, rows: int = 100) -> list[list[bool]]:
    """The verdicts of a run with a planted pass rate. `alike`: a prompt is hard or easy, be it asked ever so often."""
    chance = random.Random(seed)
    rates = [chance.betavariate(rate, 1 - rate) if alike else rate for _ in range(rows)]
    return [[chance.random() < each for _ in range(REPEATS)] for each in rates]


@pytest.mark.parametrize(("passed", "count"), [(0, 7), (7, 7), (9, 10), (140, 200), (1, 1)])
def test_wilsons_interval_is_scipys(passed: int, count: int) -> None:
    interval = wilson(passed, count)
    wanted = stats.binomtest(passed, count).proportion_ci(0.95, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert interval.low <= interval.share <= interval.high


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("rate", [0.9, 0.7, 0.5])
def test_planted_pass_rates_lie_inside_the_intervals(rate: float, alike: bool) -> None:
    intervals = [pass_interval(answers(rate, seed, alike=alike)) for seed in range(100)]
    assert sum(each.low <= rate <= each.high for each in intervals if each) >= (90 if alike else 93)


def test_an_interval_that_takes_repeats_for_independent_answers_would_be_too_narrow() -> None:
    pooled = [wilson(sum(map(sum, answers(0.7, seed, alike=True))), 100 * REPEATS) for seed in range(100)]
    assert sum(each.low <= 0.7 <= each.high for each in pooled) < 90


def test_an_interval_of_single_answers_is_wilsons_own() -> None:
    assert pass_interval([[True]] * 7 + [[False]] * 3) == pytest.approx(wilson(7, 10))
    assert pass_interval([[True, True]] * 10) == pytest.approx(wilson(10, 10))
    assert pass_interval([[True, False, True]]) == pytest.approx(wilson(2, 3))
    assert pass_interval([[], []]) is None


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 99])
def test_students_t_is_scipys(freedom: int) -> None:
    assert _student(freedom) == pytest.approx(float(stats.t.ppf(0.975, freedom)), rel=0.01)


def test_quantiles_are_numpys() -> None:
    values = [3.0, 1.0, 2.5, 9.0, 4.0, 4.0, 0.5]
    for share in (0.0, 0.5, 0.95, 1.0):
        assert isclose(quantile(values, share) or 0.0, float(np.quantile(values, share)))
    assert quantile([2.0], 0.95) == 2.0
    assert quantile([], 0.5) is None


def test_the_paired_test_is_mcnemars_where_each_row_was_asked_once() -> None:
    differences = [1] * 9 + [-1] * 2 + [0] * 30
    assert sign_flip_test(differences) == pytest.approx(stats.binomtest(9, 11).pvalue)
    assert sign_flip_test([0] * 5) == 1.0


@pytest.mark.parametrize("differences", [[1 / 3, 2 / 3, -1 / 3, 1, 1 / 3, 0], [0.5, 0.5, 1, 1, -0.5, 1, 0.5, 0.25]])
def test_the_paired_test_is_scipys_permutation_test(differences: list[float]) -> None:
    zeros = np.zeros(len(differences))
    wanted = stats.permutation_test(
        (np.array(differences), zeros), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_test(differences) == pytest.approx(wanted.pvalue)


def test_the_paired_test_of_many_rows_is_close_to_the_exact_one() -> None:
    assert sign_flip_test([1] * 45 + [-1] * 25) == pytest.approx(stats.binomtest(45, 70).pvalue, abs=0.002)


def test_alike_targets_are_seldom_told_apart() -> None:
    found = 0
    for seed in range(100):
        first, second = answers(0.7, seed, alike=False, rows=40), answers(0.7, seed + 1000, alike=False, rows=40)
        differences = [(sum(one) - sum(other)) / REPEATS for one, other in zip(first, second, strict=True)]
        found += sign_flip_test(differences) < 0.05
    assert found <= 9


def test_p_values_of_many_pairs_are_raised_as_holm_has_it() -> None:
    """As R has it: p.adjust(c(0.01, 0.04, 0.03, 0.02), "holm")."""
    assert holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([]) == []


def test_agreement_is_the_share_of_pairs_that_are_alike() -> None:
    assert agreement([["a", "a", "b"], ["c"]]) == pytest.approx(1 / 3)
    assert agreement([[True], [False]]) is None

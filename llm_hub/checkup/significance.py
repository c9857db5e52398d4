"""Tests of significance, exact or by seeded permutation, in plain Python: the samples are small.

The tests hold Fisher's and the binomial to SciPy's.
"""

from __future__ import annotations

import random
from collections import Counter
from math import comb, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PERMUTATIONS = 9999


def fisher(bad: int, total: int, other_bad: int, other_total: int) -> float:
    """Fisher's exact test, one-sided: how likely at least so many of the bad ones fall on the first side by chance."""
    both, everything = bad + other_bad, total + other_total
    ways = sum(comb(both, found) * comb(everything - both, total - found) for found in range(bad, min(both, total) + 1))
    return ways / comb(everything, total)


def binomial(bad: int, total: int, rate: float) -> float:
    """How likely at least so many are bad, if each is with the chance `rate`."""
    return sum(comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(bad, total + 1))


def holm(values: Mapping[str, float], level: float) -> set[str]:
    """Which hypotheses are rejected, so that any false rejection among them has at most the chance `level`."""
    rejected: set[str] = set()
    for rank, name in enumerate(sorted(values, key=lambda name: values[name])):
        if values[name] > level / (len(values) - rank):
            break
        rejected.add(name)
    return rejected


def unlikeness(
    ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]], *, permutations: int = PERMUTATIONS
) -> float:
    """How likely answers of one source would differ as these do: a permutation test within each prompt.

    `ours[i]` and `theirs[i]` are answers to prompt i. The statistic is the maximum mean discrepancy with a kernel on
    texts, as in Gao and others, "Model equality testing" (2024), less the likeness of each of our answers to the
    nearest of theirs: a few answers of another model hardly change the mean, but nothing of the reference's is near
    them. The kernel is the mean of whether two answers are equal and of the cosine of their counts of three characters.
    """
    kernels = [_kernel([*mine, *others]) for mine, others in zip(ours, theirs, strict=True)]
    sizes = [len(mine) for mine in ours]

    def statistic(orders: Sequence[Sequence[int]]) -> float:
        return sum(map(_discrepancy, kernels, orders, sizes))

    orders = [list(range(len(kernel))) for kernel in kernels]
    seen, chance, as_far = statistic(orders), random.Random(0), 0  # noqa: S311
    for _ in range(permutations):
        for order in orders:
            chance.shuffle(order)
        as_far += statistic(orders) >= seen - 1e-12
    return (as_far + 1) / (permutations + 1)


def _kernel(texts: Sequence[str]) -> list[list[float]]:
    counts = [Counter(text[at : at + 3] for at in range(-2, len(text))) for text in (f"  {text}  " for text in texts)]
    norms = [sqrt(sum(n * n for n in count.values())) for count in counts]
    return [
        [
            ((texts[i] == texts[j]) + sum(n * counts[j][gram] for gram, n in counts[i].items()) / norms[i] / norms[j])
            / 2
            for j in range(len(texts))
        ]
        for i in range(len(texts))
    ]


def _discrepancy(kernel: list[list[float]], order: Sequence[int], size: int) -> float:
    """Likeness within each side, less twice that between the sides, less that of ours to the nearest of theirs."""
    mine, others = order[:size], order[size:]
    if not mine or not others:
        return 0.0
    between = [[kernel[i][j] for j in others] for i in mine]
    mean = sum(map(sum, between)) / (len(mine) * len(others))
    nearest = sum(map(max, between)) / len(mine)
    return _within(kernel, mine) + _within(kernel, others) - 2 * mean - nearest


def _within(kernel: list[list[float]], side: Sequence[int]) -> float:
    pairs = len(side) * (len(side) - 1)
    return sum(kernel[i][j] for i in side for j in side if i != j) / pairs if pairs else 0.0

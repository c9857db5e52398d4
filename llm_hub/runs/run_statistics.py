"""The formulas: an interval for a share, quantiles, a paired test, and its correction for many pairs.

docs/runs.md says which question each answers.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Z = NormalDist().inv_cdf(0.975)
"""Standard deviations to either side of a 95 % interval."""
MAX_EXACT = 60
"""Rows that differ up to which the paired test counts every outcome; the normal curve is as good beyond."""
_MAX_DENOMINATOR = 840


class Interval(NamedTuple):
    """A share and its 95 % interval."""

    share: float
    low: float
    high: float


def wilson(passed: float, count: float) -> Interval:
    """Wilson's 95 % interval for a share of `count` independent trials (JASA 22, 1927)."""
    share = passed / count
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count)) / (1 + Z * Z / count)
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def pass_interval(rows: Iterable[Sequence[bool]]) -> Interval | None:
    """The share of passed answers and its 95 % interval, from the answers of each row; None without any.

    Answers to one prompt resemble each other, so that ten answers to one say less than one answer to ten. Wilson's
    interval is taken at the number of independent answers that are worth as much: that of all answers, divided by the
    design effect (Kish), which is never taken to be below 1, and which few rows tell only roughly, so that it is raised
    by Student's t (Korn and Graubard). Of a single row the interval holds for that prompt alone.
    """
    answers = [row for row in rows if row]
    count = sum(map(len, answers))
    if not count:
        return None
    passed = sum(map(sum, answers))
    share = passed / count
    effect = 1.0
    if len(answers) > 1 and 0 < share < 1:
        spread = sum((sum(row) - share * len(row)) ** 2 for row in answers)
        variance = len(answers) / (len(answers) - 1) * spread / count**2
        roughly = (_student(len(answers) - 1) / Z) ** 2 if count > len(answers) else 1.0
        effect = max(1.0, roughly * variance / (share * (1 - share) / (count - 1)))
    elif len(answers) > 1:  # all alike: the repeats may tell nothing new
        effect = count / len(answers)
    return wilson(passed / effect, count / effect)


def _student(freedom: int) -> float:
    """Student's t in the place of Z, by its expansion (Abramowitz and Stegun, 26.7.5)."""
    if freedom < 3:
        return (12.7062, 4.3027)[freedom - 1]
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / freedom + second / freedom**2 + third / freedom**3


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share of the values lies, between two of them in proportion; None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def sign_flip_test(differences: Iterable[float]) -> float:
    """How probable differences at least as large altogether are if each may as well have the other sign: the two-sided
    p-value of Fisher's randomization test for pairs. Where each is -1, 0 or 1 that is McNemar's exact test."""
    values = [value for value in differences if value]
    if not values:
        return 1.0
    steps = [round(value * _MAX_DENOMINATOR) for value in values]
    unit = math.gcd(*steps) or 1
    steps = [step // unit for step in steps]
    observed = abs(sum(steps))
    if len(steps) > MAX_EXACT:  # less 1, since sums are two apart at least
        z = max(0, observed - 1) / math.sqrt(sum(step * step for step in steps))
        return min(1.0, 2 * NormalDist().cdf(-z))
    ways = {0: 1.0}
    for step in map(abs, steps):
        flipped: dict[int, float] = defaultdict(float)
        for total, share in ways.items():
            flipped[total + step] += share / 2
            flipped[total - step] += share / 2
        ways = flipped
    return min(1.0, sum(share for total, share in ways.items() if abs(total) >= observed))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, raised so that one in twenty such families has a false finding (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    raised, least = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[index]))
        raised[index] = least
    return raised


def agreement(rows: Iterable[Sequence[object]]) -> float | None:
    """The share of pairs of answers to one prompt that are alike; None where no prompt has two."""
    alike = pairs = 0
    for row in rows:
        pairs += len(row) * (len(row) - 1) // 2
        alike += sum(count * (count - 1) // 2 for count in Counter(row).values())
    return alike / pairs if pairs else None

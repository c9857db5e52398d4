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
    design effect (Kish), which is never taken to be below 1. Of a single row it holds for that prompt alone.
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
        effect = max(1.0, variance / (share * (1 - share) / count))
    elif len(answers) > 1:  # all alike: the repeats may tell nothing new
        effect = count / len(answers)
    return wilson(passed / effect, count / effect)


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
    if len(values) > MAX_EXACT:
        z = (abs(sum(values)) - 0.5 * min(map(abs, values))) / math.sqrt(sum(value * value for value in values))
        return min(1.0, 2 * (1 - NormalDist().cdf(z)))
    steps = [round(abs(value) * _MAX_DENOMINATOR) for value in values]
    unit = math.gcd(*steps) or 1
    ways = {0: 1.0}
    for step in (each // unit for each in steps):
        flipped: dict[int, float] = defaultdict(float)
        for total, share in ways.items():
            flipped[total + step] += share / 2
            flipped[total - step] += share / 2
        ways = flipped
    observed = abs(sum(math.copysign(step // unit, value) for step, value in zip(steps, values, strict=True)))
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

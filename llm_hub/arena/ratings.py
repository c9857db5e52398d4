"""From votes to ratings: Bradley-Terry, its natural extension to the best of more than two, and ties.

A vote names a best answer or is a tie. Where it names one, each model is it with a chance that is its strength's share
of the set's strengths (Luce's choice axiom); for a pair that is Bradley-Terry. How often a set of models ties is a free
parameter of that set. It takes up all that a tie says, so the strengths are fitted to the votes that name a best.

In Davidson's model of ties, and in its extension to more than two (Turner and others, 2020), each model is the best
with that same chance wherever there is a best. So these ratings hold where Davidson's do, with intervals at most a
tenth wider. They also hold where models tie equally often however far apart they are, as on easy prompts; there
Davidson's do not. To count a tie as half a win for each pulls strengths together, and intervals miss them.

"All are bad" is taken for a tie: no answer was the best. A vote compares and does not measure, so it says nothing of
how good the models are, and counts against none of them.

The fit is the maximum of the likelihood together with one drawn game of every model against an average one: without
it, a model that won all of its votes would be rated infinitely good, and sure of it. The 95 % intervals end where the
likelihood ratio test rejects a rating, the other ratings moved along as the curvature at the maximum says. Intervals
from that curvature alone are too wide where votes are few. Ratings are on the scale of chess: 400 points are odds of
ten to one, 1000 is the average.

The libraries for this, evalica and choix, both import SciPy (115 MB, and some seconds) for parts that are not needed
here, so that not even evalica's own core can be had without it. evalica knows pairs only, counts a tie as half a win,
and finds intervals by resampling, which gives a model without a defeat an interval of no width; choix knows neither
intervals nor ties. The tests hold the ratings to evalica's for pairs without ties, and to choix's for the best of more.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Verdict = Literal["best", "tie", "bad"]

CENTRE = 1000.0
SCALE = 400 / math.log(10)
DROP = 1.920729
"""How far the logarithm of the likelihood is below its maximum at the ends of a 95 % interval: half the 95 % point of
chi-squared with one degree of freedom."""
_MAX_STEPS = 100
"""Steps of Newton's method at most."""
_TOLERANCE = 1e-10
"""The fit ends when no strength moves by more than this, and the search for an interval's end likewise."""


@dataclass(frozen=True, slots=True)
class Vote:
    """The models that were compared, by seat, and the verdict. `winner` is the seat of the best; None for a tie or bad.

    `at` is seconds since 1970. `conversation` is JSON, and None unless the voter allowed to keep it.
    """

    targets: tuple[str, ...]
    verdict: Verdict
    winner: int | None = None
    at: float = 0.0
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """A model's place: its rating, the 95 % interval around it, and the votes it was in, won and tied.

    `ties` has those in which all were bad.
    """

    target: str
    rating: float
    low: float
    high: float
    votes: int
    wins: int
    ties: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Ratings, best first, and how often a model was better than another: `wins[a, b]` of `games[a, b]`.

    A tie is half a win for each side, in these counts and not in the ratings. A vote for the best of more is a win over
    each of the others. `ties` has the `all_bad`.
    """

    ratings: tuple[Rating, ...]
    wins: dict[tuple[str, str], float]
    games: dict[tuple[str, str], int]
    votes: int
    ties: int
    all_bad: int


def rate_models(votes: Sequence[Vote], *, prior: float = 1.0) -> Leaderboard:
    """The leaderboard. `prior` is the weight of the drawn game against an average model."""
    votes = [vote for vote in votes if len(set(vote.targets)) == len(vote.targets) > 1]
    names = sorted({target for vote in votes for target in vote.targets})
    wins, games = _count_pairs(votes)
    vote_counts = Counter(target for vote in votes for target in vote.targets)
    win_counts = Counter(vote.targets[vote.winner] for vote in votes if vote.winner is not None)
    tie_counts = Counter(target for vote in votes if vote.winner is None for target in vote.targets)
    ratings = [
        Rating(
            name,
            CENTRE + SCALE * strength,
            CENTRE + SCALE * low,
            CENTRE + SCALE * high,
            vote_counts[name],
            win_counts[name],
            tie_counts[name],
        )
        for name, (strength, low, high) in zip(names, _fit(votes, names, prior), strict=True)
    ]
    ratings.sort(key=lambda rating: (-rating.rating, rating.target))
    ties = [vote.verdict for vote in votes if vote.winner is None]
    return Leaderboard(tuple(ratings), wins, games, len(votes), len(ties), ties.count("bad"))


def _count_pairs(votes: Iterable[Vote]) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], int]]:
    """The wins and the games of every pair of models, as `Leaderboard` has them."""
    wins: dict[tuple[str, str], float] = {}
    games: dict[tuple[str, str], int] = {}
    for vote in votes:
        for seat, target in enumerate(vote.targets):
            for rival_seat, rival in enumerate(vote.targets):
                if seat == rival_seat or (vote.winner is not None and vote.winner not in (seat, rival_seat)):
                    continue  # the win of another model says nothing about these two
                games[target, rival] = games.get((target, rival), 0) + 1
                share = 0.5 if vote.winner is None else float(vote.winner == seat)
                wins[target, rival] = wins.get((target, rival), 0.0) + share
    return wins, games


def _fit(votes: Sequence[Vote], names: Sequence[str], prior: float) -> list[tuple[float, float, float]]:
    """The strength of every model and the ends of its interval, less the mean: votes say how models differ, no more."""
    import numpy as np

    if not names:
        return []
    likelihood = _Likelihood(votes, names, prior)
    theta = np.zeros(len(names))
    best = likelihood.value(theta)
    for _ in range(_MAX_STEPS):  # Newton's method with halved steps: the likelihood is concave
        step = np.linalg.solve(likelihood.curvature(theta), likelihood.gradient(theta))
        while (new := likelihood.value(theta + step)) < best and np.max(np.abs(step)) > _TOLERANCE:
            step = step / 2
        theta, best = theta + step, new
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    centring = np.eye(len(names)) - 1 / len(names)
    covariance = np.linalg.inv(likelihood.curvature(theta)) @ centring
    fitted = []
    for strength, moves, variance in zip(
        theta - theta.mean(), covariance.T, np.diag(centring @ covariance), strict=True
    ):
        direction, width = moves / variance, math.sqrt(2 * DROP * variance)
        low, high = (_find_end(likelihood, theta, direction, start) for start in (-width, width))
        fitted.append((float(strength), float(strength + low), float(strength + high)))
    return fitted


def _find_end(likelihood: _Likelihood, theta: Any, direction: Any, start: float) -> float:
    """The distance from the maximum at which the likelihood is `DROP` lower, by Newton's method. It finds it from any
    start, since the likelihood is concave."""
    end, distance = likelihood.value(theta) - DROP, start
    for _ in range(_MAX_STEPS):
        there = theta + distance * direction
        step = float((end - likelihood.value(there)) / (likelihood.gradient(there) @ direction))
        distance += step
        if abs(step) < _TOLERANCE * abs(start):
            break
    return distance


class _Likelihood:
    """The logarithm of the likelihood of strengths: of the votes that name a best, and of the drawn games.

    The votes are summed up: `_sets` has a row for every set of models, `_times` how many votes of it name a best, and
    `_wins` how many of these every model has. Smaller sets are filled up with a model that cannot win.
    """

    def __init__(self, votes: Iterable[Vote], names: Sequence[str], prior: float) -> None:
        import numpy as np

        index = {name: at for at, name in enumerate(names)}
        average, nobody = len(names), len(names) + 1
        times: Counter[tuple[int, ...]] = Counter()
        self._wins = np.full(len(names), prior / 2)
        for vote in votes:
            if vote.winner is not None:
                times[tuple(sorted(index[target] for target in vote.targets))] += 1
                self._wins[index[vote.targets[vote.winner]]] += 1
        size = max(map(len, times), default=2)
        self._sets = np.array(
            [(at, average, *[nobody] * (size - 2)) for at in index.values()]
            + [(*members, *[nobody] * (size - len(members))) for members in times]
        )
        self._times = np.array([prior] * len(names) + list(times.values()))

    def value(self, theta: Any) -> float:
        import numpy as np

        return float(self._wins @ theta - self._times @ np.log(self._weights(theta).sum(axis=1)))

    def gradient(self, theta: Any) -> Any:
        return self._wins - self._sum(self._sets, self._expected_wins(theta), len(theta))

    def curvature(self, theta: Any) -> Any:
        """The negative matrix of second derivatives."""
        import numpy as np

        expected = self._expected_wins(theta)
        pairs = expected[:, :, None] * expected[:, None, :] / self._times[:, None, None]
        width = len(theta) + 2
        places = self._sets[:, :, None] * width + self._sets[:, None, :]
        joint = self._sum(places, pairs, width * width).reshape(width, width)[: len(theta), : len(theta)]
        return np.diag(self._sum(self._sets, expected, len(theta))) - joint

    def _weights(self, theta: Any) -> Any:
        import numpy as np

        return np.append(np.exp(theta), (1.0, 0.0))[self._sets]

    def _expected_wins(self, theta: Any) -> Any:
        weights = self._weights(theta)
        return weights * (self._times / weights.sum(axis=1))[:, None]

    @staticmethod
    def _sum(places: Any, amounts: Any, length: int) -> Any:
        import numpy as np

        return np.bincount(places.ravel(), amounts.ravel(), minlength=length)[:length]

"""From votes to ratings: Bradley-Terry, and its natural extension to the best of more than two.

A vote for the best of a set is as likely as its model's strength is a share of the set's strengths (Luce's choice
axiom); for a pair that is Bradley-Terry. A tie, and a vote that all are bad, is an equal share of a win for each.
The fit is the maximum of the likelihood together with one drawn game of every model against an average one: without
it, a model that won all of its votes would be rated infinitely good, and sure of it. The 95 % intervals come from the
curvature at that maximum. Ratings are on the scale of chess: 400 points are odds of ten to one, 1000 is the average.

The libraries for this, evalica and choix, both import SciPy (115 MB, and some seconds) for parts that are not needed
here, so that not even evalica's own core can be had without it. evalica knows pairs only, and finds intervals by
resampling, which gives a model without a defeat an interval of no width; choix knows no intervals. The tests hold the
ratings to evalica's for pairs and ties, and to choix's for the best of more.
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
WIDTH = 1.959964
"""Standard deviations to either side of a 95 % interval."""
_MAX_STEPS = 100
"""Steps of Newton's method at most."""
_TOLERANCE = 1e-10
"""The fit ends when no strength moves by more than this."""


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
    """A model's place: its rating, the 95 % interval around it, and the votes it was in."""

    target: str
    rating: float
    low: float
    high: float
    votes: int
    wins: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Ratings, best first, and how often a model was better than another: `wins[a, b]` of `games[a, b]`.

    A tie is half a win for each side. A vote for the best of more is a win over each of the others.
    """

    ratings: tuple[Rating, ...]
    wins: dict[tuple[str, str], float]
    games: dict[tuple[str, str], int]
    votes: int


def rate_models(votes: Sequence[Vote], *, prior: float = 1.0) -> Leaderboard:
    """The leaderboard. `prior` is the weight of the drawn game against an average model."""
    votes = [vote for vote in votes if len(set(vote.targets)) == len(vote.targets) > 1]
    names = sorted({target for vote in votes for target in vote.targets})
    wins, games = _count_pairs(votes)
    if not names:
        return Leaderboard((), {}, {}, 0)
    strengths, errors = _fit(votes, {name: index for index, name in enumerate(names)}, prior)
    vote_counts = Counter(target for vote in votes for target in vote.targets)
    win_counts = Counter(vote.targets[vote.winner] for vote in votes if vote.winner is not None)
    ratings = [
        Rating(
            name,
            CENTRE + SCALE * strength,
            CENTRE + SCALE * (strength - WIDTH * error),
            CENTRE + SCALE * (strength + WIDTH * error),
            vote_counts[name],
            win_counts[name],
        )
        for name, strength, error in zip(names, strengths, errors, strict=True)
    ]
    ratings.sort(key=lambda rating: (-rating.rating, rating.target))
    return Leaderboard(tuple(ratings), wins, games, len(votes))


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


def _fit(votes: Iterable[Vote], index: dict[str, int], prior: float) -> tuple[Any, Any]:
    """Strengths and their standard errors, by Newton's method with halved steps. The sum to maximise is concave."""
    import numpy as np

    repeated = Counter(
        (tuple(index[target] for target in vote.targets), vote.winner if vote.verdict == "best" else None)
        for vote in votes
    )
    sets = []
    for (members, winner), times in repeated.items():
        even = np.full(len(members), 1 / len(members))
        sets.append((np.array(members), even if winner is None else np.eye(len(members))[winner], times))

    def value(theta: Any) -> float:
        total = prior * float(np.sum(-0.5 * np.logaddexp(0, -theta) - 0.5 * np.logaddexp(0, theta)))
        for members, share, n in sets:
            at = theta[members]
            total += n * float(share @ at - np.logaddexp.reduce(at))
        return total

    def slopes(theta: Any) -> tuple[Any, Any]:
        even = 1 / (1 + np.exp(-theta))
        gradient, curvature = prior * (0.5 - even), np.diag(prior * even * (1 - even))
        for members, share, n in sets:
            chance = np.exp(theta[members] - np.logaddexp.reduce(theta[members]))
            gradient[members] += n * (share - chance)
            curvature[np.ix_(members, members)] += n * (np.diag(chance) - np.outer(chance, chance))
        return gradient, curvature

    theta = np.zeros(len(index))
    best = value(theta)
    for _ in range(_MAX_STEPS):
        gradient, curvature = slopes(theta)
        step = np.linalg.solve(curvature, gradient)
        while (new := value(theta + step)) < best and np.max(np.abs(step)) > _TOLERANCE:
            step = step / 2
        theta, best = theta + step, new
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    _, curvature = slopes(theta)
    # Votes say how the models differ, not where they all are: what counts is the distance from their mean.
    centring = np.eye(len(theta)) - 1 / len(theta)
    spread = centring @ np.linalg.inv(curvature) @ centring
    return (theta - theta.mean()).tolist(), np.sqrt(np.diag(spread)).tolist()

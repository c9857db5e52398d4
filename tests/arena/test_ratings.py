"""Ratings: against other libraries and methods, and what holds for any votes."""

from __future__ import annotations

import math
import random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_hub.arena.ratings import CENTRE, Vote, rate_models

NAMES = ("a/1", "b/2", "c/3", "d/4")


@st.composite
def draw_vote(draw: st.DrawFn) -> Vote:
    targets = tuple(draw(st.permutations(NAMES))[: draw(st.integers(2, 4))])
    winner = draw(st.none() | st.integers(0, len(targets) - 1))
    return Vote(targets, "best" if winner is not None else draw(st.sampled_from(["tie", "bad"])), winner)


def win_votes(winner: str, loser: str, times: int = 1) -> list[Vote]:
    return [Vote((winner, loser), "best", 0)] * times


def rate(votes: list[Vote], **options: float) -> dict[str, float]:
    return {rating.target: rating.rating for rating in rate_models(votes, **options).ratings}


def by_minorisation(votes: list[Vote], rounds: int = 5000) -> dict[str, float]:
    """Bradley-Terry's maximum by another method: Hunter's iteration, on pairs. A tie is half a win for each."""
    names = sorted({target for vote in votes for target in vote.targets})
    strength = dict.fromkeys(names, 1.0)
    for _ in range(rounds):
        for name in names:
            wins = sum(0.5 if v.winner is None else v.targets[v.winner] == name for v in votes if name in v.targets)
            games = sum(1 / sum(strength[target] for target in v.targets) for v in votes if name in v.targets)
            strength[name] = wins / games
        mean = math.exp(sum(map(math.log, strength.values())) / len(names))
        strength = {name: value / mean for name, value in strength.items()}
    return strength


def test_without_votes_there_is_an_empty_board() -> None:
    assert rate_models([]) == rate_models([Vote(("a/1", "a/1"), "best", 0)])
    assert rate_models([]).ratings == ()


def test_pairs_are_rated_as_by_hunters_iteration() -> None:
    votes = win_votes("a/1", "b/2", 3) + win_votes("b/2", "a/1") + win_votes("b/2", "c/3", 2) + win_votes("c/3", "a/1")
    votes += [Vote(("a/1", "c/3"), "tie"), Vote(("b/2", "c/3"), "bad")]
    theirs = by_minorisation(votes)
    ours = rate(votes, prior=1e-6)
    for first in theirs:
        for second in theirs:
            expected = 400 * math.log10(theirs[first] / theirs[second])
            assert ours[first] - ours[second] == pytest.approx(expected, abs=0.05)


def test_pairs_are_rated_as_by_evalica() -> None:
    from evalica import Winner, bradley_terry

    chance = random.Random(5)
    pairs = [tuple(chance.sample(NAMES, 2)) for _ in range(300)]
    outcomes: list[tuple[Literal["best", "tie"], int | None]] = [("best", 0), ("best", 0), ("best", 1), ("tie", None)]
    votes = [Vote(pair, *chance.choice(outcomes)) for pair in pairs]
    winners = {0: Winner.X, 1: Winner.Y, None: Winner.Draw}
    lefts, rights = zip(*pairs, strict=True)
    theirs = bradley_terry(
        lefts, rights, [winners[vote.winner] for vote in votes], tolerance=1e-12, limit=10_000
    ).scores
    ours = rate(votes, prior=1e-9)
    for first in NAMES:
        for second in NAMES:
            expected = 400 * math.log10(theirs[first] / theirs[second])
            assert ours[first] - ours[second] == pytest.approx(expected, abs=0.01)


def test_the_best_of_more_is_rated_as_by_choix() -> None:
    from choix import opt_top1

    chance = random.Random(6)
    sets = [tuple(chance.sample(NAMES, chance.choice((2, 3, 4)))) for _ in range(300)]
    seats = [chance.randrange(len(members)) for members in sets]
    votes = [Vote(members, "best", seat) for members, seat in zip(sets, seats, strict=True)]
    data = [
        (NAMES.index(members[seat]), tuple(NAMES.index(name) for name in members if name != members[seat]))
        for members, seat in zip(sets, seats, strict=True)
    ]
    theirs = opt_top1(len(NAMES), data, tol=1e-10)
    ours = rate(votes, prior=1e-9)
    for at, name in enumerate(NAMES):
        expected = CENTRE + 400 / math.log(10) * (theirs[at] - theirs.mean())
        assert ours[name] == pytest.approx(expected, abs=0.05)


@settings(deadline=None)
@given(st.lists(draw_vote(), max_size=30))
def test_every_rating_is_a_number_inside_its_own_interval(votes: list[Vote]) -> None:
    for rating in rate_models(votes).ratings:
        assert math.isfinite(rating.low)
        assert rating.low < rating.rating < rating.high


@settings(deadline=None)
@given(st.lists(draw_vote(), min_size=1, max_size=20), st.randoms())
def test_neither_the_order_of_votes_nor_the_seats_change_anything(votes: list[Vote], chance: random.Random) -> None:
    def reseat(vote: Vote) -> Vote:
        seats = list(range(len(vote.targets)))
        chance.shuffle(seats)
        winner = None if vote.winner is None else seats.index(vote.winner)
        return Vote(tuple(vote.targets[seat] for seat in seats), vote.verdict, winner)

    again = [reseat(vote) for vote in votes]
    chance.shuffle(again)
    assert rate(again) == pytest.approx(rate(votes), abs=1e-3)


@settings(deadline=None)
@given(st.lists(draw_vote(), max_size=20))
def test_another_win_raises_a_rating(votes: list[Vote]) -> None:
    before = rate([*votes, Vote(NAMES, "tie")])
    after = rate([*votes, Vote(NAMES, "tie"), *win_votes("a/1", "b/2")])
    assert after["a/1"] > before["a/1"]
    assert after["b/2"] < before["b/2"]


def test_a_model_that_won_everything_has_a_high_rating_and_a_wide_interval() -> None:
    first = rate_models(win_votes("a/1", "b/2", 4)).ratings[0]
    assert first.target == "a/1"
    assert first.rating < CENTRE + 400
    assert first.high - first.low > 400


def test_more_votes_make_the_interval_narrower() -> None:
    few, many = (
        rate_models((win_votes("a/1", "b/2", 2) + win_votes("b/2", "a/1")) * times).ratings[0] for times in (1, 30)
    )
    assert many.high - many.low < (few.high - few.low) / 3


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    chance, inside, total = random.Random(7), 0, 0
    strengths = {"a/1": 0.6, "b/2": 0.2, "c/3": -0.3, "d/4": -0.5}
    for _ in range(60):
        votes = []
        for _ in range(150):
            targets = tuple(chance.sample(NAMES, chance.choice((2, 2, 3, 4))))
            weights = [math.exp(strengths[target]) for target in targets]
            votes.append(Vote(targets, "best", chance.choices(range(len(targets)), weights)[0]))
        for rating in rate_models(votes).ratings:
            truth = CENTRE + 400 / math.log(10) * strengths[rating.target]
            inside, total = inside + (rating.low <= truth <= rating.high), total + 1
    assert 0.92 <= inside / total <= 1


def test_the_best_of_four_beat_each_of_the_others_and_says_nothing_of_them() -> None:
    result = rate_models([Vote(NAMES, "best", 2)])
    assert result.wins["c/3", "a/1"] == 1
    assert result.wins["a/1", "c/3"] == 0
    assert ("a/1", "b/2") not in result.games
    assert result.ratings[0].target == "c/3"
    assert result.votes == 1


def test_a_tie_is_half_a_win_for_each_side() -> None:
    result = rate_models([Vote(("a/1", "b/2"), "tie"), Vote(("a/1", "b/2"), "bad")])
    assert result.wins["a/1", "b/2"] == result.wins["b/2", "a/1"] == 1
    assert result.games["a/1", "b/2"] == 2
    assert [rating.rating for rating in result.ratings] == pytest.approx([CENTRE, CENTRE])

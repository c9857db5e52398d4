"""Ratings: against other libraries and methods, and what holds for any votes."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_hub.arena.ratings import CENTRE, SCALE, Vote, rate_models

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
    """Luce's maximum by another method: Hunter's iteration, over the votes that name a best."""
    votes = [vote for vote in votes if vote.winner is not None]
    names = sorted({target for vote in votes for target in vote.targets})
    strength = dict.fromkeys(names, 1.0)
    for _ in range(rounds):
        for name in names:
            wins = sum(v.winner is not None and v.targets[v.winner] == name for v in votes)
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


def test_pairs_without_ties_are_rated_as_by_evalica() -> None:
    from evalica import Winner, bradley_terry

    chance = random.Random(5)
    pairs = [tuple(chance.sample(NAMES, 2)) for _ in range(300)]
    votes = [Vote(pair, "best", chance.choice((0, 0, 1))) for pair in pairs]
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


PLANTED = {f"m/{place}": strength for place, strength in enumerate((170, 102, 34, -34, -102, -170))}
"""Six models over 340 points."""


def cast_planted_votes(chance: random.Random, votes: int, size: int, ties: float, *, alike: bool) -> list[Vote]:
    """Votes of which about the share `ties` are ties: of every set alike, or more often of close models (Davidson)."""
    cast = []
    for _ in range(votes):
        targets = tuple(chance.sample(sorted(PLANTED), size))
        weights = [10 ** (PLANTED[target] / 400) for target in targets]
        mean = sum(weights) / size if alike else math.prod(weights) ** (1 / size)
        seat = chance.choices(range(size + 1), [*weights, size * mean * ties / (1 - ties)])[0]
        cast.append(Vote(targets, "best", seat) if seat < size else Vote(targets, chance.choice(["tie", "bad"])))
    return cast


@pytest.mark.parametrize(
    ("size", "ties", "alike"),
    [(2, 0.0, True), (2, 0.3, True), (2, 0.3, False), (4, 0.1, True), (4, 0.3, True), (4, 0.3, False)],
)
def test_the_intervals_hold_the_truth_as_often_as_they_say(size: int, ties: float, *, alike: bool) -> None:
    chance, held = random.Random(7), []
    for votes in [60] * 40 + [600] * 15:
        board = rate_models(cast_planted_votes(chance, votes, size, ties, alike=alike))
        held += [rating.low <= CENTRE + PLANTED[rating.target] <= rating.high for rating in board.ratings]
    assert 0.925 <= sum(held) / len(held) <= 0.975


@settings(deadline=None)
@given(st.lists(draw_vote(), max_size=20), st.integers(1, 5))
def test_ties_say_nothing_of_who_is_better(votes: list[Vote], times: int) -> None:
    votes = [*votes, Vote(NAMES, "best", 0)]
    assert rate(votes + [Vote(NAMES[:2], "tie"), Vote(NAMES, "bad")] * times) == pytest.approx(rate(votes), abs=1e-6)


def test_ties_are_counted_and_among_them_those_where_all_were_bad() -> None:
    pair = ("a/1", "b/2")
    board = rate_models([Vote(pair, "tie"), Vote(("a/1", "c/3"), "bad"), Vote(pair, "best", 0)])
    assert (board.votes, board.ties, board.all_bad) == (3, 2, 1)
    assert {rating.target: (rating.votes, rating.wins, rating.ties) for rating in board.ratings} == {
        "a/1": (3, 1, 2),
        "b/2": (2, 0, 1),
        "c/3": (1, 0, 1),
    }


def test_the_ends_of_an_interval_are_where_the_likelihood_ratio_test_rejects() -> None:
    """Two models, three wins to one, and the prior's draw of each against the average: strengths are ±x."""
    board = rate_models(win_votes("a/1", "b/2", 3) + win_votes("b/2", "a/1"))

    def likelihood(points: float) -> float:
        x = points / SCALE
        votes = 3 * x - x - 4 * math.log(math.exp(x) + math.exp(-x))
        return votes - math.log(1 + math.exp(x)) - math.log(1 + math.exp(-x))

    best = board.ratings[0]
    for end in (best.low, best.high):
        drop = likelihood(best.rating - CENTRE) - likelihood(end - CENTRE)
        assert drop == pytest.approx(1.920729, abs=0.001)


def test_the_best_of_four_beat_each_of_the_others_and_says_nothing_of_them() -> None:
    result = rate_models([Vote(NAMES, "best", 2)])
    assert result.wins["c/3", "a/1"] == 1
    assert result.wins["a/1", "c/3"] == 0
    assert ("a/1", "b/2") not in result.games
    assert result.ratings[0].target == "c/3"
    assert result.votes == 1


def test_in_the_table_of_pairs_a_tie_is_half_a_win_for_each_side() -> None:
    result = rate_models([Vote(("a/1", "b/2"), "tie"), Vote(("a/1", "b/2"), "bad")])
    assert result.wins["a/1", "b/2"] == result.wins["b/2", "a/1"] == 1
    assert result.games["a/1", "b/2"] == 2
    assert [rating.rating for rating in result.ratings] == pytest.approx([CENTRE, CENTRE])

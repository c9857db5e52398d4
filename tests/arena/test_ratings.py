"""Ratings: what they must be, whoever computes them."""

from __future__ import annotations

import math
import random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_hub.arena.ratings import CENTRE, Vote, board

NAMES = ("a/1", "b/2", "c/3", "d/4")


@st.composite
def cast(draw: st.DrawFn) -> Vote:
    targets = tuple(draw(st.permutations(NAMES))[: draw(st.integers(2, 4))])
    winner = draw(st.none() | st.integers(0, len(targets) - 1))
    return Vote(targets, "best" if winner is not None else draw(st.sampled_from(["tie", "bad"])), winner)


def won(one: str, other: str, times: int = 1) -> list[Vote]:
    return [Vote((one, other), "best", 0)] * times


def rated(votes: list[Vote], **options: float) -> dict[str, float]:
    return {one.target: one.rating for one in board(votes, **options).ratings}


def by_minorisation(votes: list[Vote], rounds: int = 5000) -> dict[str, float]:
    """Bradley-Terry's maximum by another way: Hunter's iteration, on pairs, a tie being half a win for each."""
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
    assert board([]) == board([Vote(("a/1", "a/1"), "best", 0)])
    assert board([]).ratings == ()


def test_pairs_are_rated_as_another_way_to_the_maximum_has_it() -> None:
    votes = won("a/1", "b/2", 3) + won("b/2", "a/1") + won("b/2", "c/3", 2) + won("c/3", "a/1")
    votes += [Vote(("a/1", "c/3"), "tie"), Vote(("b/2", "c/3"), "bad")]
    other = by_minorisation(votes)
    ours = rated(votes, prior=1e-6)
    for one in other:
        for two in other:
            expected = 400 * math.log10(other[one] / other[two])
            assert ours[one] - ours[two] == pytest.approx(expected, abs=0.05)


def test_pairs_are_rated_as_evalica_has_it() -> None:
    from evalica import Winner, bradley_terry

    chance = random.Random(5)
    pairs = [tuple(chance.sample(NAMES, 2)) for _ in range(300)]
    outcomes: list[tuple[Literal["best", "tie"], int | None]] = [("best", 0), ("best", 0), ("best", 1), ("tie", None)]
    votes = [Vote(pair, *chance.choice(outcomes)) for pair in pairs]
    said = {0: Winner.X, 1: Winner.Y, None: Winner.Draw}
    lefts, rights = zip(*pairs, strict=True)
    theirs = bradley_terry(lefts, rights, [said[vote.winner] for vote in votes], tolerance=1e-12, limit=10_000).scores
    ours = rated(votes, prior=1e-9)
    for one in NAMES:
        for other in NAMES:
            expected = 400 * math.log10(theirs[one] / theirs[other])
            assert ours[one] - ours[other] == pytest.approx(expected, abs=0.01)


def test_the_best_of_more_is_rated_as_choix_has_it() -> None:
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
    ours = rated(votes, prior=1e-9)
    for at, name in enumerate(NAMES):
        expected = CENTRE + 400 / math.log(10) * (theirs[at] - theirs.mean())
        assert ours[name] == pytest.approx(expected, abs=0.05)


@settings(deadline=None)
@given(st.lists(cast(), max_size=30))
def test_every_rating_is_a_number_inside_its_own_interval(votes: list[Vote]) -> None:
    for one in board(votes).ratings:
        assert math.isfinite(one.low)
        assert one.low < one.rating < one.high


@settings(deadline=None)
@given(st.lists(cast(), min_size=1, max_size=20), st.randoms())
def test_neither_the_order_of_votes_nor_the_seats_change_anything(votes: list[Vote], chance: random.Random) -> None:
    def reseated(vote: Vote) -> Vote:
        seats = list(range(len(vote.targets)))
        chance.shuffle(seats)
        winner = None if vote.winner is None else seats.index(vote.winner)
        return Vote(tuple(vote.targets[seat] for seat in seats), vote.verdict, winner)

    again = [reseated(vote) for vote in votes]
    chance.shuffle(again)
    assert rated(again) == pytest.approx(rated(votes), abs=1e-3)


@settings(deadline=None)
@given(st.lists(cast(), max_size=20))
def test_a_win_more_never_lowers_a_rating(votes: list[Vote]) -> None:
    before = rated([*votes, Vote(NAMES, "tie")])
    after = rated([*votes, Vote(NAMES, "tie"), *won("a/1", "b/2")])
    assert after["a/1"] > before["a/1"]
    assert after["b/2"] < before["b/2"]


def test_a_model_that_won_everything_is_rated_high_but_not_surely() -> None:
    first = board(won("a/1", "b/2", 4)).ratings[0]
    assert first.target == "a/1"
    assert first.rating < CENTRE + 400
    assert first.high - first.low > 400


def test_more_votes_make_the_interval_narrower() -> None:
    few, many = (board((won("a/1", "b/2", 2) + won("b/2", "a/1")) * times).ratings[0] for times in (1, 30))
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
        for one in board(votes).ratings:
            truth = CENTRE + 400 / math.log(10) * strengths[one.target]
            inside, total = inside + (one.low <= truth <= one.high), total + 1
    assert 0.92 <= inside / total <= 1


def test_the_best_of_four_beat_each_of_the_others_and_says_nothing_of_them() -> None:
    seen = board([Vote(NAMES, "best", 2)])
    assert seen.wins["c/3", "a/1"] == 1
    assert seen.wins["a/1", "c/3"] == 0
    assert ("a/1", "b/2") not in seen.games
    assert seen.ratings[0].target == "c/3"
    assert seen.votes == 1


def test_a_tie_is_half_a_win_for_each_side() -> None:
    seen = board([Vote(("a/1", "b/2"), "tie"), Vote(("a/1", "b/2"), "bad")])
    assert seen.wins["a/1", "b/2"] == seen.wins["b/2", "a/1"] == 1
    assert seen.games["a/1", "b/2"] == 2
    assert [one.rating for one in seen.ratings] == pytest.approx([CENTRE, CENTRE])

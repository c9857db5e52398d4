"""The pace of a blind comparison, and its seats."""

from __future__ import annotations

import random
from collections import Counter

from llm_hub.arena.blind import MAX_CHARS_PER_SECOND, MAX_HEAD_START, MIN_CHARS_PER_SECOND, Pace, shuffle_targets


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_every_order_of_seats_is_as_likely_as_the_others() -> None:
    chance = random.Random(3)
    orders = Counter(tuple(shuffle_targets("abc", chance)) for _ in range(6000))
    assert len(orders) == 6
    assert all(850 < count < 1150 for count in orders.values())


def test_nothing_is_shown_before_every_answer_has_begun() -> None:
    clock = Clock()
    pace = Pace(range(2), clock)
    pace.note_progress(0, 500, over=False)
    clock.now += 2
    assert pace.characters() == 0
    pace.note_progress(1, 1, over=False)
    pace.characters()
    clock.now += 0.5
    assert pace.characters() > 0


def test_an_answer_that_hangs_or_fails_delays_the_others_only_briefly() -> None:
    clock = Clock()
    pace = Pace(range(2), clock)
    pace.note_progress(0, 5000, over=False)
    clock.now += MAX_HEAD_START
    pace.characters()
    clock.now += 1
    assert pace.characters() == int(MAX_CHARS_PER_SECOND)
    clock = Clock()
    pace = Pace(range(2), clock)
    pace.note_progress(0, 5000, over=False)
    pace.note_progress(1, 0, over=True)
    pace.characters()
    clock.now += 1
    assert pace.characters() == int(MAX_CHARS_PER_SECOND)


def test_the_slowest_sets_the_pace_within_limits() -> None:
    for written, expected in ((80, 80.0), (10, MIN_CHARS_PER_SECOND), (5000, MAX_CHARS_PER_SECOND)):
        clock = Clock()
        pace = Pace(range(2), clock)
        pace.note_progress(0, 1, over=False)
        pace.note_progress(1, 1, over=False)
        pace.characters()
        clock.now += 1
        pace.note_progress(0, 5000, over=False)
        pace.note_progress(1, written, over=False)
        assert pace.characters() == int(expected)


def test_what_was_shown_is_never_taken_back() -> None:
    clock = Clock()
    pace = Pace(range(2), clock)
    lengths = []
    for step in range(100):
        pace.note_progress(0, step * 7, over=step > 60)
        pace.note_progress(1, step * 3, over=step > 80)
        clock.now += 0.05
        lengths.append(pace.characters())
    assert lengths == sorted(lengths)

"""What a blind comparison needs: answers in a random order, and a pace that gives no model away."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

T = TypeVar("T")

LETTERS = "ABCD"

MIN_CHARS_PER_SECOND = 40.0
"""Characters a second, about 10 tokens. The others do not wait for an answer that is slower: it is seen to be slow."""
MAX_CHARS_PER_SECOND = 160.0
"""Characters a second: faster than anybody reads."""
MAX_HEAD_START = 3.0
"""Seconds that the answers which have begun wait for the first words of the others."""


def shuffle_targets(targets: Sequence[T], chance: Random) -> list[T]:
    """The same targets, each order as likely as every other."""
    order = list(targets)
    chance.shuffle(order)
    return order


class Pace:
    """How many characters of each answer may be seen by now: the same number for all of them.

    Nothing is shown until every answer has begun or failed, for at most `MAX_HEAD_START`. From then on the slowest
    answer that is still being written sets the pace. So a model that hangs costs the others three seconds, once.
    """

    def __init__(self, panes: Iterable[int], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started_at = clock()
        self._silent_panes = set(panes)
        self._begun_at: dict[int, float] = {}
        self._lengths: dict[int, int] = {}
        self._counted_at: float | None = None
        self._visible = 0.0

    def note_progress(self, pane: int, characters: int, *, over: bool) -> None:
        """Notes how many characters of an answer have come so far, and whether it is complete or has failed."""
        if characters and pane not in self._begun_at:
            self._begun_at[pane] = self._clock()
        if characters or over:
            self._silent_panes.discard(pane)
        self._lengths[pane] = characters
        if over:
            self._begun_at.pop(pane, None)
            self._lengths.pop(pane, None)

    def characters(self) -> int:
        """How many characters of each answer may be seen now. Never fewer than before."""
        now = self._clock()
        if self._counted_at is None:
            if self._silent_panes and now - self._started_at < MAX_HEAD_START:
                return 0
            self._counted_at = now
        self._visible += (now - self._counted_at) * self._rate(now)
        self._counted_at = now
        return int(self._visible)

    def _rate(self, now: float) -> float:
        rates = [self._lengths[pane] / max(now - begun_at, 1.0) for pane, begun_at in self._begun_at.items()]
        return min(max(min(rates, default=MAX_CHARS_PER_SECOND), MIN_CHARS_PER_SECOND), MAX_CHARS_PER_SECOND)

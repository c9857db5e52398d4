"""What a blind comparison needs: pane sits where, and a pace that gives no model away."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

T = TypeVar("T")

LETTERS = "ABCD"

MIN_CHARS_PER_SECOND = 40.0
"""Characters a second, about 10 tokens: what is slower than this is seen to be slow, so that nobody waits for it."""
MAX_CHARS_PER_SECOND = 160.0
"""Characters a second: faster than anybody reads."""
MAX_HEAD_START = 3.0
"""Seconds that those pane are ready wait for the others' first words."""


def shuffled(targets: Sequence[T], chance: Random) -> list[T]:
    """The same targets, each order as likely as every other."""
    order = list(targets)
    chance.shuffle(order)
    return order


class Pace:
    """How many characters of each answer may be seen by now: the same number for all of them.

    Nothing is shown until everybody has begun or can no longer begin, for `MAX_HEAD_START` at most; from then on the
    slowest of those pane are still writing sets the pace. So a model that hangs costs the others three seconds, once.
    """

    def __init__(self, panes: Iterable[int], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started_at = clock()
        self._silent_panes = set(panes)
        self._begun: dict[int, float] = {}
        self._written: dict[int, int] = {}
        self._counted: float | None = None
        self._visible = 0.0

    def note_progress(self, pane: int, characters: int, *, over: bool) -> None:
        """What has come of an answer so far, and whether it is all."""
        if characters and pane not in self._begun:
            self._begun[pane] = self._clock()
        if characters or over:
            self._silent_panes.discard(pane)
        self._written[pane] = characters
        if over:
            self._begun.pop(pane, None)
            self._written.pop(pane, None)

    def characters(self) -> int:
        """How many may be seen now. Never fewer than before."""
        now = self._clock()
        if self._counted is None:
            if self._silent_panes and now - self._started_at < MAX_HEAD_START:
                return 0
            self._counted = now
        self._visible += (now - self._counted) * self._rate(now)
        self._counted = now
        return int(self._visible)

    def _rate(self, now: float) -> float:
        rates = [self._written[pane] / max(now - begun, 1.0) for pane, begun in self._begun.items()]
        return min(max(min(rates, default=MAX_CHARS_PER_SECOND), MIN_CHARS_PER_SECOND), MAX_CHARS_PER_SECOND)

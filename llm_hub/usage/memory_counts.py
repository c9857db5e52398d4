"""Counts in this process's memory, each kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MIN_SWEEP = 1000
"""Counts that may be kept before those that are over are looked for."""


class MemoryCounts:
    """Counts by name. Each ends so many seconds after it was begun, by `clock`, which is one that nobody sets back.

    `limits` has a storage of that kind, which asks the time of day: when that was set back by an hour, a count of a
    minute went on for an hour and a minute.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        """The count of each name, and when it ends."""
        self._next_sweep = MIN_SWEEP

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Adds to a count, which is begun if it is over, and gives it."""
        count, ends = self._counts.get(key, (0, 0.0))
        now = self._clock()
        if ends <= now:
            count, ends = 0, now + expiry
        self._counts[key] = count + amount, ends
        if len(self._counts) > self._next_sweep:
            self._counts = {key: entry for key, entry in self._counts.items() if entry[1] > now}
            self._next_sweep = max(MIN_SWEEP, 2 * len(self._counts))
        return count + amount

    def raise_to(self, key: str, expiry: float, amount: int) -> None:
        """Raises a count to this, unless it is higher."""
        now = self._clock()
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= now or count < amount:
            self._counts[key] = amount, now + expiry

    def seconds_left(self, key: str) -> float:
        """Seconds until a count ends; 0 if there is none."""
        return max(0.0, self._counts.get(key, (0, 0.0))[1] - self._clock())

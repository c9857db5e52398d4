"""Counts in this process's memory, each kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.usage.shares import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.usage.shares import Share

MIN_SWEEP = 1000
"""Counts that may be kept before those that are over are looked for."""


class MemoryCounts:
    """Counts by name. Each ends so many seconds after it was begun, by `clock`, which is one that nobody sets back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        """The count of each name, and when it ends."""
        self._next_sweep = MIN_SWEEP

    def add(self, shares: Sequence[Share]) -> Outcome:
        """Adds all of the shares, or none where one does not fit. A count that is over begins anew."""
        now = self._clock()
        found = [self._counts.get(share.key, (0, 0.0)) for share in shares]
        entries = [
            (count, ends) if ends > now else (0, now + share.seconds)
            for (count, ends), share in zip(found, shares, strict=True)
        ]
        sums = [count + share.amount for (count, _), share in zip(entries, shares, strict=True)]
        left = [ends - now for _, ends in entries]
        for place, (total, share) in enumerate(zip(sums, shares, strict=True)):
            if total > share.limit:
                return Outcome(place, [count for count, _ in entries], left)
        for share, total, (_, ends) in zip(shares, sums, entries, strict=True):
            self._counts[share.key] = total, ends
        self._sweep(now)
        return Outcome(-1, sums, left)

    def _sweep(self, now: float) -> None:
        if len(self._counts) > self._next_sweep:
            self._counts = {key: entry for key, entry in self._counts.items() if entry[1] > now}
            self._next_sweep = max(MIN_SWEEP, 2 * len(self._counts))

    async def change(self, key: str, amount: int) -> int:
        """Adds to a count, or with a negative amount takes back, and gives it. One that is over stays so, and is 0."""
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= self._clock():
            return 0
        self._counts[key] = count + amount, ends
        return count + amount

    async def raise_to(self, key: str, seconds: int, amount: int) -> None:
        """Raises a count to this, unless it is higher."""
        now = self._clock()
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= now or count < amount:
            self._counts[key] = amount, now + seconds

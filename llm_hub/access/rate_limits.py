"""How often one address may ask, in memory that cannot grow."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


MAX_ADDRESSES = 5000
"""Addresses that are remembered. One that has spent nothing lately needs no memory."""


class RateLimiter:
    """A token bucket for each address: it holds `burst`, and fills by `rate` a second.

    Of each bucket only the moment is kept when it is full again.
    """

    def __init__(self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_to_fill = burst / rate
        self._rate = rate
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, address: str, cost: float = 1.0) -> float:
        """Takes `cost` and returns 0.0; or takes nothing, and returns the seconds until there is enough."""
        now = self._clock()
        full_at = max(now, self._full_at.get(address, 0.0)) + cost / self._rate
        if (missing := full_at - now - self._seconds_to_fill) > 0:
            return missing
        self._full_at[address] = full_at
        self._full_at.move_to_end(address)
        while len(self._full_at) > MAX_ADDRESSES:
            self._full_at.popitem(last=False)
        return 0.0

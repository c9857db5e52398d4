"""How much one address may ask for, and how much all of them together, in memory that cannot grow."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


MAX_ADDRESSES = 5000
"""Addresses that are remembered. Whoever has spent nothing lately needs no memory."""

MAX_TABS_OPEN = 2000
"""Tabs that are open at once."""

IDLE = 600.0
"""Seconds after which a tab that does nothing gives its place to a newcomer."""


class RateLimiter:
    """A bucket for each address: `burst` at once, then `rate` a second. Kept as the moment when it is full again."""

    def __init__(self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._span = burst / rate
        self._rate = rate
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, address: str, cost: float = 1.0) -> float:
        """Takes `cost`, and 0.0; or nothing, and the seconds after which it is there."""
        now = self._clock()
        full_at = max(now, self._full_at.get(address, 0.0)) + cost / self._rate
        if (missing := full_at - now - self._span) > 0:
            return missing
        self._full_at[address] = full_at
        self._full_at.move_to_end(address)
        while len(self._full_at) > MAX_ADDRESSES:
            self._full_at.popitem(last=False)
        return 0.0


class OpenTabs:
    """The open tabs by session. None loses its place to a newcomer while it is in use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: OrderedDict[str, float] = OrderedDict()
        self.open: set[str] = set()
        """Those whose page is open in a browser at the moment."""

    def __len__(self) -> int:
        return len(self._used)

    def __contains__(self, session: str) -> bool:
        return session in self._used

    def use(self, session: str) -> bool:
        """Whether there is a place for it."""
        now = self._clock()
        if session not in self._used and len(self._used) >= MAX_TABS_OPEN:
            if now - next(iter(self._used.values())) < IDLE:
                return False
            self._used.popitem(last=False)
        self._used[session] = now
        self._used.move_to_end(session)
        return True

    def close(self, session: str) -> None:
        self._used.pop(session, None)
        self.open.discard(session)


class OpenCounter:
    """Counts what is open at the moment, of all and of each address."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._by_address: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str | None) -> bool:
        """Whether one more may be open. `address` None is not counted by itself. What entered must `leave`."""
        if self._all >= self._most or (address is not None and self._by_address[address] >= self._most_of_one):
            return False
        self._all += 1
        if address is not None:
            self._by_address[address] += 1
        return True

    def leave(self, address: str | None) -> None:
        self._all -= 1
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

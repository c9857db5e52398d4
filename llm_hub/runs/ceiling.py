"""The most that a run may cost. It is never passed by more than one answer.

What an answer costs is known after it. So before one is asked, the most that it may cost is set aside, and another is
asked only while what was spent and what is set aside stay below the ceiling. Near it, answers go one by one.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal


class Ceiling:
    """US dollars, None for no ceiling. `spent` is what has been paid, and what must be taken for paid."""

    def __init__(self, usd: Decimal | None, spent: Decimal = Decimal(0)) -> None:
        self.usd = usd
        self.spent = spent
        self._set_aside = Decimal(0)
        self._changed = asyncio.Event()

    @property
    def is_reached(self) -> bool:
        """Whether nothing that costs anything may be asked any more."""
        return self.usd is not None and self.spent >= self.usd

    async def set_aside(self, most: Decimal) -> bool:
        """Waits until an answer that costs so much at most may be asked. False: the ceiling has been reached."""
        if self.usd is None or not most:
            return True
        while self.spent < self.usd:
            if self._set_aside == 0 or self.spent + self._set_aside < self.usd:
                self._set_aside += most
                return True
            changed = self._changed
            await changed.wait()
        return False

    def settle(self, most: Decimal, spent: Decimal) -> None:
        """An answer is over: `spent` stands in the place of what was set aside for it."""
        if self.usd is not None and most:
            self._set_aside -= most
        self.spent += spent
        self._changed.set()
        self._changed = asyncio.Event()

"""Quotas: how many requests a minute, and how many tokens and dollars a day, each name may use.

What a request costs is known only after its answer. So an estimate is reserved first and settled afterwards: many
requests at once keep to a quota as one after the other would. A minute begins with its first request, a day at
midnight UTC, as in the ledger and on the providers' bills.
Where the counts are kept says `counters.py`. There they begin with what the database has of today.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError, InvalidRequest
from llm_hub.usage.amounts import DAY, Spending, amount_text, to_micro
from llm_hub.usage.counters import Counters
from llm_hub.usage.limit_errors import LimitNotKept, LimitReached

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from decimal import Decimal

    from limits import RateLimitItem
    from limits.aio.storage import Storage

    from llm_hub.usage.memory_counts import MemoryCounts

    Recall = Callable[[], Awaitable[Mapping[str, Mapping[str, int]]]]
    """Gives by name what was used of each unit."""

log = logging.getLogger(__name__)

DEFAULT_MAX_ANSWER = 8192
"""Tokens of an answer whose request has no bound: long for an answer, and within what every current model writes."""


@dataclass(frozen=True, slots=True)
class _Hold:
    name: str
    unit: str
    key: str
    seconds: int
    amount: int
    ends: float
    """When the count is over, by the counters' clock."""
    place: Storage | MemoryCounts


class Reservation:
    """What a request has reserved. It is settled once, with what it really used."""

    def __init__(self, quota: Quota, name: str, holds: list[_Hold]) -> None:
        self._quota = quota
        self._name = name
        self._holds = holds

    async def extend(self, *, tokens: int, money: Decimal | None) -> None:
        """Reserves more, for a further attempt. Raises `LimitReached`, and then no more is reserved than before."""
        self._holds += await self._quota.hold(self._name, {"tokens": tokens, "dollars": to_micro(money)})

    async def settle(self, *, tokens: int, money: Decimal | None) -> None:
        """The estimate gives way to these. Money that is not known counts as none."""
        await self._correct({"requests": 1, "tokens": tokens, "dollars": to_micro(money)})

    async def release(self) -> None:
        """Nothing was used, not even the request: nobody was asked."""
        await self._correct({})

    async def _correct(self, used: dict[str, int]) -> None:
        holds, self._holds = self._holds, []
        await self._quota.correct(holds, used)


class Quota:
    """The same limits for each name that is counted; None is no limit. `whose` tells in a refusal whose limit it is.

    `daily_requests`: the limit of requests holds for a day, and not for a minute.
    """

    def __init__(
        self,
        counters: Counters | None = None,
        *,
        requests: int | None = None,
        tokens: int | None = None,
        money: Decimal | None = None,
        whose: str = "this key",
        daily_requests: bool = False,
    ) -> None:
        amounts = {"requests": requests, "tokens": tokens, "dollars": to_micro(money) if money is not None else None}
        self._whose = whose
        self._items: dict[str, RateLimitItem] = {}
        self._counters = counters or Counters()
        self.recall: Recall | None = None
        """What the database has of today: asked at the start, and whenever counts may have been lost."""
        self._taken_up: object = None
        """The counters' epoch for which that was done."""
        self.watch: Callable[[Spending], None] | None = None
        """Is told what was spent of a day's money."""
        self._recalling = asyncio.Lock()
        if any(amount is not None for amount in amounts.values()):
            from limits import RateLimitItemPerDay, RateLimitItemPerMinute

            for unit, amount in amounts.items():
                is_daily = unit != "requests" or daily_requests
                kind = RateLimitItemPerDay if is_daily else RateLimitItemPerMinute
                if amount is not None:
                    self._items[unit] = kind(amount, namespace=f"llm-hub/{whose}/{unit}")

    @property
    def money(self) -> bool:
        """Whether money is limited, so that an estimate of it is worth making."""
        return "dollars" in self._items

    @property
    def max_answer(self) -> int | None:
        """The `max_tokens` given to requests without one, so that their worst-case cost is known; None: none needed."""
        if not self._items.keys() & {"tokens", "dollars"}:
            return None
        tokens = self._items.get("tokens")
        return min(DEFAULT_MAX_ANSWER, max(1, tokens.amount // 2)) if tokens else DEFAULT_MAX_ANSWER

    async def reserve(self, name: str, *, tokens: int = 0, money: Decimal | None = None) -> Reservation:
        """Reserves a request, and what it may use, for `name`. Raises `LimitReached`, and then nothing is reserved.

        What may need more than the whole limit is refused with `InvalidRequest`: tomorrow it would be no smaller.
        """
        amounts = {"requests": 1, "tokens": tokens, "dollars": to_micro(money)}
        for unit, item in self._items.items():
            if amounts[unit] > item.amount:
                limit = amount_text(item.amount, unit)
                raise InvalidRequest(
                    f"This request may need more than the limit of {limit} a day for {self._whose}.",
                    hint="Make it shorter, begin a new chat, lower max_tokens, or choose a cheaper model.",
                )
        return Reservation(
            self, name, await self.hold(name, {unit: max(1, amount) for unit, amount in amounts.items()})
        )

    async def hold(self, name: str, amounts: Mapping[str, int]) -> list[_Hold]:
        """Adds so much to each count, or to none. Raises `LimitReached`."""
        await self._take_up(is_free=amounts.get("dollars", 0) <= 1)
        holds: list[_Hold] = []
        for unit, item in self._items.items():
            amount = amounts.get(unit, 0)
            if not amount:
                continue
            key, seconds, day = _place(item, name)
            try:
                count, left, place = await self._add(key, seconds, amount)
            except BaseException:  # the client may have left
                await self.correct(holds, {})
                raise
            if seconds == DAY:
                left = (day + 1.0) * DAY - time.time()
            holds.append(_Hold(name, unit, key, seconds, amount, self._counters.clock() + left, place))
            if count > item.amount:
                await self.correct(holds, {})
                self._report(name, unit, count - amount, refused=True)
                raise self._reached(item, unit, count - amount, left)
        return holds

    async def correct(self, holds: Sequence[_Hold], used: Mapping[str, int]) -> None:
        """Puts what was used of each unit in the place of what is held, as far as its minute or day is not over."""
        rest = dict(used)
        for hold in reversed(holds):  # the last hold counts for the newest day
            difference = rest.pop(hold.unit, 0) - hold.amount
            if difference and self._counters.clock() < hold.ends:
                count = await self._counters.correct(hold.key, hold.seconds, difference, hold.place)
                self._report(hold.name, hold.unit, count)

    def _report(self, name: str, unit: str, used: int, *, refused: bool = False) -> None:
        if self.watch is not None and unit == "dollars":
            self.watch(Spending(self._whose, name, used, self._items[unit].amount, refused))

    async def _add(self, key: str, seconds: int, amount: int) -> tuple[int, float, Storage | MemoryCounts]:
        """Adds to a count, which is begun with what the database has of today if it was lost meanwhile."""
        count, left, place = await self._counters.add(key, seconds, amount)
        is_lost = self._counters.epoch != self._taken_up or (self._counters.is_shared and count == amount)
        if self.recall is None or seconds != DAY or not is_lost:
            return count, left, place
        await self._counters.correct(key, seconds, -amount, place)
        self._taken_up = None
        await self._take_up()
        return await self._counters.add(key, seconds, amount)

    async def _take_up(self, *, is_free: bool = True) -> None:
        """Lets the counts of today begin with what was used before. Raises `LimitNotKept`, but for what is free."""
        if self.recall is None or self._taken_up == self._counters.epoch:
            return
        async with self._recalling:
            if self._taken_up == (epoch := self._counters.epoch):  # another request has done it meanwhile
                return
            try:
                used = await self.recall()
            except ConfigurationError as error:
                if self.money and not self._counters.is_shared:
                    if is_free:
                        return
                    raise LimitNotKept(error) from None
                log.error("The limits of today begin anew, since the ledger cannot be read: %s", error)  # noqa: TRY400
                used = {}
            for name, amounts in used.items():
                for unit, item in self._items.items():
                    key, seconds, _ = _place(item, name)
                    if (amount := amounts.get(unit, 0)) and seconds == DAY:
                        await self._counters.raise_to(key, seconds, amount)
            self._taken_up = epoch

    def _reached(self, item: RateLimitItem, unit: str, used: int, seconds: float) -> LimitReached:
        left = max(0, item.amount - used)
        limit, rest = amount_text(item.amount, unit), amount_text(left, unit)
        period = "day" if item.get_expiry() == DAY else "minute"
        message = f"The limit of {limit} a {period} for {self._whose} is reached"
        if left:
            message += f": {rest} are left, and this request may need more"
        return LimitReached(f"{message}.", retry_after=max(1.0, seconds))


def _place(item: RateLimitItem, name: str) -> tuple[str, int, int]:
    """The key of a name's count, the seconds that it is kept, and the present day. Each day has a count of its own."""
    key, seconds, day = item.key_for(name), item.get_expiry(), int(time.time() // DAY)
    return f"{key}/{day}" if seconds == DAY else key, seconds, day

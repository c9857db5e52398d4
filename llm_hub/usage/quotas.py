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
from llm_hub.usage.counters import Counters, UnknownCounts
from llm_hub.usage.limit_errors import LimitNotKept, LimitReached
from llm_hub.usage.shares import Share

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from decimal import Decimal

    from llm_hub.usage.counters import Place
    from llm_hub.usage.shares import Outcome

    Recall = Callable[[], Awaitable[Mapping[str, Mapping[str, int]]]]
    """Gives by name what was used of each unit."""

log = logging.getLogger(__name__)

MINUTE = 60
"""Seconds."""
DEFAULT_MAX_ANSWER = 8192
"""Tokens of an answer whose request has no bound: long for an answer, and within what every current model writes."""


@dataclass(frozen=True, slots=True)
class _Hold:
    name: str
    unit: str
    key: str
    amount: int
    ends: float
    """When the count is over, by the counters' clock."""
    place: Place


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
        self._limits = {unit: amount for unit, amount in amounts.items() if amount is not None}
        self._daily = {"tokens", "dollars"} | ({"requests"} if daily_requests else set())
        self._counters = counters or Counters()
        self.recall: Recall | None = None
        """What the database has of today: asked at the start, and whenever counts may have been lost."""
        self._taken_up: object = None
        """The counters' epoch for which that was done."""
        self._recalls = 0
        """How often."""
        self.watch: Callable[[Spending], None] | None = None
        """Is told what was spent of a day's money."""
        self._recalling = asyncio.Lock()

    @property
    def money(self) -> bool:
        """Whether money is limited, so that an estimate of it is worth making."""
        return "dollars" in self._limits

    @property
    def max_answer(self) -> int | None:
        """The `max_tokens` given to requests without one, so that their worst-case cost is known; None: none needed."""
        if not self._limits.keys() & {"tokens", "dollars"}:
            return None
        tokens = self._limits.get("tokens")
        return min(DEFAULT_MAX_ANSWER, max(1, tokens // 2)) if tokens else DEFAULT_MAX_ANSWER

    async def reserve(self, name: str, *, tokens: int = 0, money: Decimal | None = None) -> Reservation:
        """Reserves a request, and what it may use, for `name`. Raises `LimitReached`, and then nothing is reserved.

        What may need more than the whole limit is refused with `InvalidRequest`: tomorrow it would be no smaller.
        """
        amounts = {"requests": 1, "tokens": tokens, "dollars": to_micro(money)}
        for unit, limit in self._limits.items():
            if amounts[unit] > limit:
                raise InvalidRequest(
                    f"This request may need more than the limit of {amount_text(limit, unit)} a day for {self._whose}.",
                    hint="Make it shorter, begin a new chat, lower max_tokens, or choose a cheaper model.",
                )
        return Reservation(
            self, name, await self.hold(name, {unit: max(1, amount) for unit, amount in amounts.items()})
        )

    async def hold(self, name: str, amounts: Mapping[str, int]) -> list[_Hold]:
        """Adds so much to each count, or to none. Raises `LimitReached`."""
        units = [unit for unit in self._limits if amounts.get(unit)]
        if not units:
            return []
        is_free = amounts.get("dollars", 0) <= 1
        await self._take_up(is_free=is_free)
        now = time.time()
        shares = [self._share(unit, name, amounts[unit], now) for unit in units]
        outcome, place = await self._add(shares, is_free=is_free)
        day_left = (now // DAY + 1.0) * DAY - now
        left = [
            day_left if share.seconds == DAY else seconds
            for share, seconds in zip(shares, outcome.seconds_left, strict=True)
        ]
        if (full := outcome.full) >= 0:
            self._report(name, units[full], outcome.counts[full], refused=True)
            raise self._reached(units[full], outcome.counts[full], left[full])
        clock = self._counters.clock()
        return [
            _Hold(name, unit, share.key, share.amount, clock + seconds, place)
            for unit, share, seconds in zip(units, shares, left, strict=True)
        ]

    async def correct(self, holds: Sequence[_Hold], used: Mapping[str, int]) -> None:
        """Puts what was used of each unit in the place of what is held, as far as its minute or day is not over."""
        rest = dict(used)
        for hold in reversed(holds):  # the last hold counts for the newest day
            difference = rest.pop(hold.unit, 0) - hold.amount
            if difference and self._counters.clock() < hold.ends:
                count = await self._counters.change(hold.key, difference, hold.place)
                self._report(hold.name, hold.unit, count)

    def _report(self, name: str, unit: str, used: int, *, refused: bool = False) -> None:
        if self.watch is not None and unit == "dollars":
            self.watch(Spending(self._whose, name, used, self._limits[unit], refused))

    async def _add(self, shares: Sequence[Share], *, is_free: bool) -> tuple[Outcome, Place]:
        """Adds to counts. Those of today begin with what the database has, also if they were lost meanwhile."""
        recalls = self._recalls
        try:
            return await self._counters.add(shares, self._taken_up, begin=False)
        except UnknownCounts:
            if self._recalls == recalls:  # no other request has done it meanwhile
                self._taken_up = None
        await self._take_up(is_free=is_free)
        return await self._counters.add(shares, self._taken_up, begin=True)

    async def _take_up(self, *, is_free: bool) -> None:
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
                for unit in self._limits.keys() & self._daily:
                    if amount := amounts.get(unit, 0):
                        await self._counters.raise_to(self._key(unit, name, time.time()), DAY, amount)
            self._taken_up = epoch
            self._recalls += 1

    def _share(self, unit: str, name: str, amount: int, now: float) -> Share:
        is_daily = unit in self._daily
        key, seconds = self._key(unit, name, now), DAY if is_daily else MINUTE
        return Share(key, seconds, amount, self._limits[unit], is_daily and self.recall is not None)

    def _key(self, unit: str, name: str, now: float) -> str:
        """Under which a name's count is kept. Each day has a count of its own."""
        period = f"day {now // DAY:.0f}" if unit in self._daily else "minute"
        return f"llm-hub/limit/{self._whose}/{unit}/{name}/{period}"

    def _reached(self, unit: str, used: int, seconds: float) -> LimitReached:
        left = max(0, self._limits[unit] - used)
        limit, rest = amount_text(self._limits[unit], unit), amount_text(left, unit)
        period = "day" if unit in self._daily else "minute"
        message = f"The limit of {limit} a {period} for {self._whose} is reached"
        if left:
            message += f": {rest} are left, and this request may need more"
        return LimitReached(f"{message}.", retry_after=max(1.0, seconds))

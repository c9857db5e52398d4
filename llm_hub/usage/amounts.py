"""Amounts of requests, tokens and money as counters have them, in whole numbers, and as refusals say them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

MICRO = 1_000_000
"""Money is counted in millionths of a US dollar: the counters only know whole numbers."""
NANO = 10**9
"""Prices are kept in billionths of a US dollar: whole numbers add up exactly."""
DAY = 86400
"""Seconds. Days are those of UTC."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What `name` has used of a day's money, in millionths of a US dollar. `refused`: a request found too little left,
    and `used` has what others have reserved."""

    whose: str
    name: str
    used: int
    limit: int
    refused: bool


def to_micro(money: Decimal | None) -> int:
    """Millionths of a US dollar; money that is not known counts as none."""
    return 0 if money is None else int((money * MICRO).to_integral_value())


def used_amounts(requests: int, tokens: int, money: Decimal) -> dict[str, int]:
    """What was used, as the counts have it."""
    return {"requests": requests, "tokens": tokens, "dollars": to_micro(money)}


def amount_text(amount: int, unit: str) -> str:
    """A count with its unit."""
    return f"${Decimal(amount) / MICRO:f}" if unit == "dollars" else f"{amount:,} {unit}"


def duration_text(seconds: float) -> str:
    """A wait, in the largest unit that says enough."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.0f} hours"


def money_text(micro: int) -> str:
    """Millionths of a US dollar, in dollars and cents; less than a cent as it is."""
    dollars = Decimal(micro) / MICRO
    return f"${dollars:.2f}" if dollars >= Decimal("0.01") else f"${dollars:f}"

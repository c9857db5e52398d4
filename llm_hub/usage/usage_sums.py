"""Sums of the ledger's rows: how much was used, by whom, of what, on which day."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

Key = TypeVar("Key", bound="Hashable")


@dataclass(frozen=True, slots=True)
class UsageSums:
    """The sums of several requests. `unpriced` counts the answers of unknown price, which `price` does not include.

    `reported_price` is the part of `price` that providers say they charged; the rest is by price lists.
    """

    requests: int = 0
    answered: int = 0
    unpriced: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    price: Decimal = Decimal(0)
    reported_price: Decimal = Decimal(0)

    def __add__(self, other: UsageSums) -> UsageSums:
        return UsageSums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Total:
    """What one caller used of one target on one day. `day` counts days since 1970-01-01, UTC."""

    day: int
    caller: str
    target: str
    used: UsageSums


def sum_by(totals: Iterable[Total], key: Callable[[Total], Key]) -> dict[Key, UsageSums]:
    """Adds up the totals that have the same key."""
    sums: dict[Key, UsageSums] = {}
    for total in totals:
        name = key(total)
        sums[name] = sums.get(name, UsageSums()) + total.used
    return sums

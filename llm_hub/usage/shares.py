"""What a request adds to the counts of its quotas, and how that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Share(NamedTuple):
    """What a request adds to one count."""

    key: str
    seconds: int
    """How long the count is kept from its beginning on."""
    amount: int
    limit: int
    """The count may not become higher."""
    is_recalled: bool
    """Whether the count begins with what the database has, and not with 0."""


class Outcome(NamedTuple):
    """How adding the shares of one request ended: all of them were added, or none."""

    full: int
    """The place of the first share that does not fit; -1: all were added."""
    counts: Sequence[int]
    """What stands in each count now."""
    seconds_left: Sequence[float]
    """Until each count is over."""

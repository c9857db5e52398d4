"""The decorator of the values that every answer makes anew: requests, events, attempts, responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """A dataclass with slots that nobody changes: the type checker refuses to. With `dataclass(frozen=True)` Python
    would refuse as well, and set each field of each new value by a call, which was a fifteenth of all that an answer
    costs."""
    return dataclass(slots=True, unsafe_hash=True)(cls)

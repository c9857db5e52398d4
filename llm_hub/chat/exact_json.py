"""JSON whose numbers may have more digits than 64 bits hold: orjson reads those as floats, and loses digits of them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, Self

import orjson

MAX_DIGITS = 300
"""Digits of a whole number that is read as one. Longer ones take long to read, and are more than a float can be."""
_FLOAT_DIGITS = 17
"""Digits that a float keeps of a decimal."""
_STEP = 4
"""Every fourth byte is looked at: of the digits and the point of such a number, nineteen or more, at least four are
seen."""
_DIGITS = bytes(48 if 48 <= byte <= 57 or byte == 46 else 32 for byte in range(256))
_SEEN = b"0" * (19 // _STEP)
_RUN = re.compile(rb"[\d.]+")


class ExactFloat(float):
    """A decimal number that is written as it was read, with all of its digits."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def load_exactly(raw: bytes) -> Any:
    """The value of a JSON text. Raises `orjson.JSONDecodeError`."""
    value = orjson.loads(raw)
    if not has_long_number(raw):
        return value
    try:
        return json.loads(raw, parse_int=_parse_int, parse_float=_parse_float)
    except (ValueError, RecursionError):
        return value


def exact_object(value: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """An object that orjson has read from `raw`, as it is where that has a number that orjson does not keep."""
    if has_long_number(raw):
        with suppress(ValueError):  # half a surrogate pair, which orjson does not take
            exact = load_exactly(raw)
            return exact if isinstance(exact, dict) else value
    return value


def dump_exactly(value: object) -> bytes:
    """The value as JSON. Raises `TypeError` for one that has none, and `ValueError` for half a surrogate pair."""
    try:
        return orjson.dumps(value, default=_digits)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise
    return orjson.dumps(_with_digits(value), default=_digits)


def has_long_number(raw: bytes) -> bool:
    """Whether there is a number of so many digits, nearly as fast as bytes are copied: it is asked of every request."""
    digits = raw[::_STEP].translate(_DIGITS)
    start = 0
    while (place := digits.find(_SEEN, (start + _STEP - 1) // _STEP)) >= 0:
        run = _RUN.search(raw, max(start, _STEP * (place - 1) + 1))
        if run is None:
            return False
        if _is_long(run[0]):
            return True
        start = run.end()
    return False


def _is_long(run: bytes) -> bool:
    """Whether a float may not hold a number. Zeros at its beginning are no digits that it would have to keep."""
    significant = run.lstrip(b"0.")
    count = len(significant) - significant.count(b".")
    return count > _FLOAT_DIGITS + 1 or (count > _FLOAT_DIGITS and b"." in run)


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def _parse_float(text: str) -> float:
    return ExactFloat(text) if _is_long(text.encode()) else float(text)


def _digits(value: object) -> orjson.Fragment:
    """What orjson writes of a value that it does not know."""
    if isinstance(value, ExactFloat):
        return orjson.Fragment(value.text.encode())
    raise TypeError(f"Type is not JSON serializable: {type(value).__name__}")


def _with_digits(value: Any) -> Any:
    """The value with whole numbers of more than 64 bits in a form that orjson writes."""
    if isinstance(value, dict):
        return {name: _with_digits(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_digits(inner) for inner in value]
    is_long = isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64
    return orjson.Fragment(str(value).encode()) if is_long else value

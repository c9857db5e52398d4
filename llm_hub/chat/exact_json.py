"""JSON whose whole numbers may have more than 64 bits: orjson reads those as floats, and does not write them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import orjson

MAX_DIGITS = 300
"""Digits of a whole number that is read as one. Longer ones take long to read, and are more than a float can be."""
_STEP = 4
"""Every fourth byte is looked at: of 19 digits in a row, which 64 bits always hold less of, at least four are seen."""
_DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_SEEN = b"0" * (19 // _STEP)
_LONG = re.compile(rb"\d{19}")


def load_exactly(raw: bytes) -> Any:
    """The value of a JSON text. Raises `orjson.JSONDecodeError`."""
    value = orjson.loads(raw)
    if not has_long_number(raw):
        return value
    try:
        return json.loads(raw, parse_int=_parse_int)
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
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def has_long_number(raw: bytes) -> bool:
    """Whether there are nineteen digits in a row, nearly as fast as bytes are copied: it is asked of every request."""
    digits = raw[::_STEP].translate(_DIGITS)
    place = digits.find(_SEEN)
    while place >= 0:
        if _LONG.search(raw, max(0, _STEP * place - 20), _STEP * place + 40):
            return True
        place = digits.find(_SEEN, place + 1)
    return False


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)

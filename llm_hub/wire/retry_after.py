"""How long a server asks to be left alone: in a header, in a field of its error, or in the error's words."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

MAX_RETRY_AFTER = 86400.0
"""Seconds to wait. A server that asks for more than a day is asked again after a day."""

_PART = (
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?)(?![a-z])"
)
_PARTS = re.compile(_PART, re.IGNORECASE)
_WORDS = re.compile(
    rf"\b(?:try again|retry|wait|available|resets?)\b[a-z ]{{0,20}}?\b(?:in|after|for|wait)\s+((?:{_PART}\s*)+)",
    re.IGNORECASE,
)
"""OpenAI, Groq: "Please try again in 1m2.5s"; Gemini: "Please retry in 38.2s"."""


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait that a reply's headers ask for; None if they ask for none, or are not valid.

    `now` is the Unix time from which an HTTP date is counted. Sources: RFC 9110, OpenAI's `retry-after-ms`, and for the
    moment of a reset OpenRouter's `x-ratelimit-reset`. Other servers' resets are often relative, or about a limit that
    is not used up: only a moment in the future is believed.
    """
    now = time.time() if now is None else now
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value) * scale
        except ValueError:
            try:
                seconds = max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
            except (ValueError, OverflowError):
                continue
        if (wait := _bounded(seconds)) is not None:
            return wait
    return _until_reset(headers.get("x-ratelimit-reset", ""), now)


def retry_after_in_body(layers: Iterable[dict[str, Any]], message: str, now: float | None = None) -> float | None:
    """Seconds to wait that an error's body asks for: `layers` are its objects, and `message` its words."""
    now = time.time() if now is None else now
    for layer in layers:
        metadata = layer.get("metadata")
        holders = (layer, metadata) if isinstance(metadata, dict) else (layer,)
        for holder in holders:
            for name, scale in (("retry_after_ms", 0.001), ("retry_after", 1.0), ("retry_after_seconds", 1.0)):
                value = holder.get(name)
                if isinstance(value, int | float) and (wait := _bounded(value * scale)) is not None:
                    return wait
            headers = holder.get("headers")  # OpenRouter: those of the provider behind it
            if isinstance(headers, dict):
                texts = {str(name).lower(): str(value) for name, value in headers.items()}
                if (wait := retry_after(texts, now)) is not None:
                    return wait
        details = layer.get("details")
        for detail in details if isinstance(details, list) else ():  # google.rpc.RetryInfo
            if isinstance(detail, dict) and (wait := _duration(detail.get("retryDelay"))) is not None:
                return wait
    words = _WORDS.search(message[:2000])
    return _duration(words.group(1)) if words else None


def _duration(value: object) -> float | None:
    """Seconds of a duration as text ("38s", "1m2.5s") or as protobuf writes it."""
    if isinstance(value, dict):
        seconds, nanos = value.get("seconds", 0), value.get("nanos", 0)
        valid = isinstance(seconds, int | float) and isinstance(nanos, int | float)
        return _bounded(seconds + nanos / 1e9) if valid else None
    parts = _PARTS.findall(value) if isinstance(value, str) else []
    return _bounded(sum(float(number) * _unit(unit.lower()) for number, unit in parts)) if parts else None


def _unit(name: str) -> float:
    """Seconds of a unit of time, by the first letters of its name."""
    if name == "ms" or name.startswith("mil"):
        return 0.001
    return {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[name[0]]


def _until_reset(value: str, now: float) -> float | None:
    """Seconds until a moment in Unix seconds or milliseconds; None for one that has passed, or that is none."""
    try:
        moment = float(value)
    except ValueError:
        return None
    if not math.isfinite(moment) or moment < 1e9:
        return None
    seconds = (moment / 1000 if moment > 1e11 else moment) - now
    return _bounded(seconds) if seconds > 0 else None


def _bounded(seconds: float) -> float | None:
    return min(float(seconds), MAX_RETRY_AFTER) if math.isfinite(seconds) and seconds >= 0 else None

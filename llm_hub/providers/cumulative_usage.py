"""Tokens that a server counts several times in one answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_hub.wire.validation import parse_count


def update_usage(usage: dict[str, Any], reported: Mapping[str, Any]) -> None:
    """Counts are cumulative, so that the last ones hold. What is null, or 0 after a greater count, was not counted.

    Sources: `accumulate_event` of anthropic-sdk-python for null, envoyproxy/ai-gateway#1631 for `input_tokens: 0`.
    """
    for name, value in reported.items():
        before = usage.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            update_usage(before, value)
        elif isinstance(value, dict):
            usage[name] = dict(value)
        elif value is not None and not (value == 0 and parse_count(before)):
            usage[name] = value

"""The tokens of an answer, as Anthropic's protocol counts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_hub.chat import Usage
from llm_hub.wire.validation import parse_count


def read_usage(reported: Mapping[str, Any]) -> Usage:
    """The tokens in the hub's words. The prompt is what was not cached, what was, and what is from now on.

    A prompt or an answer of no tokens at all does not exist: 0 is what servers write that do not count.
    """
    usage: Usage = {}
    details = reported.get("cache_creation")
    created = {name: parse_count(count) or 0 for name, count in details.items()} if isinstance(details, dict) else {}
    cached = parse_count(reported.get("cache_read_input_tokens")) or 0
    written = parse_count(reported.get("cache_creation_input_tokens")) or sum(created.values())
    if prompt := (parse_count(reported.get("input_tokens")) or 0) + cached + written:
        usage["prompt_tokens"] = prompt
    if cached:
        usage["cached_tokens"] = cached
    if written:
        usage["cache_write_tokens"] = written
        if hour := min(created.get("ephemeral_1h_input_tokens", 0), written):
            usage["cache_write_1h_tokens"] = hour
    if completion := parse_count(reported.get("output_tokens")):
        usage["completion_tokens"] = completion
    details = reported.get("output_tokens_details")
    if isinstance(details, dict) and (thought := parse_count(details.get("thinking_tokens"))) is not None:
        usage["reasoning_tokens"] = thought
    if "prompt_tokens" in usage and "completion_tokens" in usage:
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    return usage

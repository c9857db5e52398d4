"""Reads what a server of OpenAI's protocol counted and charged, wherever it puts it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple, cast

from llm_hub.chat import Usage
from llm_hub.wire.validation import parse_count


class _Places(NamedTuple):
    """The places where a count may stand, each a field, or a field within one."""

    fields: frozenset[str]
    """The outer fields of all places: most servers have none of them."""
    paths: tuple[tuple[str, str], ...]


def _places(*paths: str) -> _Places:
    """Places of a count, each written as `field` or `field.inner`."""
    parts = tuple((field, inner) for field, _, inner in (path.partition(".") for path in paths))
    return _Places(frozenset(field for field, _ in parts), parts)


_PROMPT = _places("prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount")
"""OpenAI's words, those of Responses, what JavaScript servers make of them, and Gemini's `usageMetadata`."""
_COMPLETION = _places("completion_tokens", "output_tokens", "completionTokens", "outputTokens", "candidatesTokenCount")
_TOTAL = _places("total_tokens", "totalTokens", "totalTokenCount")
_REASONING = _places(
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "reasoning_tokens",
    "reasoningTokens",
    "thoughtsTokenCount",
)
_CACHED = _places(
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    "prompt_cache_hit_tokens",  # DeepSeek: api-docs.deepseek.com, "Context Caching"
    "cached_tokens",  # Moonshot: platform.moonshot.ai, "Chat Completion"
    "cache_read_input_tokens",  # Anthropic's word, which gateways in front of it keep
    "num_cached_tokens",
    "cachedTokens",
    "cachedInputTokens",
    "cachedContentTokenCount",
)
_WRITTEN = _places(
    "prompt_tokens_details.cache_write_tokens",  # OpenRouter: openrouter.ai/docs, "Prompt Caching"
    "input_tokens_details.cache_write_tokens",
    "prompt_tokens_details.cache_creation_tokens",
    "cache_creation_input_tokens",
    "cache_write_tokens",
)
_TICK = Decimal("1e-10")
"""US dollars. xAI charges in these: docs.x.ai, "Cost Tracking"."""
_MAX_DOLLARS = 10**6


def read_usage(reported: dict[str, Any]) -> Usage:
    """The counts in the hub's words. What is not told is absent: a prompt or an answer of 0 tokens is told by servers
    that do not count."""
    prompt, completion = _first(reported, _PROMPT) or None, _first(reported, _COMPLETION)
    reasoning, cached = _first(reported, _REASONING), _first(reported, _CACHED)
    written = _first(reported, _WRITTEN)
    total = _first(reported, _TOTAL) or None
    if prompt is not None and completion is not None:
        prompt, completion = _explain_total(prompt, completion, total, reasoning, (cached or 0, written or 0))
        total = max(total or 0, prompt + completion)
    counts = {
        "prompt_tokens": prompt,
        "completion_tokens": completion or None,
        "total_tokens": total,
        "reasoning_tokens": reasoning,
        "cached_tokens": cached,
        "cache_write_tokens": written or None,
        "reported_nanodollars": _charged(reported),
    }
    return cast("Usage", {name: tokens for name, tokens in counts.items() if tokens is not None})


def read_timings(timings: dict[str, Any]) -> Usage:
    """llama.cpp's counts, in which the prompt is what was not cached. Source: llama.cpp's tools/server/README.md."""
    fresh, cached = parse_count(timings.get("prompt_n")), parse_count(timings.get("cache_n"))
    reported = {"completion_tokens": timings.get("predicted_n"), "cached_tokens": cached}
    return read_usage(reported | {"prompt_tokens": None if fresh is None else fresh + (cached or 0)})


def _explain_total(
    prompt: int, completion: int, total: int | None, reasoning: int | None, caches: tuple[int, int]
) -> tuple[int, int]:
    """The tokens of prompt and answer, where some were left out of them and are counted in the total alone.

    Some servers leave what was read from the cache, or written to it, out of the prompt. Gemini and xAI leave the
    reasoning out of the answer, and charge for it; Gemini does not say how much it was (ai.google.dev, "OpenAI
    compatibility"; docs.x.ai, "Reasoning"). What no detail accounts for belongs to neither, once reasoning is told.
    """
    missing, cache = (total or 0) - prompt - completion, sum(caches)
    outside = cache if cache > prompt else missing if missing in (cache, *caches) else 0
    prompt, missing = prompt + outside, missing - outside
    if reasoning is None:
        return prompt, completion + max(missing, 0)
    return prompt, completion + (reasoning if reasoning > completion or missing == reasoning else 0)


def _charged(reported: dict[str, Any]) -> int | None:
    """What the server says that it charged, in billionths of a US dollar. 0 is told by servers that do not know it.

    OpenRouter's `cost` is in US dollars. Where the vendor was asked with the customer's own key, it is the fee alone,
    and what the vendor takes stands beside it (openrouter.ai/docs, "Usage Accounting").
    """
    if "cost_in_usd_ticks" in reported:
        dollars = _dollars(reported["cost_in_usd_ticks"]) * _TICK
    elif "cost" in reported:
        dollars = _dollars(reported["cost"])
        if reported.get("is_byok"):
            details = reported.get("cost_details")
            vendors = _dollars(details.get("upstream_inference_cost")) if isinstance(details, dict) else Decimal(0)
            dollars = dollars + vendors if vendors else Decimal(0)
    else:
        return None
    return int(round(dollars, 9).scaleb(9)) or None if dollars <= _MAX_DOLLARS else None


def _dollars(value: object) -> Decimal:
    """The amount, 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return Decimal(0)
    return Decimal(str(value))


def _first(reported: dict[str, Any], places: _Places) -> int | None:
    """The first count at these places; 0 only where none of them says more."""
    if places.fields.isdisjoint(reported):
        return None
    zero: int | None = None
    for field, inner in places.paths:
        value = reported.get(field)
        if inner:
            value = value.get(inner) if isinstance(value, dict) else None
        if value is None:
            continue
        count = parse_count(value)
        if count:
            return count
        zero = count if zero is None else zero
    return zero

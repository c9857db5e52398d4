"""Marks for Anthropic's cache of prompts, which the hub sets for clients that set none.

What is marked is kept for five minutes together with all that comes before it, in the order tools, system, messages: to
write it costs a quarter more than to read it anew, and to read it from the cache a tenth
(platform.claude.com/docs, "Prompt caching"). The API takes four marks. These are two.
"""

from __future__ import annotations

from typing import Any

_MARK = {"type": "ephemeral"}


def has_marks(value: Any) -> bool:
    """Whether a client has set a mark of its own anywhere in its body."""
    if isinstance(value, dict):
        return value.get("cache_control") is not None or any(map(has_marks, value.values()))
    return isinstance(value, list) and any(map(has_marks, value))


def with_marks(body: dict[str, Any]) -> dict[str, Any]:
    """The body with a mark at the end of its tools, and at the end of its system prompt."""
    marked = dict(body)
    if tools := body.get("tools"):
        # A tool that is loaded later is no part of the prompt, and the API refuses a mark on it ("Tool search tool").
        marked["tools"] = _with_last_marked(tools, [not tool.get("defer_loading") for tool in tools])
    system = body.get("system")
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    if blocks:
        is_text = [bool(str(block.get("text") or "").strip()) for block in blocks]  # an empty one is refused
        if any(is_text):
            marked["system"] = _with_last_marked(blocks, is_text)
    return marked


def _with_last_marked(items: list[dict[str, Any]], can_be_marked: list[bool]) -> list[dict[str, Any]]:
    last = max((place for place, can_be in enumerate(can_be_marked) if can_be), default=None)
    return [item | {"cache_control": _MARK} if place == last else item for place, item in enumerate(items)]

"""Why an answer of Anthropic's ended."""

from __future__ import annotations

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
END_FIELDS = frozenset({"stop_reason", "stop_sequence", "stop_details", "container"})
"""The fields of a message that tell how it ended, as a stream's `message_delta` has them in its `delta`."""
PAUSED = "The model paused before it was done. To let it go on, send the conversation again, with this answer."
"""What `pause_turn` means, for which other protocols have no word.
Source: platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"""

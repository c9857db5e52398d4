"""Why an answer ended, in the words of the servers that speak OpenAI's protocol."""

from __future__ import annotations

FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter")
"""OpenAI's own words."""
_OTHER_WORDS = {
    "function_call": "tool_calls",  # OpenAI's own, before there were several calls
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "end_turn": "stop",
    "complete": "stop",  # Cohere's
    "eos": "stop",  # Together's
    "eos_token": "stop",  # Text Generation Inference's
    "stop_sequence": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",  # Mistral's
}
"""Words of other vendors for a finish reason. OpenAI's own, and unknown ones, are kept."""


def read_finish_reason(reason: str) -> str:
    """A finish reason in OpenAI's words, where one of them is meant: some servers write them in capitals, and Gemini's
    adds its own to it ("content_filter: RECITATION")."""
    lowered = reason.lower().partition(":")[0]
    return _OTHER_WORDS.get(lowered) or (lowered if lowered in FINISH_REASONS else reason)

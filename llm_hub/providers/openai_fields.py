"""The fields of an answer in OpenAI's protocol: those for which the hub has words, and those that it keeps."""

from __future__ import annotations

REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details")
"""The fields of reasoning. Several servers give the same thought in two of them: the first one counts."""
KNOWN_CHOICE_FIELDS = frozenset(
    {"index", "delta", "message", "text", "logprobs", "finish_reason", "finishReason", "usage", "error"}
)
"""The fields of a choice for which the hub has words."""
PLAIN_CHOICE = frozenset({"index", "delta", "logprobs", "finish_reason"})
"""The fields of a choice that is a piece of text and no more."""
OTHER_REASONING_FIELDS = ("reasoning", "reasoning_text", "thinking")
"""The fields of reasoning that its vendor's clients may read in the place of `reasoning_content`."""
KNOWN_FIELDS = {"role", "content", "tool_calls", "function_call", "refusal", *REASONING_FIELDS} - {"reasoning_details"}
"""The fields of a message for which the hub has words. `reasoning_details` go back to the vendor as they came."""
TEXT_ALONE = frozenset({"role", "content"})
"""The fields of most deltas."""
QUIET_FIELDS = frozenset(
    {
        "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "provider",
        "nonce", "obfuscation", "prompt_token_ids", "prompt_logprobs", "kv_transfer_params", "request_id", "stats",
    }
)  # fmt: skip
"""The fields of a chunk that say nothing of the answer, and those that are read of every chunk."""
HEAD_FIELDS = frozenset({"id", "created", "service_tier", "system_fingerprint"})
"""The fields that are the same in every chunk of an answer."""
KNOWN_CHUNK_FIELDS = QUIET_FIELDS | {"error"}
"""These, and what is raised."""
UNKEPT_FIELDS = frozenset({"object", "model", "choices", "usage", "nonce", "obfuscation"})
"""Quiet fields that the hub has words for, and those that only make a chunk longer."""
WRITTEN_FIELDS = UNKEPT_FIELDS | {"role", "content", "error"}
"""The fields of a chunk and of a message that the hub always writes itself, or never."""
CALL_FIELDS = frozenset({"index", "id", "type", "function", "custom"})
"""The fields of a call for which the hub has words."""
FUNCTION_FIELDS = frozenset({"name", "arguments", "parameters", "input"})
"""The fields of a call's `function`, or of its `custom`, for which the hub has words."""
CONTENT_FIELDS = ("images", "audio", "content_parts", "refusal")
"""What is an answer by itself: OpenRouter's `images`. `content_parts` are neither text nor reasoning. A `refusal` is
kept for clients of the same protocol alone."""

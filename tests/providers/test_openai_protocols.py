"""Which of OpenAI's models need its newer protocol, as far as their names tell."""

from __future__ import annotations

import pytest

from llm_hub.providers.openai_protocols import needs_responses


@pytest.mark.parametrize(
    ("model", "with_tools", "without"),
    [
        ("gpt-4.1", False, False),
        ("gpt-5", False, False),
        ("gpt-5.3-chat-latest", False, False),
        ("gpt-5.4", True, False),
        ("gpt-5.4-mini-2026-03-05", True, False),
        ("gpt-5.10", True, False),
        ("gpt-6-astra", True, False),
        ("gpt-6.1-sol", True, False),
        ("ft:gpt-6-luna:org::id", True, False),
        ("openai/gpt-6-luna", True, False),
        ("o3", False, False),
        ("gpt-oss-120b", False, False),
        ("gpt-4o", False, False),
        ("my-gpt-6-model", False, False),
        ("gpt-5-pro", True, True),
        ("o3-pro-2025-06-10", True, True),
        ("gpt-5.1-codex-max", True, True),
        ("codex-mini-latest", True, True),
        ("o4-mini-deep-research", True, True),
        ("gemini-pro-latest", False, False),
    ],
)
def test_the_generation_of_a_model_tells_its_protocol(model: str, with_tools: bool, without: bool) -> None:
    assert needs_responses(model, has_tools=True) is with_tools
    assert needs_responses(model, has_tools=False) is without

"""The suites of llm-comply, which check answers against the vendors' own descriptions, run whole through the hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.test_other_clients import fetched_command, run
from tests.ui.site import Site

PACKAGE = "llm-comply>=0.5,<0.6"
SUITES = {
    "openai-chat": ("thinks=1", []),
    "anthropic": ("thinks=1", ["--no-bearer", "--auth-header=x-api-key", "--header=anthropic-version:2023-06-01"]),
    "open-responses": ("tokens=9", []),
}
"""What the model does in each suite, and the suite's options.

The third one's list of events lacks OpenAI's `response.reasoning_summary_text.delta`, so that its model does not think.
"""
MODELS = {"openai": "gpt-5-mini", "anthropic": "claude-opus-5-5", "ollama": "qwen3"}
WARNINGS = {"compact-response", "chat-reasoning-summary"}
"""What the suites warn about: compaction, which the hub does not offer, and tokens of reasoning that nobody counted."""


@pytest.fixture(scope="session")
def comply() -> list[str]:
    """The command `llm-comply`."""
    return fetched_command(PACKAGE, "llm-comply")


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_passes_whole(site: Site, comply: list[str], suite: str, provider: str) -> None:
    behaviour, options = SUITES[suite]
    model = f"{provider}/{MODELS[provider]}?calls=1&{behaviour}&by=gpt-5,claude-opus"  # by: no test is for others alone
    words = ["--json", "--format", suite, "--base-url", f"{site.url}/v1", "--api-key", "any", "--model", model]
    results = json.loads(run([*comply, *words, *options], Path.cwd()).stdout)["results"]
    assert len(results) >= 9
    assert [result for result in results if result["status"] != "passed"] == []
    assert {result["id"] for result in results if result.get("warnings")} <= WARNINGS

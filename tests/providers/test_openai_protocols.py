"""What the names of models tell: which of OpenAI's need its newer protocol, and which host of OpenRouter's is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.providers.openai_body import pin_host
from llm_hub.providers.openai_protocols import needs_responses

if TYPE_CHECKING:
    from tests.fault_server import FaultServer


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


async def test_a_model_of_openrouter_is_asked_at_the_one_provider_that_its_name_has(fault_server: FaultServer) -> None:
    hub = OpenAIProvider("key", base_url=fault_server.openai_url, pins_hosts=True)
    try:
        async for _ in hub.events(ChatRequest((Message(Role.USER, "Hello"),), "ok@deepinfra/turbo")):
            pass
    finally:
        await hub.aclose()
    (sent,) = [exchange.body for exchange in fault_server.exchanges]
    assert sent["model"] == "ok"
    assert sent["provider"] == {"only": ["deepinfra/turbo"], "allow_fallbacks": False}


def test_what_a_client_says_of_providers_stays_and_a_preset_is_none() -> None:
    assert pin_host({"model": "m@x", "provider": {"sort": "price"}}) == {
        "model": "m",
        "provider": {"sort": "price", "only": ["x"], "allow_fallbacks": False},
    }
    for model in ("m", "m:free", "m@preset/mine", "@preset/mine"):
        assert pin_host({"model": model}) == {"model": model}

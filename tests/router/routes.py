"""Providers and routes against the fault server, for the router's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.providers.anthropic import AnthropicProvider
from llm_hub.providers.ollama import OllamaProvider
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.router import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.provider import LLMProvider
    from tests.fault_server import FaultServer

KEY = "sk-wall-0123456789abcdef"
PROTOCOLS: dict[str, Callable[[FaultServer], LLMProvider]] = {
    "openai": lambda fault_server: OpenAIProvider(KEY, base_url=fault_server.openai_url),
    "responses": lambda fault_server: OpenAIProvider(
        KEY, base_url=fault_server.openai_url, name="responses", responses="always"
    ),
    "anthropic": lambda fault_server: AnthropicProvider(KEY, base_url=fault_server.anthropic_url),
    "ollama": lambda fault_server: OllamaProvider(fault_server.ollama_url),
}
PATIENT = Timeouts(first_token=20.0, reasoning=20.0, thinking=20.0, loading=20.0, idle=20.0, total=60.0)
"""For what is not about time."""
QUICK = Timeouts(first_token=0.25, reasoning=20.0, thinking=20.0, loading=2.5, idle=0.75, total=60.0)
"""The defaults, some times faster. A model whose name says that it thinks is given time on a busy machine."""


async def no_sleep(_: float) -> None:
    """Waits for nothing: the waits themselves are recorded in the attempts."""

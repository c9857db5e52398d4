"""LLM Hub: one place to talk to any large language model provider.

Everything a program needs can be imported from here; nothing is loaded before it is used, and no vendor's SDK before
its provider is built.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, Document, Image, LLMResponse, Message, Role, Text, Usage
    from llm_hub.errors import ConfigurationError, LLMHubError, ProviderError
    from llm_hub.factory import ProviderFactory
    from llm_hub.provider import LLMProvider
    from llm_hub.providers.anthropic import AnthropicProvider
    from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
    from llm_hub.providers.ollama import OllamaProvider
    from llm_hub.providers.openai import OpenAIProvider
    from llm_hub.router.router import LLMRouter
    from llm_hub.router.target import Target

__version__ = "0.2.0"

_HOMES = {
    "ChatRequest": "chat",
    "Document": "chat",
    "Image": "chat",
    "LLMResponse": "chat",
    "Message": "chat",
    "Role": "chat",
    "Text": "chat",
    "Usage": "chat",
    "ConfigurationError": "errors",
    "LLMHubError": "errors",
    "ProviderError": "errors",
    "ProviderFactory": "factory",
    "LLMProvider": "provider",
    "AnthropicProvider": "providers.anthropic",
    "LlamaCppProvider": "providers.llamacpp.llama_cpp",
    "OllamaProvider": "providers.ollama",
    "OpenAIProvider": "providers.openai",
    "LLMRouter": "router.router",
    "Target": "router.target",
}

__all__ = [
    "AnthropicProvider",
    "ChatRequest",
    "ConfigurationError",
    "Document",
    "Image",
    "LLMHubError",
    "LLMProvider",
    "LLMResponse",
    "LLMRouter",
    "LlamaCppProvider",
    "Message",
    "OllamaProvider",
    "OpenAIProvider",
    "ProviderError",
    "ProviderFactory",
    "Role",
    "Target",
    "Text",
    "Usage",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"llm_hub.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

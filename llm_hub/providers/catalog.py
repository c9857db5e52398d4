"""The providers that come with the hub, one `ProviderSpec` each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider that comes with the hub.

    A service that speaks OpenAI's chat completions needs a spec and nothing else. One with a protocol of its own needs
    an adapter as well: `adapter` is `module:class` under llm_hub.providers. `key` and `url` name the variables of the
    environment that hold the API key and another base URL: the first that is set counts. A provider without `key`
    needs none. `prices` is the provider's id in genai-prices; "" where it is not listed, "free" where answers cost
    nothing. `protocols` are those whose requests the adapter sends on as their clients wrote them,
    without being refused another one first. `options` are more
    arguments of the adapter's constructor.
    """

    title: str
    base_url: str = ""
    key: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    default_model: str = ""
    suggestions: tuple[str, ...] = ()
    prices: str = ""
    adapter: str = "openai:OpenAIProvider"
    protocols: tuple[str, ...] = ("openai",)
    options: Mapping[str, Any] = field(default_factory=dict)


UNCHECKED_SIGNATURE = "skip_thought_signature_validator"
"""What Gemini takes in the place of a signature of its own: ai.google.dev, "Thought signatures"."""
_OLD_LIMIT = {"max_tokens_field": "max_tokens", "renames_limit": True}
"""For servers that take the answer's limit under its older name only."""

_NO_STATE: Mapping[str, Any] = {"state_fields": ()}
"""For vendors that give no state in chat completions, and refuse messages with that of others:
tashfeenahmed/freellmapi#1070 (Groq), decolua/9router#1649 (Mistral)."""


PROVIDERS: dict[str, ProviderSpec] = {
    "openai": ProviderSpec(
        "OpenAI",
        base_url="https://api.openai.com/v1",
        key=("OPENAI_API_KEY",),
        url=("OPENAI_BASE_URL",),
        default_model="gpt-6-luna",
        suggestions=("gpt-6-luna", "gpt-6.1-terra", "gpt-6.2-sol", "gpt-6.2-astra"),
        prices="openai",
        protocols=("openai", "responses"),
        options={"responses": "if_needed", **_NO_STATE},
    ),
    "anthropic": ProviderSpec(
        "Anthropic",
        adapter="anthropic:AnthropicProvider",
        protocols=("anthropic",),
        base_url="https://api.anthropic.com",
        key=("ANTHROPIC_API_KEY",),
        url=("ANTHROPIC_BASE_URL",),
        default_model="claude-haiku-5-5",
        suggestions=("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-2"),
        prices="anthropic",
    ),
    "ollama": ProviderSpec(
        "Ollama",
        adapter="ollama:OllamaProvider",
        protocols=(),
        base_url="http://127.0.0.1:11434",
        url=("OLLAMA_BASE_URL", "OLLAMA_HOST"),
        prices="free",
    ),
    "local": ProviderSpec("Embedded", adapter="llamacpp.llama_cpp:LlamaCppProvider", protocols=(), prices="free"),
    "chaos": ProviderSpec(
        "Chaos",
        adapter="chaos:ChaosProvider",
        protocols=(),
        default_model="steady",
        suggestions=(
            "steady",
            "breaks-off",
            "stalls",
            "overloaded",
            "recovers",
            "rate-limited",
            "silent",
            "garbled",
            "empty",
            "no-credit",
            "refuses",
        ),
        prices="free",
    ),
    "huggingface": ProviderSpec(
        "Hugging Face",
        base_url="https://router.huggingface.co/v1",
        key=("HF_TOKEN",),
        default_model="openai/gpt-oss-20b",
        suggestions=("openai/gpt-oss-20b", "openai/gpt-oss-120b"),
        prices="huggingface",
        options=_OLD_LIMIT,
    ),
    "openrouter": ProviderSpec(
        "OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key=("OPENROUTER_API_KEY",),
        default_model="openrouter/auto",
        suggestions=("openrouter/auto",),
        prices="openrouter",
        options={**_OLD_LIMIT, "pins_hosts": True},
    ),
    "groq": ProviderSpec(
        "Groq",
        base_url="https://api.groq.com/openai/v1",
        key=("GROQ_API_KEY",),
        default_model="openai/gpt-oss-20b",
        suggestions=("openai/gpt-oss-20b", "llama-3.3-70b-versatile"),
        prices="groq",
        options=_NO_STATE,
    ),
    "mistral": ProviderSpec(
        "Mistral",
        base_url="https://api.mistral.ai/v1",
        key=("MISTRAL_API_KEY",),
        default_model="mistral-small-latest",
        suggestions=("mistral-small-latest", "mistral-large-latest"),
        prices="mistral",
        options={**_OLD_LIMIT, **_NO_STATE},
    ),
    "deepseek": ProviderSpec(
        "DeepSeek",
        base_url="https://api.deepseek.com/v1",
        key=("DEEPSEEK_API_KEY",),
        default_model="deepseek-chat",
        suggestions=("deepseek-chat", "deepseek-reasoner"),
        prices="deepseek",
        options={
            **_OLD_LIMIT,
            "state_fields": ("reasoning_content",),
            # It refuses calls without reasoning: deepseek-ai/deepseek-harness#739.
            "stand_ins": {"message": {"reasoning_content": ""}},
        },
    ),
    "gemini": ProviderSpec(
        "Gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        default_model="gemini-flash-latest",
        suggestions=("gemini-flash-latest", "gemini-pro-latest"),
        prices="google",
        options={
            **_OLD_LIMIT,
            "state_fields": ("extra_content",),
            # For another model's calls: ai.google.dev, "Thought signatures".
            "stand_ins": {"call": {"extra_content": {"google": {"thought_signature": UNCHECKED_SIGNATURE}}}},
        },
    ),
    "xai": ProviderSpec(
        "xAI",
        base_url="https://api.x.ai/v1",
        key=("XAI_API_KEY",),
        default_model="grok-4",
        suggestions=("grok-4",),
        prices="x-ai",
    ),
    "together": ProviderSpec(
        "Together",
        base_url="https://api.together.xyz/v1",
        key=("TOGETHER_API_KEY",),
        default_model="openai/gpt-oss-20b",
        suggestions=("openai/gpt-oss-20b",),
        prices="together",
        options=_OLD_LIMIT,
    ),
}


def keys_variable(variable: str) -> str:
    """The environment's variable that holds several keys, separated by commas: OPENAI_API_KEYS for OPENAI_API_KEY."""
    return f"{variable}S"


def server_key_variable(server: str) -> str:
    """The environment's variable that may hold the key of a server of LLM_HUB_SERVERS."""
    return f"{server.upper().replace('-', '_')}_API_KEY"


def compatible(name: str, base_url: str) -> ProviderSpec:
    """The spec of any other OpenAI-compatible server, which is called by its name.

    Nobody knows which name it has for the limit: it is sent the one that the client has chosen.
    """
    options = {**_OLD_LIMIT, "renames_limit": False, "default_model": ""}
    return ProviderSpec(name, base_url=base_url, key=(server_key_variable(name),), options=options)

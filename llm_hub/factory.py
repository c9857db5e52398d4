"""From names to providers. Adapters, and with them the vendors' SDKs, are imported only when a provider is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.provider import LLMProvider


@dataclass(frozen=True, slots=True)
class Row:
    """A provider that comes with the hub.

    A service that speaks OpenAI's chat completions is a row and nothing else. A protocol of its own is an adapter
    (`module:class` under llm_hub.providers) and a row. `key` and `url` name the variables of the environment that
    hold the API key and another base URL, the first that is set wins; a row without `key` needs none. `prices` is the
    provider's id in genai-prices; "" where it is not listed, "free" where answers cost nothing.
    """

    title: str
    base_url: str = ""
    key: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    default_model: str = ""
    suggestions: tuple[str, ...] = ()
    prices: str = ""
    adapter: str = "openai:OpenAIProvider"
    options: Mapping[str, Any] = field(default_factory=dict)


_OLD_LIMIT = {"max_tokens_field": "max_tokens"}
"""For servers that know the answer's limit by its first name only."""

ROWS: dict[str, Row] = {
    "openai": Row(
        "OpenAI",
        base_url="https://api.openai.com/v1",
        key=("OPENAI_API_KEY",),
        url=("OPENAI_BASE_URL",),
        default_model="gpt-6-luna",
        suggestions=("gpt-6-luna", "gpt-6.1-terra", "gpt-6.2-sol", "gpt-6.2-astra"),
        prices="openai",
    ),
    "anthropic": Row(
        "Anthropic",
        adapter="anthropic:AnthropicProvider",
        base_url="https://api.anthropic.com",
        key=("ANTHROPIC_API_KEY",),
        url=("ANTHROPIC_BASE_URL",),
        default_model="claude-haiku-5-5",
        suggestions=("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-2"),
        prices="anthropic",
    ),
    "ollama": Row(
        "Ollama",
        adapter="ollama:OllamaProvider",
        base_url="http://127.0.0.1:11434",
        url=("OLLAMA_BASE_URL", "OLLAMA_HOST"),
        prices="free",
    ),
    "local": Row("Embedded", adapter="llama_cpp:LlamaCppProvider", prices="free"),
    "chaos": Row(
        "Chaos",
        adapter="chaos:ChaosProvider",
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
    "huggingface": Row(
        "Hugging Face",
        base_url="https://router.huggingface.co/v1",
        key=("HF_TOKEN",),
        default_model="openai/gpt-oss-20b",
        suggestions=("openai/gpt-oss-20b", "openai/gpt-oss-120b"),
        prices="huggingface",
        options=_OLD_LIMIT,
    ),
    "openrouter": Row(
        "OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key=("OPENROUTER_API_KEY",),
        default_model="openrouter/auto",
        suggestions=("openrouter/auto",),
        prices="openrouter",
        options=_OLD_LIMIT,
    ),
    "groq": Row(
        "Groq",
        base_url="https://api.groq.com/openai/v1",
        key=("GROQ_API_KEY",),
        default_model="openai/gpt-oss-20b",
        suggestions=("openai/gpt-oss-20b", "llama-3.3-70b-versatile"),
        prices="groq",
    ),
    "mistral": Row(
        "Mistral",
        base_url="https://api.mistral.ai/v1",
        key=("MISTRAL_API_KEY",),
        default_model="mistral-small-latest",
        suggestions=("mistral-small-latest", "mistral-large-latest"),
        prices="mistral",
        options=_OLD_LIMIT,
    ),
    "deepseek": Row(
        "DeepSeek",
        base_url="https://api.deepseek.com/v1",
        key=("DEEPSEEK_API_KEY",),
        default_model="deepseek-chat",
        suggestions=("deepseek-chat", "deepseek-reasoner"),
        prices="deepseek",
        options=_OLD_LIMIT,
    ),
    "gemini": Row(
        "Gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        default_model="gemini-flash-latest",
        suggestions=("gemini-flash-latest", "gemini-pro-latest"),
        prices="google",
        options=_OLD_LIMIT,
    ),
    "xai": Row(
        "xAI",
        base_url="https://api.x.ai/v1",
        key=("XAI_API_KEY",),
        default_model="grok-4",
        suggestions=("grok-4",),
        prices="x-ai",
    ),
    "together": Row(
        "Together",
        base_url="https://api.together.xyz/v1",
        key=("TOGETHER_API_KEY",),
        default_model="openai/gpt-oss-20b",
        suggestions=("openai/gpt-oss-20b",),
        prices="together",
        options=_OLD_LIMIT,
    ),
}


def compatible(title: str, base_url: str, key: str) -> Row:
    """The row of any other OpenAI-compatible server. `key` names the variable of the environment that may hold one."""
    return Row(title, base_url=base_url, key=(key,), options={**_OLD_LIMIT, "default_model": ""})


class ProviderFactory:
    """Names → providers: those of `ROWS`, and whatever a program registers."""

    registered: ClassVar[dict[str, type[LLMProvider]]] = {}

    @classmethod
    def register(cls, name: str, provider: type[LLMProvider]) -> None:
        """Makes `provider` known as `name`, also in place of one that comes with the hub.

        Raises `ConfigurationError` for a name that cannot stand before the slash in `provider/model`.
        """
        if not (isinstance(provider, type) and hasattr(provider, "events")):
            raise ConfigurationError(
                f"{provider!r:.60} is no provider.", hint="Register a class, not an instance of it."
            )
        if not name or "/" in name or not name.isprintable() or name != name.strip() or name == "auto":
            raise ConfigurationError(f"{name!r} cannot name a provider.", hint="Use a word without slashes.")
        cls.registered[name] = provider

    @classmethod
    def available_providers(cls) -> list[str]:
        """Every name that `create` knows, in the order of the page."""
        return list(dict.fromkeys([*ROWS, *cls.registered]))

    @classmethod
    def create(cls, name: str, **options: Any) -> LLMProvider:
        """A new provider: `options` go to its constructor, over those of its row.

        Raises `ConfigurationError` for an unknown name, a missing key, or an option that cannot be used.
        """
        if name in cls.registered:
            return cls.registered[name](**options)
        if name not in ROWS:
            near = get_close_matches(name, cls.available_providers(), n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(cls.available_providers())}."
            raise ConfigurationError(f"There is no provider {name!r}.", hint=hint)
        return cls.build(name, ROWS[name], **options)

    @staticmethod
    def build(name: str, row: Row, **options: Any) -> LLMProvider:
        """A new provider from a row. Imports its adapter, which may take a second: call it in a thread."""
        module, _, adapter = row.adapter.partition(":")
        if row is ROWS.get(name) and row.key and not options.get("api_key"):
            raise ConfigurationError(f"{row.title} needs an API key.", hint=f"Pass api_key, or set {row.key[0]}.")
        known = {"name": name, "title": row.title, "base_url": row.base_url, "default_model": row.default_model}
        settled = {key: value for key, value in known.items() if value} | dict(row.options) | options
        provider = getattr(import_module(f"llm_hub.providers.{module}"), adapter)
        try:
            signature(provider).bind(**settled)
        except TypeError as error:
            raise ConfigurationError(f"{name}: {error}.") from None
        built: LLMProvider = provider(**settled)
        return built

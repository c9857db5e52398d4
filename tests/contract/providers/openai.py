"""OpenAI itself, the same adapter before a compatible server, and in OpenAI's newer protocol, Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.chat import Tool
from llm_hub.errors import StreamBroken, TimedOut
from llm_hub.providers.openai import OpenAIProvider
from tests.contract.case import KEY, Case

if TYPE_CHECKING:
    from tests.fault_server import FaultServer


def _images(body: dict[str, Any]) -> list[tuple[str, str]]:
    urls = [part["image_url"]["url"] for part in body["messages"][-1]["content"] if part["type"] == "image_url"]
    return [tuple(url.removeprefix("data:").split(";base64,")) for url in urls]


def _openai(fault_server: FaultServer, **options: Any) -> OpenAIProvider:
    return OpenAIProvider(**{"api_key": KEY, "base_url": fault_server.openai_url, "name": "openai", **options})


def _compatible(fault_server: FaultServer, **options: Any) -> OpenAIProvider:
    row = {"name": "compatible", "title": "A server", "max_tokens_field": "max_tokens", "default_model": "ok"}
    return _openai(fault_server, **{**row, **options})


def _responses(fault_server: FaultServer, **options: Any) -> OpenAIProvider:
    return _openai(fault_server, **{"name": "responses", "responses": "always", **options})


def _input_images(body: dict[str, Any]) -> list[tuple[str, str]]:
    urls = [part["image_url"] for part in body["input"][-1]["content"] if part["type"] == "input_image"]
    return [tuple(url.removeprefix("data:").split(";base64,")) for url in urls]


_ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-leaked-openai",
    "OPENAI_ADMIN_KEY": "sk-leaked-admin",
    "OPENAI_ORG_ID": "org-leaked",
    "OPENAI_PROJECT_ID": "proj-leaked",
    "OPENAI_CUSTOM_HEADERS": "x-leaked: leaked\nauthorization: leaked",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/leaked",
    "OPENAI_WEBHOOK_SECRET": "leaked",
}
_LEARNS = {
    "param-temperature": ("temperature", None),
    "param-temperature?code=unsupported_value": ("temperature", None),
    "param-temperature?shape=fastapi": ("temperature", None),
    "param-temperature?shape=no-code": ("temperature", None),
    "param-stream_options": ("", None),
    "param-stream_options?shape=fastapi": ("", None),
}
_SPARES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "param-top_p": ({"top_p": 0.5, "temperature": 0.2}, ("top_p",)),
    "param-top_p?shape=fastapi": ({"top_p": 0.5}, ("top_p",)),
    "param-seed": ({"seed": 7}, ()),
    "param-stop": ({"stop": ("END",)}, ("stop",)),
    "param-reasoning_effort": ({"effort": "low", "seed": 7}, ("effort",)),
    "param-reasoning_effort?code=unsupported_value": ({"effort": "low"}, ("effort",)),
    "param-parallel_tool_calls?calls=1": ({"tools": (Tool("a"),), "parallel_tools": False}, ("parallel_tools",)),
    "gpt-6-luna": ({"top_p": 0.5, "stop": ("END",), "temperature": 0.1}, ("temperature", "stop", "top_p")),
}
_CANNOT = {"param-tools": "tools", "param-response_format": "format"}
_REASONING = (
    "reasoning",
    "reasoning?field=reasoning_content",
    "reasoning?field=reasoning_text",
    "reasoning?field=think-tag",
)

CASES = [
    Case(
        name="openai",
        label="openai",
        chat="/v1/chat/completions",
        build=_openai,
        learns=_LEARNS | {"param-max_completion_tokens": ("", "max_tokens"), "gpt-6-luna": ("temperature", None)},
        spares=_SPARES,
        cannot=_CANNOT,
        environment=_ENVIRONMENT,
        reasoning=_REASONING,
        images=_images,
        limit=lambda body: body["max_completion_tokens"],
    ),
    Case(
        name="compatible",
        label="compatible",
        chat="/v1/chat/completions",
        build=_compatible,
        learns=_LEARNS | {"param-max_tokens": ("", "max_completion_tokens")},
        spares=_SPARES,
        cannot=_CANNOT,
        environment=_ENVIRONMENT,
        reasoning=_REASONING,
        images=_images,
    ),
    Case(
        name="responses",
        label="responses",
        chat="/v1/responses",
        build=_responses,
        lacks=frozenset({"error-event?shape=openrouter", "error-event?shape=bare", "choices-null", "pings@done"}),
        # An answer is complete with the event that ends it, and with nothing else.
        fails={
            "no-done": TimedOut,
            "no-done?then=close": StreamBroken,
            "cut@done": StreamBroken,
            "close@done": StreamBroken,
            "stall@done": TimedOut,
        },
        learns={
            "param-temperature": ("temperature", None),
            "param-temperature?code=unsupported_value": ("temperature", None),
            "param-temperature?shape=fastapi": ("temperature", None),
            "param-temperature?shape=no-code": ("temperature", None),
            "gpt-6-luna": ("temperature", None),
        },
        reports=frozenset({"stop", "blank stop", "seed"}),
        spares={
            "param-top_p": ({"top_p": 0.5, "temperature": 0.2}, ("top_p",)),
            "param-reasoning.effort": ({"effort": "low", "top_p": 0.5}, ("effort",)),
            "param-reasoning.effort?code=unsupported_value": ({"effort": "low"}, ("effort",)),
            "param-parallel_tool_calls?calls=1": (
                {"tools": (Tool("a"),), "parallel_tools": False},
                ("parallel_tools",),
            ),
            "gpt-6-luna": (
                {"top_p": 0.5, "stop": ("END",), "temperature": 0.1, "effort": "low"},
                ("temperature", "top_p", "stop"),
            ),
        },
        cannot={"param-tools": "tools", "param-text.format": "format"},
        environment=_ENVIRONMENT,
        reasoning=("reasoning", "reasoning?field=text"),
        system=lambda body: "\n\n".join(item["content"] for item in body["input"] if item.get("role") == "developer"),
        images=_input_images,
        limit=lambda body: body["max_output_tokens"],
    ),
]

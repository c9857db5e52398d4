"""Anthropic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.errors import InvalidRequest, StreamBroken, TimedOut
from llm_hub.providers.anthropic import AnthropicProvider
from tests.contract.case import KEY, Case

if TYPE_CHECKING:
    from tests.fault_server import FaultServer


def _build(fault_server: FaultServer, **options: Any) -> AnthropicProvider:
    return AnthropicProvider(**{"api_key": KEY, "base_url": fault_server.anthropic_url, **options})


def _images(body: dict[str, Any]) -> list[tuple[str, str]]:
    blocks = [block for block in body["messages"][-1]["content"] if block["type"] == "image"]
    return [(block["source"]["media_type"], block["source"]["data"]) for block in blocks]


CASES = [
    Case(
        name="anthropic",
        label="anthropic",
        chat="/v1/messages",
        build=_build,
        lacks=frozenset(
            {
                "error-event?shape=vllm",
                "error-event?shape=openrouter",
                "error-event?shape=bare",
                "error-event?shape=text",
                "choices-null",
                "no-usage",
                "pings@done",
            }
        ),
        # The vendor tells these by their message alone, and messages are not read.
        differs={"policy": InvalidRequest},
        # A message is complete with its message_stop, or where the body ends in order after a stop reason.
        fails={
            "no-done": TimedOut,
            "no-done?then=close": StreamBroken,
            "cut@done": StreamBroken,
            "stall@done": TimedOut,
        },
        learns={"param-temperature": ("temperature", None), "claude-haiku-5-5": ("temperature", None)},
        declines=frozenset({"seed", "plain format", "blank stop"}),
        spares={
            "claude-haiku-5-5": (
                {"effort": "low", "top_p": 0.5, "temperature": 0.1},
                ("top_p", "temperature", "effort"),
            ),
            "ok": ({"effort": "minimal"}, ("effort",)),
            "claude-opus-5-5": ({"effort": "low", "top_p": 0.5}, ("top_p",)),
            "claude-haiku-4-5": ({"effort": "low", "temperature": 0.5}, ("effort",)),
        },
        environment={
            "ANTHROPIC_API_KEY": "sk-leaked-anthropic",
            "ANTHROPIC_AUTH_TOKEN": "leaked-token",
            "ANTHROPIC_CUSTOM_HEADERS": "x-leaked: leaked",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/leaked",
            "ANTHROPIC_WORKSPACE_ID": "leaked",
            "ANTHROPIC_ORGANIZATION_ID": "leaked",
            "ANTHROPIC_PROFILE": "leaked",
        },
        system=lambda body: body.get("system", ""),
        images=_images,
    )
]

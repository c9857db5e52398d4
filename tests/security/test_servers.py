"""Replies that no server in order sends, byte by byte. Those of every protocol are in tests/contract/test_bounds.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_hub.errors import InvalidRequest, StreamBroken
from llm_hub.providers.anthropic import AnthropicProvider
from llm_hub.providers.ollama import OllamaProvider
from llm_hub.providers.openai import OpenAIProvider
from tests.security.test_addresses import reply, serving

if TYPE_CHECKING:
    from llm_hub.provider import LLMProvider

DEEP = b'{"a":' * 980 + b"1" + b"}" * 980
KEY = "sk-test-0123456789"


def build(kind: str, port: int) -> LLMProvider:
    url = f"http://127.0.0.1:{port}"
    match kind:
        case "openai":
            return OpenAIProvider(KEY, base_url=url)
        case "ollama":
            return OllamaProvider(url)
        case _:
            return AnthropicProvider(KEY, base_url=url)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("openai", b'data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":%b}}]}}]}\n\n'),
        ("ollama", b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":%b}}]}}\n'),
        ("anthropic", b'data: {"type":"content_block_start","content_block":{"type":"tool_use","name":%b}}\n\n'),
    ],
)
async def test_arguments_nested_without_end_break_the_stream_and_nothing_else(kind: str, line: bytes) -> None:
    async with serving(reply("content-type: text/event-stream", body=line % DEEP)) as (port, _):
        provider = build(kind, port)
        with pytest.raises(StreamBroken, match="unexpected shape"):
            await provider.complete("Hello?", "m")
        await provider.aclose()


@pytest.mark.parametrize("kind", ["openai", "ollama", "anthropic"])
async def test_a_refusal_nested_without_end_is_still_a_refusal(kind: str) -> None:
    refused = reply("content-type: application/json", body=b'{"error":{"message":%b}}' % DEEP, status="400 Bad Request")
    async with serving(refused) as (port, _):
        provider = build(kind, port)
        with pytest.raises(InvalidRequest):
            await provider.complete("Hello?", "m")
        await provider.aclose()


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "identity, gzip", "x-unknown", "GZIP"])
async def test_a_reply_with_any_content_encoding_breaks_the_stream(coding: str) -> None:
    line = b'{"message":{"content":"x"},"done":true,"done_reason":"stop"}\n'
    async with serving(reply(f"content-encoding: {coding}", body=line)) as (port, requests):
        provider = OllamaProvider(f"http://127.0.0.1:{port}")
        with pytest.raises(StreamBroken, match="compressed"):
            await provider.complete("Hello?", "m")
        assert all(b"accept-encoding: identity\r\n" in request.lower() for request in requests)
        await provider.aclose()
    async with serving(reply("content-encoding: identity", body=line)) as (port, _):
        provider = OllamaProvider(f"http://127.0.0.1:{port}")
        assert (await provider.complete("Hello?", "m")).content == "x"
        await provider.aclose()

"""A request carries what the hub gave, and nothing that the machine's environment knows."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from tests.contract.case import KEY
from tests.contract.conftest import case_params, has_key
from tests.fault_server import FaultServer, answer_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.fault_server import Exchange


async def test_nothing_of_the_environment_reaches_the_wire(
    case: Case,
    build: Callable[..., LLMProvider],
    fault_server: FaultServer,
    chats: Callable[[], list[Exchange]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    provider = build()
    assert (await provider.complete("Hello?", "ok")).content == answer_text()
    await provider.models()
    for exchange in fault_server.exchanges:
        assert "leaked" not in repr(exchange.headers) + exchange.path + exchange.raw.decode()
    if case.keyed:
        assert chats()[0].headers["authorization"] == f"Bearer {KEY}"
    else:
        assert "authorization" not in chats()[0].headers


async def test_a_proxy_in_the_environment_is_not_used(
    case: Case, build: Callable[..., LLMProvider], fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FaultServer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        provider = build()
        assert (await provider.complete("Hello?", "ok")).content == answer_text()
        await provider.models()
        assert proxy.exchanges == []


async def test_cookies_are_not_carried_from_one_chat_to_the_next(
    case: Case, build: Callable[..., LLMProvider], fault_server: FaultServer, chats: Callable[[], list[Exchange]]
) -> None:
    """A provider's instance is shared by many visitors."""
    provider = build()
    await provider.complete("Hello?", "ok?cookie=1")
    await provider.complete("Hello?", "ok")
    assert "cookie" not in chats()[1].headers


@pytest.mark.parametrize("case", case_params(has_key), indirect=True)
async def test_two_providers_with_two_keys_do_not_mix_them(
    case: Case, build: Callable[..., LLMProvider], fault_server: FaultServer, chats: Callable[[], list[Exchange]]
) -> None:
    first, second = build(api_key="sk-one-123456"), build(api_key="sk-two-123456")
    for provider in (first, second, first):
        await provider.complete("Hello?", "ok")
    keys = [exchange.headers["authorization"] for exchange in chats()]
    assert keys == ["Bearer sk-one-123456", "Bearer sk-two-123456", "Bearer sk-one-123456"]


async def test_certificates_are_loaded_once_for_all(
    build: Callable[..., LLMProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider is built for each key that a visitor types: each would take 20 ms of everybody's, and keep 800 KB."""
    build()
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", None)
    build()

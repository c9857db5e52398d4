"""Which base URLs lead to the hub itself."""

from __future__ import annotations

import socket

import pytest

from llm_hub.wire.own_addresses import OwnAddresses

HERE = OwnAddresses("127.0.0.1", 7860)
EVERYWHERE = OwnAddresses("0.0.0.0", 7860)
PUBLIC = OwnAddresses("10.9.8.7", 7860, frozenset({"hub.example.com"}))


@pytest.mark.parametrize(
    ("own", "url"),
    [
        (HERE, "http://127.0.0.1:7860/v1"),
        (HERE, "http://localhost:7860"),
        (HERE, "http://LOCALHOST.:7860/v1"),
        (HERE, "http://[::1]:7860/v1"),
        (HERE, "http://[::ffff:127.0.0.1]:7860/v1"),
        (HERE, "http://0.0.0.0:7860/v1"),
        (OwnAddresses("localhost", 80), "http://127.0.0.1/v1"),
        (OwnAddresses("::1", 7860), "http://localhost:7860/v1"),
        (EVERYWHERE, "http://127.0.0.1:7860/any/path"),
        (EVERYWHERE, f"http://{socket.gethostname()}:7860/v1"),
        (PUBLIC, "http://10.9.8.7:7860/v1"),
        (PUBLIC, "https://hub.example.com"),
        (PUBLIC, "https://hub.example.com/v1"),
        (PUBLIC, "http://hub.example.com:7860/v1"),
    ],
)
def test_own_addresses_are_recognised(own: OwnAddresses, url: str) -> None:
    assert own.includes(url)


@pytest.mark.parametrize(
    ("own", "url"),
    [
        (HERE, "http://127.0.0.1:11434"),
        (HERE, "https://api.openai.com/v1"),
        (HERE, "http://192.0.2.1:7860/v1"),
        (HERE, f"http://{socket.gethostname()}.example:7860/v1"),
        (EVERYWHERE, "http://192.0.2.1:7860/v1"),
        (PUBLIC, "http://127.0.0.1:7860/v1"),
        (PUBLIC, "https://hub.example.com/ollama/v1"),
        (PUBLIC, "https://hub.example.com:8443/v1"),
        (PUBLIC, "https://not.hub.example.com/v1"),
    ],
)
def test_other_servers_are_not(own: OwnAddresses, url: str) -> None:
    assert not own.includes(url)

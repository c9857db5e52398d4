"""Which addresses a visitor may make the hub connect to."""

from __future__ import annotations

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.errors import ConfigurationError, ConnectionFailed, ProviderError, StreamBroken
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.wire import transport
from llm_hub.wire.public_hosts import (
    NotPublic,
    PublicResolver,
    is_private,
    is_public,
    public_connector,
    public_socket,
    public_url,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]
PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.88.99.1",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1%1", "fec0::1",
    "ff02::1", "5f00::1", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "127.0.0.01", "", "x", "1.2.3.4.5",
]  # fmt: skip
HOSTILE = [
    "", "x", "//x", "/v1", "http://api.example.com", "ftp://api.openai.com", "file:///etc/passwd",
    "javascript:alert(1)",
    "https://", "https:///v1", "https://:443", "https://user@api.openai.com", "https://user:secret@api.openai.com",
    "https://api.openai.com@127.0.0.1", "https://127.0.0.1\\@api.openai.com", "https://api.openai.com:22",
    "https://api.openai.com:0", "https://api.openai.com:99999", "https://api.openai.com:x", "https://api.openai.com:25",
    "https://localhost", "https://LOCALHOST", "https://localhost.", "https://a.localhost",
    "https://localhost.localdomain",
    "https://metadata", "https://metadata.google.internal", "https://metadata.google.internal.", "https://router.lan",
    "https://nas.local", "https://intranet", "https://db.corp", "https://x.home.arpa", "https://1.0.0.127.in-addr.arpa",
    "https://hidden.onion", "https://127.0.0.1", "https://127.1", "https://127.0.1", "https://2130706433", "https://0",
    "https://0x7f000001", "https://0x7f.0.0.1", "https://0x7f.1", "https://017700000001", "https://0177.0.0.1",
    "https://127.0.0.1.", "https://127.000.000.001", "https://00000177.0.0.1", "https://1.1.1.0x1", "https://a.0x7f",
    "https://256.256.256.256", "https://8.8.8.8.", "https://8.8.2056", "https://[::1]", "https://[::]",
    "https://[0:0:0:0:0:0:0:1]",
    "https://[::ffff:127.0.0.1]", "https://[::ffff:7f00:1]", "https://[::127.0.0.1]", "https://[64:ff9b::7f00:1]",
    "https://[2002:7f00:1::]", "https://[2001:0:7f00:1::]", "https://[fe80::1%25eth0]", "https://[fd00:ec2::254]",
    "https://[v1.x]", "https://[::1", "https://::1", "https://169.254.169.254/latest/meta-data",
    "https://100.100.100.200",
    "https://168.63.129.16", "https://\uff11\uff12\uff17.0.0.\uff11", "https://①②⑦.⓪.⓪.①", "https://ⓛocalhost",
    "https://127。0。0。1",
    "https://l\u043ecalhost.com", "https://api.openai.com\r\nHost: x", "https://api.openai.com/\tv1",
    "https://api.openai.com/ v1",
    "https://api.openai.com?x=1", "https://api.openai.com#x", "https://api.openai.com/%2e%2e",
    "https://api.openai%2ecom",
    "https://-a.com", "https://a-.com", "https://a..com", "https://.com", "https://a_b.com", "https://a.com.",
    "https://\u202eapi.openai.com", "https://api.openai.com\x00.evil.com", "https://*.com",
    "https://" + "a" * 64 + ".com",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_every_other_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("url", ["http://gpu.local.", "http://gpu.:8000/v1", "http://localhost.", "http://10.1.2.3"])
def test_a_name_of_the_own_network_is_private_with_a_last_dot_too(url: str) -> None:
    assert is_private(url)
    assert not is_private("https://api.openai.com./v1")


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_base_url_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        public_url(url, "The base URL")
    assert str(caught.value).startswith("The base URL ")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://api.openai.com/v1", "https://API.example-host.com:8443/v1", "https://xn--bcher-kva.ch/v1",
     "https://8.8.8.8/v1", "https://[2606:4700:4700::1111]:8080/v1", "https://me--model.modal.run"],
)  # fmt: skip
def test_a_public_base_url_is_taken(url: str) -> None:
    assert public_url(f" {url}/ ", "The base URL") == url


class FakeResolver:
    """Resolves every name to the given lists of addresses, one list after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        flags = socket.AI_NUMERICHOST
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        rest = {"hostname": host, "port": port, "proto": 0, "flags": flags}
        return [{"host": address, "family": families[":" in address], **rest} for address in addresses]

    async def close(self) -> None: ...


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], [], ["fe80::1"]])
async def test_a_name_is_refused_if_any_of_its_addresses_is_not_public(addresses: list[str]) -> None:
    with pytest.raises(NotPublic):
        await PublicResolver(FakeResolver(addresses)).resolve("models.evil.com", 443)


def test_no_socket_is_made_for_an_address_that_is_not_public() -> None:
    with pytest.raises(NotPublic):
        public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))


@asynccontextmanager
async def serving(answer: Callable[[asyncio.StreamWriter], Any]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on this computer: its port, and the heads of the requests that it received."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        await answer(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], requests


async def silent(_: asyncio.StreamWriter) -> None: ...


async def test_a_name_that_resolves_elsewhere_after_its_check_is_not_connected_to() -> None:
    """DNS rebinding: public when it is looked at, this computer when it is connected to."""
    async with serving(silent) as (port, requests):
        for resolver in (
            FakeResolver(["8.8.8.8"], ["127.0.0.1"]),
            FakeResolver(["127.0.0.1"]),
            FakeResolver(["::ffff:127.0.0.1"]),
        ):
            await resolver.resolve("models.evil.com")
            connector = public_connector(resolver=resolver)
            async with aiohttp.ClientSession(connector=connector) as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(f"http://models.evil.com:{port}/")
        async with aiohttp.ClientSession(connector=public_connector()) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://127.0.0.1:{port}/")  # no name, so nothing to resolve
        assert requests == []


async def failed_answer(provider: OpenAIProvider) -> ProviderError:
    request = ChatRequest((Message(Role.USER, "Hello"),), "m")
    with pytest.raises(ProviderError) as caught:
        async for _ in provider.events(request):
            pass
    await provider.aclose()
    return caught.value


async def test_a_visitors_provider_never_reaches_this_computer() -> None:
    with pytest.raises(ConfigurationError):
        OpenAIProvider("sk-test-0123456789", base_url="https://127.0.0.1/v1", public_only=True)
    async with serving(silent) as (port, requests):
        visitors = OpenAIProvider(
            "sk-test-0123456789",
            base_url=f"https://models.evil.com:{port}/v1",
            public_only=True,
            resolver=FakeResolver(["127.0.0.1"]),
        )
        error = await failed_answer(visitors)
        assert isinstance(error, ConnectionFailed)
        assert "not public" in error.message
        assert requests == []


def reply(*lines: str, body: bytes = b"", status: str = "200 OK") -> Callable[[asyncio.StreamWriter], Any]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join([f"HTTP/1.1 {status}", *lines, "connection: close", "", ""]).encode() + body)
        await writer.drain()

    return answer


CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": null}]}\n\n'


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply("content-type: text/event-stream", "content-encoding: gzip", body=gzip.compress(CHUNK)), StreamBroken),
        (reply("content-type: text/event-stream", "content-encoding: br", body=b"x"), StreamBroken),
        (reply("content-type: text/event-stream", body=CHUNK * 5000), StreamBroken),
        (reply("x-long: " + "x" * 100_000), ConnectionFailed),
        (reply(*(f"x-{number}: y" for number in range(5000))), ConnectionFailed),
        (reply("location: http://127.0.0.1/"), ProviderError),
    ],
    ids=["gzip", "brotli", "endless", "long-header", "many-headers", "elsewhere"],
)
async def test_a_hostile_reply_is_an_error(
    answer: Callable[[asyncio.StreamWriter], Any], kind: type[ProviderError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same transport as for visitors' servers, let through to this computer, where the test's server is."""
    monkeypatch.setattr(transport, "MAX_STREAM_BYTES", 100_000)
    async with serving(answer) as (port, requests):
        visitors = OpenAIProvider(
            "sk-test-0123456789",
            base_url=f"https://models.evil.com:{port}/v1",
            public_only=True,
            resolver=FakeResolver([]),
        )
        monkeypatch.setattr(visitors._transport, "_connector", aiohttp.TCPConnector)
        visitors._chat_url = f"http://127.0.0.1:{port}/v1/chat/completions"
        error = await failed_answer(visitors)
        assert isinstance(error, kind), repr(error)
        assert b"accept-encoding: identity" in requests[0].lower()

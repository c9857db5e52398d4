"""Proxies and certificates: who is asked through them, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ipaddress
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from llm_hub.access.configured_providers import ConfiguredProviders
from llm_hub.errors import ConfigurationError, ConnectionFailed
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.settings import Settings
from llm_hub.wire.network import DIRECT, Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ANSWER = (
    b'data: {"choices": [{"index": 0, "delta": {"content": "Ahoy."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
)


class Listener:
    """An HTTP server that answers every request with one chat, and keeps the requests' heads."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def listen(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if head.startswith("CONNECT"):
            await self._tunnel(head.split()[1], reader, writer)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + ANSWER)
        await writer.drain()
        writer.close()

    @staticmethod
    async def _tunnel(target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Joins both connections. Every name leads to this computer."""
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, upstream_writer), pump(upstream_reader, writer), return_exceptions=True)


async def ask(base_url: str, network: Network) -> str:
    provider = OpenAIProvider("sk-0123456789abcdef", base_url=base_url, network=network, default_model="m")
    try:
        return (await provider.complete("Who goes there?")).content
    finally:
        await provider.aclose()


def certified(folder: Path, name: str, days: int = 2) -> tuple[ssl.SSLContext, str]:
    """What a server of that name needs for TLS for so many days, and the file of the authority that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Harbour company")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=9))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = folder / "ca.pem", folder / "server.key"
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, key_file)
    return context, str(ca_file)


async def test_a_request_goes_through_the_proxy_with_its_password() -> None:
    async with Listener().listen() as proxy:
        network = Network(http_proxy=f"http://ada:s%40lt@127.0.0.1:{proxy.port}")
        assert await ask("http://llm.invalid/v1", network) == "Ahoy."
        (head,) = proxy.heads
        assert head.startswith("POST http://llm.invalid/v1/chat/completions HTTP/1.1")
        assert f"proxy-authorization: basic {base64.b64encode(b'ada:s@lt').decode()}".lower() in head.lower()


async def test_a_tunnel_leads_to_a_server_whose_certificate_the_owner_trusts(tmp_path: Path) -> None:
    tls, ca_file = certified(tmp_path, "llm.invalid")
    async with Listener().listen(tls) as server, Listener().listen() as proxy:
        network = Network(https_proxy=f"http://127.0.0.1:{proxy.port}", ca_file=ca_file)
        assert await ask(f"https://llm.invalid:{server.port}/v1", network) == "Ahoy."
        assert proxy.heads[0].startswith(f"CONNECT llm.invalid:{server.port} ")
        assert "authorization" not in proxy.heads[0].lower()  # the key is the server's


async def test_a_certificate_is_trusted_only_where_the_owner_says_so(tmp_path: Path) -> None:
    tls, ca_file = certified(tmp_path, "localhost")
    async with Listener().listen(tls) as server:
        address = f"https://localhost:{server.port}/v1"
        assert await ask(address, Network(ca_file=ca_file)) == "Ahoy."
        with pytest.raises(ConnectionFailed, match="certificate could not be verified"):
            await ask(address, DIRECT)


@pytest.mark.parametrize(
    ("name", "days", "problem"),
    [("localhost", -1, "certificate has expired"), ("quay.invalid", 2, "certificate is for another host name")],
)
async def test_what_is_wrong_with_a_certificate_is_said(tmp_path: Path, name: str, days: int, problem: str) -> None:
    tls, ca_file = certified(tmp_path, name, days)
    async with Listener().listen(tls) as server:
        with pytest.raises(ConnectionFailed, match=problem):
            await ask(f"https://localhost:{server.port}/v1", Network(ca_file=ca_file))


@pytest.mark.parametrize(
    ("url", "no_proxy", "through"),
    [
        ("http://llm.example/v1", "", "http"),
        ("https://llm.example/v1", "", "https"),
        ("https://llm.example/v1", "llm.example", ""),
        ("https://llm.example/v1", "other.example, .example", ""),
        ("https://llm.example:8443/v1", "llm.example:8443", ""),
        ("https://llm.example:8443/v1", "llm.example:9", "https"),
        ("https://notllm.example/v1", "llm.example", "https"),
        ("https://llm.example/v1", "*", ""),
        ("http://10.1.2.3:8000/v1", "10.0.0.0/8", ""),
        ("http://11.1.2.3:8000/v1", "10.0.0.0/8", "http"),
        ("http://[fd00::5]:8000/v1", "fd00::/8", ""),
        ("http://127.0.0.1:11434", "", ""),
        ("http://[::1]:11434", "", ""),
        ("http://localhost:11434", "", ""),
    ],
)
def test_who_is_asked_through_the_proxy(url: str, no_proxy: str, through: str) -> None:
    network = Network(http_proxy="http://http:3128", https_proxy="http://https:3128", no_proxy=no_proxy)
    assert network.proxy_for(url) == (f"http://{through}:3128" if through else "")


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"HTTP_PROXY": "ftp://ada:salt@proxy:21"}, "HTTP_PROXY is no address of an HTTP proxy"),
        ({"https_proxy": "proxy:3128"}, "HTTPS_PROXY is no address of an HTTP proxy"),
        ({"ALL_PROXY": "socks5://proxy:1080"}, "HTTP_PROXY is no address of an HTTP proxy"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE: ca.pem cannot be read: No such file"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_its_password(
    environment: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=problem) as raised:
        ConfiguredProviders(Settings.load(tmp_path / "none"))
    assert "salt" not in str(raised.value)


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE: ca\.pem holds no certificates"):
        Network(ca_file=str(tmp_path / "ca.pem"))


def test_a_visitors_key_goes_through_the_proxy_only_where_the_owner_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    configured = ConfiguredProviders(Settings.load(tmp_path / "none"))
    assert configured.options("openai")["network"].proxy_for("https://api.openai.com/v1") == "http://proxy:3128"
    assert "network" not in configured.options("openai", for_visitor=True)
    monkeypatch.setenv("LLM_HUB_PROXY_VISITORS", "true")
    configured = ConfiguredProviders(Settings.load(tmp_path / "none"))
    assert configured.options("openai", for_visitor=True)["network"].https_proxy == "http://proxy:3128"


def test_the_proxys_password_is_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:s%40lt-of-the-sea@proxy:3128")
    assert "s@lt-of-the-sea" in Settings.load(tmp_path / "none").secrets()

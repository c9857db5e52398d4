"""A hub whose provider leads back to it: told at the start, and never more than one request on top of the client's."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from llm_hub.wire.hops import HEADER, MAX_HOPS
from tests.fault_server import FaultServerThread
from tests.ui.site import Site, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HELLO = [{"role": "user", "content": "Hello"}]
REQUESTS = (
    ("/v1/chat", {"model": "openai/ok", "messages": HELLO}),
    ("/v1/chat/completions", {"model": "openai/ok", "messages": HELLO, "stream": True}),
    ("/v1/chat/completions", {"model": "openai/ok", "models": ["anthropic/ok"], "messages": HELLO}),
    ("/v1/messages", {"model": "anthropic/ok", "messages": HELLO, "max_tokens": 10}),
)
"""Requests in each dialect, some of them with a fallback that would go round as well."""


class Relay:
    """A TCP proxy in front of a port, whose address it hides. It counts the connections that it was asked for."""

    def __init__(self) -> None:
        self.port = free_port()
        self.to_port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        async with server:
            yield

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def keys(url: str) -> dict[str, str]:
    """The environment of somebody who has told all their programs to ask that address."""
    return {
        "OPENAI_API_KEY": "sk-test-0123456789",
        "OPENAI_BASE_URL": f"{url}/v1",
        "ANTHROPIC_API_KEY": "sk-ant-test-0123456789",
        "ANTHROPIC_BASE_URL": url,
    }


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(site.start)
    try:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
            yield client
    finally:
        await asyncio.to_thread(site.stop)


async def test_the_own_address_is_told_at_the_start_and_not_asked(tmp_path: Path) -> None:
    site = Site(tmp_path / "log")
    site.environment = keys(f"http://localhost:{site.port}") | {"LLM_HUB_SERVERS": f"me={site.url}/v1"}
    async with running(site) as client:
        for path, body in REQUESTS:
            reply = await client.post(path, json=body)
            assert reply.status_code in (500, 503), reply.text
            assert "is the address of this hub" in reply.text
        for name, setting in (("openai", "OPENAI_BASE_URL"), ("me", "LLM_HUB_SERVERS")):
            description = (await client.get(f"/v1/providers/{name}")).json()
            assert not description["ready"]
            assert description["problem"].startswith(f"{setting} is the address of this hub")
    log = site.log.read_text()
    assert f"`env ANTHROPIC_BASE_URL=http://localhost:{site.port} claude`" in log
    assert log.count("is the address of this hub") == 3


async def test_one_request_through_a_proxy_is_one_more_connection(tmp_path: Path) -> None:
    relay = Relay()
    site = Site(tmp_path / "log", keys(relay.url) | {"LLM_HUB_ROUTE": "openai/ok,anthropic/ok"})
    relay.to_port = site.port
    async with relay.opened(), running(site) as client:
        for path, body in REQUESTS:
            relay.connections = 0
            reply = await client.post(path, json=body)
            assert reply.status_code == 508, reply.text
            assert "leads back" in reply.text
            assert "LLM_HUB_SERVERS" in reply.text  # what to look at
            assert relay.connections <= 1, path
        relay.connections = 0
        await client.get("/v1/models")
        assert relay.connections <= 2  # one for each provider's list
        relay.connections = 0
        async with openai.AsyncOpenAI(api_key="none-needed", base_url=f"{site.url}/v1", max_retries=5) as retrying:
            with pytest.raises(openai.InternalServerError, match="leads back"):
                await retrying.chat.completions.create(
                    model="openai/ok", messages=[{"role": "user", "content": "Hello"}]
                )
        assert relay.connections <= 1  # the client's own retries end at once, too


async def test_a_ring_of_hubs_ends_where_it_began_and_a_chain_does_not(tmp_path: Path) -> None:
    to_first, to_second = Relay(), Relay()
    with FaultServerThread() as fault_server:
        first = Site(tmp_path / "first", keys(to_second.url) | {"LLM_HUB_ROUTE": "openai/openai/ok"})
        second = Site(
            tmp_path / "second",
            keys(to_first.url) | {"LLM_HUB_SERVERS": f"good={fault_server.openai_url}"},
        )
        to_first.to_port, to_second.to_port = first.port, second.port
        async with to_first.opened(), to_second.opened(), running(first) as client, running(second):
            ring = {"model": "openai/openai/openai/ok", "messages": HELLO}
            reply = await client.post("/v1/chat/completions", json=ring)
            assert reply.status_code == 508, reply.text
            assert (to_second.connections, to_first.connections) == (1, 1)

            chain = {"model": "openai/good/ok", "messages": HELLO}
            reply = await client.post("/v1/chat/completions", json=chain)
            assert reply.status_code == 200, reply.text
            hops = fault_server.exchanges[-1].headers[HEADER].split(", ")
            assert len(set(hops)) == 2

            for count, status in ((MAX_HOPS, 200), (MAX_HOPS + 1, 508)):  # more hubs than any chain has are a ring
                before = ", ".join(f"hub-{number}" for number in range(count))
                reply = await client.get("/v1/providers", headers={HEADER: before})
                assert reply.status_code == status

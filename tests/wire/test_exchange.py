"""A request over a connection of aiohttp's pool, without aiohttp's client."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from llm_hub.wire.exchange import Address, Exchange

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
TIMEOUTS = aiohttp.ClientTimeout(connect=5, sock_read=5)


@asynccontextmanager
async def server_of(replies: list[bytes], received: list[tuple[int, bytes]]) -> AsyncGenerator[str]:
    """The URL of a server that gives one reply after another. `received` gets the port of each request's client, and
    the request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while replies:
            try:
                received.append((writer.get_extra_info("peername")[1], await reader.readuntil(b"BODY")))
            except asyncio.IncompleteReadError:
                break
            writer.write(replies.pop(0))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat?version=2"


@asynccontextmanager
async def asked(*replies: bytes) -> AsyncGenerator[tuple[Exchange, list[tuple[int, bytes]]]]:
    """The last exchange with such a server, after the others, and what it has received."""
    received: list[tuple[int, bytes]] = []
    async with server_of([*replies], received) as url, aiohttp.TCPConnector() as connector:
        address = Address(url, asyncio.get_running_loop())
        for _ in replies[1:]:
            async with await address.post(connector, {}, b"BODY", TIMEOUTS) as exchange:
                assert await exchange.content.read() == b"{}"
        async with await address.post(connector, {"x-name": "value"}, b"BODY", TIMEOUTS) as exchange:
            yield exchange, received


async def test_a_request_is_sent_as_it_is_and_its_connection_serves_the_next_one() -> None:
    async with asked(REPLY, REPLY) as (exchange, received):
        assert (exchange.status, await exchange.content.read()) == (200, b"{}")
        assert exchange.connection is None  # it is back in the pool
    (first, _), (second, request) = received
    assert first == second
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert (line, body) == (b"POST /v1/chat?version=2 HTTP/1.1", b"BODY")
    assert headers[0].startswith(b"Host: 127.0.0.1:")
    assert headers[1:] == [b"x-name: value", b"Content-Length: 4"]


async def test_a_reply_that_only_announces_another_one_is_passed_over() -> None:
    async with asked(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + REPLY) as (exchange, _):
        assert (exchange.status, await exchange.content.read()) == (200, b"{}")


async def test_a_connection_whose_reply_was_not_read_to_its_end_serves_no_other_request() -> None:
    async with asked(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{") as (exchange, _):
        connection = exchange.connection
        assert connection is not None
        assert (transport := connection.transport) is not None
    assert connection.closed
    assert transport.is_closing()


@pytest.mark.parametrize("value", ["a\r\nx-other: b", "a\nb", "a\rb", "a\0b"])
async def test_a_header_cannot_begin_another_one(value: str) -> None:
    async with aiohttp.TCPConnector() as connector:
        address = Address("http://127.0.0.1:9/", asyncio.get_running_loop())
        with pytest.raises(ValueError, match="line break"):
            await address.post(connector, {"x-name": value}, b"BODY", TIMEOUTS)

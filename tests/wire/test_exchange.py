"""A request over a connection of aiohttp's pool, without aiohttp's client."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from llm_hub.wire.connections import ConnectionPool
from llm_hub.wire.exchange import Address, Exchange
from tests.virtual_time import VirtualTimeLoop

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
COMMON = {"x-name": "value"}
TIMEOUTS = aiohttp.ClientTimeout(connect=5, sock_read=5)


@asynccontextmanager
async def server_of(replies: list[bytes], received: list[tuple[int, bytes]]) -> AsyncGenerator[str]:
    """The URL of a server that gives one reply after another; an empty one closes the connection. `received` gets the
    port of each request's client, and the request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while replies:
            try:
                received.append((writer.get_extra_info("peername")[1], await reader.readuntil(b"BODY")))
            except asyncio.IncompleteReadError:
                break
            if not (reply := replies.pop(0)):
                break
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat?version=2"


@asynccontextmanager
async def asked(*replies: bytes) -> AsyncGenerator[tuple[Exchange, list[tuple[int, bytes]]]]:
    """The last exchange with such a server, after the others, and what it has received."""
    received: list[tuple[int, bytes]] = []
    async with server_of([*replies], received) as url, ConnectionPool() as connector:
        address = Address(url, {"x-default": "yes"}, asyncio.get_running_loop())
        for _ in [*filter(None, replies)][1:]:
            async with await address.post(connector, COMMON, {"x-own": "1"}, b"BODY", TIMEOUTS) as exchange:
                assert await exchange.content.read() == b"{}"
        async with await address.post(connector, {"x-default": "no"}, {"x-own": "2"}, b"BODY", TIMEOUTS) as exchange:
            yield exchange, received


async def test_a_request_is_sent_as_it_is_and_its_connection_serves_the_next_one() -> None:
    async with asked(REPLY, REPLY, REPLY) as (exchange, received):
        assert (exchange.status, await exchange.content.read()) == (200, b"{}")
        assert exchange.connection is None  # it is back in the pool
    (first, common), (second, again), (third, request) = received
    assert first == second == third
    assert common == again
    assert b"\r\nx-default: yes\r\nx-name: value\r\nx-own: 1\r\n" in common
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert (line, body) == (b"POST /v1/chat?version=2 HTTP/1.1", b"BODY")
    assert headers[0].startswith(b"Host: 127.0.0.1:")
    assert headers[1:] == [b"x-default: no", b"x-own: 2", b"Content-Length: 4"]


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
        address = Address("http://127.0.0.1:9/", {}, asyncio.get_running_loop())
        with pytest.raises(ValueError, match="line break"):
            await address.post(connector, {"x-name": value}, {}, b"BODY", TIMEOUTS)
        with pytest.raises(ValueError, match="line break"):
            await address.post(connector, {}, {"x-name": value}, b"BODY", TIMEOUTS)


async def test_a_kept_connection_that_was_closed_meanwhile_is_no_failure() -> None:
    async with asked(REPLY, b"", REPLY) as (exchange, received):
        assert (exchange.status, await exchange.content.read()) == (200, b"{}")
    assert len(received) == 3  # the second one came to nothing
    assert received[0][0] == received[1][0] != received[2][0]
    assert received[1][1] == received[2][1]


async def test_a_new_connection_that_is_closed_without_a_reply_is_one() -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        async with asked(b"", REPLY):
            pass


async def test_a_reply_that_nobody_asked_for_is_no_reply_to_the_next_request() -> None:
    """Several servers say 408 before they close an idle connection."""
    received: list[tuple[int, bytes]] = []
    async with server_of([REPLY, REPLY], received) as url, ConnectionPool() as pool:
        address = Address(url, {}, asyncio.get_running_loop())
        async with await address.post(pool, {}, {}, b"BODY", TIMEOUTS) as first:
            assert await first.content.read() == b"{}"
        (((protocol, _),),) = pool._conns.values()
        protocol.data_received(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        async with await address.post(pool, {}, {}, b"BODY", TIMEOUTS) as second:
            assert (second.status, await second.content.read()) == (200, b"{}")
    (one, _), (other, _) = received
    assert one != other


def test_a_head_that_stops_halfway_is_given_up() -> None:
    async def ask() -> None:
        async with server_of([b"HTTP/1.1 200 OK\r\ncontent-", REPLY], []) as url, ConnectionPool() as pool:
            await Address(url, {}, asyncio.get_running_loop()).post(pool, {}, {}, b"BODY", TIMEOUTS)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner, pytest.raises(aiohttp.SocketTimeoutError):
        runner.run(asyncio.wait_for(ask(), 60))

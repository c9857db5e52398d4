"""How large the head of a request may be, how long its arrival may take, and what may follow its body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from llm_hub.serving.http_protocol import MAX_HEAD_BYTES, MAX_PIPELINED, BoundedHttpProtocol

PART = b"x" * 2**14


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the number of the body's bytes, and the names of the headers."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    names = b",".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"%d bytes after %s" % (size, names)})


@asynccontextmanager
async def served(app: Any, http: type[BoundedHttpProtocol] = BoundedHttpProtocol) -> AsyncIterator[int]:
    """The port of a server of that application."""
    server = uvicorn.Server(uvicorn.Config(app, http=http, port=0, lifespan="off", log_config=None))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served(application) as port:
        yield port


async def exchange(port: int, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


async def test_a_head_without_end_is_refused(port: int) -> None:
    begun = [b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ", *[PART] * (MAX_HEAD_BYTES // len(PART) + 1)]
    assert (await exchange(port, *begun)).startswith(b"HTTP/1.1 431 ")


async def test_a_long_body_is_no_head(port: int) -> None:
    pieces = [PART] * (4 * MAX_HEAD_BYTES // len(PART))
    size = sum(len(piece) for piece in pieces)
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
    assert b"%d bytes" % size in await exchange(port, head, *pieces)


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_a_long_body_in_chunks_is_no_head(port: int) -> None:
    chunks = [b"%x\r\n" % len(PART), PART, b"\r\n"] * (4 * MAX_HEAD_BYTES // len(PART))
    reply = await exchange(port, CHUNKED, *chunks, b"0\r\n\r\n")
    assert b"%d bytes after host,transfer-encoding" % (4 * MAX_HEAD_BYTES) in reply


async def test_headers_after_a_body_are_dropped(port: int) -> None:
    reply = await exchange(port, CHUNKED, b"2\r\nab\r\n", b"0\r\nauthorization: Bearer x\r\nhost: y\r\n\r\n")
    assert b"2 bytes after host,transfer-encoding" in reply


@pytest.mark.parametrize("begun", [b"0\r\nx-long: ", b"2\r\nab\r\n0\r\n", b"2;extension="])
@pytest.mark.parametrize("part", [PART, b"x: y\r\n" * (len(PART) // 6)], ids=["one", "many"])
async def test_headers_without_end_after_a_body_are_refused(port: int, begun: bytes, part: bytes) -> None:
    endless = [part] * (8 * MAX_HEAD_BYTES // len(part))
    async with asyncio.timeout(20):
        reply = b""
        with suppress(ConnectionError):  # the server may be gone before all of it is sent
            reply = await exchange(port, CHUNKED, begun, *endless)
    assert not reply or reply.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("length", [b"content-length: 2", b"transfer-encoding: chunked"])
async def test_a_body_is_refused_where_an_upgrade_is_asked_for(port: int, protocol: bytes, length: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: %b\r\n%b\r\n\r\n" % (protocol, length)
    reply = await exchange(port, head)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert reply.count(b"HTTP/1.1 ") == 1
    assert reply.endswith(b"without the header Upgrade.")


async def test_an_upgrade_without_a_body_is_an_ordinary_request(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n"
    assert b"0 bytes" in await exchange(port, head)


@pytest.mark.parametrize("ahead", [0, 1, MAX_PIPELINED])
async def test_a_client_that_leaves_is_noticed_even_after_pipelined_requests(ahead: int) -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def waiting(_: Any, receive: Any, __: Any) -> None:
        await receive()
        arrived.set()
        if (await receive())["type"] == "http.disconnect":
            left.set()

    async with served(waiting) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * (1 + ahead))
        async with asyncio.timeout(30):
            await arrived.wait()
            writer.close()
            await left.wait()


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def named(scope: Any, _: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"/%03d" % int(scope["path"][1:])})

    async with served(named) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(100)))
        async with asyncio.timeout(30):
            for number in range(100):
                assert (await reader.readuntil(b"/%03d" % number)).count(b"HTTP/1.1 200") == 1
        writer.close()


class Impatient(BoundedHttpProtocol):
    max_arrival_seconds = 0.2


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"


@pytest.mark.parametrize("begun", [b"P", HEAD[:20], HEAD[:-2], HEAD, HEAD + b"body"])
async def test_a_request_that_does_not_arrive_is_refused(begun: bytes) -> None:
    left = asyncio.Event()

    async def reading(_: Any, receive: Any, __: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    async with served(reading, Impatient) as port, asyncio.timeout(30):
        assert (await exchange(port, begun)).startswith(b"HTTP/1.1 408 ")
        if begun.startswith(HEAD):
            await left.wait()


async def test_a_connection_without_a_request_is_closed_without_a_reply() -> None:
    async with served(application, Impatient) as port, asyncio.timeout(30):
        assert await exchange(port) == b""


@pytest.mark.parametrize("ahead", [b"", b"P", HEAD, HEAD + b"body"])
async def test_a_late_second_request_does_not_end_a_slow_answer_to_the_first(ahead: bytes) -> None:
    going_on = asyncio.Event()

    async def slow(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await going_on.wait()
        await send({"type": "http.response.body", "body": b"done"})

    async with served(slow, Impatient) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"all of it" + ahead)
        await reader.readuntil(b"content-length: 4\r\n\r\n")
        asyncio.get_running_loop().call_later(2 * Impatient.max_arrival_seconds, going_on.set)
        assert await reader.readexactly(4) == b"done"
        writer.close()

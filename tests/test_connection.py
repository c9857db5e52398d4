"""How long the head of a request may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from llm_hub.connection import LARGEST_HEAD, Connection

PART = b"x" * 2**14


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Says how many bytes the body had."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(application, http=Connection, port=0, lifespan="off", log_config=None))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()


async def asked(port: int, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


async def test_a_head_without_end_is_refused_and_not_kept(port: int) -> None:
    begun = [b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ", *[PART] * (LARGEST_HEAD // len(PART) + 1)]
    assert (await asked(port, *begun)).startswith(b"HTTP/1.1 431 ")


async def test_a_long_body_is_no_head(port: int) -> None:
    pieces = [PART] * (4 * LARGEST_HEAD // len(PART))
    size = sum(len(piece) for piece in pieces)
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
    assert b"\r\n%d\r\n" % size in await asked(port, head, *pieces)

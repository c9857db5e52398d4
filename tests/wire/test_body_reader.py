"""The reader that takes the place of aiohttp's own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from llm_hub.wire.body_reader import BodyReader

CHUNK = b"x" * 2**16
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@asynccontextmanager
async def reply(*parts: bytes) -> AsyncGenerator[aiohttp.ClientResponse]:
    """A reply of a server that sends these parts, and closes the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as response:
        BodyReader.take_over(response)
        yield response


async def read_rest(response: aiohttp.ClientResponse) -> None:
    while await response.content.readany():
        pass


async def test_it_takes_the_place_of_aiohttps_own_reader() -> None:
    async with reply(HEAD, b"0\r\n\r\n") as response:
        assert type(response.content) is BodyReader
        assert await response.content.readany() == b""


async def test_a_reader_that_is_slow_gets_everything_and_never_holds_much() -> None:
    chunks, most, received = 200, 0, 0
    async with reply(HEAD, *[b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)] * chunks, b"0\r\n\r\n") as response:
        while piece := await response.content.readany():
            received += len(piece)
            most = max(most, len(piece))
            for _ in range(20):  # what comes meanwhile waits in the reader, until that is full
                await asyncio.sleep(0)
    assert received == chunks * len(CHUNK)
    assert most < received / 4


async def test_a_connection_that_is_cut_is_an_error() -> None:
    async with reply(HEAD, b"5\r\nhello\r\n", b"5\r\nhal") as response:
        assert (await response.content.readany()).startswith(b"hello")
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_rest(response)

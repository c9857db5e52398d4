"""The reader that takes the place of aiohttp's own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import aiohttp
import pytest

from llm_hub.providers.openai import OpenAIProvider
from llm_hub.wire.body_reader import BodyReader

CHUNK = b"x" * 2**16
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@asynccontextmanager
async def server_of(*parts: bytes) -> AsyncGenerator[str]:
    """The address of a server that sends these parts one by one; an empty one is a short silence, and closes
    the connection where it is the last."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0 if part else 0.02)  # the client reads it
        if parts[-1]:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def reply(*parts: bytes) -> AsyncGenerator[aiohttp.ClientResponse]:
    """A reply of such a server."""
    async with server_of(*parts) as url, aiohttp.ClientSession() as session, session.get(url) as response:
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


async def test_a_connection_that_is_closed_too_early_is_an_error() -> None:
    async with reply(HEAD, b"5\r\nhello\r\n", b"5\r\nhal", b"") as response:
        assert (await response.content.readany()).startswith(b"hello")
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_rest(response)


async def test_an_answer_that_comes_in_a_burst_comes_whole() -> None:
    """A read that is put off for what comes meanwhile must not stop the parser in the middle of the next one."""
    frame = b'data: {"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    one, last = (b"%x\r\n%b\r\n" % (len(each), each) for each in (frame, end))
    async with server_of(HEAD, *[one] * 50, b"", one * 50 + last + b"0\r\n\r\n") as url:
        provider = OpenAIProvider("test-key", base_url=f"{url}/v1", read_timeout=5)
        async with aclosing(provider):
            text = [piece async for piece in provider.stream("Hello", "a-model")]
    assert "".join(text) == " word" * 100

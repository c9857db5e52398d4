"""A reply that says that its body follows is the same as uvicorn writes it, in one write, and one that streams is the
same piece by piece."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from llm_hub.api.replies import IS_WHOLE
from llm_hub.serving.http_protocol import BoundedHttpProtocol
from llm_hub.serving.whole_replies import MAX_JOINED_BYTES
from tests.serving.test_http_protocol import exchange, served

HEADERS = [(b"content-length", b"4"), (b"x-name", b"value")]
LAST = b"%b / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


class Noting(BoundedHttpProtocol):
    """Notes what is written to the connections."""

    written: ClassVar[list[bytes]] = []

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.transport = NotingTransport(transport, self.written)  # type: ignore[assignment]


class NotingTransport:
    def __init__(self, transport: Any, written: list[bytes]) -> None:
        self._transport, self._written = transport, written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._written.append(data)
        self._transport.write(data)


async def reply(method: bytes, headers: list[tuple[bytes, bytes]], body: bytes, *, whole: bool) -> list[bytes]:
    """What is written to a client that asks twice, without the dates."""

    async def app(_: Any, __: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        await send({**start, IS_WHOLE: True} if whole else start)
        await send({"type": "http.response.body", "body": body})

    Noting.written.clear()
    async with served(app, Noting) as port:
        received = await exchange(port, b"%b / HTTP/1.1\r\nhost: x\r\n\r\n" % method + LAST % method)
    assert received == b"".join(Noting.written)
    return [re.sub(rb"\r\ndate: [^\r]+", b"", data) for data in Noting.written]


@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        (b"GET", HEADERS, b"body"),
        (b"HEAD", HEADERS, b"body"),
        (b"GET", [*HEADERS, (b"connection", b"close")], b"body"),
        (b"GET", [(b"content-length", b"%d" % (MAX_JOINED_BYTES + 1))], b"x" * (MAX_JOINED_BYTES + 1)),
        (b"GET", [*HEADERS, (b"x-other", b"a\r\nb: c")], b"body"),
        (b"GET", [*HEADERS, (b"x other", b"a")], b"body"),
    ],
)
async def test_a_reply_is_the_same_as_uvicorn_writes_it(
    method: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    pieces = await reply(method, headers, body, whole=True)
    assert b"".join(pieces) == b"".join(await reply(method, headers, body, whole=False))


async def test_head_and_body_are_one_write_and_two_before_the_connection_ends() -> None:
    first, *last = await reply(b"GET", HEADERS, b"body", whole=True)
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"\r\n\r\nbody")
    assert len(last) == 2


class AsUvicornWrites(Noting):
    _start_asgi_task = HttpToolsProtocol._start_asgi_task


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("headers", [[(b"x-name", b"value")], [(b"content-length", b"6")]])
async def test_a_streamed_reply_is_the_same_as_uvicorn_writes_it(
    method: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    replies = []
    for protocol in (Noting, AsUvicornWrites):
        async with served(app, protocol) as port:
            received = await exchange(port, b"%b / HTTP/1.1\r\nhost: x\r\n\r\n" % method + LAST % method)
        replies.append(re.sub(rb"\r\ndate: [^\r]+", b"", received))
    assert replies[0] == replies[1]
    assert (replies[0].count(b"one"), replies[0].count(b"two")) == ((2, 2) if method == b"GET" else (0, 0))

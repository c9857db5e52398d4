"""A request to a server and its reply, over a connection of aiohttp's pool. Importing it imports aiohttp.

aiohttp's own client prepares each request for redirects, cookies, traces and bodies of any kind, and before Python 3.12
starts a task that writes it. An adapter needs none of it: a request is one write, and costs a third. What is aiohttp's
here is the pool, the connections with their TLS, and the parser of replies. Not all of that is public: pyproject.toml
says with which versions it was tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aiohttp import (
    ClientConnectionError,
    ClientConnectionResetError,
    ClientOSError,
    ClientRequest,
    ConnectionTimeoutError,
    ServerDisconnectedError,
)
from yarl import URL

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from aiohttp import BaseConnector, ClientTimeout, StreamReader
    from aiohttp.connector import Connection
    from multidict import CIMultiDictProxy

CLOSING_TIME = 1.0
"""Seconds within which a kept connection that ends without a reply had been closed before the request came."""


class Address:
    """Where requests to one URL go, and how each of them begins. `defaults` are headers that may be left out."""

    __slots__ = ("_defaults", "_destination", "_headers", "_loop", "_opening", "_written")

    def __init__(self, url: str, defaults: Mapping[str, str], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._destination = ClientRequest("POST", URL(url), loop=loop)
        target = self._destination.url
        self._opening = f"POST {target.raw_path_qs} HTTP/1.1\r\nHost: {target.host_port_subcomponent}\r\n"
        self._defaults = defaults
        self._headers: Mapping[str, str] = {}
        self._written = ""
        """The head of the last request, and the headers that are in it."""

    async def post(
        self,
        connector: BaseConnector,
        headers: Mapping[str, str],
        own_headers: Mapping[str, str],
        body: bytes,
        timeouts: ClientTimeout,
    ) -> Exchange:
        """Posts a body, and returns the exchange once the reply's head has come. Raises aiohttp's errors.

        A server may close a kept connection just as the request is written to it. Then it is written to another one.
        `headers` must not change later: nearly always they are the last request's. `own_headers` are this one's.
        """
        if headers is not self._headers and headers != self._headers:
            self._written = self._opening + _lines({**self._defaults, **headers})
            self._headers = headers
        head = f"{self._written}{_lines(own_headers)}Content-Length: {len(body)}\r\n\r\n".encode()
        while True:
            try:
                connection = await connector.connect(self._destination, [], timeouts)
            except TimeoutError as error:
                raise ConnectionTimeoutError(f"Connection timeout to host {self._destination.url}") from error
            try:
                protocol = connection.protocol
                assert protocol is not None  # noqa: S101  # until it is released
                was_kept, began = protocol._parser is not None, self._loop.time()  # noqa: SLF001  # it has read replies
                return await self._exchange(connection, head + body, timeouts)
            except (ServerDisconnectedError, ClientOSError, ClientConnectionResetError):
                connection.close()
                if not was_kept or self._loop.time() - began > CLOSING_TIME:
                    raise
            except BaseException:
                connection.close()
                raise

    async def _exchange(self, connection: Connection, request: bytes, timeouts: ClientTimeout) -> Exchange:
        protocol = connection.protocol
        assert protocol is not None  # noqa: S101  # until it is released
        protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_timeout=timeouts.sock_read)
        if protocol.transport is None or protocol.transport.is_closing():
            raise ClientConnectionResetError("Cannot write to closing transport")
        protocol.transport.write(request)
        protocol.start_timeout()
        while True:
            message, content = await protocol.read()
            if message.code == 101 or not 100 <= message.code < 200:
                protocol.read_timeout = None  # it was for the head: the body has another one, of http_reply.py
                protocol.start_timeout()
                return Exchange(connection, message.code, message.headers, content)


class Exchange:
    """A request that was sent, and its reply, whose body is still to be read. With the body's end, or with the block,
    the connection goes back to the pool."""

    __slots__ = ("connection", "content", "headers", "status")

    def __init__(
        self, connection: Connection, status: int, headers: CIMultiDictProxy[str], content: StreamReader
    ) -> None:
        self.connection: Connection | None = connection
        self.status = status
        self.headers = headers
        self.content = content
        content.on_eof(self._release)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.content.exception() is None:
            self.content.set_exception(ClientConnectionError("Connection closed"))
        self._release()

    def _release(self) -> None:
        """Gives the connection back. One whose body was not read to its end is closed."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.release()


def _lines(headers: Mapping[str, str]) -> str:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\r") != len(headers) or lines.count("\n") != len(headers) or "\0" in lines:
        raise ValueError("A header has a line break or another character that no header may have.")
    return lines

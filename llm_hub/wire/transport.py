"""How an adapter's requests travel, and what may come back: no cookie, nothing compressed, and nothing without an end.

The bounds hold for every server, the vendors' own among them: one rule is easier to trust than two. What is compressed
is never asked for and never unpacked, since a few bytes may become very many.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar

from llm_hub.errors import StreamBroken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONNECTIONS = 1000
"""At once, for each provider and key."""
KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept for the next request."""

MAX_STREAM_BYTES = 128 * 2**20
"""Bytes of an answer. At some 400 a token, that is more than twice what the longest answers of today take."""
MAX_REPLY_BYTES = 8 * 2**20
"""Bytes of a reply that does not stream, such as a list of models."""
MAX_ERROR_BYTES = 2**20
"""Bytes of an error's words. It is an error all the same, whatever more would come."""

AS_IT_IS = {"accept-encoding": "identity"}
"""Headers for the client above this transport, too, whose own would ask for what is compressed."""

PAUSE = 0.002
"""Seconds between two reads of an answer that comes in a rush: what comes meanwhile is then read at once. A read costs
as much as some fifteen tokens, in the kernel and in all layers."""
RUSH = 4
"""Reads, each within that time after the last one, that make a rush. Short answers and models of today make none."""


def unfit(problem: str) -> StreamBroken:
    """The error for what no server in order sends. Another target may help, and asking this one again does not."""
    error = StreamBroken(problem, hint="Check the base URL, or choose another provider.")
    error.retryable = False
    return error


class Transport:
    """Goes before one of httpx-aiohttp's transports, with the end of the path that answers stream from.

    Its sessions keep no cookies, since everybody who chats shares them, and there is one for each event loop, since a
    program may run several after another. All of a kind share the certificates that they trust, which take 30 ms to
    load, and a megabyte.
    """

    streams: ClassVar[str]
    ssl_context: ssl.SSLContext
    client: Any
    _loop: asyncio.AbstractEventLoop | None = None
    certificates: ClassVar[ssl.SSLContext | None] = None

    def __init__(self) -> None:
        super().__init__(verify=self.certificates or True, trust_env=False)  # type: ignore[call-arg]  # the transport's
        type(self).certificates = self.ssl_context

    async def handle_async_request(self, request: Any) -> Any:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self.client = loop, self._session
        try:
            reply = await super().handle_async_request(request)  # type: ignore[misc]  # the transport's
        except Exception as error:
            if type(error).__module__.startswith("aiohttp"):  # what the transport has no word for: a head out of bounds
                raise ConnectionError("The server's reply is not HTTP.") from error
            raise
        most = MAX_STREAM_BYTES if request.url.path.endswith(self.streams) else MAX_REPLY_BYTES
        kind: Any = type(reply.stream)
        response = reply.stream._aiohttp_response  # noqa: SLF001  # the same body, bounded
        stream = _bounded(kind)(response)
        stream.most = MAX_ERROR_BYTES if reply.status_code >= 300 else most
        stream.failed = reply.status_code >= 300
        if packing := response.headers.get("content-encoding", ""):
            del reply.headers["content-encoding"]
        stream.packed = packing.strip().lower() not in ("", "identity")
        reply.stream = stream
        return reply

    def _session(self) -> Any:
        import aiohttp  # a tenth of a second: loaded with the first adapter, not with this module

        return aiohttp.ClientSession(
            connector=self._connector(ssl=self.ssl_context, limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=AS_IT_IS,
        )

    def _connector(self, **options: Any) -> Any:
        import aiohttp

        return aiohttp.TCPConnector(**options)


class _Bounded:
    """A reply's body: at most `most` bytes, as they come. What has `failed` is an error by its status already: of its
    words those are read that can be.
    """

    translated: Any
    """aiohttp's errors into httpx's."""
    most: int
    failed: bool
    packed: bool
    _aiohttp_response: Any

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.packed:
            if self.failed:
                return
            raise unfit("The server sent a compressed reply, which was not asked for.")
        content, left = self._aiohttp_response.content, self.most
        clock, rush, over = asyncio.get_running_loop().time, 0, 0.0
        with self.translated():
            while piece := await content.readany():
                left -= len(piece)
                if left < 0:
                    if self.failed:
                        return
                    raise unfit(f"The server sent more than {self.most // 2**20} MB, and no end of it.")
                yield piece
                rush = rush + 1 if clock() - over < PAUSE else 0
                if rush >= RUSH and (connection := self._aiohttp_response.connection) is not None:
                    await _rest(connection.protocol)
                over = clock()


async def _rest(protocol: Any) -> None:
    """Leaves what comes to the kernel for a moment."""
    protocol.pause_reading()
    try:
        await asyncio.sleep(PAUSE)
    finally:
        protocol.resume_reading()


@cache
def _bounded(stream: Any) -> Any:
    """The body above, of the class that httpx, or httpx2, asks for."""
    translated = sys.modules[stream.__module__].map_aiohttp_exceptions
    return type("Bounded", (_Bounded, stream), {"translated": staticmethod(translated)})


def no_cookies() -> CookieJar:
    """A jar that takes no cookie, for the client above that transport."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))

"""The transport of an adapter's requests, and its bounds: no cookies, no compression, no reply without an end.

The bounds hold for every server, the vendors' own among them: one rule is easier to trust than two. A compressed reply
is never asked for and never unpacked, since a few bytes may become very many.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from llm_hub.errors import StreamBroken
from llm_hub.wire import hops
from llm_hub.wire.network import DIRECT, Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

MAX_CONNECTIONS = 1000
"""Connections at once, for each provider and key."""
KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept for the next request."""

MAX_STREAM_BYTES = 128 * 2**20
"""Bytes of a streamed answer. At some 400 a token, that is more than twice what the longest answers of today take."""
MAX_REPLY_BYTES = 8 * 2**20
"""Bytes of a reply that does not stream, such as a list of models."""
MAX_EMBEDDINGS_BYTES = 64 * 2**20
"""Bytes of a reply with embeddings: a thousand vectors of the longest kind, in digits."""
MAX_ERROR_BYTES = 2**20
"""Bytes of an error reply's body. What comes after them is not read: the reply is that error all the same."""

PIECE_BYTES = 256 * 2**10
"""Bytes of a request's body that are sent at once: other chats' tokens go on between two pieces."""

UNCOMPRESSED = {"accept-encoding": "identity"}
"""The header that keeps a client from asking for compressed replies, as each does by itself."""

BURST_PAUSE = 0.002
"""Seconds between two reads of an answer that comes in a burst: one read then gets what came meanwhile. A read costs
as much as some fifteen tokens, in the kernel and in all layers."""
MIN_BURST_READS = 4
"""Reads, each within `BURST_PAUSE` after the last, that make a burst. Short answers and today's models make none."""


def unusable_reply(problem: str) -> StreamBroken:
    """The error for a reply that no working server sends: another target may help, the same one will not."""
    error = StreamBroken(problem, hint="Check the base URL, or choose another provider.")
    error.retryable = False
    return error


def client_options(timeout: Any) -> dict[str, Any]:
    """The options of every client, of httpx and of httpx2, above a transport of this module.

    The environment is not read, redirects are not followed (they could take the key elsewhere), and no cookie is kept.
    """
    return {
        "headers": UNCOMPRESSED,
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "timeout": timeout,
        "follow_redirects": False,
        "trust_env": False,
    }


class HttpReply(Protocol):
    """What the responses of httpx and httpx2 have in common."""

    @property
    def status_code(self) -> int: ...
    @property
    def is_success(self) -> bool: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def stream(self) -> Any: ...
    @property
    def content(self) -> bytes: ...
    async def aread(self) -> bytes: ...
    async def aclose(self) -> None: ...


class Transport:
    """A mix-in that goes before one of httpx-aiohttp's transports and bounds every reply.

    `streaming_path` is the end of the path whose replies stream, or several such ends. There is one aiohttp session for
    each event loop, since a program may run several after another. Sessions keep no cookies, since all chats share
    them. All transports of a class share the certificates that they trust: loading them takes 30 ms and a megabyte.

    `address` is the server's URL, which decides whether its requests go through a proxy of `network`.
    """

    streaming_path: ClassVar[str | tuple[str, ...]]
    ssl_context: ssl.SSLContext
    client: Any
    proxy: Any
    _loop: asyncio.AbstractEventLoop | None = None
    certificates: ClassVar[dict[tuple[type, str], ssl.SSLContext]] = {}
    """The trusted certificates, by the transport's class and the file of those that are trusted beside the usual ones.
    """

    def __init__(self, network: Network = DIRECT, address: str = "") -> None:
        shared = self.certificates.get((type(self), network.ca_file))
        super().__init__(verify=shared or True, trust_env=False)  # type: ignore[call-arg]  # the transport's
        if shared is None:
            if network.ca_file:
                self.ssl_context.load_verify_locations(network.ca_file)
            self.certificates[type(self), network.ca_file] = self.ssl_context
        self.proxy = _proxy(network.proxy_for(address))

    async def handle_async_request(self, request: Any) -> Any:
        headers = {name.decode(): value.decode() for name, value in request.headers.raw}
        return await self._exchange(
            _OpenRequest(request.method, request.url, headers, request.content, request.extensions)
        )

    async def post(
        self, url: Any, headers: Mapping[str, str], body: bytes, timeouts: Mapping[str, float | None]
    ) -> HttpReply:
        """The reply to a POST, with its body unread. Whatever a client of httpx does above this costs only time.

        `timeouts` are in seconds, by the names that httpx gives them: `connect`, `read`, `pool`.
        """
        reply: HttpReply = await self._exchange(_OpenRequest("POST", url, {**headers}, body, {"timeout": timeouts}))
        return reply

    async def _exchange(self, request: _OpenRequest) -> Any:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self.client = loop, self._session
        request.headers[hops.HEADER] = hops.mark()
        if self.proxy is not None and request.url.scheme == "http":
            request.headers.update(self.proxy.headers)  # aiohttp sends them with CONNECT alone
        if (length := len(request.content)) > PIECE_BYTES:
            request.headers["content-length"] = str(length)
            request = request._replace(content=_Pieces(request.content))
        try:
            reply = await super().handle_async_request(request)  # type: ignore[misc]  # the transport's
        except Exception as error:
            if type(error).__module__.startswith("aiohttp"):  # the transport translates no headers out of bounds
                raise ConnectionError("The server's reply is not HTTP.") from error
            raise
        path: str = request.url.path
        limit = MAX_STREAM_BYTES if path.endswith(self.streaming_path) else MAX_REPLY_BYTES
        if path.endswith("/embeddings"):
            limit = MAX_EMBEDDINGS_BYTES
        stream_class: Any = type(reply.stream)
        response = reply.stream._aiohttp_response  # noqa: SLF001  # the same body, bounded
        stream = _bounded_class(stream_class)(response)
        stream.limit = MAX_ERROR_BYTES if reply.status_code >= 300 else limit
        stream.is_error = reply.status_code >= 300
        if encoding := response.headers.get("content-encoding", ""):
            del reply.headers["content-encoding"]
        stream.is_compressed = encoding.strip().lower() not in ("", "identity")
        reply.stream = stream
        return reply

    def _session(self) -> Any:
        import aiohttp  # takes a tenth of a second: loaded with the first adapter, not with this module

        return aiohttp.ClientSession(
            connector=self._connector(ssl=self.ssl_context, limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=UNCOMPRESSED,
        )

    def _connector(self, **options: Any) -> Any:
        import aiohttp

        return aiohttp.TCPConnector(**options)


class _OpenRequest(NamedTuple):
    """A request as httpx-aiohttp's transports read one. aiohttp takes plain headers as they are; httpx's would be
    decoded again, one by one."""

    method: str
    url: Any
    """httpx's, or httpx2's."""
    headers: dict[str, str]
    content: Any
    """Bytes, or `_Pieces`."""
    extensions: Mapping[str, Any]


class _Pieces:
    """A large body in pieces."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), PIECE_BYTES):
            yield bytes(self._body[start : start + PIECE_BYTES])


class _Proxy(NamedTuple):
    """A proxy as httpx-aiohttp's transports ask one: see httpx's `Proxy`."""

    url: str
    headers: dict[str, str]
    auth: None = None


def _proxy(url: str) -> _Proxy | None:
    """The proxy at a URL; None for "". Name and password become a header, so that no error shows them."""
    if not url:
        return None
    parts = urlsplit(url)
    if parts.username is None:
        return _Proxy(url, {})
    name_and_password = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    header = f"Basic {base64.b64encode(name_and_password).decode()}"
    return _Proxy(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), {"Proxy-Authorization": header})


class _BoundedReplyBody:
    """A reply's body as it comes, at most `limit` bytes of it. Raises `StreamBroken` for more.

    A reply with an error status is that error already: of its body as much is read as can be, without an error.
    """

    translated_errors: Any
    """Context manager: aiohttp's errors as httpx's, or httpx2's."""
    limit: int
    is_error: bool
    is_compressed: bool
    _aiohttp_response: Any

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.is_compressed:
            if self.is_error:
                return
            raise unusable_reply("The server sent a compressed reply, which was not asked for.")
        content, bytes_left = self._aiohttp_response.content, self.limit
        clock, quick_reads, last_read = asyncio.get_running_loop().time, 0, 0.0
        with self.translated_errors():
            while piece := await content.readany():
                bytes_left -= len(piece)
                if bytes_left < 0:
                    if self.is_error:
                        return
                    raise unusable_reply(f"The server sent more than {self.limit // 2**20} MB, and no end of it.")
                yield piece
                quick_reads = quick_reads + 1 if clock() - last_read < BURST_PAUSE else 0
                if quick_reads >= MIN_BURST_READS and (connection := self._aiohttp_response.connection) is not None:
                    await _pause_reading(connection.protocol)
                last_read = clock()


async def _pause_reading(protocol: Any) -> None:
    """Leaves what comes in the kernel's buffer for `BURST_PAUSE`."""
    protocol.pause_reading()
    try:
        await asyncio.sleep(BURST_PAUSE)
    finally:
        protocol.resume_reading()


@cache
def _bounded_class(stream_class: Any) -> Any:
    """`_BoundedReplyBody` as a stream of the class that httpx, or httpx2, expects."""
    translated_errors = sys.modules[stream_class.__module__].map_aiohttp_exceptions
    return type(
        "BoundedReplyBody", (_BoundedReplyBody, stream_class), {"translated_errors": staticmethod(translated_errors)}
    )

"""The transport of an adapter's requests, and its bounds: no cookies, no compression, no reply without an end.

The bounds hold for every server, the vendors' own among them: one rule is easier to trust than two. A compressed reply
is never asked for and never unpacked, since a few bytes may become very many.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import unquote, urlsplit

from llm_hub.wire import hops
from llm_hub.wire.http_reply import AiohttpErrors, AiohttpReply, body_class
from llm_hub.wire.network import DIRECT, Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import ClientTimeout

    from llm_hub.wire.exchange import Address

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

MAX_ADDRESSES = 100
"""URLs that are remembered as they are written, for each provider and key: their queries may be a client's."""
PIECE_BYTES = 256 * 2**10
"""Bytes of a request's body that are sent at once: other chats' tokens go on between two pieces."""

UNCOMPRESSED = {"accept-encoding": "identity"}
"""The header that keeps a client from asking for compressed replies, as each does by itself."""


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


class _RequestErrors(AiohttpErrors):
    """The errors of a request, until its reply has begun."""

    __slots__ = ()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            super().__exit__(kind, error, trace)
        except Exception as translated:
            if type(translated).__module__.startswith("aiohttp"):  # the adapter translates no headers out of bounds
                raise ConnectionError("The server's reply is not HTTP.") from translated
            raise


class Transport:
    """A mix-in that goes before one of httpx-aiohttp's transports and bounds every reply.

    `adapter` is the module of that transport. `streaming_path` is the end of the path whose replies stream, or several
    such ends. There is one aiohttp session for each event loop, since a program may run several after another. Sessions
    keep no cookies, since all chats share them. All transports of a class share the certificates that they trust:
    loading them takes 30 ms and a megabyte.

    `address` is the server's URL, which decides whether its requests go through a proxy of `network`.
    """

    adapter: ClassVar[Any]
    streaming_path: ClassVar[str | tuple[str, ...]]
    ssl_context: ssl.SSLContext
    client: Any
    proxy: Any
    _loop: asyncio.AbstractEventLoop | None = None
    _addresses: dict[str, Address]
    """Where requests have been posted, by their URL."""
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
        self._translated_errors = _RequestErrors(self.adapter)

    async def handle_async_request(self, request: Any) -> Any:
        """The reply to a request of an httpx client, in that client's own kind of response."""
        headers = {name.decode(): value.decode() for name, value in request.headers.raw}
        timeouts = request.extensions.get("timeout", {})
        response, stream = await self._exchange(request.method, str(request.url), headers, request.content, timeouts)
        headers_left = [header for header in response.raw_headers if header[0].lower() != b"content-encoding"]
        return self.adapter.httpx.Response(response.status, headers=headers_left, stream=stream, request=request)

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeouts: Mapping[str, float | None]
    ) -> AiohttpReply:
        """The reply to a POST, with its body unread. Whatever a client of httpx does above this costs only time. The
        headers must not change later: those that come again are not written anew.

        `timeouts` are in seconds, by the names that httpx gives them: `connect`, `read`, `pool`.
        """
        if self.proxy is not None or not 0 < len(body) <= PIECE_BYTES:
            return AiohttpReply(*await self._exchange("POST", url, {**headers}, body, timeouts))
        address, connector = self._address(url), self.client.connector
        mark = {hops.HEADER: hops.mark()}
        with self._translated_errors:
            exchange = await address.post(connector, headers, mark, body, _client_timeout(timeouts))
        return AiohttpReply(exchange, self._bounded(exchange, url, timeouts))

    def _address(self, url: str) -> Address:
        from llm_hub.wire.exchange import Address

        self._use_loop()
        if (address := self._addresses.get(url)) is None:
            if len(self._addresses) >= MAX_ADDRESSES:
                self._addresses.clear()
            address = self._addresses[url] = Address(url, UNCOMPRESSED, asyncio.get_running_loop())
        return address

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeouts: Mapping[str, float | None]
    ) -> tuple[Any, Any]:
        """aiohttp's response to a request, and its bounded body."""
        self._use_loop()
        headers[hops.HEADER] = hops.mark()
        through_proxy: dict[str, Any] = {}
        if self.proxy is not None:
            through_proxy = {"proxy": self.proxy.url, "proxy_headers": self.proxy.headers}
            if url.startswith("http:"):
                headers.update(self.proxy.headers)  # aiohttp sends them with CONNECT alone
        data: bytes | _Pieces = body
        if len(body) > PIECE_BYTES:
            headers["content-length"] = str(len(body))
            data = _Pieces(body)
        with self._translated_errors:
            response = await self.client.request(
                method,
                url,
                headers=headers,
                data=data or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_client_timeout(timeouts),
                **through_proxy,
            )
        return response, self._bounded(response, url, timeouts)

    def _use_loop(self) -> None:
        """Makes a session where the running event loop has none."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self.client, self._addresses = loop, self._session(), {}

    def _bounded(self, response: Any, url: str, timeouts: Mapping[str, float | None]) -> Any:
        """The bounded body of a response."""
        from llm_hub.wire.body_reader import BodyReader

        BodyReader.take_over(response)
        stream = body_class(self.adapter)(response)
        stream.max_silence = timeouts.get("read")
        stream.is_error = response.status >= 300
        stream.limit = MAX_ERROR_BYTES if stream.is_error else self._limit(_path(url))
        stream.is_compressed = response.headers.get("content-encoding", "").strip().lower() not in ("", "identity")
        return stream

    def _limit(self, path: str) -> int:
        """Bytes of the reply to a request for a path."""
        if path.endswith(self.streaming_path):
            return MAX_STREAM_BYTES
        return MAX_EMBEDDINGS_BYTES if path.endswith("/embeddings") else MAX_REPLY_BYTES

    def _session(self) -> Any:
        import aiohttp  # takes a tenth of a second: loaded with the first adapter, not with this module

        return aiohttp.ClientSession(
            connector=self._connector(ssl=self.ssl_context, limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=UNCOMPRESSED,
        )

    def _connector(self, **options: Any) -> Any:
        from llm_hub.wire.connections import ConnectionPool

        return ConnectionPool(**options)


def _client_timeout(timeouts: Mapping[str, float | None]) -> ClientTimeout:
    return _timeout(timeouts.get("pool"), timeouts.get("connect"), timeouts.get("read"))


@lru_cache
def _timeout(pool: float | None, connect: float | None, read: float | None) -> ClientTimeout:
    import aiohttp

    return aiohttp.ClientTimeout(connect=pool, sock_connect=connect, sock_read=read)


@lru_cache(MAX_ADDRESSES)
def _path(url: str) -> str:
    return urlsplit(url).path


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

"""A reply to an adapter's request, and its bounded body."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, Self

from llm_hub.errors import StreamBroken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

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


class HttpReply(Protocol):
    """What `AiohttpReply` and the responses of httpx and httpx2 have in common."""

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


def has_arrived(reply: HttpReply) -> bool:
    """Whether the whole body is here, and is read without waiting. httpx's own replies do not know."""
    return getattr(reply.stream, "has_arrived", False)


class AiohttpReply:
    """A reply from aiohttp. httpx's own kind would be made of it once more, header by header."""

    __slots__ = ("content", "headers", "status_code", "stream")

    def __init__(self, response: Any, stream: Any) -> None:
        self.status_code: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.stream = stream
        self.content = b""
        """The body, once it has been read."""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    async def aread(self) -> bytes:
        self.content = b"".join([piece async for piece in self.stream])
        return self.content

    async def aclose(self) -> None:
        await self.stream.aclose()


class AiohttpErrors:
    """A block in which aiohttp's errors are raised as httpx's, or httpx2's; `adapter` is httpx-aiohttp's module. That
    has a generator for it, which costs a request that has no error more."""

    __slots__ = ("_adapter",)

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            with self._adapter.map_aiohttp_exceptions():
                raise error


class _BoundedReply:
    """A reply's body as it comes, at most `limit` bytes of it. Raises `StreamBroken` for more.

    A reply with an error status is that error already: of its body as much is read as can be, without an error.
    """

    translated_errors: AiohttpErrors
    limit: int
    max_silence: float | None
    """Seconds between two reads, after which the reply is given up as one that timed out; None: there is no bound."""
    is_error: bool
    is_compressed: bool
    _aiohttp_response: Any

    @property
    def has_arrived(self) -> bool:
        """Whether the whole body is here: what is left of it is read without waiting."""
        return bool(self._aiohttp_response.content.is_eof())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.is_compressed:
            if self.is_error:
                return
            raise unusable_reply("The server sent a compressed reply, which was not asked for.")
        content, bytes_left = self._aiohttp_response.content, self.limit
        clock, quick_reads, last_read = asyncio.get_running_loop().time, 0, 0.0
        with self.translated_errors, _Silence(self._aiohttp_response, self.max_silence) as silence:
            while piece := await content.readany():
                silence.since = None
                bytes_left -= len(piece)
                if bytes_left < 0:
                    if self.is_error:
                        return
                    raise unusable_reply(f"The server sent more than {self.limit // 2**20} MB, and no end of it.")
                yield piece
                quick_reads = quick_reads + 1 if clock() - last_read < BURST_PAUSE else 0
                if quick_reads >= MIN_BURST_READS and (connection := self._aiohttp_response.connection) is not None:
                    await _pause_reading(connection.protocol.transport)
                silence.since = last_read = clock()

    async def aclose(self) -> None:
        with self.translated_errors:
            await self._aiohttp_response.__aexit__(None, None, None)


class _Silence:
    """Gives a response up that sends nothing for so many seconds. aiohttp's own timer, which this one replaces, is set
    anew with each read; this one looks at when the last read began."""

    __slots__ = ("_loop", "_response", "_seconds", "_timer", "since")

    def __init__(self, response: Any, seconds: float | None) -> None:
        self._response = response
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.since: float | None = self._loop.time()
        """When the read began that is waited for; None: what came is being used."""

    def __enter__(self) -> Self:
        connection = self._response.connection
        if self._seconds is not None and connection is not None:
            connection.protocol.read_timeout = None
            self._timer = self._loop.call_later(self._seconds, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        assert self._seconds is not None  # noqa: S101  # else there is no timer
        now = self._loop.time()
        due = now + self._seconds if self.since is None else self.since + self._seconds
        if now < due:
            self._timer = self._loop.call_at(due, self._look)
            return
        from aiohttp import SocketTimeoutError

        error = SocketTimeoutError("Timeout on reading data from socket")
        self._response.content.set_exception(error)
        if (connection := self._response.connection) is not None:
            connection.close()


async def _pause_reading(transport: asyncio.ReadTransport | None) -> None:
    """Leaves what comes in the kernel's buffer for `BURST_PAUSE`. aiohttp's parser is not told: it would stop in the
    middle of the next read."""
    if transport is None or transport.is_closing():
        return
    transport.pause_reading()
    try:
        await asyncio.sleep(BURST_PAUSE)
    finally:
        if not transport.is_closing():  # uvloop raises for one that was closed meanwhile
            transport.resume_reading()


@cache
def body_class(adapter: Any) -> Any:
    """`_BoundedReply` as a stream of the class that httpx, or httpx2, expects; `adapter` is httpx-aiohttp's module."""
    return type(
        "BoundedReply",
        (_BoundedReply, adapter.AiohttpResponseStream),
        {"translated_errors": AiohttpErrors(adapter)},
    )

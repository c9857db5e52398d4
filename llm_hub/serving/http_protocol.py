"""How a connection reads requests: bounded in size and time, where uvicorn would read without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from llm_hub.serving.whole_replies import ReplyCycle

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport
    from collections.abc import Callable

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MAX_HEAD_BYTES = 64 * 2**10
"""Bytes of a request line and headers that may come in several reads. One read of any length is taken."""

MAX_PIPELINED = 4
"""Requests that a client may send while an earlier one is answered. What follows is not read yet."""

MAX_ARRIVAL_SECONDS = 60.0
"""Seconds that a request, its head and its body, may take to arrive."""


def _plain_reply(status: bytes, text: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(text)) + text


_TOO_LARGE = _plain_reply(b"431 Request Header Fields Too Large", b"The headers of the request are huge.")
_TIMED_OUT = _plain_reply(b"408 Request Timeout", b"The request took too long to arrive.")
_NO_UPGRADE = _plain_reply(b"400 Bad Request", b"Send a body over HTTP/1.1, without the header Upgrade.")


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with these rules:

    - 431 after `MAX_HEAD_BYTES` bytes that complete no head and belong to no body.
    - 408 for a request that has not arrived `max_arrival_seconds` after it began.
    - Headers after a chunked body (trailers) are dropped. uvicorn would mix them with the request's own.
    - 400 for a body where an upgrade is asked for. uvicorn would drop it, and take its rest for another request.
    - A client that leaves is noticed, even after it has sent more requests. uvicorn would stop reading, and tell only
      the last of them.
    """

    max_arrival_seconds = MAX_ARRIVAL_SECONDS
    _arrival_timer: TimerHandle | None = None
    """Runs while a request is awaited, until it is complete."""
    _has_begun = False
    """Whether the client has begun a request."""
    _is_complete = False
    """Whether the last request has arrived to its end."""
    _idle_bytes = 0
    """Bytes since the last ones that completed a head or belonged to a body."""
    _has_progress = False
    """Whether the bytes that are being read do so."""
    _in_body = False
    on_closed: Callable[[], None] | None = None
    """Called when the connection is over."""
    _answered: RequestResponseCycle | None = None
    """The request that is being answered."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # narrower than asyncio's, as uvicorn's own is
        super().connection_made(transport)
        self._arrival_timer = self.loop.call_later(self.max_arrival_seconds, self._time_out)

    def data_received(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        super().data_received(data)
        if not self._is_complete and self._arrival_timer is None:
            self._arrival_timer = self.loop.call_later(self.max_arrival_seconds, self._time_out)
        if self._has_progress:
            self._idle_bytes, self._has_progress = 0, False
        elif self._idle_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(_TOO_LARGE)

    def _time_out(self) -> None:
        self._arrival_timer = None
        if self._is_behind:  # it may be our fault: the rest is not read while an earlier answer is being sent
            self._arrival_timer = self.loop.call_later(self.max_arrival_seconds, self._time_out)
        elif not self.transport.is_closing():
            self._refuse(_TIMED_OUT)

    @property
    def _is_behind(self) -> bool:
        """Whether the answer to an earlier request than the one that arrives is not complete."""
        arriving = self.cycle if self._in_body else None
        return self._answered not in (None, arriving) and not self._answered.response_complete

    def _refuse(self, reply: bytes) -> None:
        """Closes the connection, after the reply if nothing else has been sent that it would break."""
        if self._has_begun and not self._is_behind and not (self._in_body and self.cycle.response_started):
            self.transport.write(reply)
        self.transport.close()

    def on_message_begin(self) -> None:
        self._has_begun, self._is_complete, self._in_body = True, False, False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_complete = True
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None
        super().on_message_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self._announces_body():
            self._refuse(_NO_UPGRADE)
            raise HttpParserError
        self._in_body = self._has_progress = True
        super().on_headers_complete()
        if 0 < len(self.pipeline) <= MAX_PIPELINED:
            self.flow.resume_reading()

    def _announces_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in self.headers
        )

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():  # else it has been refused with a better reason
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        ReplyCycle.take_over(cycle)
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.on_closed is not None:
            self.on_closed()
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()

    def on_body(self, body: bytes) -> None:
        self._has_progress = True
        super().on_body(body)

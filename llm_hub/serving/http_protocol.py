"""A connection to the server: requests are bounded in size and time, where uvicorn takes them without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MAX_HEAD_BYTES = 64 * 2**10
"""Bytes of a request line and headers that may be waited for; a head that comes at once may be as long as one read."""

MAX_PIPELINED = 4
"""Requests that a client may send before it has the answer to the one before; what comes after them is not read yet."""

MAX_ARRIVAL_SECONDS = 60.0
"""Seconds that a request, its head and its body, may take to arrive."""


def _refusal(status: bytes, text: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(text)) + text


_TOO_LARGE = _refusal(b"431 Request Header Fields Too Large", b"The headers of the request are huge.")
_TOO_LATE = _refusal(b"408 Request Timeout", b"The request took too long to arrive.")
_NO_UPGRADE = _refusal(b"400 Bad Request", b"Send a body over HTTP/1.1, without the header Upgrade.")


class BoundedHttpProtocol(HttpToolsProtocol):
    """Answers 431, and closes, after `MAX_HEAD_BYTES` bytes that are neither a whole head nor any of a body's; and 408,
    where a request is not there `arrived_within` seconds after it began.

    What follows a chunked body is read within the same bounds, and dropped: uvicorn would take it for headers.

    A body is refused where an upgrade is asked for: uvicorn would drop it, and take what is late of it for a request.

    A client that leaves is noticed also where it has asked ahead: uvicorn would not read on, and tell the last request.
    """

    arrived_within = MAX_ARRIVAL_SECONDS
    _late: TimerHandle | None = None
    """Runs while a request is awaited that is not whole."""
    _begun = _whole = False
    """Whether the client has sent any request, and the last one's end."""
    _waiting = 0
    """Bytes since the last that were of use."""
    _in_body = False
    _of_use = False
    _answered: RequestResponseCycle | None = None
    """The request that is being answered."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._late = self.loop.call_later(self.arrived_within, self._end_late)

    def data_received(self, data: bytes) -> None:
        self._waiting += len(data)
        super().data_received(data)
        if not self._whole and self._late is None:
            self._late = self.loop.call_later(self.arrived_within, self._end_late)
        if self._of_use:
            self._waiting, self._of_use = 0, False
        elif self._waiting > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._end(_TOO_LARGE)

    def _end_late(self) -> None:
        self._late = None
        if self._behind:  # what is read of the request depends on us, too
            self._late = self.loop.call_later(self.arrived_within, self._end_late)
        elif not self.transport.is_closing():
            self._end(_TOO_LATE)

    @property
    def _behind(self) -> bool:
        """Whether the answer to an earlier request than the one that arrives is not complete."""
        arriving = self.cycle if self._in_body else None
        return self._answered not in (None, arriving) and not self._answered.response_complete

    def _end(self, said: bytes) -> None:
        if self._begun and not self._behind and not (self._in_body and self.cycle.response_started):
            self.transport.write(said)
        self.transport.close()

    def on_message_begin(self) -> None:
        self._begun, self._whole, self._in_body = True, False, False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._whole = True
        if self._late is not None:
            self._late.cancel()
            self._late = None
        super().on_message_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self._has_body():
            self._end(_NO_UPGRADE)
            raise HttpParserError
        self._in_body = self._of_use = True
        super().on_headers_complete()
        if 0 < len(self.pipeline) <= MAX_PIPELINED:
            self.flow.resume_reading()

    def _has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in self.headers
        )

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():  # else it was told better
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()

    def on_body(self, body: bytes) -> None:
        self._of_use = True
        super().on_body(body)

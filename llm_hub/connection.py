"""A connection to the server: requests have heads and trailers of bounded size, which uvicorn takes without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

LARGEST_HEAD = 64 * 2**10
"""Bytes of a request line and headers that may be waited for; a head that comes at once may be as long as one read."""

MOST_AHEAD = 4
"""Requests that a client may send before it has the answer to the one before; what comes after them is not read yet."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\ncontent-length: 35\r\n\r\nThe headers of the request are huge"
)


class Connection(HttpToolsProtocol):
    """Answers 431, and closes, after `LARGEST_HEAD` bytes that are neither a whole head nor any of a body's.

    What follows a chunked body is read within the same bounds, and dropped: uvicorn would take it for headers.

    A client that leaves is noticed also where it has asked ahead: uvicorn would not read on, and tell the last request.
    """

    _waiting = 0
    """Bytes since the last that were of use."""
    _in_body = False
    _of_use = False
    _answered: RequestResponseCycle | None = None
    """The request that is being answered."""

    def data_received(self, data: bytes) -> None:
        self._waiting += len(data)
        super().data_received(data)
        if self._of_use:
            self._waiting, self._of_use = 0, False
        elif self._waiting > LARGEST_HEAD and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._in_body = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_body = self._of_use = True
        super().on_headers_complete()
        if 0 < len(self.pipeline) <= MOST_AHEAD:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()

    def on_body(self, body: bytes) -> None:
        self._of_use = True
        super().on_body(body)

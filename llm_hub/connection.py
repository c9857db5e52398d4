"""A connection to the server, whose requests have a head of bounded size: uvicorn itself takes one without end."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 2**10
"""Bytes of a request line and headers that may be waited for; a head that comes at once may be as long as one read."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\ncontent-length: 35\r\n\r\nThe headers of the request are huge"
)


class Connection(HttpToolsProtocol):
    """Answers 431, and closes, when a head is not complete after `LARGEST_HEAD` bytes."""

    _head = 0
    _in_body = False

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._in_body:
            self._head = 0
        elif self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._in_body = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_body = True
        super().on_headers_complete()

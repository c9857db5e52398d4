"""An answer that does not stream is sent in one write. uvicorn would write its head and its body by themselves, and
look through each header twice: together a thirtieth of what the hub adds to a call. A piece of one that streams is
written at once: what uvicorn asks before it does is a twelfth of a token that comes alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from llm_hub.api.replies import IS_WHOLE

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

MAX_JOINED_BYTES = 64 * 2**10
"""Bytes of a body that is copied to stand behind its head."""


class ReplyCycle(RequestResponseCycle):
    """uvicorn's request and its reply. It keeps the start of a reply that says that its body follows, and leaves to
    uvicorn whatever is not simple: the end of the connection, a client that reads slowly, a mistake in a header."""

    _start: Any = None

    @classmethod
    def take_over(cls, cycle: RequestResponseCycle) -> None:
        """Has a request answered by this class. uvicorn's protocol makes the cycle itself, of its own class."""
        cycle.__class__ = cls

    async def send(self, message: ASGISendEvent) -> None:
        if self.chunked_encoding and self._send_piece(message):
            return
        start, self._start = self._start, None
        if start is not None:
            if self._send_whole(start, message):
                return
            self.response_started = False
            await super().send(start)
        elif IS_WHOLE in message and not self.response_started:
            self._start, self.response_started = message, True
            return
        await super().send(message)

    def _send_piece(self, message: Any) -> bool:
        """Sends a piece of a reply that streams, which is not its last. Whether that could be done here."""
        body = message.get("body")
        if not body or not message.get("more_body") or self.response_complete:
            return False
        if self.disconnected or self.flow.write_paused:
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    def _send_whole(self, start: Any, message: Any) -> bool:
        """Sends a reply whose body this is. Whether that could be done here."""
        headers = [*self.default_headers, *start["headers"]]
        names, values = zip(*headers, strict=True)
        body = message.get("body", b"")
        if (
            not self.keep_alive
            or self.disconnected
            or self.flow.write_paused
            or self.scope["method"] == "HEAD"
            or message.get("more_body", False)
            or len(body) > MAX_JOINED_BYTES
            or b"connection" in names
            or HEADER_RE.search(b"".join(names))
            or HEADER_VALUE_RE.search(b"".join(values))
        ):
            return False
        lines = [b"%b: %b\r\n" % header for header in headers]
        self.waiting_for_100_continue = False
        self.transport.write(b"".join([STATUS_LINE[start["status"]], *lines, b"\r\n", body]))
        self.response_complete = True
        self.message_event.set()
        self.on_response()
        return True

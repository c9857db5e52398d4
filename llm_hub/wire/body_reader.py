"""aiohttp's reader of a reply's body, without what an adapter does not need. Importing it imports aiohttp.

aiohttp 3.14 keeps where each chunk of the transfer ended, and resumes reading after each read, which hands an empty
read to its parser. For a reply that streams this is a third of what a token costs in aiohttp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import StreamReader

if TYPE_CHECKING:
    from aiohttp import ClientResponse


class BodyReader(StreamReader):
    """Reads whatever has come, by `readany` alone."""

    __slots__ = ()

    @classmethod
    def take_over(cls, response: ClientResponse) -> None:
        """Has a response read by this class. aiohttp's parser makes the reader itself, of its own class."""
        if type(response.content) is StreamReader:
            response.content.__class__ = cls

    def begin_http_chunk_receiving(self) -> None:
        pass

    def end_http_chunk_receiving(self) -> None:
        pass

    async def readany(self) -> bytes:
        while not self._buffer:
            if self._exception is not None:
                raise self._exception
            if self._eof:
                return b""
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._buffer.popleft() if len(self._buffer) == 1 else b"".join(self._buffer)
        self._buffer.clear()
        self._size = 0
        if self._protocol._reading_paused:  # noqa: SLF001  # by this reader, whose buffer was full
            self._protocol.resume_reading()
        return data

"""The body of a request, received within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import Message, Receive

MAX_BODY_BYTES = 4 * 2**20
MAX_UPLOAD_BYTES = 24 * 2**20
MAX_FILES = 16
"""In one upload."""


class BodyRefusal(HTTPException):  # said before the application is asked, or while it receives
    """`wait`: seconds after which it is worth asking again; 0: never as it is."""

    def __init__(self, status: int, text: str, wait: float = 0.0) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.wait = wait


def too_much() -> BodyRefusal:
    return BodyRefusal(413, "That is too much for one request.")


class BoundedBody:
    """Receives a body of at most `most` bytes and so many files, whatever it says of itself.

    `refusal` says why it was not received to its end; the application may have made something else of that.
    """

    def __init__(self, receive: Receive, most: int, files: int | None = None) -> None:
        self._receive = receive
        self._left = most
        self._files = files
        self.refusal: BodyRefusal | None = None
        self._seen = b""
        self._complete = False
        self._read: list[Message] = []

    async def whole(self) -> bytes:
        """All of it; the application receives it again."""
        messages: list[Message] = []
        while not messages or messages[-1].get("more_body", False):
            messages.append(await self())
        self._read = messages[::-1]
        return b"".join(message.get("body", b"") for message in messages)

    async def __call__(self) -> Message:
        if self._read:
            return self._read.pop()
        if self._complete:
            return await self._receive()  # that the client is gone
        message = await self._receive()
        body = message.get("body", b"")
        self._complete = not message.get("more_body", False)
        self._left -= len(body)
        if self._files is not None:
            self._seen += body
            self._files -= self._seen.count(b"filename")
            self._seen = self._seen[-7:]
        if self._left < 0 or (self._files is not None and self._files < 0):
            self.refusal = too_much()
            raise self.refusal
        return message

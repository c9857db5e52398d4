"""Refuses a request whose body is too large, whether it says so beforehand or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from llm_hub.serving.front_door.path_groups import API, CONVERSATION_FILES, CONVERSATIONS, UPLOAD
from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import first_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 4 * 2**20
"""Bytes of a body that the page sends."""
MAX_API_BYTES = 32 * 2**20
"""Bytes of a body for the API, which brings images and agents' conversations: as many as Anthropic takes. The document
of a conversation may have as many."""

MAX_CONVERSATIONS_BYTES = 100 * 2**20
"""Bytes of a file of many conversations, which is read piece by piece."""

MAX_UPLOAD_BYTES = 24 * 2**20
"""Bytes of a body that brings images."""

MAX_FILES = 16
"""Files in one upload."""


class BodyLimit:
    """413 for a body of more than its path may have (`most_bytes`), or of more than `MAX_FILES` images."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = most_bytes(scope["path"])
        if scope["path"] == UPLOAD:
            body_length(scope, most)
            await self._count(scope, BoundedBody(receive, most, MAX_FILES), send)
        elif body_length(scope, most) is None:
            await self._count(scope, BoundedBody(receive, most), send)
        else:
            await self._app(scope, receive, send)

    async def _count(self, scope: Scope, body: BoundedBody, send: Send) -> None:
        """Counts the bytes as they come. The refusal stands, whatever the application makes of half a body."""
        started = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = body.refusal is None or message["status"] == body.refusal.status
            if started:
                await send(message)

        try:
            await self._app(scope, body, send_unless_refused)
        except ClientDisconnect:
            raise
        except Exception:
            if body.refusal is None:
                raise
        if body.refusal is not None:
            raise body.refusal


class BoundedBody:
    """Receives a body of at most `most` bytes, and of at most `files` files.

    One that is larger is refused as soon as that is known; `refusal` keeps this.
    """

    def __init__(self, receive: Receive, most: int, files: int | None = None) -> None:
        self._receive = receive
        self._left = most
        self._files = files
        self.refusal: FrontDoorRefusal | None = None
        self._tail = b""
        """The last bytes, of one fewer than the word that is counted: it may stand across two pieces."""

    async def __call__(self) -> Message:
        message = await self._receive()
        body = message.get("body", b"")
        self._left -= len(body)
        if self._files is not None:
            self._tail += body
            self._files -= self._tail.count(b"filename")
            self._tail = self._tail[-7:]
        if self._left < 0 or (self._files is not None and self._files < 0):
            self.refusal = _too_large()
            raise self.refusal
        return message


def most_bytes(path: str) -> int:
    """How many bytes a body may have that is sent to this path."""
    if path == UPLOAD:
        return MAX_UPLOAD_BYTES
    if path in CONVERSATION_FILES:
        return MAX_CONVERSATIONS_BYTES
    return MAX_API_BYTES if path.startswith(API + CONVERSATIONS) else MAX_BODY_BYTES


def body_length(scope: Scope, most: int) -> int | None:
    """The length that the body is said to have, in bytes: the server takes no more of it. None: it is not said.

    Raises a 413 for more than `most`.
    """
    headers = first_headers(scope)
    length = headers.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit() or len(length) > 20 or int(length) > most:
        raise _too_large()
    return None if b"transfer-encoding" in headers else int(length)


def _too_large() -> FrontDoorRefusal:
    return FrontDoorRefusal(413, "That is too much for one request.")

"""Stands before the page, as plain ASGI: closes what Gradio leaves open, and says what a browser may load."""

from __future__ import annotations

import logging
import re
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

CLOSED = re.compile(
    r"/gradio_api/(?:deep_link|proxy=|dev/|vibe|run-history|process_recording|component_server|stream|api/|file=https?:)"
    r"|/(?:monitoring|svelte|openapi\.json|docs|redoc)(?:/|$)"
)
"""What this page does not use: it would hand out other visitors' values, fetch addresses, or describe the server."""

UPLOAD = "/gradio_api/upload"
LARGEST_BODY = 4 * 2**20
LARGEST_UPLOAD = 24 * 2**20

_SPACES = "https://huggingface.co"


def policy(*, on_space: bool) -> str:
    """The Content-Security-Policy. Gradio needs inline scripts and eval; nothing is loaded from or sent elsewhere."""
    ours = f"'self' {_SPACES}" if on_space else "'self'"
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src {ours}",
            "form-action 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            f"frame-ancestors {ours}",
        )
    )


class Guard:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, *, on_space: bool) -> None:
        self._app = app
        self._headers = [
            (b"content-security-policy", policy(on_space=on_space).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if CLOSED.match(scope["path"]):
            await _refuse(send, 404, b"Not found.")
            return
        limit = LARGEST_UPLOAD if scope["path"].startswith(UPLOAD) else LARGEST_BODY
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            await _refuse(send, 413, b"That is too much for one request.")
            return
        body = _Limited(receive, limit)
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                if body.exceeded:
                    return  # whatever the application made of half a body
                started = True
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            if started:
                await send(message)

        try:
            await self._app(scope, body, answer)
        except _TooLarge:
            pass
        except Exception as error:  # noqa: BLE001  # its words may be what somebody typed: only the places are logged
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s %s failed: %s\n%s", scope["method"], scope["path"], type(error).__name__, places)  # noqa: TRY400
            if not started:
                await _refuse(send, 500, b"Something went wrong inside LLM Hub.")
        if body.exceeded and not started:
            await _refuse(send, 413, b"That is too much for one request.")


class _TooLarge(Exception):
    pass


class _Limited:
    """Receives a body that does not say its length, up to a limit."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    @property
    def exceeded(self) -> bool:
        return self._left < 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.exceeded:
            raise _TooLarge
        return message


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})

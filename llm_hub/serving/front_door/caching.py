"""Lets browsers keep for good what has another address as soon as anything in it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NAMED_BY_CONTENT = ("/assets/",)
"""Gradio's scripts, fonts and styles: a hash of each is part of its name."""
_VERSIONED = ("/components.css", "/theme.css")
"""These have it in the query."""


class Caching:
    """Adds Cache-Control to replies of 200 for such addresses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if not path.startswith(_NAMED_BY_CONTENT) and not (path in _VERSIONED and scope["query_string"][:2] == b"v="):
            await self._app(scope, receive, send)
            return

        def send_cached(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" and message["status"] == 200:
                rest = (header for header in message.get("headers", ()) if header[0].lower() != b"cache-control")
                message["headers"] = [*rest, (b"cache-control", b"public, max-age=31536000, immutable")]
            return send(message)

        await self._app(scope, receive, send_cached)

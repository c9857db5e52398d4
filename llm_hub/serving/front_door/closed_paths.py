"""Closes what Gradio offers and this page does not use.

It would hand out other visitors' values, fetch addresses, run functions of components, or describe the server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from llm_hub.serving.front_door.refusal import FrontDoorRefusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = re.compile(
    r"/gradio_api/(?:queue/(?:join|data)|run/[\w-]+|cancel|reset|heartbeat/[\w-]+|upload|startup-events"
    r"|info|app_id|theme\.css|file=(?!\w{2,}:).+)"
)
"""All that this page uses of Gradio's own API."""
_CLOSED = re.compile(r"/(?:gradio_api|monitoring|svelte|openapi\.json|docs|redoc|profiling)(?:/|$)")


class ClosedPaths:
    """404 for Gradio's paths, except those that the page uses, and for a link to somebody's saved page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope["path"], scope["query_string"]
        if _CLOSED.match(path) and not _OPEN.fullmatch(path):
            raise FrontDoorRefusal(404, "Not found.")
        if path == "/" and query and "deep_link" in parse_qs(query.decode("latin-1")):
            raise FrontDoorRefusal(404, "Not found.")
        await self._app(scope, receive, send)

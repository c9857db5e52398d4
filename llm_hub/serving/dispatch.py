"""Which part of the site answers a request, and what is answered while it starts and while it stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from llm_hub import logs
from llm_hub.api.paths import PATHS
from llm_hub.serving.front_door.path_groups import HEALTH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from llm_hub.api.early_refusals import EarlyRefusals
    from llm_hub.serving.site_state import SiteState

OPEN_AT_ONCE = (HEALTH, *PATHS)
"""What is answered before the page is there."""

RETRY_AFTER = "5"
"""Seconds until a server that stops may have been started again."""

SPLASH = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<meta name="viewport" content="width=device-width"><title>LLM Hub</title><style>
body{display:grid;place-content:center;height:100vh;margin:0;font:16px system-ui,sans-serif;text-align:center;
color:#334155;background:#fff}@media(prefers-color-scheme:dark){body{color:#cbd5e1;background:#0b0f19}}
</style></head><body><p role="status">Starting LLM Hub…</p></body></html>"""
"""Shown in the page's place until it is built. It asks again every second."""


class Dispatch:
    """Passes each request to the API, the health check, or the site with the page.

    While the site starts, only the API and the health check answer. While it stops, no new page or request of the API
    is taken. `api_requests` are those that the API is answering: a stop waits for them.
    """

    def __init__(
        self, *, site: ASGIApp, api: ASGIApp, health: ASGIApp, state: SiteState, early_refusals: EarlyRefusals
    ) -> None:
        self._site = site
        self._api = api
        self._health = health
        self._state = state
        self._early_refusals = early_refusals
        self.api_requests: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._site(scope, receive, send)
            return
        path = scope["path"]
        if self._state.stopping and (path == "/" or path.startswith("/v1/")):
            await self._stopping_reply(scope)(scope, receive, send)
        elif self._state.page is None and not path.startswith(OPEN_AT_ONCE):
            await self._starting_reply(path)(scope, receive, send)
        elif path.startswith(PATHS):
            await self._answer_api(scope, receive, send)
        elif path.startswith(HEALTH):
            await self._health(scope, receive, send)
        else:
            await self._site(scope, receive, send)

    def _starting_reply(self, path: str) -> Response:
        status = 200 if path == "/" and not self._state.failed else 503
        return HTMLResponse(SPLASH, status, headers={"cache-control": "no-store", "retry-after": "1"})

    def _stopping_reply(self, scope: Scope) -> Response:
        headers = {"retry-after": RETRY_AFTER, "connection": "close", "cache-control": "no-store"}
        if scope["path"] == "/":
            return HTMLResponse(SPLASH, 503, headers)
        message = "LLM Hub is being stopped and takes no new requests."
        body, headers[logs.REQUEST_ID_HEADER] = self._early_refusals(scope, 503, message, "shutting_down")
        return Response(body, 503, headers, "application/json")

    async def _answer_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self.api_requests.add(task)
        try:
            await self._api(scope, receive, send)
        finally:
            self.api_requests.discard(task)

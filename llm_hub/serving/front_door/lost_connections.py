"""Ends what a tab has lost, before it goes on: the stream of its events, and its heartbeat.

A connection may be lost without the hub's being told, as where a laptop goes from one network to another: for minutes
the hub still writes to it. Gradio 6.31.0 sends a tab's messages over that connection and the tab's next one in turns,
and when the first ends at last, it ends what the tab is being shown. So the page says which tab it is when it asks
whether the hub can be reached again (assets/gradio_fixes.js), and hears so once Gradio has let the tab go.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from llm_hub.serving.front_door.path_groups import APP_ID, EVENT_STREAM, HEARTBEAT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

QUERY = "session_hash="
MAX_WAIT = 1.0
"""Seconds for the application to end them."""


class LostConnections:
    """Tells the application that a tab's lasting requests are over when the tab says that it has lost them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lasting: defaultdict[str, set[_LastingRequest]] = defaultdict(set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, tab = scope["path"], scope["query_string"].decode("latin-1").removeprefix(QUERY)
        if path.startswith(HEARTBEAT):
            tab = path.removeprefix(HEARTBEAT)
        if path == APP_ID and (lasting := self._lasting.get(tab)):
            await asyncio.wait([request.lose() for request in lasting], timeout=MAX_WAIT)
        if path != EVENT_STREAM and not path.startswith(HEARTBEAT):
            await self._app(scope, receive, send)
            return
        request = _LastingRequest(receive)
        self._lasting[tab].add(request)
        try:
            await self._app(scope, request.receive, send)
        finally:
            request.close()
            self._lasting[tab].discard(request)
            if not self._lasting[tab]:
                del self._lasting[tab]


class _LastingRequest:
    """`ended` is set once the application is done with it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._next: asyncio.Future[Message] | None = None
        loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def lose(self) -> asyncio.Future[None]:
        """Tells the application that the connection was lost. Gives `ended`."""
        if not self._lost.done():
            self._lost.set_result(None)
        return self.ended

    def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
        self.ended.set_result(None)

    async def receive(self) -> Message:
        """What comes next on the connection, or its loss. Gradio asks before each message that it sends."""
        coming = self._next = self._next or asyncio.ensure_future(self._receive())
        either: list[asyncio.Future[Any]] = [coming, self._lost]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            return {"type": "http.disconnect"}
        if self._next is coming:
            self._next = None
        return coming.result()

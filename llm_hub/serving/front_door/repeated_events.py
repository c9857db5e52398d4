"""Handles an event of the page once, also where its browser sends it twice.

Where a kept connection ends before the reply has begun, Chromium sends the request again over another one by itself, a
POST, too. The prompt in it would be asked, and paid for, a second time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from llm_hub.serving.front_door.path_groups import EVENT_STREAM, EVENTS
from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import first_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HEADER = b"x-llm-hub-request"
"""The header with the id of a request, which the page makes at random for each (`ui/assets/tab_secret.js`)."""
MAX_ID_BYTES = 64
MAX_REMEMBERED = 2000
"""Ids: a request that is sent again comes at once."""
MAX_WAIT = 10.0
"""Seconds for the first of two requests to be over, so that the page finds what it has done."""


class RepeatedEvents:
    """409 for an event with the id of an earlier one, once that is over. The page then asks what has become of it.

    It stands behind what reads the body: an event that has not arrived as a whole is none. A stream of events that is
    asked for twice is refused at once: what the first reply brought is lost, and the page is to know.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: dict[bytes, asyncio.Event | None] = {}
        """By id, what is set when the request is over; None once it is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_event, is_stream = scope["path"].startswith(EVENTS), scope["path"] == EVENT_STREAM
        name = first_headers(scope).get(HEADER, b"") if is_event or is_stream else b""
        if not 0 < len(name) <= MAX_ID_BYTES:
            await self._app(scope, receive, send)
            return
        if name in self._known:
            if is_event and (over := self._known[name]) is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(MAX_WAIT):
                        await over.wait()
            raise FrontDoorRefusal(409, "This has arrived before.")
        over = self._known[name] = asyncio.Event()
        if len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        try:
            await self._app(scope, receive, send)
        finally:
            over.set()
            if name in self._known:
                self._known[name] = None

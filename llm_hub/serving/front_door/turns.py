"""Lets some pages and events be worked on at a time. The others wait.

A page or an event costs processor time and memory, which threads do not share: all at once would gain nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llm_hub.serving.front_door.path_groups import EVENTS, PAGES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_PAGES_AT_ONCE = 4
MAX_EVENTS_AT_ONCE = 8

MAX_TURN_SECONDS = 1.0
"""Seconds after which an event no longer holds up others: it is slow since it waits for a provider."""


class Turns:
    """A turn lasts until the reply begins, and no longer: its reader may be slow."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pages = asyncio.Semaphore(MAX_PAGES_AT_ONCE)
        self._events = asyncio.Semaphore(MAX_EVENTS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PAGES:
            turn = _OpenTurn(self._pages)
        elif scope["path"].startswith(EVENTS):
            turn = _OpenTurn(self._events, MAX_TURN_SECONDS)
        else:
            await self._app(scope, receive, send)
            return

        def send_and_end(message: Message) -> Awaitable[None]:
            turn.end()
            return send(message)

        await turn.begin()
        try:
            await self._app(scope, receive, send_and_end)
        finally:
            turn.end()


class _OpenTurn:
    """Holds a place among `turns` from its beginning to its first end, or for at most so many `seconds`."""

    def __init__(self, turns: asyncio.Semaphore, seconds: float | None = None) -> None:
        self._turns = turns
        self._seconds = seconds
        self._holds_place = False

    async def begin(self) -> None:
        await self._turns.acquire()
        self._holds_place = True
        if self._seconds is not None:
            asyncio.get_running_loop().call_later(self._seconds, self.end)

    def end(self) -> None:
        if self._holds_place:
            self._holds_place = False
            self._turns.release()

"""Gives each tab of the page a place, and refuses new tabs while there is none: each one costs memory."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from llm_hub.access.rate_limits import RateLimiter
from llm_hub.serving.front_door.path_groups import HEARTBEAT
from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import client_address, session
from llm_hub.serving.front_door.request_rate import spend

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

MAX_OPEN_TABS = 2000
"""Tabs that have a place at the same time."""

MAX_IDLE_SECONDS = 600.0
"""Seconds without an event after which a tab's place may go to a new one."""


class Tabs:
    """503 for a tab without a place, 429 for an address that opens too many. A tab ends with its heartbeat."""

    def __init__(self, app: ASGIApp, tabs: OpenTabs, clock: Callable[[], float]) -> None:
        self._app = app
        self._tabs = tabs
        self._newcomers = RateLimiter(burst=100, rate=0.5, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(HEARTBEAT):
            tab = scope["path"].removeprefix(HEARTBEAT)
            self._use(tab, client_address(scope))
            self._tabs.open[tab] += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._tabs.close(tab)
        else:
            if (tab := session(scope)) is not None:
                self._use(tab, client_address(scope))
            await self._app(scope, receive, send)

    def _use(self, tab: str, address: str | None) -> None:
        if tab not in self._tabs and address is not None:
            spend(self._newcomers, address)
        if not self._tabs.use(tab):
            text = "LLM Hub is full: too many people are here at the moment. Try again later."
            raise FrontDoorRefusal(503, text, 60)


class OpenTabs:
    """The tabs that have a place, by session. None loses its place to a new one while it is in use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_use: OrderedDict[str, float] = OrderedDict()
        self.open: Counter[str] = Counter()
        """Those that are open in a browser at the moment, and how many heartbeats they have: a new one may begin before
        it is noticed that the connection of the last one was lost."""

    def __len__(self) -> int:
        return len(self._last_use)

    def __contains__(self, session: str) -> bool:
        return session in self._last_use

    def use(self, session: str) -> bool:
        """Whether the tab has a place, or is given one."""
        now = self._clock()
        if session not in self._last_use and len(self._last_use) >= MAX_OPEN_TABS:
            if now - next(iter(self._last_use.values())) < MAX_IDLE_SECONDS:
                return False
            self._last_use.popitem(last=False)
        self._last_use[session] = now
        self._last_use.move_to_end(session)
        return True

    def close(self, session: str) -> None:
        """One of its heartbeats has ended."""
        self.open[session] -= 1
        if self.open[session] <= 0:
            del self.open[session]
            self._last_use.pop(session, None)

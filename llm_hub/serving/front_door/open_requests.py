"""Refuses a request while too many others are open, of all clients or of this one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from llm_hub.serving.front_door.path_groups import HEALTH
from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import client_address

if TYPE_CHECKING:
    from collections.abc import Container

    from starlette.types import ASGIApp, Receive, Scope, Send


class OpenRequests:
    """Counts the requests that are open, of every path but /health or of those in `only`; 503 for one too many."""

    def __init__(self, app: ASGIApp, counter: OpenCounter, only: Container[str] | None = None) -> None:
        self._app = app
        self._counter = counter
        self._only = only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(HEALTH) or (self._only is not None and path not in self._only):
            await self._app(scope, receive, send)
            return
        address = client_address(scope)
        if not self._counter.enter(address):
            raise FrontDoorRefusal(503, "LLM Hub is busy: too many people are here at the moment. Try again soon.", 5)
        try:
            await self._app(scope, receive, send)
        finally:
            self._counter.leave(address)


class OpenCounter:
    """Counts what is open at the moment: at most `most` in all, and `most_of_one` of each address."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._by_address: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str | None) -> bool:
        """Whether one more may be open. Whoever entered must `leave`. The address None has no limit of its own."""
        if self._all >= self._most or (address is not None and self._by_address[address] >= self._most_of_one):
            return False
        self._all += 1
        if address is not None:
            self._by_address[address] += 1
        return True

    def leave(self, address: str | None) -> None:
        self._all -= 1
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

"""How a stop ends answers, in the order of `Shutdown.drain`:

1. no request and no answer begins any more;
2. those that are being written may finish, for as long as the setting says, or until a second signal;
3. what is left is interrupted wherever it waits, by `InterruptibleAnswers.end`, and fails with `ShuttingDown`, which
   its client is told; for that there are `SHUTDOWN_GRACE` seconds;
4. the page's streams end, and with them the requests that open tabs hold.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from llm_hub.router.interruptible_answers import InterruptibleAnswers
    from llm_hub.serving.site_state import SiteState

log = logging.getLogger("llm_hub")

SHUTDOWN_GRACE = 2
"""Seconds in which answers that were ended may still say so, and open connections close."""

PAGE_GRACE = 1.0
"""Seconds in which a page fetches what belongs to its finished answer: it does so in requests of its own."""


class Shutdown:
    """Drains the site: `running` are the hub's answers, `api_requests` what the API is still sending.

    `timeout`: seconds in which running answers may finish.
    """

    def __init__(
        self,
        *,
        state: SiteState,
        running: InterruptibleAnswers,
        api_requests: Collection[asyncio.Task[object]],
        timeout: float,
    ) -> None:
        self._state = state
        self._running = running
        self._api_requests = api_requests
        self._timeout = timeout
        self.heartbeats_end: asyncio.Event | None = None
        """Set by the mounted page. It ends the requests that open tabs hold, which would otherwise hold the server."""

    async def drain(self, hurry: asyncio.Event) -> None:
        """Refuses new requests and lets running answers finish. Once `hurry` is set, or in the end, it ends them."""
        self._state.stopping = True
        self._running.close()
        finished = asyncio.create_task(self._finished())
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait((finished, hurried), timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            log.warning("LLM Hub stops, and ends %d answers that were not complete.", len(self._running))
            self._running.end()
            await asyncio.wait((finished,), timeout=SHUTDOWN_GRACE)
        for task in (finished, hurried):
            task.cancel()
        if self._state.page is not None:
            self._state.page.coalescer.stop()
        if self.heartbeats_end is not None:
            self.heartbeats_end.set()

    async def _finished(self) -> None:
        """Returns when no answer is being written any more, and each has reached whoever asked for it."""
        on_page = self._state.page is not None and self._state.page.coalescer.running > 0
        while self._api_requests:
            await asyncio.wait(self._api_requests)
        await self._running.none()
        if on_page:
            await asyncio.sleep(PAGE_GRACE)

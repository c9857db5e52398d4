"""The whole site as one application: settings → hub → the API and the page, and the order in which they end.

A splash answers while Gradio is imported in a thread, then the page takes its place.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response

from llm_hub import logs
from llm_hub.access.client_address import address
from llm_hub.api import PATHS, health, router, visitor_keys
from llm_hub.api.early_refusals import EarlyRefusals
from llm_hub.arena.votes import Votes
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.metrics import Metrics
from llm_hub.gateway.policy import Policy
from llm_hub.gateway.visitors import Visitors
from llm_hub.hub import Hub
from llm_hub.redaction import Redactor
from llm_hub.serving.front_door.guard import Guard
from llm_hub.serving.mount import build_page, mount_page
from llm_hub.storage.database import Database
from llm_hub.ui.gradio_fixes import upload_cleanup
from llm_hub.usage.ledger import Ledger
from llm_hub.usage.quotas import Counters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llm_hub.settings import Settings
    from llm_hub.ui.page import Page


log = logging.getLogger("llm_hub")


SHUTDOWN_GRACE = 2
"""Seconds that whatever was ended gets to say so, and open connections to close."""

TAKING_OVER = 1.0
"""Seconds that a page gets to put a finished answer where it belongs: it asks for that in requests of its own."""

RETRY_AFTER = "5"

HEALTH = "/health"

OPEN_AT_ONCE = (HEALTH, *PATHS)
"""What is answered before the page is there."""

SPLASH = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<meta name="viewport" content="width=device-width"><title>LLM Hub</title><style>
body{display:grid;place-content:center;height:100vh;margin:0;font:16px system-ui,sans-serif;text-align:center;
color:#334155;background:#fff}@media(prefers-color-scheme:dark){body{color:#cbd5e1;background:#0b0f19}}
</style></head><body><p role="status">Starting LLM Hub…</p></body></html>"""


class Application:
    """The whole site as one ASGI application: the API from the first moment, the page as soon as it is built."""

    def __init__(self, settings: Settings, redactor: Redactor | None = None) -> None:
        self.hub = Hub(settings)
        self._counters = Counters(settings.redis_url)
        self._database = Database(settings.database_url)
        self._ledger = Ledger(self._database, days=settings.ledger_days)
        self._public = settings.public
        metrics = Metrics(self.hub.session())
        self.gateway = Gateway(
            self.hub,
            Policy.from_settings(settings, self._counters),
            meter=Meter(self._ledger, metrics, redactor=redactor),
            visitors=Visitors(self.hub, redactor=redactor),
            address_of=partial(address, on_space="SPACE_ID" in os.environ),
        )
        self.votes = Votes(self._database)
        self.page: Page | None = None
        self.failed = False
        self.stopping = False
        self._requests: set[asyncio.Task[object]] = set()
        self._timeout = settings.shutdown_timeout
        self._stop_event: asyncio.Event | None = None
        self.api = FastAPI(lifespan=self._lifespan, docs_url=None, redoc_url=None, openapi_url=None)
        self._health = health({HEALTH: self._state, f"{HEALTH}/ready": self._state, f"{HEALTH}/live": _live})
        self._v1 = router(self.gateway)
        self.api.include_router(visitor_keys.router(self.gateway))
        api_keys = self.gateway.policy.api_keys
        self._answers = (
            f"{len(api_keys)} {'key' if len(api_keys) == 1 else 'keys'}"
            if api_keys
            else "this computer only, without LLM_HUB_API_KEYS"
        )
        self._turn_away = EarlyRefusals(metrics)
        self.guard = Guard(
            self._dispatch,
            on_space="SPACE_ID" in os.environ,
            names=settings.allowed_hosts,
            only_here=settings.host in ("127.0.0.1", "::1", "localhost"),
            turn_away=self._turn_away,
        )
        self.asgi: ASGIApp = self.guard

    def announce(self, address: str) -> None:
        """What is logged once the page answers."""
        self._address = address

    async def drain(self, hurry: asyncio.Event) -> None:
        """Lets running answers finish while new requests are refused; then, or in a hurry, ends what is left."""
        self.stopping = True
        self.hub.running.close()
        finished = asyncio.create_task(self._finished())
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait((finished, hurried), timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            log.warning("LLM Hub stops, and ends %d answers that were not complete.", len(self.hub.running))
            self.hub.running.end()
            await asyncio.wait((finished,), timeout=SHUTDOWN_GRACE)
        for task in (finished, hurried):
            task.cancel()
        if self.page is not None:
            self.page.coalescer.stop()
        if self._stop_event is not None:
            self._stop_event.set()  # an open tab's heartbeat would hold the server

    async def _finished(self) -> None:
        """Returns when no answer is being written any more, and each has reached whoever asked for it."""
        on_page = self.page is not None and self.page.coalescer.running > 0
        while self._requests:
            await asyncio.wait(self._requests)
        await self.hub.running.none()
        if on_page:
            await asyncio.sleep(TAKING_OVER)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets in whom the server can answer: while it starts only the API's requests, while it stops no new ones."""
        if scope["type"] != "http":
            await self.api(scope, receive, send)
            return
        path = scope["path"]
        if self.stopping and (path == "/" or path.startswith("/v1/")):
            await self._stopping(path, scope)(scope, receive, send)
        elif self.page is None and not path.startswith(OPEN_AT_ONCE):
            status = 200 if path == "/" and not self.failed else 503
            response = HTMLResponse(SPLASH, status, headers={"cache-control": "no-store", "retry-after": "1"})
            await response(scope, receive, send)
        elif path.startswith(PATHS):
            await self._answered(scope, receive, send)
        elif path.startswith(HEALTH):
            await self._health(scope, receive, send)
        else:
            await self.api(scope, receive, send)

    def _stopping(self, path: str, scope: Scope) -> Response:
        """What a new request is told."""
        headers = {"retry-after": RETRY_AFTER, "connection": "close", "cache-control": "no-store"}
        if path == "/":
            return HTMLResponse(SPLASH, 503, headers)
        said = "LLM Hub is being stopped and takes no new requests."
        text, headers[logs.ID] = self._turn_away(scope, 503, said, "shutting_down")
        return Response(text, 503, headers, "application/json")

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request of the API, which a stop waits for."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._requests.add(task)
        try:
            await self._v1(scope, receive, send)
        finally:
            self._requests.discard(task)

    def _state(self) -> tuple[int, str]:
        """Whether the page is there, and requests are taken."""
        if self.stopping:
            return 503, "stopping"
        if self.failed or (self.page is not None and self.page.blocks._queue.stopped):  # noqa: SLF001  # no public way
            return 503, "failed"
        return 200, "starting" if self.page is None else "ready"

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.hub.aclose)
            stack.push_async_callback(self._counters.aclose)
            stack.push_async_callback(self._database.aclose)
            stack.push_async_callback(self._ledger.aclose)
            tending = (
                self._open(stack),
                self.gateway.visitors.sweep_forever(),
                self._ledger.tend(),
                upload_cleanup.tend(),
            )
            background = [asyncio.create_task(task) for task in tending]
            yield
            for task in background:
                task.cancel()
            await asyncio.wait(background)

    async def _open(self, stack: AsyncExitStack) -> None:
        """Builds the page and puts it behind the API's routes."""
        try:
            page = await asyncio.to_thread(build_page, self.gateway, self.votes, None if self._public else self._ledger)
            gradio_app = mount_page(self.api, page, self.guard)
            # A mounted application's own lifespan is only entered by a parent that starts after the mount.
            await stack.enter_async_context(gradio_app.router.lifespan_context(gradio_app))
            page.blocks.run_startup_events()  # type: ignore[no-untyped-call]  # Gradio's
            await page.blocks.run_extra_startup_events()  # type: ignore[no-untyped-call]  # Gradio's
            await self._load()
        except Exception:
            self.failed = True
            log.exception("The page could not be built.")
            return
        # Not sooner: a closed queue does not even send what is finished, and its streams never end.
        stack.callback(page.blocks._queue.close)  # noqa: SLF001  # Gradio has no public way
        self._stop_event = gradio_app.stop_event
        self.page = page
        log.info("LLM Hub is ready: %s (its API answers %s)", self._address, self._answers)
        await self.hub.warm_up()
        gc.collect()
        gc.freeze()  # what lives as long as the process; going through it again and again costs a request its time

    async def _load(self) -> None:
        """Visits the page, so that no visitor waits for what is loaded then, and many at once do not load it."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.api), base_url="http://127.0.0.1") as visitor:
            (await visitor.get("/")).raise_for_status()
        await self._database.load()


def _live() -> tuple[int, str]:
    """The process answers, whatever else it can do."""
    return 200, "live"

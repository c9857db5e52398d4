"""Builds the page behind the API's routes. Gradio takes seconds to import: in a thread, while the API answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llm_hub.serving.mount import mount_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from starlette.applications import Starlette

    from llm_hub.serving.front_door import FrontDoor
    from llm_hub.ui.page import Page


async def open_page(
    build: Callable[[], Page], site: Starlette, front_door: FrontDoor, stack: AsyncExitStack
) -> tuple[Page, asyncio.Event]:
    """The page, mounted and loaded, and the event that ends the requests of its open tabs.

    `stack` closes what was opened. Raises whatever Gradio raises.
    """
    page = await asyncio.to_thread(build)
    gradio_app = mount_page(site, page, front_door)
    # A mounted application's own lifespan is only entered by a parent that starts after the mount.
    await stack.enter_async_context(gradio_app.router.lifespan_context(gradio_app))
    page.blocks.run_startup_events()  # type: ignore[no-untyped-call]  # Gradio does not annotate it
    await page.blocks.run_extra_startup_events()  # type: ignore[no-untyped-call]  # Gradio does not annotate it
    await _visit(site)
    # Not sooner: a closed queue does not even send what is finished, and its streams never end.
    stack.callback(page.blocks._queue.close)  # noqa: SLF001  # Gradio has no public way
    return page, gradio_app.stop_event


async def _visit(site: Starlette) -> None:
    """Loads what Gradio loads at the first visit, so that no visitor waits for it, and many at once do not load it."""
    import httpx  # not at the start, of which it would be a tenth; Gradio has imported it by now

    async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://127.0.0.1") as visitor:
        (await visitor.get("/")).raise_for_status()

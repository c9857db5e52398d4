"""Answers at one common pace, so that in a blind comparison the speed gives no model away."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llm_hub.arena.blind import Pace
    from llm_hub.ui.coalesce import Snapshot

TICK = 1 / 12
"""Seconds between two looks at the pace."""
BEAT = 1.0
"""Seconds after which something is said even if nothing changed: this is how a closed tab is noticed."""


async def paced(
    snapshots: AsyncGenerator[Snapshot], pace: Pace | None, who: int, *, hidden: Callable[[], bool]
) -> AsyncGenerator[tuple[Snapshot, Snapshot]]:
    """Each snapshot as it is, and as it may be seen. Where nothing is hidden (any more), both are the same.

    Goes on after the last snapshot until all of its text may be seen. Closing it closes `snapshots`.
    """
    if pace is None:
        async with aclosing(snapshots):
            async for snapshot in snapshots:
                yield snapshot, snapshot
        return
    latest: list[Snapshot] = []
    source = asyncio.create_task(_gather(snapshots, latest))
    now = asyncio.get_running_loop().time
    told, seen = float("-inf"), None
    try:
        while True:
            over = source.done()
            if over:
                source.result()
            if latest:
                whole = latest[0]
                pace.heard(who, len(whole.text), over=over)
                limit = pace.characters() if hidden() else len(whole.text)
                view = whole if limit >= len(whole.text) else replace(whole, text=whole.text[:limit])
                ended = over and view is whole
                if view.text != seen or ended or now() - told >= BEAT:
                    told, seen = now(), view.text
                    yield whole, view
                if ended:
                    return
            elif over:
                return
            await asyncio.sleep(TICK)
    finally:
        pace.heard(who, 0, over=True)
        source.cancel()
        await asyncio.wait([source])


async def _gather(snapshots: AsyncGenerator[Snapshot], latest: list[Snapshot]) -> None:
    async with aclosing(snapshots):
        async for snapshot in snapshots:
            latest[:] = [snapshot]

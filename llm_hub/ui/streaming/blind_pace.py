"""When a pane's next picture goes out, and how much of its answer it may show.

Panes share one browser, so that the more of them are written, the fewer pictures each may have; what a reader waits for
(the first word, a change of route, the end) goes out at once. In a blind comparison all answers are shown at one common
pace, so that the speed gives no model away.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from llm_hub.router.deadlines import happens_within

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llm_hub.arena.blind import Pace
    from llm_hub.ui.streaming.coalescer import Snapshot

PICTURES = 16.0
"""Pictures a second over all panes: what a browser keeps up with on a machine that has other things to do, too."""
BEAT = 1.0
"""Seconds after which something is said even if nothing changed: this is how a closed tab is noticed."""


@dataclass(slots=True)
class _Newest:
    """The newest snapshot."""

    latest: Snapshot | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: asyncio.Event = field(default_factory=asyncio.Event)


async def paced(
    snapshots: AsyncGenerator[Snapshot],
    pane: int,
    *,
    pace: Pace | None,
    hidden: Callable[[], bool],
    panes: Callable[[], int],
) -> AsyncGenerator[tuple[Snapshot, Snapshot]]:
    """The newest snapshot as it is, and as it may be seen. Where nothing is hidden (any more), both are the same.

    `panes` is how many are being written. Goes on after the last snapshot until all of its text may be seen. Closing
    it closes `snapshots`.
    """
    newest = _Newest()
    source = asyncio.create_task(_gather(snapshots, newest))
    source.add_done_callback(lambda _: newest.urgent.set())
    now = asyncio.get_running_loop().time
    shown_at, shown_text = float("-inf"), None
    try:
        while True:
            over, whole = source.done(), newest.latest
            if over:
                source.result()
            newest.news.clear()
            newest.urgent.clear()
            if whole is not None:
                view = _visible(whole, pane, pace if hidden() else None, over=over)
                ended = over and view is whole
                if not hidden() or view.text != shown_text or ended or now() - shown_at >= BEAT:
                    shown_at, shown_text = now(), view.text
                    yield whole, view
                if ended:
                    return
            elif over:
                return
            if hidden():
                await asyncio.sleep(panes() / PICTURES)
            elif not over:
                await happens_within(newest.news, BEAT)
                await happens_within(newest.urgent, shown_at + panes() / PICTURES - now())
    finally:
        if pace is not None:
            pace.heard(pane, 0, over=True)
        source.cancel()
        await asyncio.wait([source])


def _visible(whole: Snapshot, pane: int, pace: Pace | None, *, over: bool) -> Snapshot:
    if pace is None:
        return whole
    pace.heard(pane, len(whole.text), over=over)
    limit = pace.characters()
    return whole if limit >= len(whole.text) else replace(whole, text=whole.text[:limit])


async def _gather(snapshots: AsyncGenerator[Snapshot], newest: _Newest) -> None:
    async with aclosing(snapshots):
        async for snapshot in snapshots:
            before, newest.latest = newest.latest, snapshot
            newest.news.set()
            if before is None or snapshot.route != before.route or bool(snapshot.text) != bool(before.text):
                newest.urgent.set()

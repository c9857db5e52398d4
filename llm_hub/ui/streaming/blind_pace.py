"""When a pane's next update goes out, and how much of its answer it may show.

All panes share one browser: the more of them are written, the fewer updates each may send. What a reader waits for (the
first text, a change of route, the end) goes out at once. In a blind comparison all answers are shown at one common
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

    from llm_hub.conversations.coalescer import Snapshot
    from llm_hub.conversations.conversation import CommonPace

MAX_UPDATES_PER_SECOND = 50.0
"""Updates of all panes together, so that four of them show each snapshot. A browser that does not keep up with as many
joins them (assets/joined_updates.js)."""
FRESH = 0.1
"""Seconds, a little more than lie between two snapshots. What came while a pane had to wait is old by then: the next
snapshot is waited for so long."""
BEAT = 1.0
"""Seconds after which an update goes out even if nothing changed: this is how a closed tab is noticed."""


@dataclass(slots=True)
class _NewestSnapshot:
    """The newest snapshot. `news` is set when one comes, `urgent` when it brings what a reader waits for."""

    snapshot: Snapshot | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: asyncio.Event = field(default_factory=asyncio.Event)

    def announce_end(self) -> None:
        """No snapshot comes any more. This may be known only some time after the last one came."""
        self.news.set()
        self.urgent.set()


async def paced_views(
    snapshots: AsyncGenerator[Snapshot],
    pane: int,
    *,
    pace: CommonPace | None,
    hidden: Callable[[], bool],
    panes: Callable[[], int],
) -> AsyncGenerator[tuple[Snapshot, Snapshot]]:
    """The newest snapshot as it is, and as it may be seen. Where nothing is hidden (any more), both are the same.

    `panes` is how many are being written. Goes on after the last snapshot until all of its text may be seen. Closing
    it closes `snapshots`.
    """
    newest = _NewestSnapshot()
    source = asyncio.create_task(_follow(snapshots, newest))
    source.add_done_callback(lambda _: newest.announce_end())
    now = asyncio.get_running_loop().time
    shown_at, shown_text = float("-inf"), None
    try:
        while True:
            over, whole = source.done(), newest.snapshot
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
                await asyncio.sleep(panes() / MAX_UPDATES_PER_SECOND)
            elif not over:
                await happens_within(newest.news, BEAT)
                rest = shown_at + panes() / MAX_UPDATES_PER_SECOND - now()
                if rest > 0 and not await happens_within(newest.urgent, rest):
                    newest.news.clear()
                    await happens_within(newest.news, FRESH)
    finally:
        source.cancel()
        await asyncio.wait([source])


def _visible(whole: Snapshot, pane: int, pace: CommonPace | None, *, over: bool) -> Snapshot:
    """As much of a pane's snapshot as the common pace shows by now."""
    if pace is None:
        return whole
    pace.note_progress(pane, len(whole.text), over=over)
    limit = pace.characters()
    return whole if limit >= len(whole.text) else replace(whole, text=whole.text[:limit])


async def _follow(snapshots: AsyncGenerator[Snapshot], newest: _NewestSnapshot) -> None:
    """Keeps the newest snapshot."""
    async with aclosing(snapshots):
        async for snapshot in snapshots:
            before, newest.snapshot = newest.snapshot, snapshot
            newest.news.set()
            if before is None or snapshot.route != before.route or bool(snapshot.text) != bool(before.text):
                newest.urgent.set()

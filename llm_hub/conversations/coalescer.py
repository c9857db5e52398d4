"""Snapshots of an answer for the page, made of its events: twelve a second at most.

A browser cannot paint every token: it falls behind, and stays behind. So events are gathered, and a snapshot of
everything so far goes out at a bounded rate. What a reader waits for (the first token, a change of route, the end) goes
out at once. While no event comes, a snapshot goes out every second: it moves the clock on the page, and the server
notices by it that a tab was closed.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from llm_hub.chat import (
    Alive,
    AttemptFailed,
    AttemptStarted,
    Done,
    FilesSent,
    ReasoningDelta,
    Resumed,
    TextDelta,
    ToolCallDelta,
    VendorDelta,
    Waiting,
)
from llm_hub.router.deadlines import happens_within

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llm_hub.chat import Event, LLMResponse
    from llm_hub.router.deadlines import Timers

RouteEvent = AttemptStarted | AttemptFailed | Resumed

MAX_EVENTS_PER_TURN = 64
"""Events taken from a source that never has to wait, before others may run."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What has come so far. Seconds count from when the answer was asked for.

    `reasoned` is how long the reasoning took, None while it lasts. `response` and `error` are None until the end, and
    then one of them is set.
    """

    text: str = ""
    reasoning: str = ""
    elapsed: float = 0.0
    first_token: float | None = None
    reasoned: float | None = None
    waiting: str = ""
    route: tuple[RouteEvent, ...] = ()
    response: LLMResponse | None = None
    error: BaseException | None = None


@dataclass(kw_only=True)
class Coalescer:
    """Paces all streams of a page: `rate` snapshots a second for each, `crowded_rate` when more than `crowd` run.

    After `beat` seconds of silence a snapshot comes all the same. `timers` is the event loop where it is None.
    """

    rate: float = 12.0
    crowded_rate: float = 8.0
    crowd: int = 30
    beat: float = 1.0
    timers: Timers | None = None
    _sources: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def running(self) -> int:
        """How many streams there are now."""
        return len(self._sources)

    @property
    def interval(self) -> float:
        """Seconds between two snapshots of one stream."""
        return 1 / (self.rate if self.running <= self.crowd else self.crowded_rate)

    def stop(self) -> None:
        """Ends all streams, as a reader's stop would: with neither a response nor an error."""
        for source in self._sources:
            source.cancel()

    async def snapshots(self, events: AsyncGenerator[Event]) -> AsyncGenerator[Snapshot]:
        """Snapshots until the stream is over; the last one carries the response or the error.

        Closing this generator closes `events`, also while they are silent.
        """
        now = (self.timers or asyncio.get_running_loop()).time
        builder = _SnapshotBuilder(now())
        source = asyncio.create_task(_gather_events(events, builder, now))
        source.add_done_callback(lambda _: builder.announce(urgent=True))
        self._sources.add(source)
        sent_at = float("-inf")
        try:
            while not source.done():
                changed = await happens_within(builder.changed, self.beat, self.timers)
                if changed and not builder.urgent.is_set():
                    await happens_within(builder.urgent, sent_at + self.interval - now(), self.timers)
                builder.changed.clear()
                builder.urgent.clear()
                if not source.done():
                    sent_at = now()
                    yield builder.snapshot(sent_at)
            yield builder.snapshot(now(), error=None if source.cancelled() else source.exception())
        finally:
            self._sources.discard(source)
            source.cancel()
            await asyncio.wait([source])


async def _gather_events(events: AsyncGenerator[Event], builder: _SnapshotBuilder, now: Callable[[], float]) -> None:
    """Adds the events as they come. Its task's exception is the stream's failure."""
    async with aclosing(events):
        count = 0
        async for event in events:
            builder.add(event, now())
            count += 1
            if count % MAX_EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)


class _SnapshotBuilder:
    """What has come so far, still growing. `started` and `at` are times of the coalescer's clock."""

    def __init__(self, started: float) -> None:
        self.changed = asyncio.Event()
        self.urgent = asyncio.Event()
        self._started = started
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._first_token: float | None = None
        self._reasoned: float | None = None
        self._waiting = ""
        self._route: tuple[RouteEvent, ...] = ()
        self._response: LLMResponse | None = None

    def announce(self, *, urgent: bool) -> None:
        """Lets a snapshot out: an `urgent` one at once, any other when its turn has come."""
        self.changed.set()
        if urgent:
            self.urgent.set()

    def add(self, event: Event, at: float) -> None:
        first = self._first_token is None
        match event:
            case TextDelta(text):
                if not self._text and self._reasoning:
                    self._reasoned = at - self._started - (self._first_token or 0)
                self.announce(urgent=not self._text)
                self._text.append(text)
            case ReasoningDelta(text):
                self.announce(urgent=first)
                self._reasoning.append(text)
            case Waiting(reason):
                self._waiting = reason
                self.announce(urgent=True)
            case AttemptStarted() | AttemptFailed() | Resumed():
                self._route = (*self._route, event)
                self.announce(urgent=True)
            case Done(response):
                self._response = response
                self.announce(urgent=True)
            case ToolCallDelta() | VendorDelta() | Alive() | FilesSent():
                pass  # the page offers no tools
            case _:
                assert_never(event)
        if first and isinstance(event, TextDelta | ReasoningDelta):
            self._first_token = at - self._started
            self._waiting = ""

    def snapshot(self, at: float, *, error: BaseException | None = None) -> Snapshot:
        # Joining keeps one piece, so that the next snapshot joins only what is new.
        self._text = ["".join(self._text)] if self._text else []
        self._reasoning = ["".join(self._reasoning)] if self._reasoning else []
        return Snapshot(
            text=self._text[0] if self._text else "",
            reasoning=self._reasoning[0] if self._reasoning else "",
            elapsed=at - self._started,
            first_token=self._first_token,
            reasoned=self._reasoned,
            waiting=self._waiting,
            route=self._route,
            response=self._response,
            error=error,
        )

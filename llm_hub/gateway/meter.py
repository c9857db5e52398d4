"""The meter: every request for an answer passes through it, and is limited, counted and kept in the ledger.

The hub, the router and the adapters know nothing of it: events come through untouched.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING

from llm_hub import logs
from llm_hub.chat import (
    Attempt,
    AttemptFailed,
    AttemptStarted,
    Done,
    ReasoningDelta,
    Resumed,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from llm_hub.gateway.metrics import OTHER
from llm_hub.gateway.reservation import RequestReservation, size
from llm_hub.redaction import Redactor
from llm_hub.usage.ledger import COUNTS, Entry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from llm_hub.chat import ChatRequest, Event
    from llm_hub.gateway.metrics import Metrics
    from llm_hub.hub import Hub
    from llm_hub.usage.ledger import Ledger
    from llm_hub.usage.quotas import Quota

NOT_ASKED = frozenset({"paused", "not_configured", "not_offered"})
"""Outcomes of attempts that never left the hub."""


class Meter:
    """Where requests are counted: in the log, and in `ledger` and `metrics` where there are such."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        metrics: Metrics | None = None,
        *,
        redactor: Redactor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = ledger
        self.metrics = metrics
        self._redactor = redactor or Redactor()
        self._clock = clock

    async def events(
        self, hub: Hub, request: ChatRequest, *, who: str, way: str, limits: Sequence[tuple[Quota, str]] = ()
    ) -> AsyncGenerator[Event]:
        """`hub.events(request)` for `who`, who asks by this `way`: see `Entry`.

        `limits` come each with whom it counts for. Raises `LimitReached` before anybody is asked, a further attempt
        is made, or an answer grows that does not fit into them, else as the hub does.
        """
        budget = await RequestReservation.reserved(hub, request, limits) if limits else None
        tally = _AnswerTally(hub, logs.current.get())
        if self.metrics:
            self.metrics.running.inc()
        try:
            async with aclosing(hub.events(request if budget is None else budget.request)) as events:
                async for event in events:
                    if budget is not None:
                        if isinstance(event, AttemptStarted | AttemptFailed | Resumed):
                            await budget.follow(event, tally.spoken)
                        elif not isinstance(event, Done) and not budget.has_room(tally.spoken):
                            await budget.grow(tally.spoken)
                    tally.add(event)
                    yield event
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:
            tally.outcome = getattr(error, "kind", "failed")
            raise
        finally:
            if self.metrics:
                self.metrics.running.dec()
            self._count(tally, who, way)
            if budget is not None:
                await budget.settle(tally.asked, tally.spoken)

    def _count(self, tally: _AnswerTally, who: str, way: str) -> None:
        tally.close()
        if self.metrics:
            self.metrics.tried(tally.attempts)
            for attempt, price in tally.prices:
                if attempt.usage:
                    self.metrics.used(attempt.provider, attempt.model, attempt.usage, price)
        if self.ledger and tally.asked:
            self.ledger.note(
                Entry(
                    self._clock(),
                    who,
                    way,
                    self._redactor.name(tally.target),  # somebody may have typed a key where models are named
                    tally.outcome,
                    len(tally.attempts),
                    tally.seconds,
                    tally.first_token,
                    tally.usage,
                    tally.price,
                )
            )
        line = tally.line
        if line is not None:
            line.target, line.outcome = tally.target, tally.outcome
        else:
            logs.Request("", who, way, tally.target, tally.outcome, None, tally.seconds).log()


class _AnswerTally:
    """What has been seen of a request so far."""

    def __init__(self, hub: Hub, line: logs.Request | None) -> None:
        self.line = line
        self.outcome = "cancelled"
        self.attempts: list[Attempt] = []
        self.first_token: float | None = None
        self.seconds = 0.0
        self.spoken = 0
        """Bytes of text, as far as it has been read."""
        self.prices: list[tuple[Attempt, Decimal | None]] = []
        self._hub = hub
        self._began = time.perf_counter()
        self._open: tuple[AttemptStarted | Resumed, float] | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta):
            if self.first_token is None:
                self.first_token = time.perf_counter() - self._began
            self.spoken += size(event.arguments if isinstance(event, ToolCallDelta) else event.text)
        elif isinstance(event, AttemptStarted | Resumed):
            self._open = event, time.perf_counter() - self._began
        elif isinstance(event, AttemptFailed):
            self._open = None
            self.attempts.append(event.attempt)
        elif isinstance(event, Done):
            self._open = None
            self.attempts = list(event.response.attempts)
            self.outcome = "answered"

    def close(self) -> None:
        """The request is over."""
        self.seconds = time.perf_counter() - self._began
        if self._open is not None:  # what was cancelled never failed
            event, began = self._open
            first = None if self.first_token is None or self.first_token < began else self.first_token - began
            self.attempts.append(Attempt(event.provider, event.model, began, self.seconds - began, first, self.outcome))
        self.prices = [(attempt, self._hub.price(attempt)) for attempt in self.attempts if attempt.usage]

    @property
    def asked(self) -> list[Attempt]:
        """The attempts that reached a provider."""
        return [attempt for attempt in self.attempts if attempt.outcome not in NOT_ASKED]

    @property
    def target(self) -> str:
        """Who answered; where nobody did, who was asked first, by name if the model is known."""
        attempts = self.asked or self.attempts
        if not attempts:
            return ""
        attempt = attempts[-1 if self.outcome == "answered" else 0]
        spoke = self.outcome == "answered" or attempt.first_token is not None
        known = spoke or self._hub.knows(attempt.provider, attempt.model)
        return f"{attempt.provider}/{attempt.model if known else OTHER}"

    @property
    def usage(self) -> Usage:
        """What the attempts reported, together."""
        if len(self.prices) == 1:
            return self.prices[0][0].usage or Usage()
        found = Usage()
        for attempt, _ in self.prices:
            for name in COUNTS:
                if attempt.usage and name in attempt.usage:
                    found[name] = found.get(name, 0) + attempt.usage[name]
        return found

    @property
    def price(self) -> Decimal | None:
        """What they cost together, as far as they said what they used; None where one of them has no price."""
        known = [price for _, price in self.prices if price is not None]
        return sum(known[1:], known[0]) if known and len(known) == len(self.prices) else None

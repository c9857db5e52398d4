"""Counts every answer: in the ledger, in the metrics and in the log. It never keeps a word of what was said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llm_hub import logs
from llm_hub.chat import (
    TOKENS,
    Attempt,
    AttemptFailed,
    AttemptStarted,
    Done,
    Resumed,
    ToolCallDelta,
    Usage,
)
from llm_hub.gateway.metrics import OTHER
from llm_hub.gateway.reservation import byte_length
from llm_hub.redaction import Redactor
from llm_hub.usage.ledger import COUNTS, Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from llm_hub.access.session import Session
    from llm_hub.chat import Event
    from llm_hub.gateway.metrics import Metrics
    from llm_hub.usage.ledger import Ledger


class Meter:
    """Where answers are counted: in the log, and in `ledger` and `metrics` where there are such."""

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

    def start(self, session: Session) -> AnswerTally:
        """An answer begins. Whatever becomes of it, `finish` must follow."""
        if self.metrics:
            self.metrics.running.inc()
        return AnswerTally(session, logs.current_request.get())

    def finish(self, tally: AnswerTally, billed_to: str, surface: str) -> None:
        """The answer is over: counts it, in the name that it is billed to."""
        tally.close()
        if self.metrics:
            self.metrics.running.dec()
            self.metrics.tried(tally.attempts)
            for attempt, price in tally.prices:
                if attempt.usage:
                    self.metrics.used(attempt.provider, attempt.model, attempt.usage, price)
        if self.ledger and tally.sent_attempts:
            self.ledger.note(
                Entry(
                    self._clock(),
                    billed_to,
                    surface,
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
            logs.Request("", billed_to, surface, tally.target, tally.outcome, None, tally.seconds).log()


class AnswerTally:
    """What the events of one answer amount to so far. `line` is the log's line of the API's request, if it is one."""

    def __init__(self, session: Session, line: logs.Request | None) -> None:
        self.line = line
        self.outcome = "cancelled"
        self.attempts: list[Attempt] = []
        self.first_token: float | None = None
        self.seconds = 0.0
        self.answer_bytes = 0
        """Bytes of text, reasoning and arguments of calls so far."""
        self.prices: list[tuple[Attempt, Decimal | None]] = []
        self._session = session
        self._began = time.perf_counter()
        self._running: tuple[AttemptStarted | Resumed, float] | None = None
        """The attempt that is being made, and when it began."""
        self._interrupted = False
        """Whether the answer ended in the middle of an attempt, which then is the last of `attempts`."""

    def add(self, event: Event) -> None:
        """Takes the next event into account."""
        if isinstance(event, TOKENS):
            if self.first_token is None:
                self.first_token = time.perf_counter() - self._began
            self.answer_bytes += byte_length(event.arguments if isinstance(event, ToolCallDelta) else event.text)
        elif isinstance(event, AttemptStarted | Resumed):
            self._running = event, time.perf_counter() - self._began
        elif isinstance(event, AttemptFailed):
            self._running = None
            self.attempts.append(event.attempt)
        elif isinstance(event, Done):
            self._running = None
            self.attempts = list(event.response.attempts)
            self.outcome = "answered"

    def close(self) -> None:
        """The answer is over."""
        self.seconds = time.perf_counter() - self._began
        if self._running is not None:  # it was interrupted, and so it never failed
            event, began = self._running
            first = None if self.first_token is None or self.first_token < began else self.first_token - began
            self.attempts.append(Attempt(event.provider, event.model, began, self.seconds - began, first, self.outcome))
            self._interrupted = True
        self.prices = [(attempt, self._session.prices.of(attempt)) for attempt in self.attempts if attempt.usage]

    @property
    def sent_attempts(self) -> list[Attempt]:
        """The attempts that reached a provider."""
        return [attempt for attempt in self.attempts if attempt.was_sent]

    @property
    def target(self) -> str:
        """Who answered, or was at work when the answer was interrupted; where all failed, who was asked first.

        A model is named only if its name is known: see `Session.knows`.
        """
        attempts = self.sent_attempts or self.attempts
        if not attempts:
            return ""
        attempt = attempts[-1 if self.outcome == "answered" or self._interrupted else 0]
        wrote = self.outcome == "answered" or attempt.first_token is not None
        known = wrote or self._session.knows(attempt.provider, attempt.model)
        return f"{attempt.provider}/{attempt.model if known else OTHER}"

    @property
    def usage(self) -> Usage:
        """What the attempts reported, together."""
        if len(self.prices) == 1:
            return self.prices[0][0].usage or Usage()
        total = Usage()
        for attempt, _ in self.prices:
            for name in COUNTS:
                if attempt.usage and name in attempt.usage:
                    total[name] = total.get(name, 0) + attempt.usage[name]
        return total

    @property
    def price(self) -> Decimal | None:
        """US dollars for all attempts that reported their usage; None where one of them has no price."""
        prices = [price for _, price in self.prices if price is not None]
        return sum(prices[1:], prices[0]) if prices and len(prices) == len(self.prices) else None

"""What the events of one answer amount to: its attempts and times, its tokens and its price."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

from llm_hub.chat import (
    TOKENS,
    Attempt,
    AttemptFailed,
    AttemptStarted,
    Done,
    Resumed,
    ToolCallDelta,
    Usage,
    reports_price,
)
from llm_hub.gateway.metrics import OTHER
from llm_hub.gateway.request_size import byte_length
from llm_hub.usage.ledger import COUNTS

if TYPE_CHECKING:
    from llm_hub import logs
    from llm_hub.access.session import Session
    from llm_hub.chat import Event


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
        """Takes the next event into account; a `Done` has the prices of its attempts."""
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
        attempts = self.attempts if self.outcome == "answered" else self._session.prices.priced(self.attempts)
        self.prices = [(attempt, attempt.price) for attempt in attempts if attempt.usage]

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
        return self.name_of(attempt, wrote=self.outcome == "answered")

    def name_of(self, attempt: Attempt, *, wrote: bool = False) -> str:
        """An attempt's target, with its model only if that name is known. `wrote`: it did, as its answer shows."""
        wrote = wrote or attempt.outcome == "answered" or attempt.first_token is not None
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

    @property
    def reported_price(self) -> Decimal:
        """The part of the price that providers say they charged; 0 where that is not known."""
        if self.price is None:
            return Decimal(0)
        return sum((price for attempt, price in self.prices if price and reports_price(attempt.usage)), Decimal(0))

"""Counts every answer: in the ledger, the metrics, the log and the traces. It never keeps a word of what was said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llm_hub import logs
from llm_hub.gateway.answer_tally import AnswerTally
from llm_hub.redaction import Redactor
from llm_hub.usage.ledger import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.access.session import Session
    from llm_hub.gateway.metrics import Metrics
    from llm_hub.gateway.tracing import Tracing
    from llm_hub.usage.ledger import Ledger
    from llm_hub.usage.reserved_money import Settlement


class Meter:
    """Where answers are counted: in the log, and in `ledger`, `metrics` and `tracing` where there are such."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        metrics: Metrics | None = None,
        *,
        tracing: Tracing | None = None,
        redactor: Redactor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = ledger
        self.metrics = metrics
        self.tracing = tracing
        self._redactor = redactor or Redactor()
        self._clock = clock

    def start(self, session: Session) -> AnswerTally:
        """An answer begins. Whatever becomes of it, `finish` must follow."""
        if self.metrics:
            self.metrics.running += 1
        return AnswerTally(session, logs.current_request.get())

    def finish(self, tally: AnswerTally, billed_to: str, surface: str, settlement: Settlement | None = None) -> None:
        """The answer is over, and its tally closed: counts it, in the name that it is billed to."""
        if self.metrics:
            self.metrics.running -= 1
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
                    tally.reported_price,
                    settlement,
                )
            )
        if self.tracing and tally.attempts:
            name = self._redactor.name
            self.tracing.note(tally, ended=self._clock(), caller=billed_to, surface=surface, clean=name)
        line = tally.line
        if line is not None:
            line.target, line.outcome = tally.target, tally.outcome
        else:
            logs.Request("", billed_to, surface, tally.target, tally.outcome, None, tally.seconds).log()

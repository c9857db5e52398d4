"""What happened lately at one provider: the recent attempts of each model, for whoever shows its health."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import Attempt

MAX_ATTEMPTS = 200
"""Attempts kept of each model: enough for a chart of its last hours."""
MAX_MEASURED_AGE = 3600.0
"""Seconds that a measured speed holds."""
MAX_MODELS = 200
"""Models whose attempts are kept, those that were asked last: a model's name can be anything that somebody types."""


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that is over. `age` is how many seconds ago it ended."""

    attempt: Attempt
    age: float


class AttemptHistory:
    """The recent attempts of one provider's models. `clock` gives the seconds by which their age is told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._models: OrderedDict[str, deque[tuple[float, Attempt]]] = OrderedDict()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were asked, the one that was asked last at the end."""
        return tuple(self._models)

    def add(self, attempt: Attempt) -> None:
        """Keeps an attempt that has just ended."""
        if (attempts := self._models.get(attempt.model)) is None:
            attempts = self._models[attempt.model] = deque(maxlen=MAX_ATTEMPTS)
        attempts.append((self._clock(), attempt))
        self._models.move_to_end(attempt.model)
        while len(self._models) > MAX_MODELS:
            self._models.popitem(last=False)

    def attempts(self, model: str) -> tuple[PastAttempt, ...]:
        """A model's attempts, the newest last; () if it was not asked."""
        now = self._clock()
        return tuple(PastAttempt(attempt, now - ended) for ended, attempt in self._models.get(model, ()))

    def first_token_delays(self, model: str) -> list[float]:
        """The seconds that a model's first tokens of the last hour took.

        Of an attempt that was overtaken it is how long it was waited for: to leave it out would make a slow model
        look fast.
        """
        recent = [past.attempt for past in self.attempts(model) if past.age <= MAX_MEASURED_AGE]
        answered = [each.first_token for each in recent if each.outcome == "answered" and each.first_token is not None]
        return answered + [each.seconds for each in recent if each.outcome == "overtaken"]

    def has_answered(self, model: str) -> bool:
        """Whether one of the kept attempts was answered."""
        return any(attempt.outcome == "answered" for _, attempt in self._models.get(model, ()))

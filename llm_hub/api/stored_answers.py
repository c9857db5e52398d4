"""Answers that clients can refer to later: in memory, apart for each API key, for an hour, within bounds."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llm_hub.chat.exact_json import dump_exactly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_AGE = 3600.0
"""Seconds for which an answer is kept."""
MAX_ANSWERS = 1000
"""Answers of a caller, at most. The oldest make room for new ones."""
MAX_BYTES = 64_000_000
"""Bytes of a caller's answers with the conversations before them, at most, as JSON."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as its client got it, and the items of the whole conversation up to its end."""

    answer: dict[str, Any]
    items: Sequence[dict[str, Any]]
    size: int
    stored_at: float


class CallerAnswers:
    """The answers of one caller, oldest first. `now` is a clock in seconds, `max_bytes` their size at most."""

    def __init__(self, now: Callable[[], float], max_bytes: int) -> None:
        self._now = now
        self._max_bytes = max_bytes
        self._answers: OrderedDict[str, StoredAnswer] = OrderedDict()
        self._bytes = 0

    def add(self, key: str, answer: dict[str, Any], items: Sequence[dict[str, Any]]) -> None:
        """Keeps an answer. One that is larger than all of them may be is not kept."""
        size = len(dump_exactly(answer)) + len(dump_exactly(items))
        if size > self._max_bytes:
            return
        self.delete(key)
        self._answers[key] = StoredAnswer(answer, items, size, self._now())
        self._bytes += size
        while len(self._answers) > MAX_ANSWERS or self._bytes > self._max_bytes:
            self.delete(next(iter(self._answers)))

    def get(self, key: str) -> StoredAnswer | None:
        """The answer, unless it is unknown or too old."""
        self._expire()
        return self._answers.get(key)

    def delete(self, key: str) -> bool:
        """Whether there was such an answer. It is gone."""
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= answer.size
        return answer is not None

    def output_items(self) -> dict[str, dict[str, Any]]:
        """The items that the answers are made of, by their ids."""
        self._expire()
        return {item["id"]: item for kept in self._answers.values() for item in kept.answer["output"] if item.get("id")}

    def _expire(self) -> None:
        oldest = self._now() - MAX_AGE
        for key in [key for key, answer in self._answers.items() if answer.stored_at < oldest]:
            self.delete(key)


class AnswerStore:
    """The answers of all callers. `now` is a clock in seconds, `max_bytes` the size of a caller's answers at most."""

    def __init__(self, now: Callable[[], float] = time.monotonic, max_bytes: int = MAX_BYTES) -> None:
        self._now = now
        self._max_bytes = max_bytes
        self._callers: dict[str, CallerAnswers] = {}

    def of(self, caller: str) -> CallerAnswers:
        """The answers of the caller with that name: that of its key."""
        return self._callers.setdefault(caller, CallerAnswers(self._now, self._max_bytes))

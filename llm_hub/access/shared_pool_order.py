"""The order of a pool's targets as several hubs share it: where each conversation was answered, and what runs where."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zlib import crc32

from llm_hub.access.pool_order import PoolOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llm_hub.chat import ChatRequest
    from llm_hub.router import Health, Target
    from llm_hub.storage.redis_exchange import RedisExchange

TOPIC = "pools"
PACE = 0.05
"""Seconds in which what happens is gathered to one message, however many requests there are."""
REPEAT = 5.0
"""Seconds after which running answers are told again."""
MAX_COUNT_AGE = 12.0
"""Seconds for which another hub's running answers are counted: one that was killed never says that they are over."""


class SharedPoolOrder(PoolOrder):
    """Its `exchange` is with hubs that have the same keys and servers, in the same order."""

    def __init__(self, health: Health, exchange: RedisExchange, *, clock: Callable[[], float]) -> None:
        super().__init__(health)
        self._exchange = exchange
        self._clock = clock
        self._hub = secrets.token_hex(8)
        self._others: dict[str, tuple[float, dict[tuple[str, int], int]]] = {}
        """By hub: when it told of its running answers, and how many there are at each place."""
        self._new_places: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_soon = False
        exchange.hear(TOPIC, self._hear)

    def running_answers(self, key: tuple[str, int]) -> int:
        oldest = self._clock() - MAX_COUNT_AGE
        others = sum(counts.get(key, 0) for told_at, counts in self._others.values() if told_at > oldest)
        return super().running_answers(key) + others

    @contextmanager
    def asking(self, target: Target) -> Iterator[None]:
        with super().asking(target):
            self._tell_soon()
            try:
                yield
            finally:
                self._tell_soon()

    def note_answer(self, request: ChatRequest, target: Target) -> None:
        super().note_answer(request, target)
        if request.messages and self._exchange.connected.is_set():
            *_, whole = self.prefixes(target.provider.name, request)
            self._new_places[whole] = target.place
            self._tell_soon()

    def prefixes(self, provider: str, request: ChatRequest) -> Iterator[int]:
        """As in one hub alone, but the same in all processes, as Python's own hashes are not."""
        prefix = crc32(provider.encode())
        for message in request.messages:
            prefix = crc32(repr(message).encode("utf-8", "replace"), prefix)
            yield prefix

    def _tell_soon(self) -> None:
        if not self._is_soon and self._exchange.connected.is_set():
            self._is_soon = True
            self._tell_in(PACE)

    def _tell_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tell)

    def _tell(self) -> None:
        places, self._new_places, self._timer, self._is_soon = self._new_places, {}, None, False
        running = [(*key, count) for key, count in self._running.items() if count]
        self._exchange.tell(TOPIC, {"hub": self._hub, "running": running, "places": [*places.items()]})
        if running:
            self._tell_in(REPEAT)

    def _hear(self, message: dict[str, Any], age: float) -> None:
        counts = {(str(name), int(place)): int(count) for name, place, count in message["running"]}
        told_at = self._clock() - age
        self._others = {hub: told for hub, told in self._others.items() if told[0] > told_at - MAX_COUNT_AGE}
        self._others[str(message["hub"])] = told_at, counts
        for prefix, place in message["places"]:
            self.keep_place(int(prefix), int(place))

"""Which of the embedded models is in memory: one at a time.

A chat with another model waits until the answers of the one that is loaded have ended. Then that one is freed, and the
other is loaded. Chats are admitted in the order in which they came, so that nobody waits for ever.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Self

from llm_hub.providers.llamacpp.engine import Engine

TURN_INTERVAL = 0.1
"""Seconds between two looks at whether it is a waiting chat's turn."""


class ModelMemory:
    """Holds the engine of the one model. `build` makes the engine of a model, which loads nothing yet: its first
    argument is the model, its second is to be called, in the engine's thread, before anything is loaded.

    It holds no reference to its provider, so that `stop` can run when the provider is gone.
    """

    def __init__(self, build: Callable[[str, Callable[[], None]], Engine]) -> None:
        self._build = build
        self.model = ""
        self.engine: Engine | None = None
        self._freed: list[Engine] = []
        """Engines whose place another has taken, until their memory is free."""
        self._chats = 0
        self._waiting: deque[Seat] = deque()
        self._lock = threading.Lock()
        self._stopped = False

    def seat(self, model: str) -> Seat:
        """A chat's place in the order, to be used with `async with`."""
        return Seat(self, model)

    def stop(self) -> None:
        """Ends every chat and frees the memory. Blocks for as long as llama.cpp needs for one batch."""
        with self._lock:
            self._stopped = True
        self._free()
        if self.engine is not None:
            self.engine.stop()

    def _free(self) -> None:
        while self._freed:
            self._freed[0].stop()
            self._freed.pop(0)

    def enter(self, seat: Seat) -> None:
        """A chat has come."""
        with self._lock:
            self._waiting.append(seat)

    def leave(self, seat: Seat) -> None:
        """A chat is over, or waits no longer."""
        with self._lock:
            if seat in self._waiting:
                self._waiting.remove(seat)
            else:
                self._chats -= 1

    def admit(self, seat: Seat) -> Engine | None:
        """The engine for the chat, once it is its turn."""
        with self._lock:
            if self._waiting[0] is not seat or (self._chats and seat.model != self.model):
                return None
            if self.engine is None or seat.model != self.model:
                if self.engine is not None:
                    self._freed.append(self.engine)
                self.model, self.engine = seat.model, self._build(seat.model, self._free)
                if self._stopped:
                    self.engine.stop()
            self._waiting.popleft()
            self._chats += 1
            return self.engine


class Seat:
    """One chat's place: `engine` is its model's, once `ready` has ended."""

    def __init__(self, memory: ModelMemory, model: str) -> None:
        self.model = model
        self.engine: Engine
        self._memory = memory

    async def __aenter__(self) -> Self:
        self._memory.enter(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._memory.leave(self)

    async def ready(self) -> AsyncGenerator[str]:
        """Yields in words what the chat waits for, and ends when its model is loaded. Raises what loading raised."""
        told = False
        while (engine := self._memory.admit(self)) is None:
            if not told:
                told = True
                yield f"Waiting until {self._memory.model} has answered …"
            await asyncio.sleep(TURN_INTERVAL)
        self.engine = engine
        async with aclosing(engine.ready()) as reasons:
            async for reason in reasons:
                yield reason

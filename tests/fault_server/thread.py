"""The fault server in a thread and loop of its own, for callers that block: browser tests and benchmarks."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self, TypeVar

from tests.fault_server.server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fault_server.log import Exchange, Log

T = TypeVar("T")


class FaultServerThread:
    """A `FaultServer` behind blocking methods. `down` and `lists` may be set from any thread."""

    def __init__(self, *, port: int = 0) -> None:
        self.fault_server = FaultServer(port=port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.fault_server.__aenter__(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.fault_server.__aexit__(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def stand_still(self, until: threading.Event) -> None:
        """Neither reads nor sends anything until the event."""
        self._loop.call_soon_threadsafe(until.wait, 60)

    @property
    def url(self) -> str:
        """Where the fault server listens."""
        return self.fault_server.url

    @property
    def openai_url(self) -> str:
        """OpenAI's base URL."""
        return self.fault_server.openai_url

    @property
    def anthropic_url(self) -> str:
        """Anthropic's base URL."""
        return self.fault_server.anthropic_url

    @property
    def ollama_url(self) -> str:
        """Ollama's base URL."""
        return self.fault_server.ollama_url

    @property
    def exchanges(self) -> Log:
        """What the fault server saw, in order."""
        return self.fault_server.exchanges

    @property
    def down(self) -> bool:
        """Whether the fault server resets every connection."""
        return self.fault_server.down

    @down.setter
    def down(self, value: bool) -> None:
        self.fault_server.down = value

    def limit(self, tokens: int | None) -> None:
        """From now on an answer waits where it has so many tokens; None: it waits no more."""

        async def limit() -> None:
            self.fault_server.limit = tokens

        asyncio.run_coroutine_threadsafe(limit(), self._loop).result(30)

    def drop(self) -> None:
        """Ends every open connection."""
        asyncio.run_coroutine_threadsafe(self.fault_server.drop(), self._loop).result(30)

    def wait_for(self, predicate: Callable[[list[Exchange]], T], timeout: float = 30.0) -> T:
        """Blocks until the predicate of the exchanges holds, and returns what it says. Raises `TimeoutError`."""
        return self.exchanges.wait_for(predicate, timeout)

    def next_exchange(self, n: int, timeout: float = 30.0) -> Exchange:
        """The n-th exchange (from 1), as soon as it has begun."""
        exchange = self.wait_for(lambda exchanges: exchanges[n - 1] if len(exchanges) >= n else None, timeout)
        assert exchange is not None
        return exchange

    def wait_ended(self, exchange: Exchange, timeout: float = 30.0) -> None:
        """Blocks until the exchange is over."""
        self.wait_for(lambda _: exchange.closed is not None, timeout)

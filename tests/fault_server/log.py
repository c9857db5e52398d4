"""What the fault server saw: one `Exchange` a request, and the means to wait for what is about to be seen."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def now() -> float:
    """The running loop's time, in seconds."""
    return asyncio.get_running_loop().time()


@dataclass(eq=False)
class Exchange:
    """One request, and what became of it. Times are the fault server's `loop.time()`, which is `time.monotonic()`
    unless a test runs in virtual time.
    """

    protocol: str
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] = field(repr=False)
    raw: bytes = field(default=b"", repr=False)
    model: str = ""
    query: str = ""
    """What follows the path in the URL."""
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    """What the request sets besides, in the hub's words, whatever its protocol calls it: `Dialect.options`."""
    opened: float = field(default_factory=now)
    first_byte: float | None = None
    closed: float | None = None
    status: int | None = None
    number: int = 0
    """Which of its model's requests it is, counted from 1."""
    is_repeat: bool = False
    """Whether its model was sent the same before."""
    connection: int = 0
    """Which of the fault server's connections it came over, counted from 1."""
    tokens_sent: int = 0
    token_times: list[float] = field(default_factory=list, repr=False)
    finished: bool = False
    """The whole response, as the fault has it, was written."""
    client_left: bool = False
    """The client closed the connection before that."""
    _ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def ended(self) -> None:
        """Waits until the response was finished or the client's close was seen."""
        await self._ended.wait()


class Log(list[Exchange]):
    """The exchanges in order, which can be waited for from the fault server's own loop and from other threads."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Condition()
        self._changed_in_thread = threading.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self) -> None:
        """Wakes everyone who waits."""
        with self._changed_in_thread:
            self._changed_in_thread.notify_all()
        task = asyncio.get_running_loop().create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, predicate: Callable[[list[Exchange]], T]) -> T:
        """Waits until the predicate holds, in the fault server's own loop."""
        async with self._changed:
            return await self._changed.wait_for(lambda: predicate(self))

    def wait_for(self, predicate: Callable[[list[Exchange]], T], timeout: float = 30.0) -> T:
        """Blocks until the predicate holds, from another thread. Raises `TimeoutError`."""
        with self._changed_in_thread:
            result = self._changed_in_thread.wait_for(lambda: predicate(self), timeout)
        if not result:
            raise TimeoutError(f"The fault server did not see that within {timeout} s; it saw {list(self)}")
        return result

"""Threads around llama.cpp: it blocks, and leaving Python while a thread is inside it crashes the process.

So every load and every chat is a thread that can be told to end, and `Engine.stop` ends them all before it lets go
of the model. The threads are daemons: Python would wait for others before it runs the exit hook that ends them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from llm_hub.providers.llamacpp.gguf import Abandoned

Fetch = Callable[[Callable[[str], None], Callable[[], bool]], Path]
"""Finds the file, with somewhere to report progress to, and the question whether it is still wanted."""


class Engine:
    """The model in memory. Knows nothing of its provider, so that it can clean up after it."""

    def __init__(self, fetch: Fetch, build: Callable[[Path], Any], status: str) -> None:
        self._fetch = fetch
        self._build = build
        self._status = status
        self._server: Any = None
        self._load: _Load | None = None
        self._inside: set[_Worker] = set()
        """Threads that are in llama.cpp, or about to be."""
        self._lock = threading.Lock()
        self._stopped = False

    async def ready(self) -> AsyncGenerator[str]:
        """Yields what is being waited for, and ends when the model is loaded. Raises whatever loading raised.

        All chats share one load. It is given up when none of them waits any more, and begun again by the next.
        """
        while self._server is None and not self._stopped:
            load = self._load = self._load or _Load(self._read, self._status)
            load.waiting += 1
            try:
                load.start_once()
                yield (shown := load.status)
                while not await load.ended(0.5):
                    if load.status != shown:
                        yield (shown := load.status)
            finally:
                load.waiting -= 1
            if load.error and not isinstance(load.error, Abandoned):
                raise load.error

    def chat(self, body: dict[str, Any]) -> EngineChat:
        """A chat that llama.cpp is asked to answer once it is entered, with `async with`."""

        def work(chat: EngineChat) -> None:
            try:
                self._enter(chat)
                self._server.handle_chat_completions(body, chat.take)
            except Abandoned:
                chat.take({"error": {"code": 503, "type": "unavailable_error", "message": "The model was shut down."}})
            except Exception as error:  # noqa: BLE001  # a thread hands on whatever happens to it
                chat.take({"error": {"code": 400, "type": "invalid_request_error", "message": str(error)}})
            finally:
                self._inside.discard(chat)
                chat.end()

        return EngineChat(work)

    def stop(self) -> None:
        """Ends every thread, then frees the model. Blocks for as long as llama.cpp takes over one batch."""
        with self._lock:
            self._stopped = True
        for worker in list(self._inside):
            worker.cancelled = True
        for worker in list(self._inside):
            worker.join()
        self._server = None

    def _read(self, load: _Load) -> None:
        def wanted() -> bool:
            return load.waiting > 0 and not self._stopped

        try:
            path = self._fetch(load.report, wanted)
            load.report(self._status)
            _warm(path, wanted)
            self._enter(load)
            self._server = self._build(path)
        except Exception as error:  # noqa: BLE001  # as above
            load.error = error
        finally:
            self._load = None
            self._inside.discard(load)

    def _enter(self, worker: _Worker) -> None:
        with self._lock:
            if self._stopped:
                raise Abandoned
            self._inside.add(worker)


class _Worker:
    """A thread that can be told to end, and that any event loop can wait for."""

    def __init__(self, work: Callable[[Any], None]) -> None:
        self.cancelled = False
        self._finished: Future[None] = Future()
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True, name="llama.cpp")

    def start_once(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    async def ended(self, seconds: float) -> bool:
        """Waits at most that long."""
        await asyncio.wait([asyncio.wrap_future(self._finished)], timeout=seconds)
        return self._finished.done()

    def join(self) -> None:
        """Waits without end, since a thread left behind crashes Python's exit: an impatient Ctrl-C has to wait too."""
        while self._thread.is_alive() and self._thread is not threading.current_thread():
            with suppress(KeyboardInterrupt):
                self._thread.join()

    def _run(self) -> None:
        try:
            self._work(self)
        finally:
            self._finished.set_result(None)


class EngineChat(_Worker):
    """The chunks of one answer, errors among them. Leaving it stops the generation.

    No async generator: `asyncio.run` closes those that are left open all at once, also one inside another.
    """

    def __init__(self, work: Callable[[EngineChat], None]) -> None:
        super().__init__(work)
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self.start_once()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancelled = True
        await self.ended(1.0)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        chunk = await self._queue.get()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def take(self, chunks: Any) -> bool:
        """llama.cpp's callback, in the thread: takes one chunk or several, and says whether to stop."""
        for chunk in chunks if isinstance(chunks, list) else [chunks]:
            self._put(chunk)
        return self.cancelled

    def end(self) -> None:
        self._put(None)

    def _put(self, chunk: dict[str, Any] | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, chunk)


class _Load(_Worker):
    """One attempt to load the model, and how many chats wait for it."""

    def __init__(self, work: Callable[[_Load], None], status: str) -> None:
        super().__init__(work)
        self.status = status
        self.waiting = 0
        self.error: Exception | None = None

    def report(self, status: str) -> None:
        self.status = status


def _warm(path: Path, wanted: Callable[[], bool]) -> None:
    """Reads the file into the system's cache: llama.cpp loads under Python's lock, and should not wait for a disk."""
    with path.open("rb", buffering=0) as file:
        block = bytearray(4 << 20)
        while file.readinto(block):
            if not wanted():
                raise Abandoned

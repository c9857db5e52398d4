"""Runs llama.cpp in threads, since it blocks, and ends them in time.

Leaving Python while a thread is inside llama.cpp crashes the process. So every load and every chat is a thread that can
be told to end, and `Engine.stop` ends them all before it frees the model. The threads are daemons: Python would wait
for others before it runs the exit hook that ends them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from llm_hub.providers.llamacpp.download import LoadAbandoned

Fetch = Callable[[Callable[[str], None], Callable[[], bool]], Path]
"""Finds the model file, and may block. It is given a function that takes its progress in words, and one that tells
whether anybody still waits."""

STATUS_INTERVAL = 0.5
"""Seconds between two looks at how far a load is."""
MAX_CHAT_END = 1.0
"""Seconds that leaving a chat waits for llama.cpp to stop: it asks between two batches only."""


class Engine:
    """The model in memory, which is loaded when a chat first waits for it.

    It holds no reference to its provider, so that `stop` can run when the provider is gone. `status` is what chats are
    told while llama.cpp loads.
    """

    def __init__(self, fetch: Fetch, build: Callable[[Path], Any], status: str, *, parallel: int = 1) -> None:
        self.slots = asyncio.Semaphore(parallel)
        """The chats that llama.cpp serves at once: whoever begins one takes a slot."""
        self._fetch = fetch
        self._build = build
        self._status = status
        self._server: Any = None
        self._load: _Load | None = None
        self._workers: set[_Worker] = set()
        """Those whose threads are in llama.cpp, or about to be."""
        self._lock = threading.Lock()
        self._stopped = False

    async def ready(self) -> AsyncGenerator[str]:
        """Yields in words what the chat waits for, and ends when the model is loaded. Raises whatever loading raised.

        All chats share one load. It is abandoned when none of them waits any more, and the next chat starts another.
        """
        while self._server is None and not self._stopped:
            load = self._load = self._load or _Load(self._run_load, self._status)
            load.waiting += 1
            try:
                load.start_once()
                yield (last_status := load.status)
                while not await load.ended(STATUS_INTERVAL):
                    if load.status != last_status:
                        yield (last_status := load.status)
            finally:
                load.waiting -= 1
            if load.error and not isinstance(load.error, LoadAbandoned):
                raise load.error

    def chat(self, body: dict[str, Any]) -> EngineChat:
        """A chat with llama.cpp, which begins when it is entered with `async with`. `body` is as OpenAI's."""

        def work(chat: EngineChat) -> None:
            try:
                self._enter(chat)
                self._server.handle_chat_completions(body, chat.take)
            except LoadAbandoned:
                chat.take({"error": {"code": 503, "type": "unavailable_error", "message": "The model was shut down."}})
            except Exception as error:  # noqa: BLE001  # whatever happens in a thread is handed on to its chat
                chat.take({"error": {"code": 400, "type": "invalid_request_error", "message": str(error)}})
            finally:
                self._workers.discard(chat)
                chat.end()

        return EngineChat(work)

    def stop(self) -> None:
        """Ends every thread, then frees the model. Blocks for as long as llama.cpp needs for one batch."""
        with self._lock:
            self._stopped = True
        for worker in list(self._workers):
            worker.cancelled = True
        for worker in list(self._workers):
            worker.join()
        self._server = None

    def _run_load(self, load: _Load) -> None:
        """What the thread of a load does."""

        def is_wanted() -> bool:
            return load.waiting > 0 and not self._stopped

        try:
            path = self._fetch(load.report, is_wanted)
            load.report(self._status)
            _read_into_cache(path, is_wanted)
            self._enter(load)
            self._server = self._build(path)
        except Exception as error:  # noqa: BLE001  # whatever happens in a thread is handed on to its chats
            load.error = error
        finally:
            self._load = None
            self._workers.discard(load)

    def _enter(self, worker: _Worker) -> None:
        with self._lock:
            if self._stopped:
                raise LoadAbandoned
            self._workers.add(worker)


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
        """Whether the thread has ended. Waits at most so many seconds for that."""
        await asyncio.wait([asyncio.wrap_future(self._finished)], timeout=seconds)
        return self._finished.done()

    def join(self) -> None:
        """Waits until the thread has ended, through every Ctrl-C: a thread left behind crashes Python's exit."""
        while self._thread.is_alive() and self._thread is not threading.current_thread():
            with suppress(KeyboardInterrupt):
                self._thread.join()

    def _run(self) -> None:
        try:
            self._work(self)
        finally:
            self._finished.set_result(None)


class EngineChat(_Worker):
    """One answer as an iterator over llama.cpp's chunks, errors among them. Leaving it stops the generation.

    It is no async generator, because `asyncio.run` closes all generators that were left open at once: one inside
    another would fail.
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
        await self.ended(MAX_CHAT_END)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        chunk = await self._queue.get()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def take(self, chunks: Any) -> bool:
        """llama.cpp's callback, in the thread. Takes one chunk or several; returns whether to stop."""
        for chunk in chunks if isinstance(chunks, list) else [chunks]:
            self._put(chunk)
        return self.cancelled

    def end(self) -> None:
        self._put(None)

    def _put(self, chunk: dict[str, Any] | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody reads the chunks any more
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


def _read_into_cache(path: Path, is_wanted: Callable[[], bool]) -> None:
    """Reads the file into the system's cache: llama.cpp loads while it holds Python's lock, and so must not wait for a
    disk."""
    with path.open("rb", buffering=0) as file:
        block = bytearray(4 << 20)
        while file.readinto(block):
            if not is_wanted():
                raise LoadAbandoned

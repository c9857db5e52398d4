"""Clients that cost next to nothing: one connection each, requests one after another, replies read by httptools."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httptools
import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 120.0
"""After which a reply is given up."""


class RequestFailed(Exception):
    """A reply that is not the answer."""


class _Connection(asyncio.Protocol):
    """Sends requests as they are given, and notes when the first word of the reply came, and when its end."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._done: asyncio.Future[None] | None = None
        self.began = self.first_word = self.ended = 0.0
        self._last = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    async def ask(self, request: bytes) -> None:
        """Raises `RequestFailed`."""
        loop = asyncio.get_running_loop()
        if self._transport.is_closing():  # servers close connections that are idle for some seconds
            await loop.create_connection(lambda: self, self._host, self._port)
        self._parser = httptools.HttpResponseParser(self)
        self._done, self.first_word, self._last = loop.create_future(), 0.0, b""
        self.began = time.perf_counter()
        self._transport.write(request)
        await self._done

    def data_received(self, data: bytes) -> None:
        if not self.first_word and b"word" in data:
            self.first_word = time.perf_counter()
        self._last = data
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.ended = time.perf_counter()
        done, self._done = self._done, None
        assert done is not None
        if self._parser.get_status_code() == 200 and self.first_word:
            done.set_result(None)
        else:
            done.set_exception(RequestFailed(self._last[-300:].decode("utf-8", "replace")))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None:
            self._done.set_exception(RequestFailed(f"The connection was closed: {exc}"))

    def close(self) -> None:
        self._transport.close()


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is sent again and again. Its words tell the fake provider what to answer."""

    url: str
    model: str
    words: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        url = urlsplit(self.url)
        body: dict[str, Any] = {"model": self.model, "messages": [{"role": "user", "content": self.words}]}
        body["stream"] = self.words != "call"
        if url.path.endswith("/messages"):
            body["max_tokens"] = 1000
        data = orjson.dumps(body)
        headers = {"host": url.netloc, "content-type": "application/json", **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {url.path} HTTP/1.1\r\n{head}content-length: {len(data)}\r\n\r\n".encode() + data


class Clients:
    """Some clients, each with a connection of its own, that ask one gateway."""

    def __init__(self, connections: list[_Connection]) -> None:
        self._connections = connections

    @classmethod
    async def connect(cls, url: str, number: int) -> Clients:
        address, loop = urlsplit(url), asyncio.get_running_loop()
        host, port = address.hostname or "", address.port or 80
        made = [await loop.create_connection(lambda: _Connection(host, port), host, port) for _ in range(number)]
        return cls([connection for _, connection in made])

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    async def ask_for(self, question: Question, seconds: float) -> int:
        """All clients ask again and again for so many seconds. How many answers came."""
        raw, end, done = question.raw, time.perf_counter() + seconds, 0

        async def ask(connection: _Connection) -> None:
            nonlocal done
            while time.perf_counter() < end:
                await connection.ask(raw)
                done += 1

        async with asyncio.timeout(seconds + SECONDS):
            await asyncio.gather(*map(ask, self._connections))
        return done

    async def ask_once(self, question: Question, times: int = 1) -> int:
        """Each client asks so many times. How many answers came."""
        raw = question.raw

        async def ask(connection: _Connection) -> None:
            for _ in range(times):
                await connection.ask(raw)

        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*map(ask, self._connections))
        return times * len(self._connections)

    async def latencies(self, question: Question, times: int, pause: float = 0.0) -> Latencies:
        """Each client asks so many times, once in `pause` seconds, and all of them evenly spread."""
        raw, timed, loop = question.raw, Latencies(), asyncio.get_running_loop()
        began = loop.time()

        async def ask(place: int, connection: _Connection) -> None:
            for number in range(times):
                due = began + (number + place / len(self._connections)) * pause
                await asyncio.sleep(max(0.0, due - loop.time()))
                await connection.ask(raw)
                timed.first_word.append(connection.first_word - connection.began)
                timed.end.append(connection.ended - connection.began)

        async with asyncio.timeout(SECONDS + times * pause):
            await asyncio.gather(*(ask(*numbered) for numbered in enumerate(self._connections)))
        return timed


@dataclass(slots=True)
class Latencies:
    """Seconds from a request until the first word, and until the end of its answer."""

    first_word: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)

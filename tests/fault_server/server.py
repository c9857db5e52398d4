"""The fault server's sockets: HTTP/1.1 written by hand, so that every byte, cut and silence is ours."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import socket
import struct
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import orjson

from tests.fault_server.anthropic import Anthropic
from tests.fault_server.dialect import Dialect, Reply, dump
from tests.fault_server.faults import Close, Fault, Frame, Pause, Reset, Send, Stall, Step, rewrite, steps
from tests.fault_server.log import Exchange, Log, now
from tests.fault_server.ollama import Ollama
from tests.fault_server.openai import OpenAI
from tests.fault_server.refusals import HTML, bad_key, key_refused, packed, refusal
from tests.fault_server.responses import Responses
from tests.fault_server.text import STRANGE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fault_server.dialect import Answer

DIALECTS: tuple[Dialect, ...] = (OpenAI(), Responses(), Anthropic(), Ollama())
MODELS = {
    "openai": ["gpt-6.2-sol", "gpt-6-luna", "ok", "text-embedding-4-small", "whisper-2"],
    "responses": [],
    "anthropic": ["claude-fable-5-2", "claude-haiku-5-5", "ok"],
    "ollama": ["llama3.2:latest", "ok", "unloaded"],
}
_LISTS = {
    "empty": [],
    "huge": [f"org/model-{number:05}" for number in range(20_000)],
    "too-many": [f"m{number}" for number in range(20_001)],
    "faults": ["status-503", "stall@headers", "stall@mid"],
    "strange": ["ok", STRANGE, "two\nlines", "x" * 100_000],
}
"""Lists of other models, by what `FaultServer.lists` says."""
_ODD_LISTS = {
    "array": b'[{"id":"ok","object":"model","context_length":4096}]',
    "names": b'{"models":[{"model":"ok"},{"slug":"other"}]}',
    "small": b'{"data":[{"id":"bad-request","context_length":1000}],"models":[{"name":"bad-request"}]}',
    "null": b'{"data":null,"models":null}',
    "no-list": b'{"status":"ok"}',
    "retired": b'{"data":[{"id":"retired-1b"}],"models":[{"name":"retired-1b"}]}',
    "nameless": b'{"data":[{"size":1}],"models":[{"size":1}]}',
    "error": b'{"error":{"message":"Lists are closed today","code":503}}',
}
"""Lists as some servers send them, and replies that are none."""
MAX_LATE = 0.05
"""Seconds that a paced answer makes up for after a hold-up: more of them at once would look like no pace at all."""
_REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


class ClientLeft(Exception):  # the client's doing, not a failure
    """The client closed its connection."""


class _Reader(asyncio.StreamReader):
    """A reader that tells at once when its peer is gone, without being read."""

    def __init__(self) -> None:
        super().__init__(limit=2**20)
        self.left = asyncio.Event()

    def feed_eof(self) -> None:
        self.left.set()
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        self.left.set()
        super().set_exception(exc)


class FaultServer:
    """Three vendors on one port of 127.0.0.1, which fail as the model's name says. See tests/fault_server/faults.py.

    `down` resets every new connection and request; `lists` decides how model lists come: "ok", "absent" (404), "html",
    "huge", "too-many" (still more), "endless", "slow" (never), "drip" (a byte at a time), "gzip", "empty", "odd" (rows
    of wrong shapes), "strange" (names that none should have), one of `_ODD_LISTS`, "status-NNN" or "key". `lacking` are
    paths that it does not have. An answer waits where it has `limit` tokens, until the limit is higher or gone.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.exchanges: Log = Log()
        self.down = False
        self.lists = "ok"
        self.lacking: frozenset[str] = frozenset()
        self.errors: list[Exception] = []
        self._port = port
        self._requests: Counter[tuple[str, str]] = Counter()
        self._bodies: set[int] = set()
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._made = 0
        self._server: asyncio.Server | None = None
        self._limit: int | None = None
        self._limit_changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(_Reader(), self._connected)

        self._server = await loop.create_server(protocol, "127.0.0.1", self._port, backlog=512)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.drop()

    @property
    def limit(self) -> int | None:
        """How many tokens an answer may have by now; None: as many as it has."""
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = limit
        self._limit_changed.set()
        self._limit_changed = asyncio.Event()

    async def wait_while_limited(self, tokens: int, left: asyncio.Event) -> None:
        """Waits while an answer of so many tokens may not go on, or until its client has left."""
        while self._limit is not None and tokens >= self._limit and not left.is_set():
            waits = [asyncio.ensure_future(event.wait()) for event in (left, self._limit_changed)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    @property
    def url(self) -> str:
        """Where the fault server listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def openai_url(self) -> str:
        """OpenAI's base URL."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """Anthropic's base URL."""
        return self.url

    @property
    def ollama_url(self) -> str:
        """Ollama's base URL."""
        return self.url

    async def next_exchange(self, n: int) -> Exchange:
        """The n-th exchange (from 1), as soon as it has begun."""
        await self.exchanges.until(lambda seen: len(seen) >= n)
        return self.exchanges[n - 1]

    async def drop(self) -> None:
        """Ends every open connection, as a crash of the server would."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close_idle(self) -> None:
        """Closes the connections that no request uses now, as servers do with their idle ones."""
        for connection in self._connections.values():
            if not connection.busy:
                connection.close()

    async def until_alone(self) -> None:
        """Waits until no client is connected."""
        await self.exchanges.until(lambda _: not self._connections)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert isinstance(reader, _Reader)
        self._made += 1
        connection = self._connections[task] = _Connection(reader, writer, self._made, self.wait_while_limited)
        try:
            while not self.down and (exchange := await _read_request(reader)) is not None:
                if self.down or not await self._serve(exchange, connection):
                    break
            if self.down:
                connection.reset()
        except (ConnectionError, ClientLeft, asyncio.IncompleteReadError):
            connection.reset()
        except asyncio.CancelledError:
            connection.reset()
        except Exception as error:  # noqa: BLE001  # a fault of the fault server's own must fail the test, not look like one of the vendor's
            self.errors.append(error)
            connection.reset()
        finally:
            writer.close()
            del self._connections[task]
            self.exchanges.changed()

    async def _serve(self, exchange: Exchange, connection: _Connection) -> bool:
        """Answers one request. False: the connection cannot be used again."""
        dialect = None if exchange.path in self.lacking else _dialect(exchange)
        exchange.protocol = dialect.name if dialect else "unknown"
        self.exchanges.append(exchange)
        self.exchanges.changed()
        connection.exchange, connection.changed = exchange, self.exchanges.changed
        connection.busy, exchange.connection = True, connection.number
        try:
            if dialect is None:
                await connection.reply(Reply(404, b"404 page not found", {"content-type": "text/plain"}))
                return True
            if (exchange.method, exchange.path) == ("POST", dialect.chat):
                return await self._chat(exchange, dialect, connection)
            return await self._list(exchange, dialect, connection)
        except (ClientLeft, ConnectionError):
            exchange.client_left = not exchange.finished
            return False
        finally:
            connection.busy, exchange.closed = False, now()
            exchange._ended.set()
            self.exchanges.changed()

    async def _chat(self, exchange: Exchange, dialect: Dialect, connection: _Connection) -> bool:
        fault = Fault.of(exchange.model)
        self._requests[dialect.name, exchange.model] += 1
        exchange.number = self._requests[dialect.name, exchange.model]
        exchange.is_repeat = hash(exchange.raw) in self._bodies
        self._bodies.add(hash(exchange.raw))
        if "times" in fault.options and self._requests[dialect.name, exchange.model] > fault.number("times", 0):
            fault = replace(fault, name="ok", moment=None)
        if fault.options.get("key", "") not in exchange.headers.get("authorization", ""):
            fault = replace(fault, name="ok", moment=None)
        refused = refusal(exchange, fault, dialect)
        if refused is not None:
            if "delay" in fault.options:
                await connection.pause(fault.number("delay", 0))
            if fault.options.get("body") == "endless":
                head = _head(refused.status, {**refused.headers, "connection": "close"})
                await connection.play([Send(head + refused.body), Stall(b" " * 2**16, 0.0)], fault)
            await connection.reply(refused)
            return True
        exchange.options = dialect.options(exchange.body)
        if fault.name in ("slow-headers", "unloaded"):
            await connection.pause(fault.number("delay", 0.3))
        if fault.name == "redirect":
            location = fault.options.get("to", "http://localhost:9/elsewhere")
            await connection.reply(Reply(302, b"", {"location": location}))
            return True
        if fault.moment == "headers":
            await connection.play(steps(fault, [], dialect), fault)
            return False
        answer = dialect.answer(exchange, fault)
        if fault.name == "html":
            await connection.reply(Reply(200, HTML, {"content-type": "Text/HTML; charset=utf-8"}))
            return True
        if not dialect.streams(exchange.body) or fault.name == "json-body":
            return await _whole(answer, dialect, connection)
        return await _stream(answer, dialect, exchange, connection)

    async def _list(self, exchange: Exchange, dialect: Dialect, connection: _Connection) -> bool:
        reply, models = None, _LISTS.get(self.lists, MODELS[dialect.name])
        if exchange.path == "/api/ps":  # a model that has answered is loaded
            models = [*models, *(model for name, model in self._requests if name == dialect.name)]
        if refused := bad_key(exchange, dialect):
            reply = refused
        elif self.lists == "key":
            reply = key_refused(exchange, dialect)
        elif self.lists == "absent":
            reply = Reply(404, b'{"detail":"Not Found"}')
        elif self.lists.startswith("status-"):
            status = int(self.lists[7:])
            reply = Reply(status, dialect.error(status, "", "No list today."))
        elif self.lists == "html":
            reply = Reply(200, HTML, {"content-type": "text/html"})
        elif self.lists == "odd":
            reply = Reply(
                200,
                b'{"object":"list","data":[null,7,{"id":null},{"name":"x"},{"id":"ok"}],"models":[null,{"name":"ok"}]}',
            )
        elif self.lists in _ODD_LISTS:
            reply = Reply(200, _ODD_LISTS[self.lists])
        elif self.lists == "slow" and exchange.method == "GET":
            await connection.play([Stall()], Fault("stall"))
        elif self.lists in ("endless", "drip") and exchange.method == "GET":
            rows, every = (b'{"id":"m","name":"m"},' * 1000, 0.0) if self.lists == "endless" else (b" ", 0.05)
            head = _head(200, {"content-type": "application/json", "connection": "close"})
            await connection.play([Send(head + b'{"data":['), Stall(rows, every)], Fault("ok"))
        elif self.lists == "gzip" and (plain := dialect.get(exchange, models)):
            reply = packed(plain)
        await connection.reply(
            reply or dialect.get(exchange, models) or Reply(404, dialect.error(404, "", "Not found."))
        )
        return True


class _Connection:
    """One client's connection: writes what the script says and notices at once when the client leaves."""

    exchange: Exchange
    changed: Callable[[], None]

    def __init__(
        self,
        reader: _Reader,
        writer: asyncio.StreamWriter,
        number: int,
        wait_while_limited: Callable[[int, asyncio.Event], Awaitable[None]],
    ) -> None:
        self.number = number
        self._wait_while_limited = wait_while_limited
        self.busy = False
        self._left = reader.left
        self._writer = writer

    def close(self) -> None:
        """FIN."""
        self._writer.close()

    def reset(self) -> None:
        """RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def pause(self, seconds: float | None) -> None:
        """Silence; raises `ClientLeft` as soon as the client leaves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._left.wait()
        if self._left.is_set():
            raise ClientLeft

    async def write(self, data: bytes) -> None:
        """Sends bytes. The first of them are the response's first byte."""
        if self._left.is_set():
            raise ClientLeft
        self._writer.write(data)
        if self.exchange.first_byte is None:
            self.exchange.first_byte = now()
            self.changed()
        await self._writer.drain()

    async def reply(self, reply: Reply, *, length: int | None = None) -> None:
        """A whole reply."""
        headers = {**reply.headers, "content-length": str(len(reply.body) if length is None else length)}
        self.exchange.status = reply.status
        await self.write(_head(reply.status, headers) + reply.body)
        self.exchange.finished = True

    async def play(self, script: list[Step], fault: Fault, *, chunked: bool = False) -> bool:
        """Does one step after the other. False: the connection is over."""
        gap, due = 1 / rate if (rate := fault.number("rate", 0)) else 0.0, now()
        for step in script:
            await self._wait_while_limited(self.exchange.tokens_sent, self._left)
            match step:
                case Send(data, tokens):
                    if tokens and gap:
                        due = max(due + gap * tokens, now() - MAX_LATE)
                        await self.pause(max(0.0, due - now()))
                    await self.write(_chunk(data) if chunked else data)
                    if tokens:
                        self.exchange.tokens_sent += tokens
                        self.exchange.token_times += [now()] * tokens
                        self.changed()
                    await asyncio.sleep(0)
                case Pause(seconds):
                    await self.pause(seconds)
                case Stall(b"", _):
                    await self.pause(None)
                case Stall(repeat, every):
                    while True:
                        await self.pause(every)
                        await self.write(_chunk(repeat) if chunked else repeat)
                case Reset():
                    # A client's library throws away what it has not read when a reset comes: real ones come later.
                    await self.pause(fault.number("gap", 0.02))
                    self.exchange.finished = True
                    self.reset()
                    return False
                case Close():
                    self.exchange.finished = True
                    return False
        return True


async def _stream(answer: Answer, dialect: Dialect, exchange: Exchange, connection: _Connection) -> bool:
    fault = answer.fault
    script = rewrite(fault, steps(fault, dialect.frames(answer, exchange), dialect, exchange.model))
    # A close must look like a regular end: without chunks, the end of the connection is the end of the body.
    chunked = fault.options.get("framing", "eof" if fault.name == "close" else "chunked") == "chunked"
    headers = {"content-type": dialect.content_type, "cache-control": "no-cache"}
    headers |= {"transfer-encoding": "chunked"} if chunked else {"connection": "close"}
    if "cookie" in fault.options:
        headers["set-cookie"] = f"visitor={fault.options['cookie']}; Path=/"
    if fault.name == "gzip":
        headers["content-encoding"] = "gzip"
        script = _gzipped(script)
    if fault.name == "huge-headers":
        headers |= {f"x-filler-{number}": "x" * 100 for number in range(int(fault.number("lines", 40)))}
    if fault.name == "early-hints":
        await connection.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n")
    exchange.status = 200
    await connection.write(_head(200, headers))
    if "delay" in fault.options:
        await connection.pause(fault.number("delay", 0))
    if fault.name == "short-body":
        return False
    if not await connection.play(script, fault, chunked=chunked):
        return False
    if chunked:
        await connection.write(b"0\r\n\r\n")
    exchange.finished = True
    return chunked


async def _whole(answer: Answer, dialect: Dialect, connection: _Connection) -> bool:
    """An answer that is not streamed, in as many pieces as there are tokens, so that every moment has its place."""
    fault, body = answer.fault, dump(dialect.whole(answer))
    if fault.name == "short-body":
        await connection.reply(Reply(200, body), length=len(body) + 10)
        return False
    if fault.name == "malformed":
        body = body[: len(body) // 2]
    elif fault.name == "not-an-object":
        body = b"[1,2]"
    if fault.name in ("cut", "close", "stall"):
        size = max(1, len(body) // 20)
        frames = [Frame(body[start : start + size], "token") for start in range(0, len(body), size)]
        connection.exchange.status = 200
        await connection.write(_head(200, {"content-type": "application/json", "content-length": str(len(body))}))
        return await connection.play(steps(fault, frames, dialect), fault)
    await connection.reply(Reply(200, body))
    return True


def _gzipped(script: list[Step]) -> list[Step]:
    data = gzip.compress(b"".join(step.data for step in script if isinstance(step, Send)))
    tokens = sum(step.tokens for step in script if isinstance(step, Send))
    half = len(data) // 2
    return [Send(data[:half]), Send(data[half:], tokens)]


def _dialect(exchange: Exchange) -> Dialect | None:
    """Whose protocol that is: both vendors have the path /v1/models, and a header tells them apart."""
    by_name = {dialect.name: dialect for dialect in DIALECTS}
    if exchange.path.startswith("/api/") or exchange.path == "/":
        return by_name["ollama"]
    if exchange.path.startswith("/v1/messages") or (
        exchange.path == "/v1/models" and "anthropic-version" in exchange.headers
    ):
        return by_name["anthropic"]
    if exchange.path == "/v1/responses":
        return by_name["responses"]
    return by_name["openai"] if exchange.path in ("/v1/chat/completions", "/v1/models", "/v1/embeddings") else None


async def _read_request(reader: asyncio.StreamReader) -> Exchange | None:
    """The next request of a connection; None: there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    raw = b""
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int(await reader.readuntil(b"\r\n"), 16):
            raw += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    elif length := int(headers.get("content-length", 0)):
        raw = await reader.readexactly(length)
    body: Any = {}
    with contextlib.suppress(orjson.JSONDecodeError):
        body = orjson.loads(raw) if raw else {}
    body = body if isinstance(body, dict) else {}
    path, _, query = target.partition("?")
    path = re.sub("^/openai/deployments/[^/]+", "/v1", path)  # Azure's older addresses
    return Exchange("", method, path, headers, body, raw, str(body.get("model", "")), query)


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Whatever')}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""

"""From a reply's bytes to lines, server-sent events and JSON objects, whatever pieces the network makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import orjson

from llm_hub.errors import (
    InvalidRequest,
    StreamBroken,
    shorten,
)
from llm_hub.wire.json_limits import holds_more
from llm_hub.wire.transport import unfit

MAX_LINE_BYTES = 8 * 1024 * 1024
"""Bytes. A server that sends a longer line is not speaking the protocol."""

MAX_EVENT_LINES = 10_000
"""Of one event."""

MAX_ANSWER_CHARS = 4_000_000
"""Characters, roughly: what was thought and the arguments of calls among them. That is a million tokens."""

MAX_LINE_VALUES = 300_000
"""Of a line or a list, all objects and lists and what is in them: it could not be read without holding up everybody."""


USAGE_GRACE = 1.0
"""Seconds that a stream may stay open after its answer is complete: for the usage that follows, and to end the reply
in order, so that its connection serves the next request."""


class RawReply(Protocol):
    """What httpx's and httpx2's responses have in common."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    def aiter_raw(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


async def body(reply: RawReply, complete: Callable[[], bool], length: Callable[[], int]) -> AsyncGenerator[bytes]:
    """The reply's body as it comes, and a blank line at its end, which several servers leave out. Closes the reply.

    Once `complete()` says that nothing more is needed, neither silence nor a cut connection is an error. `length()` is
    that of the answer so far: it is no more than what was read, and so it is asked a few times at most. Raises
    `StreamBroken` for an answer without an end, and for a web page, which is what a wrong address often answers with.
    """
    heard, look = 0, MAX_ANSWER_CHARS
    try:
        if reply.headers.get("content-type", "").startswith("text/html"):
            raise StreamBroken("The server sent a web page instead of an answer.", hint="Check the base URL.")
        async with aclosing(reply.aiter_raw()) as pieces:  # type: ignore[type-var]  # both are async generators
            while not complete():
                piece = await anext(pieces, None)
                if piece is None:
                    yield b"\n\n"
                    return
                heard += len(piece)
                if heard > look:
                    look = heard + _bearable(length())
                yield piece
            deadline = asyncio.get_running_loop().time() + USAGE_GRACE
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        piece = await anext(pieces, None)
                except Exception:  # noqa: BLE001  # whatever ends the connection now, the answer is complete
                    return
                if piece is None:
                    return
                yield piece
    finally:
        await reply.aclose()


def _bearable(length: int) -> int:
    """Bytes that may be read before an answer of that length is looked at again."""
    if length > MAX_ANSWER_CHARS:
        raise unfit(f"The answer has no end: it is longer than {MAX_ANSWER_CHARS // 10**6} million characters.")
    return max(MAX_ANSWER_CHARS - length, 2**20)


class LineDecoder:
    """Splits a byte stream into lines at LF, CRLF or CR. Bytes are joined before anything is decoded."""

    __slots__ = ("_length", "_rest")

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends."""
        self._rest.append(chunk)
        self._length += len(chunk)
        if b"\n" not in chunk and b"\r" not in chunk and not (len(self._rest) > 1 and self._rest[-2].endswith(b"\r")):
            if self._length > MAX_LINE_BYTES:
                raise StreamBroken(f"The server sent a line of more than {MAX_LINE_BYTES // 1024 // 1024} MB.")
            return []
        data = b"".join(self._rest)
        if b"\r" in data:
            # A CR at the very end may be half of a CRLF: it waits for the next chunk.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        lines = data.split(b"\n")
        rest = lines.pop()
        self._rest, self._length = [rest] if rest else [], len(rest)
        return lines


class SSEDecoder:
    """Server-sent events as pairs of event name ("" if unnamed) and data. Comments, ids and retries are skipped.

    Source: the WHATWG HTML standard, "Interpreting an event stream".
    """

    __slots__ = ("_data", "_event", "_fresh", "_lines")

    def __init__(self) -> None:
        self._lines = LineDecoder()
        self._event = ""
        self._data: list[bytes] = []
        self._fresh = True

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """The events that are complete now."""
        events = []
        for raw in self._lines.feed(chunk):
            line = raw
            if self._fresh:
                self._fresh = False
                line = raw.removeprefix(b"\xef\xbb\xbf")
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append((self._event, data))
                    self._data = []
                self._event = ""
            elif line.startswith(b"event:"):
                self._event = line[6:].strip().decode("utf-8", "replace")
        if len(self._data) > MAX_EVENT_LINES:
            raise unfit(f"The server sent an event of more than {MAX_EVENT_LINES} lines.")
        return events


def dump(value: object) -> bytes:
    """JSON. Raises `InvalidRequest` for what has none, such as a tool's schema with a function in it."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise InvalidRequest(f"The request cannot be written as JSON: {shorten(str(error))}.") from None


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises `StreamBroken` if it is malformed, out of bounds, or anything else than an object."""
    if len(data) > MAX_LINE_VALUES and (len(data) > MAX_LINE_BYTES or holds_more(data, MAX_LINE_VALUES)):
        raise unfit("The server sent more at once than any answer has.")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            # orjson refuses half a surrogate pair, which servers send that split an emoji's escape between two tokens.
            read = json.loads(data, parse_int=_whole)
            value = json.loads(json.dumps(read, ensure_ascii=False).encode("utf-8", "replace"), parse_int=_whole)
        except (ValueError, RecursionError) as error:
            raise StreamBroken("The server sent something that is not JSON.", detail=shorten(data)) from error
    if not isinstance(value, dict):
        raise StreamBroken("The server sent JSON of an unexpected shape.", detail=shorten(data))
    return value


def _whole(digits: str) -> float:
    """A whole number; one of thousands of digits would take long to read, and no count has as many."""
    return int(digits) if len(digits) < 20 else float(digits)

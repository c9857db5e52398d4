"""From a reply's bytes to lines, server-sent events and JSON objects, wherever the network cuts them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, Protocol

import orjson

from llm_hub.chat.exact_json import dump_exactly, exact_object, has_long_number
from llm_hub.errors import InvalidRequest, StreamBroken
from llm_hub.redaction import shorten
from llm_hub.wire.http_reply import HttpReply, has_arrived, unusable_reply
from llm_hub.wire.json_limits import holds_more

MAX_LINE_BYTES = 8 * 1024 * 1024
"""Bytes of a line. A server that sends a longer one is not speaking the protocol."""

MAX_EVENT_LINES = 10_000
"""Lines of one server-sent event. Vendors send one or two."""

MAX_ANSWER_CHARS = 4_000_000
"""Characters of an answer, roughly: text, reasoning and the arguments of tool calls. That is a million tokens."""

MIN_COUNT_STEP = 2**20
"""Bytes that are read at least before the length of a long answer is counted again: counting takes time."""

MAX_LINE_VALUES = 300_000
"""JSON values of a line or a list, nested ones among them. Reading more would hold up every other chat."""

USAGE_GRACE = 5.0
"""Seconds of silence after the answer's finish reason, in which its usage or late text may follow."""

END_GRACE = 1.0
"""Seconds of silence once nothing is missing any more: for the end of the reply, so that its connection serves the next
request."""


class GrowingAnswer(Protocol):
    """What the reading of a body has to know of the answer in it."""

    deadline: float | None
    """None until the answer needs nothing more, and from then on the loop's time at which silence ends it."""

    def count_characters(self) -> int:
        """The length of the answer so far."""
        ...


async def read_body(reply: HttpReply, answer: GrowingAnswer) -> AsyncGenerator[bytes]:
    """The reply's body as it comes, and a blank line at its end, which several servers leave out. Closes the reply.

    Once `answer` has a deadline, neither silence nor a cut connection is an error. An answer is never longer than the
    bytes that were read, so that its characters are counted a few times at most. Raises `StreamBroken` for an answer
    that is too long, and for a web page, which is what a wrong base URL often answers with.
    """
    bytes_read, next_count = 0, MAX_ANSWER_CHARS
    try:
        if reply.headers.get("content-type", "").lower().startswith("text/html"):
            raise StreamBroken("The server sent a web page instead of an answer.", hint="Check the base URL.")
        async with aclosing(aiter(reply.stream)) as pieces:  # the transport's own, which translates errors
            while True:
                limit = answer.deadline
                try:
                    if limit is None or has_arrived(reply):
                        piece = await anext(pieces)
                    else:
                        async with asyncio.timeout_at(limit):
                            piece = await anext(pieces)
                except StopAsyncIteration:
                    yield b"\n\n"
                    return
                except Exception:
                    if limit is None:
                        raise
                    return  # whatever ends the connection now, the answer is complete
                bytes_read += len(piece)
                if bytes_read > next_count:
                    next_count = bytes_read + _bytes_until_next_count(answer.count_characters())
                yield piece
    finally:
        await reply.aclose()


def _bytes_until_next_count(characters: int) -> int:
    """Bytes that may be read before the length of an answer of so many characters is counted again."""
    if characters > MAX_ANSWER_CHARS:
        raise unusable_reply(
            f"The answer has no end: it is longer than {MAX_ANSWER_CHARS // 10**6} million characters."
        )
    return max(MAX_ANSWER_CHARS - characters, MIN_COUNT_STEP)


class StreamDecoder(Protocol):
    """Cuts the bytes of a stream into the JSON texts that it carries."""

    def decode(self, chunk: bytes) -> list[bytes]:
        """The JSON texts that are complete now."""
        ...


class LineDecoder:
    """Splits a byte stream into lines at LF, CRLF or CR, as newline-delimited JSON needs it.

    Bytes are joined before anything is decoded, so that a character that the network cut in two is whole again.
    """

    __slots__ = ("_length", "_rest")

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._length = 0

    @property
    def has_rest(self) -> bool:
        """Whether the beginning of a line waits for its end."""
        return bool(self._rest)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends. Raises `StreamBroken` for one that is too long."""
        self._rest.append(chunk)
        self._length += len(chunk)
        if b"\n" not in chunk and b"\r" not in chunk and not (len(self._rest) > 1 and self._rest[-2].endswith(b"\r")):
            if self._length > MAX_LINE_BYTES:
                raise StreamBroken(f"The server sent a line of more than {MAX_LINE_BYTES // 1024 // 1024} MB.")
            return []
        data = b"".join(self._rest)
        if b"\r" in data:
            # A CR at the very end may be half of a CRLF: it waits for the next chunk.
            last_cr = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(last_cr)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + last_cr
        lines = data.split(b"\n")
        rest = lines.pop()
        self._rest, self._length = [rest] if rest else [], len(rest)
        return lines

    def decode(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete now, without blank ones."""
        return [line for line in self.feed(chunk) if line.strip()]


class SSEDecoder:
    """The data of server-sent events. Their names are skipped, since the JSON of every vendor names its kind itself,
    and so are comments, ids and retries.

    Some servers answer with JSON where a stream was asked for, or write an error between the events: a JSON text that
    no `data:` stands before is an event of its own, and the field `error` of older servers of llama.cpp is data.
    Source: the WHATWG HTML standard, "Interpreting an event stream", where such lines mean nothing.
    """

    __slots__ = ("_at_start", "_data", "_in_json", "_lines")

    def __init__(self) -> None:
        self._lines = LineDecoder()
        self._data: list[bytes] = []
        self._in_json = False
        """Whether `_data` are the lines of JSON without `data:`."""
        self._at_start = True

    def decode(self, chunk: bytes) -> list[bytes]:
        """The data of the events that are complete now. Raises `StreamBroken` for one that is too long."""
        if not (self._data or self._lines.has_rest) and (events := _whole_events(chunk)):
            self._at_start = False
            return events
        lines = self._lines.feed(chunk)
        if self._at_start and lines:
            self._at_start = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        events = []
        for line in lines:
            if line[:5] == b"data:":
                if self._in_json:
                    self._end_event(events)
                self._data.append(line[5:].removeprefix(b" "))
            elif not line:
                self._end_event(events)
            elif line.startswith(b"error:"):
                self._data.append(line[6:])
            elif not line.startswith((b"event:", b":")) and (
                self._in_json or (not self._data and line.lstrip()[:1] in (b"{", b"["))
            ):
                if line.startswith(b"{"):  # the next object of a list of lines, each of which is one
                    self._end_event(events)
                self._in_json = True
                self._data.append(line)
        if len(self._data) > MAX_EVENT_LINES:
            raise unusable_reply(f"The server sent an event of more than {MAX_EVENT_LINES} lines.")
        return events

    def _end_event(self, events: list[bytes]) -> None:
        data = b"\n".join(self._data)
        if data.strip():
            if self._in_json and data[:1] == b"[" and data.rstrip()[-1:] == b"]" and data != b"[DONE]":
                data = data.strip()[1:-1]  # Gemini's servers write a list around an error
            events.append(data)
        self._data.clear()
        self._in_json = False


def _whole_events(chunk: bytes) -> list[bytes]:
    """The data of a read that is nothing but whole events of one line each, with a name or without one, as nearly all
    are; [] for any other."""
    if not chunk.endswith(b"\n\n") or b"\r" in chunk:
        return []
    if chunk.startswith(b"data: "):
        lines, events = 2, chunk[6:-2].split(b"\n\ndata: ")
    else:
        lines, events = 3, _NAMED_EVENT.findall(chunk)
    is_whole = chunk.count(b"\n") == lines * len(events)
    return events if is_whole and all(events) and not any(map(bytes.isspace, events)) else []


_NAMED_EVENT = re.compile(rb"^event: .*\ndata: (.*)\n\n", re.MULTILINE)


def encode_json(value: object) -> bytes:
    """JSON. Raises `InvalidRequest` for a value that has none, such as a tool's schema with a function in it."""
    try:
        return dump_exactly(value)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"The request cannot be written as JSON: {shorten(str(error))}.") from None


class SplitCharacters:
    """Puts the halves of a character together that a server has escaped in two objects of a stream: the first one has
    `"…\\ud83d"` and the next one `"\\ude00…"`, since it cut an emoji between two tokens."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = b""

    def join(self, data: bytes) -> bytes:
        """The object without the half that ends a text, and with the one before it that its own text goes on with."""
        joined, number = _SECOND_HALF.subn(b'"' + self._half.replace(b"\\", b"\\\\") + rb"\1", data)
        ends = _FIRST_HALF.findall(joined)
        if number or ends:
            self._half = ends[-1][1] if ends else b""
        return bytes(_FIRST_HALF.sub(rb'\1"', joined))


_FIRST_HALF = re.compile(rb'((?:^|[^\\])(?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2})"')
_SECOND_HALF = re.compile(rb'(?<!\\)"(\\u[dD][c-fC-F][0-9a-fA-F]{2})')


def parse_object(data: bytes, split: SplitCharacters | None = None) -> dict[str, Any]:
    """A JSON object, also one in a list of its own, as Gemini's servers write errors. `split` is for objects of one
    stream.

    Raises `StreamBroken` for JSON that is malformed, out of bounds, or not an object.
    """
    try:  # nearly always enough: this runs for each token
        value = orjson.loads(data) if len(data) <= MAX_LINE_VALUES else parse_json(data, split)
    except orjson.JSONDecodeError:
        value = parse_json(data, split)
    if type(value) is dict:
        return value
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return value[0]
    raise StreamBroken("The server sent JSON of an unexpected shape.", detail=shorten(data))


def parse_objects(texts: list[bytes], split: SplitCharacters) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream that came at once, with all digits of their numbers."""
    is_long = has_long_number(b" ".join(texts))  # once for all of them: there nearly never is one
    for data in texts:
        value = parse_object(data, split)
        yield exact_object(value, data) if is_long else value


def parse_json(data: bytes, split: SplitCharacters | None = None) -> Any:
    """A JSON value. Raises `StreamBroken` for JSON that is malformed or out of bounds."""
    if len(data) > MAX_LINE_VALUES and (len(data) > MAX_LINE_BYTES or holds_more(data, MAX_LINE_VALUES)):
        raise unusable_reply("The server sent more at once than any answer has.")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:  # which half a surrogate pair is, too
        try:
            lenient = json.loads(data if split is None else split.join(data), parse_int=_parse_int)
            valid = json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace")
            return json.loads(valid, parse_int=_parse_int)
        except (ValueError, RecursionError) as error:
            raise StreamBroken("The server sent something that is not JSON.", detail=shorten(data)) from error


def _parse_int(digits: str) -> float:
    """A whole number. One of thousands of digits takes long to read, and no count has as many: it becomes a float."""
    return int(digits) if len(digits) < 20 else float(digits)

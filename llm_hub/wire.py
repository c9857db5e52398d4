"""From bytes on the wire to JSON objects: what every HTTP adapter shares.

The decoders take whatever pieces the network makes of a stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from llm_hub.errors import (
    ConfigurationError,
    InvalidRequest,
    ProviderError,
    StreamBroken,
    UnsupportedParameter,
    shorten,
)
from llm_hub.json_size import holds_more
from llm_hub.transport import unfit

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes. A server that sends a longer line is not speaking the protocol."""
MOST_LINES = 10_000
"""Of one event."""
LONGEST_ANSWER = 4_000_000
"""Characters, roughly: what was thought and the arguments of calls among them. That is a million tokens."""
LONGEST_NAME = 256
"""Characters of a name from the wire."""
LONGEST_REFUSAL = 2000
"""Characters of a model's own words for not answering."""
MOST_MODELS = 20_000
"""In a list."""
MOST_VALUES = 300_000
"""Of a line or a list, all objects and lists and what is in them: it could not be read without holding up everybody."""
LARGEST_COUNT = 10**9
"""Tokens. A greater number is no count of them."""

LIST_TIMEOUT = 10.0
"""Seconds for a list of models: the page shows its suggestions meanwhile."""

MODELS_LEARNT = 1000
"""Models of a provider whose refusals are remembered."""

LINGER = 1.0
"""Seconds that a stream may stay open after its answer is complete: for the usage that follows, and to end the reply
in order, so that its connection serves the next request."""


class Reply(Protocol):
    """What httpx's and httpx2's responses have in common."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    def aiter_raw(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


async def body(reply: Reply, complete: Callable[[], bool], length: Callable[[], int]) -> AsyncGenerator[bytes]:
    """The reply's body as it comes, and a blank line at its end, which several servers leave out. Closes the reply.

    Once `complete()` says that nothing more is needed, neither silence nor a cut connection is an error. `length()` is
    that of the answer so far: it is no more than what was read, and so it is asked a few times at most. Raises
    `StreamBroken` for an answer without an end, and for a web page, which is what a wrong address often answers with.
    """
    heard, look = 0, LONGEST_ANSWER
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
            deadline = asyncio.get_running_loop().time() + LINGER
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
    if length > LONGEST_ANSWER:
        raise unfit(f"The answer has no end: it is longer than {LONGEST_ANSWER // 10**6} million characters.")
    return max(LONGEST_ANSWER - length, 2**20)


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
            if self._length > LONGEST_LINE:
                raise StreamBroken(f"The server sent a line of more than {LONGEST_LINE // 1024 // 1024} MB.")
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
        if len(self._data) > MOST_LINES:
            raise unfit(f"The server sent an event of more than {MOST_LINES} lines.")
        return events


def dump(value: object) -> bytes:
    """JSON. Raises `InvalidRequest` for what has none, such as a tool's schema with a function in it."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise InvalidRequest(f"The request cannot be written as JSON: {shorten(str(error))}.") from None


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises `StreamBroken` if it is malformed, out of bounds, or anything else than an object."""
    if len(data) > MOST_VALUES and (len(data) > LONGEST_LINE or holds_more(data, MOST_VALUES)):
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


class ThinkSplitter:
    """Keeps apart the reasoning that a model writes inline, as `<think>…</think>` before its answer.

    Only a tag that opens the answer counts: one that is quoted later is text. Line breaks after the tags go with them.
    """

    __slots__ = ("_held", "_state", "_trim")

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""
        self._trim = False

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Pieces of text as pairs of "is reasoning" and text; what may be half a tag is held back."""
        if self._state == "text" and not self._trim:
            return [(False, text)]
        self._held += text
        if self._state == "start":
            head = self._held.lstrip()
            if len(head) < 7 and "<think>".startswith(head) and len(self._held) < LONGEST_NAME:
                return []
            if head.startswith("<think>"):
                self._state, self._held, self._trim = "thinking", head[7:], True
            else:
                self._state = "text"
        return self._while_thinking() if self._state == "thinking" else self._as_text()

    def flush(self) -> list[tuple[bool, str]]:
        """What is held when the stream ends."""
        held, self._held = self._held, ""
        return [(self._state == "thinking", held)] if held else []

    def _as_text(self) -> list[tuple[bool, str]]:
        held, self._held = self._held.lstrip("\n") if self._trim else self._held, ""
        self._trim = self._trim and not held
        return [(False, held)] if held else []

    def _while_thinking(self) -> list[tuple[bool, str]]:
        if self._trim:
            self._held = self._held.lstrip("\n")
            self._trim = not self._held
        thought, tag, after = self._held.partition("</think>")
        if tag:
            self._state, self._held, self._trim = "text", after, True
            return ([(True, thought)] if thought else []) + self._as_text()
        keep = next((n for n in range(7, 0, -1) if self._held.endswith("</think>"[:n])), 0)
        thought, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [(True, thought)] if thought else []


class LearnedParameters:
    """What models were found not to take, by their own refusals: asked once, then remembered for that model.

    A parameter is renamed if another name is known for it and was not refused too, and left out otherwise. Of one
    whose values are words, such as an effort, a value may be refused alone.
    """

    def __init__(self, droppable: frozenset[str], replaced_by: Mapping[str, str] | None = None) -> None:
        self._droppable = droppable
        self._replaced_by = replaced_by or {}
        self._refused: dict[str, set[str]] = {}

    def apply(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        """The body as this model takes it."""
        refused = self._refused.get(model)
        if not refused:
            return body
        adapted = {}
        for name, value in body.items():
            if name not in refused:
                if not isinstance(value, str) or f"{name}={value}" not in refused:
                    adapted[name] = value
            elif (other := self._replaced_by.get(name)) and other not in refused:
                adapted[other] = value
        return adapted

    def learn(self, model: str, error: ProviderError, sent: Mapping[str, Any]) -> bool:
        """Whether the error taught something, so that the request is worth sending once more."""
        parameter = error.parameter if isinstance(error, UnsupportedParameter) else ""
        if parameter not in self._droppable or parameter not in sent:
            return False
        word = sent[parameter] if error.code == "unsupported_value" else None
        if len(self._refused) >= MODELS_LEARNT and model not in self._refused:
            del self._refused[next(iter(self._refused))]  # anybody may invent names of models
        self._refused.setdefault(model, set()).add(f"{parameter}={word}" if isinstance(word, str) else parameter)
        return True


def checked_key(key: str, setting: str) -> str:
    """The key without surrounding white space. Raises `ConfigurationError`, which names the setting, not the key."""
    key = key.strip() if isinstance(key, str) else ""
    if not key:
        raise ConfigurationError(f"{setting} is empty.", hint="Set it to the provider's API key.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            f"{setting} contains a line break, a space or a character that no API key has.",
            hint="Copy the key again, in one line.",
        )
    return key


def checked_url(url: str, setting: str) -> str:
    """A base URL without its last slash. Raises `ConfigurationError`, which names the setting."""
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise ConfigurationError(f"{setting} is not a web address.", hint="It looks like https://example.com/v1.")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{setting} contains a user name or password.", hint="Leave them out of the address.")
    if "?" in url or "#" in url:
        raise ConfigurationError(f"{setting} goes on after its path.", hint="It ends like https://example.com/v1.")
    return url


def count(value: object) -> int | None:
    """A count from the wire, or None if it is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT else None


def named(value: object) -> str:
    """A name from the wire, such as a model's: not too long, and without what cannot be printed; "" if it is none."""
    if not isinstance(value, str):
        return ""
    value = value[:LONGEST_NAME]
    return value if value.isprintable() else "".join(one if one.isprintable() else "?" for one in value)


def listed(rows: object, field: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a list of models, by their names, which are in that field. Those are left out that nobody could ask
    for. Raises `StreamBroken` for a list that is too long for one.
    """
    if not isinstance(rows, list):
        return []
    if len(rows) > MOST_MODELS:
        raise unfit(f"The server lists more than {MOST_MODELS} models.")
    objects = (row for row in rows if isinstance(row, dict))
    return [(row[field], row) for row in objects if row.get(field) and named(row[field]) == row[field]]

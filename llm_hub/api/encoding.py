"""How the API writes what it answers: JSON, and server-sent events."""

from __future__ import annotations

import re
from typing import Any

import orjson
from starlette.responses import Response

from llm_hub.chat.exact_json import dump_exactly

_LINE_BREAKS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""What is no end of a line in a stream of events, but one to many readers: Python's `splitlines`, httpx's `iter_lines`.
"""
_ESCAPES = tuple((f"{char}".encode(), f"\\u{ord(char):04x}".encode()) for char in "\x85\u2028\u2029")


def dump(value: Any) -> bytes:
    """The value as JSON in one line, also for those who take a U+2028 for the end of one."""
    try:
        data = orjson.dumps(value)
    except orjson.JSONEncodeError:
        data = dump_exactly(value)
    if not data.isascii():
        for char, escape in _ESCAPES:
            if char in data:
                data = data.replace(char, escape)
    return data


class TextFrame:
    """What stands around the text of events that differ in nothing else, as those of one answer do. For speed: this
    runs for each token.

    `event` is such an event as it is written, with an empty text in its last `field`.
    """

    __slots__ = ("_after", "_before")

    def __init__(self, event: bytes, field: str) -> None:
        name = f'"{field}":'.encode()
        before, _, self._after = event.rpartition(name + b'""')
        self._before = before + name

    def write(self, text: str) -> bytes:
        return self._before + dump(text) + self._after


def json_response(value: object, status: int = 200) -> Response:
    """A reply whose body is the value as JSON."""
    return Response(dump(value), status, media_type="application/json")


def sse(data: str | bytes, name: str = "") -> bytes:
    """One server-sent event. Each line of a text gets a `data:` line of its own; bytes are one line.

    Whatever a reader may take for the end of a line in a text is one: else what follows had no `data:`, and were lost.
    """
    if isinstance(data, bytes):
        lines = b"data: " + data + b"\n\n"
    else:
        text = data.replace("\r\n", "\n").replace("\r", "\n")
        if not text.isprintable():  # nearly all pieces are
            text = _LINE_BREAKS.sub("\n", text)
        lines = b"data: " + text.encode("utf-8", "replace").replace(b"\n", b"\ndata: ") + b"\n\n"
    return b"event: " + name.encode() + b"\n" + lines if name else lines

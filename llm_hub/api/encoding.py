"""How the API writes what it answers: JSON, and server-sent events."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


def dump(value: Any) -> bytes:
    """The value as JSON."""
    return orjson.dumps(value)


def json_response(value: object, status: int = 200) -> Response:
    """A reply whose body is the value as JSON."""
    return Response(dump(value), status, media_type="application/json")


def sse(data: str | bytes, name: str = "") -> bytes:
    """One server-sent event. Each line of a text gets a `data:` line of its own; bytes are one line."""
    if isinstance(data, bytes):
        lines = b"data: " + data + b"\n\n"
    else:
        text = data.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
        lines = b"data: " + text.replace(b"\n", b"\ndata: ") + b"\n\n"
    return b"event: " + name.encode() + b"\n" + lines if name else lines

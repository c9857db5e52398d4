"""A provider that answers at once and costs next to nothing, so that only the gateways before it are measured.

    python -m benchmarks.fake_provider PORT

It speaks chat completions and Anthropic's messages, as far as the benchmarks use them. The words of the request decide
what it answers: "call" one word, "stream" `TOKENS` words as fast as they are taken, a write each, and "paced" `PACED`
words, one every `PACE` seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = 200
PACED = 100
PACE = 0.02
"""Seconds between two tokens of a stream: 50 tokens a second, as fast models write."""


class FakeProvider(asyncio.Protocol):
    """One connection. Requests come one after another, each with a Content-Length."""

    def __init__(self) -> None:
        self._received = b""
        self._timer: asyncio.Handle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's shape
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        lowered = head.lower()
        length = int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
        if b"\ntransfer-encoding" in lowered:
            raise NotImplementedError("a request without Content-Length")
        if len(body) < length:
            return
        self._received = body[length:]
        self._answer(is_claudes=b"/messages HTTP" in head, body=body[:length])

    def _answer(self, *, is_claudes: bool, body: bytes) -> None:
        if b'"paced"' in body:
            self._write_next(_written(is_claudes, PACED), 0, PACE)
        elif b'"stream":true' in body.replace(b" ", b""):
            self._write_next(_written(is_claudes, TOKENS if b'"stream"' in body.replace(b'"stream":', b"") else 1), 0)
        else:
            self._transport.write(_whole(is_claudes))

    def _write_next(self, pieces: list[bytes], place: int, pace: float = 0.0) -> None:
        self._transport.write(pieces[place])
        if place + 1 == len(pieces):
            self._timer = None
            return
        loop = asyncio.get_running_loop()
        if pace:
            self._timer = loop.call_later(pace, self._write_next, pieces, place + 1, pace)
        else:
            self._timer = loop.call_soon(self._write_next, pieces, place + 1)


@cache
def _whole(is_claudes: bool) -> bytes:  # a key of the cache
    answer = _claudes_answer() if is_claudes else _openais_answer()
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


@cache
def _written(is_claudes: bool, tokens: int) -> list[bytes]:  # a key of the cache
    """A streamed reply, as it is written piece by piece. The head goes with the first one, as servers send it."""
    frames = [*(_claudes_frames(tokens) if is_claudes else _openais_frames(tokens))]
    pieces = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head + pieces[0], *pieces[1:-1], pieces[-1] + b"0\r\n\r\n"]


def _openais_answer() -> dict[str, Any]:
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    message = {"role": "assistant", "content": "word"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "fake", "choices": choices, "usage": usage}


def _openais_frames(tokens: int) -> Iterator[bytes]:
    usage = {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    for _ in range(tokens):
        yield _sse({**chunk, "choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": None}]})
    last = _sse({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield last + _sse({**chunk, "choices": [], "usage": usage}) + b"data: [DONE]\n\n"


_MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "fake", "stop_reason": None,
    "stop_sequence": None, "content": [], "usage": {"input_tokens": 5, "output_tokens": 1},
}  # fmt: skip
_END = {"stop_reason": "end_turn", "stop_sequence": None}
_TEXT = {"type": "text", "text": "", "citations": None}


def _claudes_answer() -> dict[str, Any]:
    return {**_MESSAGE, **_END, "content": [{**_TEXT, "text": "word"}]}


def _claudes_frames(tokens: int) -> Iterator[bytes]:
    yield _sse({"type": "message_start", "message": _MESSAGE}) + _sse(
        {"type": "content_block_start", "index": 0, "content_block": _TEXT}
    )
    for _ in range(tokens):
        delta = {"type": "text_delta", "text": " word"}
        yield _sse({"type": "content_block_delta", "index": 0, "delta": delta})
    last: list[dict[str, Any]] = [{"type": "content_block_stop", "index": 0}]
    last += [{"type": "message_delta", "delta": _END, "usage": {"output_tokens": tokens}}, {"type": "message_stop"}]
    yield b"".join(map(_sse, last))


def _sse(data: dict[str, Any]) -> bytes:
    name = b"event: %b\n" % data["type"].encode() if "type" in data else b""
    return name + b"data: " + json.dumps(data).encode() + b"\n\n"


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(FakeProvider, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))

"""CPU per streamed token: our adapters beside the vendors' SDKs and beside raw httpx2 with our own decoding.

    uv run python -m benchmarks.adapters

One run measures all of them against one fake server in a process of its own; read the ratios, not the microseconds: an
adapter takes at most half of what its vendor's SDK does.
"one read a token" paces the tokens so that each arrives alone; "bursts" sends them as fast as they are taken. Our
adapters join the tokens of one read into one event, so that their words are counted, and not their events.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import time
from contextlib import aclosing
from multiprocessing.connection import Connection
from typing import Any

import anthropic
import httpx2
import openai

from benchmarks.figures import publish
from llm_hub.chat import TextDelta
from llm_hub.providers.anthropic import AnthropicProvider
from llm_hub.providers.ollama import OllamaProvider
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.wire.decoders import SSEDecoder, parse_object

TOKENS = {"one read a token": 1000, "bursts": 20000}
ROUNDS = 3
PROMPT: list[Any] = [{"role": "user", "content": "Hello"}]


def _frames(path: str, tokens: int) -> list[bytes]:
    def sse(data: dict[str, Any]) -> bytes:
        name = f"event: {data['type']}\n" if "type" in data else ""
        return f"{name}data: {json.dumps(data)}\n\n".encode()

    if path.endswith("/chat/completions"):
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        choice = {"index": 0, "delta": {"content": " word"}, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        return [
            *[sse({**chunk, "choices": [choice]})] * tokens,
            sse({**chunk, "choices": [last]}),
            b"data: [DONE]\n\n",
        ]
    if path.endswith("/messages"):
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}}
        return [
            sse({"type": "message_start", "message": message}),
            sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            *[sse(delta)] * tokens,
            sse({"type": "content_block_stop", "index": 0}),
            sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": tokens}}),
            sse({"type": "message_stop"}),
        ]
    if path == "/api/ps":
        return [b'{"models": []}']
    line = {"model": "m", "message": {"role": "assistant", "content": " word"}, "done": False}
    end = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return [json.dumps(item).encode() + b"\n" for item in [*[line] * tokens, end]]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await _head(reader):
        path = head.split(" ")[1]
        length = next((int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
        body = json.loads(await reader.readexactly(length) or b"{}")
        kind = "application/x-ndjson" if path.startswith("/api") else "text/event-stream"
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        mode = body.get("model", "bursts").replace("-", " ")
        for frame in _frames(path, TOKENS.get(mode, 0)):
            writer.write(b"%x\r\n%s\r\n" % (len(frame), frame))
            if mode == "bursts":
                await writer.drain()
            else:
                await asyncio.sleep(0.0005)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    writer.close()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


def _serve(pipe: Connection) -> None:
    async def run() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def _measure(stream: Any, tokens: int) -> float:
    """Microseconds of CPU a token, the median of some rounds after one that warms up."""
    found = []
    for _ in range(ROUNDS + 1):
        begun = time.process_time()
        seen = await stream()
        found.append((time.process_time() - begun) / tokens * 1e6)
        assert seen == tokens, f"{seen} of {tokens} tokens"
    return statistics.median(found[1:])


async def _run(url: str) -> dict[str, dict[str, float]]:
    measured = {}
    sdk_openai = openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
    sdk_anthropic = anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0)
    raw = httpx2.AsyncClient()
    ours = {
        "openai": OpenAIProvider("test-key", base_url=f"{url}/v1"),
        "anthropic": AnthropicProvider("test-key", base_url=url),
        "ollama": OllamaProvider(url),
    }

    async def adapter(name: str, mode: str) -> int:
        async with aclosing(ours[name].stream("Hello", mode)) as pieces:  # type: ignore[type-var]
            return sum([piece.count("word") async for piece in pieces])

    async def openai_sdk(mode: str) -> int:
        stream = await sdk_openai.chat.completions.create(model=mode, messages=PROMPT, stream=True)
        return sum([1 async for chunk in stream if chunk.choices and chunk.choices[0].delta.content])

    async def anthropic_sdk(mode: str) -> int:
        stream = await sdk_anthropic.messages.create(model=mode, messages=PROMPT, max_tokens=9, stream=True)
        return sum([1 async for event in stream if event.type == "content_block_delta"])

    async def raw_httpx2(mode: str) -> int:
        seen, decoder = [], SSEDecoder()
        body = {"model": mode, "messages": PROMPT, "stream": True}
        async with raw.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
            async for piece in response.aiter_bytes():
                chunks = [parse_object(data) for data in decoder.decode(piece) if data != b"[DONE]"]
                texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
                seen += [TextDelta(text) for text in texts if text]
        return len(seen)

    for mode, tokens in TOKENS.items():
        model = mode.replace(" ", "-")
        figures = {
            "raw httpx2, own decoding": await _measure(lambda m=model: raw_httpx2(m), tokens),
            "openai SDK, its chunks": await _measure(lambda m=model: openai_sdk(m), tokens),
            "our openai adapter": await _measure(lambda m=model: adapter("openai", m), tokens),
            "anthropic SDK, its events": await _measure(lambda m=model: anthropic_sdk(m), tokens),
            "our anthropic adapter": await _measure(lambda m=model: adapter("anthropic", m), tokens),
            "our ollama adapter": await _measure(lambda m=model: adapter("ollama", m), tokens),
        }
        measured[mode] = figures
    for provider in ours.values():
        await provider.aclose()
    await raw.aclose()
    return measured


def main() -> None:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(there,), daemon=True)
    server.start()
    publish(asyncio.run(_run(f"http://127.0.0.1:{here.recv()}")))
    server.terminate()


if __name__ == "__main__":
    main()

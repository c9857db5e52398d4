"""The HTTP API beside other gateways, in one run before one fast fake provider: requests, latency, CPU, memory.

    uv run python -m benchmarks.gateways
    uv run python -m benchmarks.gateways --earlier path/to/a/clone
    uv run python -m benchmarks.gateways --litellm path/to/litellm --portkey path/to/@portkey-ai/gateway

The hub is measured twice: OpenAI's client before OpenAI, and Anthropic's before Anthropic. `--earlier` names a clone of
this repository at an earlier commit, which is measured beside it in the same way.

The peers are not the project's dependencies. Install them anywhere, for example
`uv venv lite && uv pip install --python lite/bin/python 'litellm[proxy]'` (then `--litellm lite/bin/litellm`) and
`npm install @portkey-ai/gateway` (then `--portkey node_modules/@portkey-ai/gateway`; its release 1.15.2 streams on
Node 20 only with `"overrides": {"@hono/node-server": "1.14.1"}` in package.json). One that is left out is not measured.

All gateways run at once and are measured in turns, of which the median counts. They share one core, which only the one
that is measured uses; the provider and the clients have another. Memory is proportional (PSS): pages that others share
are not counted twice. It is read once all have started, so that each has as many to share with. "Gradio's own" is a
process that has imported it and serves an empty page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = 200
CLIENTS = 16
ROUNDS = 5
SECONDS = 2.0
"""For each of a turn's two measurements under load."""
SINGLE = 60
"""Requests of a turn that are made one by one, of each kind."""
SETTLING = 15.0
"""Seconds after which what starts in the background, the page above all, has started."""
HERE = Path(__file__).parent.parent
KEY = "sk-fake-0123456789abcdef"
BEARER = {"authorization": f"Bearer {KEY}"}
EMPTY_PAGE = """
import sys, gradio as gr, uvicorn
from fastapi import FastAPI
with gr.Blocks() as blocks: gr.Chatbot(); gr.Textbox()
app = gr.mount_gradio_app(FastAPI(), blocks, path="/", ssr_mode=False)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


async def fake(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI application that speaks chat completions and Anthropic's messages, and does nothing else."""
    if scope["type"] != "http":
        return
    raw = b""
    while True:
        message = await receive()
        raw += message.get("body", b"")
        if not message.get("more_body"):
            break
    body = json.loads(raw) if raw else {}
    answer = _claudes_answer if scope["path"].endswith("/messages") else _openais_answer
    pieces = answer(TOKENS if "stream" in str(body.get("messages")) else 1, streamed=bool(body.get("stream")))
    await _head(send, "text/event-stream" if body.get("stream") else "application/json")
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


def _openais_answer(tokens: int, *, streamed: bool) -> Iterator[bytes]:
    usage = {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens}
    if not streamed:
        message = {"role": "assistant", "content": "word"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "fake", "choices": choices}
        yield json.dumps({**answer, "usage": usage}).encode()
        return
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    for _ in range(tokens):
        yield _sse({**chunk, "choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": None}]})
    last = _sse({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield last + _sse({**chunk, "choices": [], "usage": usage}) + b"data: [DONE]\n\n"


def _claudes_answer(tokens: int, *, streamed: bool) -> Iterator[bytes]:
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "fake", "stop_reason": None,
        "stop_sequence": None, "content": [], "usage": {"input_tokens": 5, "output_tokens": 1},
    }  # fmt: skip
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    text = {"type": "text", "text": "", "citations": None}
    if not streamed:
        yield json.dumps({**message, **end, "content": [{**text, "text": "word"}]}).encode()
        return
    yield _sse({"type": "message_start", "message": message}) + _sse(
        {"type": "content_block_start", "index": 0, "content_block": text}
    )
    for _ in range(tokens):
        delta = {"type": "text_delta", "text": " word"}
        yield _sse({"type": "content_block_delta", "index": 0, "delta": delta})
    last: list[dict[str, Any]] = [{"type": "content_block_stop", "index": 0}]
    last += [{"type": "message_delta", "delta": end, "usage": {"output_tokens": tokens}}, {"type": "message_stop"}]
    yield b"".join(map(_sse, last))


async def _head(send: Any, kind: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]})


def _sse(data: dict[str, Any]) -> bytes:
    name = b"event: %b\n" % data["type"].encode() if "type" in data else b""
    return name + b"data: " + json.dumps(data).encode() + b"\n\n"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that can be measured. The port stands as PORT in its command and its environment."""

    name: str
    command: list[str]
    path: str
    model: str
    headers: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs."""

    gateway: Gateway
    url: str
    process: psutil.Process


@dataclass(frozen=True, slots=True)
class Figures:
    """What one gateway did in a turn. Milliseconds and microseconds."""

    requests: float
    first: float
    call: float
    cpu_request: float
    cpu_token: float


def _free() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextmanager
def _process(command: list[str], core: int, folder: str, **environment: str) -> Iterator[psutil.Process]:
    env = {**os.environ, **environment}
    log = (Path(folder) / "log").open("wb")
    process = psutil.Popen(["taskset", "-c", str(core), *command], cwd=folder, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        for member in _family(process):
            member.terminate()
        process.wait(30)
        log.close()


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    return sum(times.user + times.system for times in (member.cpu_times() for member in _family(process)))


def _memory(process: psutil.Process) -> float:
    return sum(member.memory_full_info().pss for member in _family(process)) / 1e6


def _body(running: Running, *, stream: bool) -> dict[str, Any]:
    messages = [{"role": "user", "content": "stream" if stream else "call"}]
    body = {"model": running.gateway.model, "messages": messages, "stream": stream}
    return {**body, "max_tokens": 1000} if running.gateway.path.endswith("/messages") else body


async def _first_token(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    async with session.post(url, json=body) as response:
        response.raise_for_status()
        async for piece in response.content.iter_any():
            if b"word" in piece:
                seconds = time.perf_counter() - began
                break
        await response.read()
    return seconds


async def _call(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    async with session.post(url, json=body) as response:
        response.raise_for_status()
        text = await response.read()
        if b"word" not in text:
            raise RuntimeError(f"not an answer: {text[:200]!r}")
    return time.perf_counter() - began


async def _many(session: aiohttp.ClientSession, running: Running, *, stream: bool) -> tuple[float, float]:
    """Requests a second, and seconds of processor time for each."""
    body, done = _body(running, stream=stream), 0
    before, end = _cpu(running.process), time.perf_counter() + SECONDS

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await _call(session, running.url, body)
            done += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done / SECONDS, (_cpu(running.process) - before) / done


async def _measure(running: Running) -> Figures:
    url, call, stream = running.url, _body(running, stream=False), _body(running, stream=True)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=running.gateway.headers, connector=connector) as session:
        for body in (call, stream) * CLIENTS:
            await _call(session, url, body)  # warm
        first = [await _first_token(session, url, stream) for _ in range(SINGLE)]
        calls = [await _call(session, url, call) for _ in range(SINGLE)]
        requests, cpu_request = await _many(session, running, stream=False)
        _, cpu_stream = await _many(session, running, stream=True)
    return Figures(
        requests,
        statistics.median(first) * 1e3,
        statistics.median(calls) * 1e3,
        cpu_request * 1e6,
        cpu_stream / TOKENS * 1e6,
    )


async def _ready(running: Running, patience: float = 90.0) -> None:
    end = time.monotonic() + patience
    async with aiohttp.ClientSession(headers=running.gateway.headers) as session:
        while True:
            try:
                await _call(session, running.url, _body(running, stream=False))
            except (aiohttp.ClientError, RuntimeError) as error:
                if time.monotonic() > end:
                    raise RuntimeError(f"{running.gateway.name} does not answer: {error}") from None
                await asyncio.sleep(0.3)
            else:
                return


@contextmanager
def _started(gateway: Gateway, core: int = 0) -> Iterator[Running]:
    port = str(_free())
    command = [word.replace("PORT", port) for word in gateway.command]
    environment = {name: value.replace("PORT", port) for name, value in gateway.environment.items()}
    with tempfile.TemporaryDirectory() as folder, _process(command, core, folder, **environment) as process:
        running = Running(gateway, f"http://127.0.0.1:{port}{gateway.path}", process)
        try:
            asyncio.run(_ready(running))
        except RuntimeError:
            print((Path(folder) / "log").read_text()[-2000:])
            raise
        yield running


def _gradio_alone() -> float:
    port = _free()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY_PAGE)
        with _process([sys.executable, str(script), str(port)], 0, folder) as running:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.2)
            time.sleep(SETTLING)
            return _memory(running)


def _provider() -> Gateway:
    command = [sys.executable, "-m", "uvicorn", "benchmarks.gateways:fake", "--log-level", "error", "--no-access-log"]
    return Gateway(
        "directly",
        [*command, "--port", "PORT"],
        "/v1/chat/completions",
        "fake",
        environment={"PYTHONPATH": str(HERE)},
    )


def _hubs(name: str, folder: Path, upstream: str) -> list[Gateway]:
    """LLM Hub in that folder, with OpenAI's client and with Anthropic's."""
    command = [sys.executable, str(folder / "app.py")]
    openai = {"LLM_HUB_PORT": "PORT", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{upstream}/v1"}
    claude = {"LLM_HUB_PORT": "PORT", "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": upstream}
    version = {"anthropic-version": "2023-06-01"}
    return [
        Gateway(f"{name}, OpenAI", command, "/v1/chat/completions", "openai/fake", environment=openai),
        Gateway(f"{name}, Claude", command, "/v1/messages", "anthropic/fake", version, claude),
    ]


def _portkey(folder: Path, upstream: str) -> Gateway:
    command = ["node", str(folder.resolve() / "build" / "start-server.js"), "--headless", "--port=PORT"]
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream}/v1"}
    trusted = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    return Gateway("Portkey", command, "/v1/chat/completions", "fake", {**BEARER, **headers}, trusted)


def _litellm(program: Path, settings: Path, upstream: str) -> Gateway:
    settings.write_text(
        "model_list:\n- model_name: fake\n  litellm_params:\n    model: openai/fake\n"
        f"    api_base: {upstream}/v1\n    api_key: {KEY}\n"
    )
    command = [str(program.absolute()), "--config", str(settings), "--host", "127.0.0.1", "--port", "PORT"]
    return Gateway("LiteLLM", command, "/v1/chat/completions", "fake", BEARER, {"LITELLM_MASTER_KEY": KEY})


def _median(turns: list[Figures]) -> Figures:
    columns = zip(*map(astuple, turns), strict=True)
    return Figures(*map(statistics.median, columns))


def _print(measured: dict[str, list[Figures]], memory: dict[str, float]) -> None:
    results = {name: _median(turns) for name, turns in measured.items()}
    direct, ours = results["directly"], results["LLM Hub, OpenAI"]
    print(f"{'':18} req/s  ours ×  first token   added     call    added  CPU a call  CPU a token    idle")
    for name, row in results.items():
        times = [row.first, row.first - direct.first, row.call, row.call - direct.call]
        print(
            f"{name:18}{row.requests:6.0f}{ours.requests / row.requests:8.2f}"
            + "".join(f"{time:{width}.2f} ms" for time, width in zip(times, (10, 5, 6, 6), strict=True))
            + f"{row.cpu_request:9.0f} µs{row.cpu_token:10.1f} µs{memory[name]:5.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earlier", type=Path, help="a clone of this repository at an earlier commit")
    parser.add_argument("--litellm", type=Path, help="LiteLLM's command")
    parser.add_argument("--portkey", type=Path, help="the folder of the package @portkey-ai/gateway")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    with ExitStack() as stack:
        provider = stack.enter_context(_started(_provider(), 1))
        upstream = provider.url.removesuffix("/v1/chat/completions")
        gateways = _hubs("LLM Hub", HERE, upstream)
        if options.earlier:
            gateways += _hubs("earlier", options.earlier.resolve(), upstream)
        if options.portkey:
            gateways.append(_portkey(options.portkey, upstream))
        if options.litellm:
            settings = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "config.yaml"
            gateways.append(_litellm(options.litellm, settings, upstream))
        all_running = [provider, *(stack.enter_context(_started(gateway)) for gateway in gateways)]
        time.sleep(SETTLING)
        memory = {running.gateway.name: _memory(running.process) for running in all_running}
        gradio = _gradio_alone()
        measured: dict[str, list[Figures]] = {running.gateway.name: [] for running in all_running}
        for _ in range(ROUNDS):
            for running in all_running:
                measured[running.gateway.name].append(asyncio.run(_measure(running)))
    _print(measured, memory | {"directly": 0.0})
    ours = memory["LLM Hub, OpenAI"]
    print(f"Gradio's own share of our memory: {gradio:.0f} MB; the rest {ours - gradio:.0f} MB (at most 100)")


if __name__ == "__main__":
    main()

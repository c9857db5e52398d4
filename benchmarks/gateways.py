"""The HTTP API beside other gateways, in one run before one fast fake provider: requests, latency, CPU, memory.

    uv run python -m benchmarks.gateways
    uv run python -m benchmarks.gateways --litellm path/to/litellm --portkey path/to/@portkey-ai/gateway

The peers are not the project's dependencies. Install them anywhere, for example
`uv venv lite && uv pip install --python lite/bin/python 'litellm[proxy]'` (then `--litellm lite/bin/litellm`) and
`npm install @portkey-ai/gateway` (then `--portkey node_modules/@portkey-ai/gateway`; its release 1.15.2 streams on
Node 20 only with `"overrides": {"@hono/node-server": "1.14.1"}` in package.json). One that is left out is not measured.

Each gateway has one core; the provider and the clients share the other. Memory is proportional (PSS): pages that
others share are not counted twice. "Gradio's own" is a process that has imported it and serves an empty page.
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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKENS = 200
CLIENTS = 16
SECONDS = 5.0
SINGLE = 300
KEY = "sk-fake-0123456789abcdef"
EMPTY_PAGE = """
import sys, gradio as gr, uvicorn
from fastapi import FastAPI
with gr.Blocks() as blocks: gr.Chatbot(); gr.Textbox()
app = gr.mount_gradio_app(FastAPI(), blocks, path="/", ssr_mode=False)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


async def fake(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI application that speaks chat completions, and does nothing else."""
    if scope["type"] != "http":
        return
    raw = b""
    while True:
        message = await receive()
        raw += message.get("body", b"")
        if not message.get("more_body"):
            break
    asked = json.loads(raw) if raw else {}
    tokens = TOKENS if "stream" in str(asked.get("messages")) else 1
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    if not asked.get("stream"):
        body = json.dumps({
            "id": "c", "object": "chat.completion", "created": 1, "model": "fake",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "word"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
        }).encode()  # fmt: skip
        await _head(send, "application/json")
        await send({"type": "http.response.body", "body": body})
        return
    await _head(send, "text/event-stream")
    for _ in range(tokens):
        delta = {**chunk, "choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": None}]}
        await send({"type": "http.response.body", "body": _sse(delta), "more_body": True})
        await asyncio.sleep(0)
    usage = {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens}
    last = _sse({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    last += _sse({**chunk, "choices": [], "usage": usage}) + b"data: [DONE]\n\n"
    await send({"type": "http.response.body", "body": last})


async def _head(send: Any, kind: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]})


def _sse(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


@dataclass
class Measured:
    """What one gateway did. Milliseconds, microseconds and megabytes."""

    name: str
    requests: float
    first_p50: float
    call_p50: float
    cpu_token: float
    memory: float


def _free() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextmanager
def _running(command: list[str], core: int, folder: str, **environment: str) -> Iterator[psutil.Process]:
    env = {**os.environ, **environment}
    log = (Path(folder) / "log").open("wb")
    process = psutil.Popen(["taskset", "-c", str(core), *command], cwd=folder, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        for one in _family(process):
            one.terminate()
        process.wait(30)
        log.close()


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    return sum(times.user + times.system for times in (one.cpu_times() for one in _family(process)))


def _memory(process: psutil.Process) -> float:
    return sum(one.memory_full_info().pss for one in _family(process)) / 1e6


def _body(model: str, *, stream: bool) -> dict[str, Any]:
    said = "stream" if stream else "call"
    return {"model": model, "messages": [{"role": "user", "content": said}], "stream": stream}


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
        said = await response.read()
        if b"word" not in said:
            raise RuntimeError(f"not an answer: {said[:200]!r}")
    return time.perf_counter() - began


async def _many(session: aiohttp.ClientSession, url: str, body: dict[str, Any], seconds: float) -> int:
    end, done = time.perf_counter() + seconds, 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await _call(session, url, body)
            done += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done


async def _measure(
    name: str, url: str, model: str, headers: dict[str, str], process: psutil.Process, idle: float
) -> Measured:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        call, stream = _body(model, stream=False), _body(model, stream=True)
        await _many(session, url, call, 1.0)  # warm
        first = [await _first_token(session, url, stream) for _ in range(SINGLE)]
        calls = [await _call(session, url, call) for _ in range(SINGLE)]
        done = await _many(session, url, call, SECONDS)
        before = _cpu(process)
        streams = await _many(session, url, stream, SECONDS)
        cpu = (_cpu(process) - before) / (streams * TOKENS)
    return Measured(
        name, done / SECONDS, statistics.median(first) * 1e3, statistics.median(calls) * 1e3, cpu * 1e6, idle
    )


async def _ready(url: str, headers: dict[str, str], model: str, patience: float = 90.0) -> None:
    end = time.monotonic() + patience
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            try:
                await _call(session, url, _body(model, stream=False))
            except (aiohttp.ClientError, RuntimeError) as error:
                if time.monotonic() > end:
                    raise RuntimeError(f"{url} does not answer: {error}") from None
                await asyncio.sleep(0.3)
            else:
                return


def _gateway(
    name: str, command: Callable[[int], list[str]], *, path: str, model: str, headers: dict[str, str], **env: str
) -> Measured:
    port = _free()
    with (
        tempfile.TemporaryDirectory() as folder,
        _running(
            command(port), 0, folder, **{key: value.replace("PORT", str(port)) for key, value in env.items()}
        ) as running,
    ):
        url = f"http://127.0.0.1:{port}{path}"
        try:
            asyncio.run(_ready(url, headers, model))
        except RuntimeError:
            print((Path(folder) / "log").read_text()[-2000:])
            raise
        time.sleep(3)  # what starts in the background has started
        idle = _memory(running)
        return asyncio.run(_measure(name, url, model, headers, running, idle))


def _gradio_alone() -> float:
    port = _free()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY_PAGE)
        with _running([sys.executable, str(script), str(port)], 0, folder) as running:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.2)
            time.sleep(3)
            return _memory(running)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", type=Path, help="LiteLLM's command")
    parser.add_argument("--portkey", type=Path, help="the folder of the package @portkey-ai/gateway")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    here = Path(__file__).parent.parent
    upstream = _free()
    serve = [sys.executable, "-m", "uvicorn", "benchmarks.gateways:fake", "--log-level", "error", "--no-access-log"]
    serve += ["--port", str(upstream)]
    base = f"http://127.0.0.1:{upstream}/v1"
    bearer = {"authorization": f"Bearer {KEY}"}
    with tempfile.TemporaryDirectory() as folder, _running(serve, 1, folder, PYTHONPATH=str(here)) as provider:
        asyncio.run(_ready(f"{base}/chat/completions", {}, "fake"))
        direct = asyncio.run(_measure("directly", f"{base}/chat/completions", "fake", {}, provider, 0.0))
        found = [
            _gateway(
                "LLM Hub",
                lambda _: [sys.executable, str(here / "app.py")],
                path="/v1/chat/completions",
                model="openai/fake",
                headers={},
                LLM_HUB_PORT="PORT",
                OPENAI_API_KEY=KEY,
                OPENAI_BASE_URL=base,
            )
        ]
        if asked.portkey:
            script = asked.portkey.resolve() / "build" / "start-server.js"
            found.append(
                _gateway(
                    "Portkey",
                    lambda port: ["node", str(script), "--headless", f"--port={port}"],
                    path="/v1/chat/completions",
                    model="fake",
                    headers={**bearer, "x-portkey-provider": "openai", "x-portkey-custom-host": base},
                    TRUSTED_CUSTOM_HOSTS="127.0.0.1",
                )
            )
        if asked.litellm:
            with tempfile.TemporaryDirectory() as settings:
                config = Path(settings) / "config.yaml"
                config.write_text(
                    "model_list:\n- model_name: fake\n  litellm_params:\n    model: openai/fake\n"
                    f"    api_base: {base}\n    api_key: {KEY}\n"
                )
                proxy = [str(asked.litellm.absolute()), "--config", str(config), "--host", "127.0.0.1"]
                found.append(
                    _gateway(
                        "LiteLLM",
                        lambda port: [*proxy, "--port", str(port)],
                        path="/v1/chat/completions",
                        model="fake",
                        headers=bearer,
                        LITELLM_MASTER_KEY=KEY,
                    )
                )
    gradio = _gradio_alone()
    print("           req/s    ours ×   first token   added     call    added   CPU a token    idle")
    ours = found[0]
    for one in (direct, *found):
        times = [one.first_p50, one.first_p50 - direct.first_p50, one.call_p50, one.call_p50 - direct.call_p50]
        print(
            f"{one.name:10}{one.requests:6.0f}{ours.requests / one.requests:10.2f}"
            + "".join(f"{time:{width}.2f} ms" for time, width in zip(times, (11, 5, 6, 6), strict=True))
            + f"{one.cpu_token:11.1f} µs{one.memory:5.0f} MB"
        )
    print(f"Gradio's own share of our memory: {gradio:.0f} MB; the rest {ours.memory - gradio:.0f} MB (at most 100)")


if __name__ == "__main__":
    main()

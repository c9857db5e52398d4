"""What safety costs the API: one server with and without it, by turns, as processor time a request.

    uv run python -m benchmarks.safety

Without it: nothing stands before the application, its log is not searched for keys, and a provider's reply is taken as
it comes. At most 2 % is allowed. It is one process that is switched over, since two of the same program differ by more.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import aiohttp

from benchmarks.gateways import KEY, _body, _free, _many, _ready, _running

ROUNDS = 100
SECONDS = 0.25
SWITCHED = """
from httpx_aiohttp.httpx2 import AiohttpTransport
from llm_hub import logs, server
from llm_hub.transport import Transport
from llm_hub.ui.guard import Guard

safe, guarded, bounded, redactor = True, Guard.__call__, Transport.handle_async_request, logs.Redactor.__call__

async def guard(self, scope, receive, send):
    global safe
    if scope.get("path") == "/switch":
        safe = scope["query_string"] == b"safe"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
    elif safe:
        await guarded(self, scope, receive, send)
    else:
        await self._app(scope, receive, send)

async def handle(self, request):
    return await (bounded if safe else AiohttpTransport.handle_async_request)(self, request)

Guard.__call__ = guard
Transport.handle_async_request = handle
logs.Redactor.__call__ = lambda self, text: redactor(self, text) if safe else text
server.main()
"""


def _spent(process: int) -> float:
    """Seconds of processor time of another process: Linux's clock of it, see clock_getcpuclockid(3)."""
    return time.clock_gettime(~process << 3 | 2)


async def _turns(base: str, process: int) -> list[float]:
    """By round: processor time a request with safety, divided by that without."""
    ratios = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        url, body = f"{base}/v1/chat/completions", _body("openai/fake", stream=False)
        await _many(session, url, body, 2.0)  # warm
        for _ in range(ROUNDS):
            cost = {}
            for way in random.sample(("safe", "unsafe"), 2):
                async with session.get(f"{base}/switch?{way}"):
                    pass
                before = _spent(process)
                done = await _many(session, url, body, SECONDS)
                cost[way] = (_spent(process) - before) / done
            ratios.append(cost["safe"] / cost["unsafe"])
    return ratios


def main() -> None:
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    here = Path(__file__).parent.parent
    upstream, port = _free(), _free()
    serve = [sys.executable, "-m", "uvicorn", "benchmarks.gateways:fake", "--log-level", "error", "--no-access-log"]
    provider = f"http://127.0.0.1:{upstream}/v1"
    environment = {"LLM_HUB_PORT": str(port), "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": provider}
    with ExitStack() as stack:
        folders = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(2)]
        stack.enter_context(_running([*serve, "--port", str(upstream)], 1, folders[0], PYTHONPATH=str(here)))
        asyncio.run(_ready(f"{provider}/chat/completions", {}, "fake"))
        command = [sys.executable, "-c", SWITCHED]
        process = stack.enter_context(_running(command, 0, folders[1], PYTHONPATH=str(here), **environment))
        base = f"http://127.0.0.1:{port}"
        asyncio.run(_ready(f"{base}/v1/chat/completions", {}, "openai/fake"))
        time.sleep(5)  # what starts in the background has started
        ratios = asyncio.run(_turns(base, process.pid))
    low, middle, high = statistics.quantiles(ratios, n=4)
    error = 1.25 * statistics.stdev(ratios) / len(ratios) ** 0.5
    print(f"Safety costs {middle - 1:+.1%} ± {error:.1%} of a request (quartiles {low - 1:+.1%}, {high - 1:+.1%}).")


if __name__ == "__main__":
    main()

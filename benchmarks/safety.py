"""What safety costs the API: the same server with and without it, by turns in one run, as processor time a request.

    uv run python -m benchmarks.safety

Without it: nothing stands before the application, its log is not searched for keys, and a provider's reply is taken as
it comes. At most 2 % is allowed. Both are loaded by turns, so that what else the machine does meets them alike.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.gateways import KEY, _body, _cpu, _free, _many, _ready, _running

if TYPE_CHECKING:
    import psutil

ROUNDS = 40
SECONDS = 0.5
UNSAFE = """
from httpx_aiohttp.httpx2 import AiohttpTransport
from llm_hub import logs, server
from llm_hub.providers.openai import _Transport
from llm_hub.transport import Transport
from llm_hub.ui.guard import Guard

async def unguarded(self, scope, receive, send):
    await self._app(scope, receive, send)

async def unbounded(self, request):
    if not callable(self.client) and self._loop is None:
        self._loop, self.client = True, self._session
    return await AiohttpTransport.handle_async_request(self, request)

Guard.__call__ = unguarded
Transport.handle_async_request = unbounded
logs.redact = lambda text, *_: text
server.main()
"""


async def _turns(hubs: list[tuple[str, psutil.Process]]) -> list[float]:
    """Per round: processor time a request of the first, divided by that of the second."""
    ratios = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        body = _body("openai/fake", stream=False)
        for url, _ in hubs:
            await _many(session, url, body, 1.0)  # warm
        for number in range(ROUNDS):
            spent = {}
            for url, process in hubs if number % 2 else hubs[::-1]:
                before = _cpu(process)
                done = await _many(session, url, body, SECONDS)
                spent[url] = (_cpu(process) - before) / done
            ratios.append(spent[hubs[0][0]] / spent[hubs[1][0]])
    return ratios


def main() -> None:
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    here = Path(__file__).parent.parent
    upstream = _free()
    serve = [sys.executable, "-m", "uvicorn", "benchmarks.gateways:fake", "--log-level", "error", "--no-access-log"]
    base = f"http://127.0.0.1:{upstream}/v1"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(_running([*serve, "--port", str(upstream)], 1, folder, PYTHONPATH=str(here)))
        asyncio.run(_ready(f"{base}/chat/completions", {}, "fake"))
        hubs = []
        for script in ([str(here / "app.py")], ["-c", UNSAFE]):
            folder, port = stack.enter_context(tempfile.TemporaryDirectory()), _free()
            command = [sys.executable, *script]
            environment = {"LLM_HUB_PORT": str(port), "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": base}
            process = stack.enter_context(_running(command, 0, folder, PYTHONPATH=str(here), **environment))
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            asyncio.run(_ready(url, {}, "openai/fake"))
            hubs.append((url, process))
        time.sleep(5)  # what starts in the background has started
        ratios = asyncio.run(_turns(hubs))
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"Safety costs {(middle - 1) * 100:+.1f} % of a request (quartiles {low - 1:+.1%}, {high - 1:+.1%}).")


if __name__ == "__main__":
    main()

"""What safety costs the API: the processor's instructions a request, with it and without, counted by valgrind.

    apt-get install valgrind
    uv run python -m benchmarks.safety

Without it: nothing stands before the application, its log is not searched for keys, and a provider's reply is taken as
it comes. At most 2 % is allowed. Time would tell less: a processor's differs by 15 % from one quarter of a second to
the next. Each server answers some requests, 16 at once, and ends; the difference between many and few is theirs alone.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp

from benchmarks.gateways import (
    CLIENTS,
    HERE,
    KEY,
    Gateway,
    Running,
    _body,
    _call,
    _free,
    _process,
    _provider,
    _ready,
    _started,
)

ROUNDS = 3
FEW, MANY = 64, 320
SERVER = """
import gc, sys
from asyncio import get_running_loop
from httpx_aiohttp.httpx2.transport import AiohttpResponseStream
from llm_hub.redaction import Redactor
from llm_hub.serving import server
from llm_hub.serving.application import Application
from llm_hub.serving.front_door import FrontDoor
from llm_hub.wire.transport import Transport

async def no_page(self, stack):
    gc.collect()
    gc.freeze()

async def no_rules(self, scope, receive, send):
    await self._app(scope, receive, send)

async def as_it_comes(self, method, url, headers, body, timeouts):
    if self._loop is None:
        self._loop, self.client = True, self._session(get_running_loop())
    response = await self.client.request(method, url, headers=headers, data=body, allow_redirects=False)
    return response, AiohttpResponseStream(response)

Application._open = no_page  # its queue looks for work a hundred times a second
if sys.argv[1] == "unsafe":
    FrontDoor.__call__ = no_rules
    Transport._exchange = as_it_comes
    Redactor.__call__ = lambda self, text: text
server.main()
"""


async def _ask(running: Running, requests: int) -> None:
    body = _body(running, stream=False)
    await _ready(running)
    async with aiohttp.ClientSession() as session:

        async def client() -> None:
            for _ in range(requests // CLIENTS):
                await _call(session, running.url, body)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _counted(way: str, requests: int, core: int, provider: str) -> int:
    """The instructions of a whole server that answers so many requests."""
    port = _free()
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-c", SERVER, way]
    environment = {"LLM_HUB_PORT": str(port), "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": provider}
    environment |= {"PYTHONPATH": str(HERE), "PYTHONHASHSEED": "0", "LLM_HUB_CONNECT_TIMEOUT": "60"}
    gateway = Gateway(way, command, "/v1/chat/completions", "openai/fake")
    with tempfile.TemporaryDirectory() as folder:
        with _process(command, core, folder, **environment) as process:
            asyncio.run(_ask(Running(gateway, f"http://127.0.0.1:{port}{gateway.path}", process), requests))
        counted = re.search(r"Collected : (\d+)", (Path(folder) / "log").read_text())
    if counted is None:
        raise RuntimeError("valgrind counted nothing.")
    return int(counted[1])


def _a_request(way: str, core: int, provider: str) -> float:
    return (_counted(way, MANY, core, provider) - _counted(way, FEW, core, provider)) / (MANY - FEW)


def main() -> None:
    if shutil.which("valgrind") is None:
        sys.exit("valgrind, which counts the instructions, is missing: install it first.")
    ratios = []
    with _started(_provider(), 1) as running, ThreadPoolExecutor() as threads:
        provider = running.url.removesuffix("/chat/completions")
        for number in range(ROUNDS):
            cores = number % 2, 1 - number % 2
            safe, unsafe = threads.map(_a_request, ("safe", "unsafe"), cores, (provider, provider))
            ratios.append(safe / unsafe)
            print(f"{safe:,.0f} instructions a request with safety, {unsafe:,.0f} without: {ratios[-1] - 1:+.2%}")
    error = statistics.stdev(ratios) / len(ratios) ** 0.5
    print(f"Safety costs {statistics.mean(ratios) - 1:+.2%} ± {error:.2%} of a request.")


if __name__ == "__main__":
    main()

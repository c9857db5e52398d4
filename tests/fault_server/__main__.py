"""The fault server by hand: `python -m tests.fault_server [--port N]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools

from tests.fault_server.server import FaultServer


async def _run(port: int) -> None:
    async with FaultServer(port=port) as fault_server:
        print(
            f"OpenAI {fault_server.openai_url}, Anthropic {fault_server.anthropic_url}, "
            f"Ollama {fault_server.ollama_url}",
            flush=True,
        )
        for number in itertools.count(1):
            print(await fault_server.next_exchange(number), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9911)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args().port))

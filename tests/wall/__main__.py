"""The wall by hand: `python -m tests.wall [--port N]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools

from tests.wall.server import Wall


async def _run(port: int) -> None:
    async with Wall(port=port) as wall:
        print(f"OpenAI {wall.openai_url}, Anthropic {wall.anthropic_url}, Ollama {wall.ollama_url}", flush=True)
        for number in itertools.count(1):
            print(await wall.next_exchange(number), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9911)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args().port))

"""A tab that listens no more is told of once, and one that listens again is not."""

from __future__ import annotations

import asyncio
from typing import Any

from llm_hub.ui.guard import EVENTS, Guard
from tests.ui.test_coalesce import run


async def listen(guard: Guard, session: str) -> None:
    async def nothing(*_: Any) -> Any:
        return {"type": "http.request", "body": b""}

    query = f"session_hash={session}".encode()
    scope = {"type": "http", "method": "GET", "path": EVENTS, "headers": [], "query_string": query}
    await guard(scope, nothing, nothing)


def left(*streams: tuple[str, float, float]) -> list[str]:
    """Who is taken for gone, when these sessions listen from one second to another."""
    gone: list[str] = []

    async def main() -> None:
        lasts: dict[asyncio.Task[None] | None, float] = {}

        async def page(*_: Any) -> None:
            await asyncio.sleep(lasts[asyncio.current_task()])

        guard = Guard(page, on_space=False, left=gone.append)
        now = asyncio.get_running_loop().time
        began, tasks = now(), []
        for session, begin, end in streams:
            await asyncio.sleep(began + begin - now())
            tasks.append(asyncio.create_task(listen(guard, session)))
            lasts[tasks[-1]] = end - begin
        await asyncio.gather(*tasks)
        await asyncio.sleep(5)

    run(main())
    return gone


def test_a_tab_that_listens_no_more_is_gone() -> None:
    assert left(("a", 0, 1)) == ["a"]


def test_a_tab_that_listens_again_at_once_is_not() -> None:
    assert left(("a", 0, 1), ("b", 0, 8), ("a", 1.1, 9)) == ["b", "a"]
    assert left(("a", 0, 1), ("a", 1.1, 3)) == ["a"]


def test_a_tab_with_two_streams_is_here_until_the_last_has_ended() -> None:
    assert left(("a", 0, 1), ("a", 0.5, 4)) == ["a"]

"""Virtual time: waits are skipped, and nothing that is still to come is missed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

DAY = 86_400.0


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(test())


def test_a_day_passes_at_once_and_timers_keep_their_order() -> None:
    order: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append(seconds)

    async def test() -> None:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(sleep(DAY), sleep(1), sleep(60))
        assert asyncio.get_running_loop().time() - began == pytest.approx(DAY)

    run(test)
    assert order == [1, 60, DAY]


def test_slow_work_makes_no_timeout_fire() -> None:
    async def test() -> None:
        async with asyncio.timeout(0.05):
            for _ in range(3):
                time.sleep(0.05)  # noqa: ASYNC251  # as a machine does that is busy elsewhere
                await asyncio.sleep(0)

    run(test)


def test_a_job_in_a_thread_is_waited_for() -> None:
    async def test() -> None:
        async with asyncio.timeout(DAY):
            await asyncio.to_thread(time.sleep, 0.05)

    run(test)


def test_bytes_that_were_sent_arrive_before_a_timeout() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        await asyncio.sleep(59)
        writer.write(b"x")
        writer.close()

    async def test() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            async with asyncio.timeout(60):
                assert await reader.read() == b"x"
            writer.close()
            await writer.wait_closed()

    run(test)


def test_silence_is_a_timeout() -> None:
    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def test() -> None:
        async with await asyncio.start_server(stay_silent, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60):
                    await reader.read()
            writer.close()
            await writer.wait_closed()

    run(test)

"""One embedded model is in memory at a time, and chats take turns. Nothing is loaded here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_hub.providers.llamacpp.engine import Engine
from llm_hub.providers.llamacpp.model_memory import ModelMemory, Seat


class Models:
    """Records what is loaded and freed, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.memory = ModelMemory(self._build)

    def _build(self, model: str, free_others: Callable[[], None]) -> Engine:
        events = self.events

        class Server:
            """Stands where llama.cpp's server would."""

            def __init__(self) -> None:
                events.append(f"{model} loaded")

            def __del__(self) -> None:
                events.append(f"{model} freed")

        def find(_report: object, _is_wanted: object) -> Path:
            free_others()
            return Path(__file__)

        return Engine(find, lambda _path: Server(), f"Loading {model} …")


@pytest.fixture
def models() -> Models:
    return Models()


async def take(seat: Seat) -> list[str]:
    return [reason async for reason in seat.ready()]


async def test_chats_with_one_model_share_it(models: Models) -> None:
    async with models.memory.seat("small") as first, models.memory.seat("small") as second:
        assert await take(first) == ["Loading small …"]
        assert await take(second) == []
        assert first.engine is second.engine
    assert models.events == ["small loaded"]


async def test_another_model_waits_for_the_running_answers_and_frees_theirs_before_it_is_loaded(models: Models) -> None:
    async with models.memory.seat("large") as waiting:
        async with models.memory.seat("small") as running:
            models.memory.leave(waiting)  # it comes second
            models.memory.enter(waiting)
            await take(running)
            reasons = waiting.ready()
            assert await anext(reasons) == "Waiting until small has answered …"
            turn = asyncio.ensure_future(anext(reasons))
            await asyncio.sleep(0)
            assert not turn.done()
        assert await turn == "Loading large …"
        assert [reason async for reason in reasons] == []
        assert models.events == ["small loaded", "small freed", "large loaded"]


async def test_later_chats_do_not_pass_one_that_waits(models: Models) -> None:
    order: list[str] = []
    begun, go = asyncio.Event(), asyncio.Event()

    async def chat(model: str, name: str) -> None:
        async with models.memory.seat(model) as seat:
            await take(seat)
            order.append(name)
            begun.set()
            await go.wait()

    tasks = []
    for model, name in (("small", "first"), ("large", "second"), ("small", "third")):
        tasks.append(asyncio.create_task(chat(model, name)))
        await asyncio.sleep(0)
    await begun.wait()
    go.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "second", "third"]
    assert models.events[-4:] == ["small freed", "large loaded", "large freed", "small loaded"]


async def test_a_waiting_chat_that_leaves_is_in_nobodys_way(models: Models) -> None:
    async with models.memory.seat("small") as running:
        await take(running)
        async with models.memory.seat("large") as leaving:
            await anext(leaving.ready())
        async with models.memory.seat("small") as next_one:
            assert await take(next_one) == []
    assert models.events == ["small loaded"]


async def test_a_stop_frees_what_is_loaded_and_what_is_still_to_be_freed(models: Models) -> None:
    async with models.memory.seat("small") as seat:
        await take(seat)
    async with models.memory.seat("large") as seat:
        assert models.memory.admit(seat)  # and it leaves before it is loaded
    models.memory.stop()
    assert models.events == ["small loaded", "small freed"]
    async with models.memory.seat("other") as seat:
        await take(seat)
    assert models.events == ["small loaded", "small freed"]

"""How chats share the loading of the embedded model. Nothing is loaded here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.providers.llamacpp.download import LoadAbandoned
from llm_hub.providers.llamacpp.engine import Engine


class LoadedServer:
    """Stands where llama.cpp's server would."""


async def load(engine: Engine) -> list[str]:
    return [reason async for reason in engine.ready()]


async def test_chats_share_one_load() -> None:
    built: list[Path] = []
    go = threading.Event()

    def build(path: Path) -> Any:
        assert go.wait(100)
        built.append(path)
        return LoadedServer()

    engine = Engine(lambda _report, _is_wanted: Path(__file__), build, "Loading …")
    loads = [asyncio.create_task(load(engine)) for _ in range(5)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*loads) == [["Loading …"]] * 5
    assert len(built) == 1
    assert await load(engine) == [], "it is loaded"


async def test_a_load_that_failed_is_tried_again_by_the_next_chat() -> None:
    outcomes: list[Any] = [ConfigurationError("No."), LoadedServer()]

    def build(_path: Path) -> Any:
        if isinstance(outcome := outcomes.pop(0), Exception):
            raise outcome
        return outcome

    engine = Engine(lambda _report, _is_wanted: Path(__file__), build, "Loading …")
    with pytest.raises(ConfigurationError):
        await load(engine)
    assert await load(engine) == ["Loading …"]


async def test_a_load_that_nobody_waits_for_is_abandoned_and_begun_again() -> None:
    fetching = threading.Event()
    everybody_left = threading.Event()
    abandoned = threading.Event()
    fetches = 0

    def fetch(_report: object, is_wanted: Callable[[], bool]) -> Path:
        nonlocal fetches
        fetches += 1
        if fetches == 1:
            fetching.set()
            assert everybody_left.wait(100)
            abandoned.set() if not is_wanted() else None
            raise LoadAbandoned
        return Path(__file__)

    engine = Engine(fetch, lambda _path: LoadedServer(), "Loading …")
    task = asyncio.create_task(load(engine))
    assert await asyncio.to_thread(fetching.wait, 100)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    everybody_left.set()
    assert await asyncio.to_thread(abandoned.wait, 100)
    assert await load(engine)
    assert fetches == 2

"""The router's tests run in virtual time: its clocks, waits and pauses are all the event loop's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Silences and waits take no real time, however long they are."""
    return {"virtual time": VirtualTimeLoop}

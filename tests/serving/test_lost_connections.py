"""What a tab has lost ends before it goes on, also where nobody else tells the hub that the connection was lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llm_hub.serving.front_door.lost_connections import LostConnections
from llm_hub.serving.front_door.path_groups import APP_ID, EVENT_STREAM, HEARTBEAT

STREAM, BEAT, ASKED = (EVENT_STREAM, "one"), (f"{HEARTBEAT}one", ""), (APP_ID, "one")


class Application:
    """Replies at once to who asks for its id, and to others once they are lost. `ended` are those, in order."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.open: asyncio.Queue[str] = asyncio.Queue()
        self._app = LostConnections(self._reply)

    def request(self, path: str, tab: str = "", *, lost: bool = False) -> asyncio.Task[None]:
        query = f"session_hash={tab}".encode() if tab else b""

        async def receive() -> Any:
            await (asyncio.sleep(0) if lost else asyncio.Event().wait())
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None: ...

        return asyncio.create_task(self._app({"type": "http", "path": path, "query_string": query}, receive, send))

    async def _reply(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != APP_ID:
            self.open.put_nowait(scope["path"])
            assert (await receive())["type"] == "http.disconnect"
            assert (await receive())["type"] == "http.disconnect"
            await asyncio.sleep(0)  # as long as Gradio takes
        self.ended.append(scope["path"])


@pytest.fixture
async def app() -> Application:
    return Application()


async def test_a_tab_that_is_back_hears_so_once_what_it_has_lost_has_ended(app: Application) -> None:
    lost = [app.request(*STREAM), app.request(*BEAT)]
    others = [app.request(EVENT_STREAM, "two"), app.request(f"{HEARTBEAT}two")]
    for _ in range(4):
        await app.open.get()
    await asyncio.wait_for(app.request(*ASKED), 5)
    assert sorted(app.ended[:2]) == sorted(path for path, _ in (STREAM, BEAT))
    assert app.ended[2:] == [APP_ID]
    await asyncio.gather(*lost)
    assert not any(other.done() for other in others)
    for other in others:
        other.cancel()


async def test_a_connection_whose_loss_the_hub_notices_ends_by_itself(app: Application) -> None:
    await asyncio.wait_for(app.request(*STREAM, lost=True), 5)
    await asyncio.wait_for(app.request(*ASKED), 5)
    assert app.ended == [EVENT_STREAM, APP_ID]


@pytest.mark.parametrize("asked", [(APP_ID, ""), (APP_ID, "nobody")])
async def test_who_asks_for_another_tab_or_none_ends_nothing(app: Application, asked: tuple[str, str]) -> None:
    stream = app.request(*STREAM)
    await app.open.get()
    await asyncio.wait_for(app.request(*asked), 5)
    assert app.ended == [APP_ID]
    stream.cancel()

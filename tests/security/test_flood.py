"""Too many visitors and calls: the server refuses some, goes on, and gives the memory back."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import psutil
import pytest

from llm_hub.access.client_address import address
from llm_hub.access.rate_limits import MAX_ADDRESSES, RateLimiter
from llm_hub.serving.front_door import FrontDoor
from llm_hub.serving.front_door.open_requests import OpenCounter
from llm_hub.serving.front_door.path_groups import EVENT_STREAM
from llm_hub.serving.front_door.repeated_events import HEADER, MAX_REMEMBERED
from llm_hub.serving.front_door.tabs import MAX_IDLE_SECONDS, MAX_OPEN_TABS, OpenTabs
from tests.ui.site import Site
from tests.ui.tab import Tab

if TYPE_CHECKING:
    from pathlib import Path

VISITORS = 250


def memory(site: Site) -> float:
    """MB that the server holds."""
    return float(psutil.Process(site.process.pid).memory_info().rss) / 2**20


@pytest.mark.heavy
@pytest.mark.timeout(180)
async def test_hundreds_of_visitors_and_a_flood_leave_it_as_it_was(tmp_path: Path) -> None:
    environment = {"LLM_HUB_CHAOS": "1", "LLM_HUB_DATABASE_URL": f"sqlite:///{tmp_path / 'votes.db'}"}
    with Site(tmp_path / "log", environment) as site:
        await flood(site)  # imports what is needed, and fills what is bounded
        before = memory(site)
        await flood(site)
        after = memory(site)
        for _ in range(80):
            if after <= before * 1.1:
                break
            await asyncio.sleep(0.5)  # another process's memory: there is nothing to wait on
            after = memory(site)
        print(f"{before:.0f} MB before, {after:.0f} MB after")
        assert after <= before * 1.1
    assert "Traceback" not in site.log.read_text()


async def flood(site: Site) -> None:
    """Visitors who arrive, send and join the queue all at once. At its end the server answers."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(site.url, connector=connector) as client:
        config = await (await client.get("/config")).json()
        arrived = await asyncio.gather(*(client.get("/") for _ in range(VISITORS)))
        statuses = Counter(response.status for response in arrived)
        assert set(statuses) == {200, 503}, statuses
        for response in arrived:
            text = await response.text()
            if response.status == 503:
                assert int(response.headers["retry-after"]) >= 1
                assert "tries again" in text

        served = Counter(await asyncio.gather(*(visit(client, config) for _ in range(VISITORS))))
        assert set(served) <= {200, 429, 503}, served

        joins = [undo_of_nothing(config, f"flood{number}") for number in range(VISITORS)]
        replies = await asyncio.gather(*(client.post("/gradio_api/queue/join", json=body) for body in joins))
        for response in replies:
            await response.read()
        queued = Counter(response.status for response in replies)
        assert set(queued) <= {200, 503}, queued
        assert all(response.headers["retry-after"] for response in replies if response.status == 503)
        print(f"arrivals {statuses}, visits {served}, joined {queued}; {memory(site):.0f} MB")

    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=60) as visitor:
        assert (await visitor.get("/health")).json() == {"status": "ready"}
        messages = await Tab(visitor, config).ask("Hello", chat_provider="chaos", chat_model="steady")
        assert messages[-1].message["success"]


def undo_of_nothing(config: dict[str, Any], session: str) -> dict[str, Any]:
    """An event of a new tab that changes nothing: a session begins, and no provider is asked."""
    event = next(event for event in config["dependencies"] if event["api_name"] == "undo")
    return {"data": [{"id": ""}], "fn_index": event["id"], "session_hash": session, "trigger_id": None}


async def visit(client: aiohttp.ClientSession, config: dict[str, Any]) -> int:
    """A visitor who does something, and leaves."""
    body = undo_of_nothing(config, uuid.uuid4().hex[:11])
    async with client.post("/gradio_api/queue/join", json=body) as response:
        await response.read()
    async with client.get(f"/gradio_api/heartbeat/{body['session_hash']}") as beat:
        await beat.content.readany()
    return response.status


async def ask(
    front_door: FrontDoor, path: str, forwarded: str = "8.8.8.8", name: str = "", **more: Any
) -> tuple[int, dict[str, str], str]:
    """What the front door answers to a visitor whose address the platform's proxy forwards as `forwarded`. `name` is
    the id of the request.
    """
    sent: list[Any] = []
    headers = [(b"host", b"hub.example"), (b"x-forwarded-for", f"1.2.3.4, {forwarded}, 10.0.0.1".encode())]
    headers += [(HEADER, name.encode())] if name else []
    body = [{"type": "http.request", "body": json.dumps(more).encode()}]

    async def receive() -> Any:
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": ("10.1.1.1", 1),
    }
    await front_door(scope, receive, send)
    reply_headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], reply_headers, sent[1]["body"].decode()


def stopped_clock() -> float:
    """A clock that stands still, so that no bucket fills again."""
    return 1000.0


async def fine(_: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("path", "burst"),
    [("/v1/chat", 1000), ("/v1/models", 1000), ("/gradio_api/run/predict", 300), ("/gradio_api/queue/join", 300),
     ("/visitor/keys/openai/test", 100)],
)  # fmt: skip
async def test_one_address_is_slowed_down_and_no_other(path: str, burst: int) -> None:
    front_door = FrontDoor(fine, on_space=True, clock=stopped_clock)
    event: dict[str, Any] = {"data": [], "fn_index": 0, "session_hash": "same"}
    answers = [await ask(front_door, path, **event) for _ in range(burst + burst // 2)]
    statuses = [status for status, _, _ in answers]
    assert statuses[:burst] == [200] * burst
    status, headers, text = answers[-1]
    assert status == 429
    assert int(headers["retry-after"]) >= 1
    assert "try again" in text
    assert (await ask(front_door, path, "9.9.9.9", **event))[0] == 200


async def test_one_address_opens_only_so_many_tabs() -> None:
    front_door = FrontDoor(fine, on_space=True, clock=stopped_clock)
    path = "/gradio_api/run/predict"
    answers = [
        (await ask(front_door, path, data=[], fn_index=0, session_hash=f"s{number}"))[0] for number in range(150)
    ]
    assert answers[:100] == [200] * 100
    assert answers[-1] == 429
    assert (await ask(front_door, path, data=[], fn_index=0, session_hash="s1"))[
        0
    ] == 200  # a tab that is open already stays


async def test_a_heartbeat_from_another_site_is_refused_and_closes_no_tab() -> None:
    front_door = FrontDoor(fine, on_space=False)
    transport = httpx.ASGITransport(front_door)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as caller:
        event = await caller.post("/gradio_api/run/predict", json={"session_hash": "somebody"})
        assert event.status_code == 200
        foreign = await caller.get("/gradio_api/heartbeat/somebody", headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert "somebody" in front_door.tabs
        assert (await caller.get("/gradio_api/heartbeat/somebody")).status_code == 200
        assert "somebody" not in front_door.tabs


async def test_one_address_uploads_only_so_much() -> None:
    front_door = FrontDoor(fine, on_space=True, clock=stopped_clock)
    answers = [(await ask(front_door, "/gradio_api/upload"))[0] for _ in range(20)]
    assert answers[:8] == [200] * 8  # without a length, each counts as the largest there may be
    assert answers[-1] == 429
    assert (await ask(front_door, "/gradio_api/upload", "9.9.9.9"))[0] == 200


@pytest.mark.parametrize("path", ["/", "/config", "/config/"])
async def test_one_address_waits_for_only_so_many_pages(path: str) -> None:
    written = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await written.wait()
        await fine(scope, receive, send)

    async def write() -> None:  # begun last, when all the others have asked
        written.set()

    front_door = FrontDoor(slow, on_space=True)
    answers = await asyncio.gather(*(ask(front_door, path) for _ in range(70)), write())
    statuses = [answer[0] for answer in answers if answer is not None]
    assert sorted(statuses) == [200] * 64 + [503] * 6


async def test_of_many_events_only_some_are_worked_on_at_once_and_slow_ones_hold_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running, most, all_running = 0, 0, asyncio.Event()

    async def quick(scope: Any, receive: Any, send: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        await fine(scope, receive, send)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        nonlocal running
        running += 1
        if running == 50:
            all_running.set()
        await all_running.wait()
        await fine(scope, receive, send)

    for app, longest in ((quick, 60.0), (slow, 0.01)):
        monkeypatch.setattr("llm_hub.serving.front_door.turns.MAX_TURN_SECONDS", longest)
        front_door = FrontDoor(app, on_space=True)
        events = (ask(front_door, "/gradio_api/run/predict", session_hash=f"s{number}") for number in range(50))
        async with asyncio.timeout(10):
            assert [answer[0] for answer in await asyncio.gather(*events)] == [200] * 50
    assert most == 8


async def test_an_event_is_handled_once_that_a_browser_sends_twice() -> None:
    handled = 0
    may_end = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal handled
        handled += 1
        await may_end.wait()
        await fine(scope, receive, send)

    front_door = FrontDoor(app, on_space=True)

    async def send_event(name: str, forwarded: str = "8.8.8.8") -> int:
        status, _, _ = await ask(front_door, "/gradio_api/run/predict", forwarded, name, session_hash="one")
        return status

    both = [asyncio.create_task(send_event("first")) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in both)  # the second waits for what the first does
    may_end.set()
    assert await asyncio.gather(*both) == [200, 409]
    assert [await send_event(name) for name in ("first", "second", "", "", "x" * 65, "x" * 65)] == [409, *[200] * 5]
    assert handled == 6
    for number in range(MAX_REMEMBERED):
        assert await send_event(f"n{number}", f"8.8.{number // 200}.8") == 200
    assert await send_event("first") == 200  # it remembers only so many


async def test_a_stream_of_events_that_a_browser_asks_for_twice_is_refused_at_once() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    front_door = FrontDoor(app, on_space=True)
    front_door.has_events = lambda _: True
    first = asyncio.create_task(ask(front_door, EVENT_STREAM, name="one"))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert (await ask(front_door, EVENT_STREAM, name="one"))[0] == 409
    first.cancel()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_limiters_bucket_is_emptied_and_fills_again() -> None:
    clock = Clock()
    limiter = RateLimiter(burst=3, rate=0.5, clock=clock)
    assert [limiter.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(2.0)]
    assert limiter.take("b") == 0.0
    clock.now += 2
    assert limiter.take("a") == 0.0
    assert limiter.take("a") > 0
    assert limiter.take("c", cost=4) > 0  # more than there ever is


def test_a_rate_limiter_remembers_only_so_many_addresses() -> None:
    limiter = RateLimiter(burst=3, rate=0.5, clock=Clock())
    for number in range(3 * MAX_ADDRESSES):
        limiter.take(str(number))
    assert len(limiter) == MAX_ADDRESSES


def test_a_tab_in_use_keeps_its_place_and_an_idle_one_loses_it() -> None:
    clock = Clock()
    tabs = OpenTabs(clock)
    assert all(tabs.use(str(number)) for number in range(MAX_OPEN_TABS))
    assert not tabs.use("newcomer")
    assert tabs.use("0")
    tabs.close("1")
    assert tabs.use("newcomer")
    clock.now += MAX_IDLE_SECONDS
    assert tabs.use("another")
    assert len(tabs) == MAX_OPEN_TABS


def test_open_requests_are_counted_in_all_and_by_address() -> None:
    counter = OpenCounter(most=3, most_of_one=2)
    assert counter.enter("a")
    assert counter.enter("a")
    assert not counter.enter("a")
    assert counter.enter(None)
    assert not counter.enter("b")
    counter.leave("a")
    assert counter.enter("b")


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded]}


@pytest.mark.parametrize(
    ("ask", "on_space", "address_of_client"),
    [
        (scope("127.0.0.1"), False, None),
        (scope("::1"), False, None),
        (scope("127.0.0.1"), True, "127.0.0.1"),
        (scope("8.8.8.8", "127.0.0.1"), False, "8.8.8.8"),
        (scope("10.0.0.1", "1.1.1.1, 8.8.8.8"), True, "8.8.8.8"),
        (scope("10.0.0.1", "8.8.8.8, 10.9.9.9"), True, "8.8.8.8"),
        (scope("10.0.0.1", "1.1.1.1", "8.8.8.8"), True, "8.8.8.8"),
        (scope("10.0.0.1", "nonsense, \x00, " + "x" * 5000), True, "10.0.0.1"),
        (scope("2a00:1450:4001:81b::200e"), False, "2a00:1450:4001:81b::/64"),
        (scope("::ffff:8.8.8.8"), False, "8.8.8.8"),
        (scope(""), False, "unknown"),
    ],
)
def test_the_client_address_that_limits_count_by(
    ask: dict[str, Any], on_space: bool, address_of_client: str | None
) -> None:
    assert address(ask, on_space=on_space) == address_of_client

"""The handlers of the tabs Status, Usage, Leaderboard and Keys, called without a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import gradio as gr
import pytest
from starlette.requests import Request

from llm_hub.arena.ratings import Vote
from llm_hub.arena.votes import Votes
from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.checkup.checkup_store import CheckupStore
from llm_hub.errors import LLMHubError
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.policy import Policy
from llm_hub.gateway.visitors import TAB_HEADER
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.ui.keys_tab import KeysEvents
from llm_hub.ui.leaderboard_tab import LeaderboardEvents
from llm_hub.ui.status.health_view import ProbeResult
from llm_hub.ui.status.status_tab import StatusEvents, StatusParts
from llm_hub.ui.usage_tab import UsageEvents
from llm_hub.usage.ledger import Entry, Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServerThread

SECRET = "c2VjcmV0LW9mLWEtdGFiLXRoYXQtaXMtNDMtbG9uZy4uLi4"


def visitor(**headers: str) -> gr.Request:
    """Someone in a browser on the hub's own computer, with what else their request says."""
    named = {"host": "localhost:7860", **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode()) for name, value in named.items()]
    return gr.Request(Request({"type": "http", "headers": pairs, "client": ("127.0.0.1", 1)}), session_hash="session")


def event(kind: type[gr.EventData], **data: Any) -> Any:
    return kind(None, data)


@pytest.fixture
async def hub(tmp_path: Path, fault_server: FaultServerThread) -> AsyncIterator[Hub]:
    settings = f"OPENAI_API_KEY=sk-owner-0123456789\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n"
    (tmp_path / ".env").write_text(settings)
    hub = Hub(Settings.load(tmp_path / ".env"))
    yield hub
    await hub.aclose()


@pytest.fixture
async def gateway(hub: Hub) -> Gateway:
    return Gateway(hub)


@pytest.fixture
async def parts() -> StatusParts:  # a running loop is what Gradio looks for
    with gr.Blocks():
        return StatusParts(gr.Timer(active=False), gr.HTML(), gr.HTML(), gr.State({}), gr.State(""))


async def ask(gateway: Gateway, model: str) -> None:
    request = ChatRequest((Message(Role.USER, "Hello"),), model, fallback=())
    try:
        async for _ in gateway.answer(gateway.visitor(visitor(), "chat"), request):
            pass
    except LLMHubError:
        pass


async def test_the_status_tab_refreshes_while_it_is_in_front(gateway: Gateway, parts: StatusParts) -> None:
    events = StatusEvents(gateway, parts)
    data: dict[Any, Any] = {parts.probes: {}, parts.fingerprint: ""}
    opened = await events.select_tab(data, event(gr.SelectData, index=3, value="Status"), visitor())
    assert opened[parts.timer].active
    assert "Nothing has been asked yet." in opened[parts.table]
    left = await events.select_tab(data, event(gr.SelectData, index=0, value="Chat"), visitor())
    assert not left[parts.timer].active
    assert parts.table not in left


async def test_the_last_check_up_is_shown_on_the_hubs_own_computer_alone(gateway: Gateway, parts: StatusParts) -> None:
    database = Database("sqlite:///:memory:")
    events = StatusEvents(gateway, parts, CheckupStore(database))
    data: dict[Any, Any] = {parts.probes: {}, parts.fingerprint: ""}
    selected = event(gr.SelectData, index=3, value="Status")
    try:
        assert "llm-hub checkup" in (await events.select_tab(data, selected, visitor()))[parts.checkup]
        elsewhere = visitor(x_forwarded_for="203.0.113.9")
        assert (await events.select_tab(data, selected, elsewhere))[parts.checkup] == ""
    finally:
        await database.aclose()


async def test_the_status_tab_is_sent_again_only_after_something_happened(gateway: Gateway, parts: StatusParts) -> None:
    events = StatusEvents(gateway, parts)
    data: dict[Any, Any] = {parts.probes: {}, parts.fingerprint: ""}
    data[parts.fingerprint] = (await events.refresh(data, visitor()))[parts.fingerprint]
    assert parts.table not in await events.refresh(data, visitor())
    await ask(gateway, "openai/ok?tokens=2")
    table = (await events.refresh(data, visitor()))[parts.table]
    assert "1 of 1 attempt answered" in table
    assert "This hour: 1 of 1 attempt answered" in table


async def test_a_provider_is_tested_by_listing_its_models(
    gateway: Gateway, parts: StatusParts, fault_server: FaultServerThread
) -> None:
    events = StatusEvents(gateway, parts)
    data: dict[Any, Any] = {parts.probes: {}, parts.fingerprint: ""}
    good = await events.press(data, event(gr.EventData, what="test openai"), visitor())
    assert good[parts.probes]["openai"].message.startswith("It answers: 3 models in ")
    fault_server.fault_server.lists = "key"
    try:
        bad = await events.press(data, event(gr.EventData, what="test openai"), visitor())
    finally:
        fault_server.fault_server.lists = "ok"
    assert bad[parts.probes]["openai"].failed
    assert "the test failed" in bad[parts.table]
    unknown = await events.press(data, event(gr.EventData, what="test nobody"), visitor())
    assert cast("dict[str, ProbeResult]", unknown[parts.probes]) == {}


async def test_try_now_ends_a_pause(gateway: Gateway, parts: StatusParts) -> None:
    events = StatusEvents(gateway, parts)
    data: dict[Any, Any] = {parts.probes: {}, parts.fingerprint: ""}
    await ask(gateway, "openai/status-429?retry-after=60")
    assert "paused, back in" in (await events.refresh(data, visitor()))[parts.table]
    pressed = await events.press(data, event(gr.EventData, what="try openai/status-429?retry-after=60"), visitor())
    assert "paused" not in pressed[parts.table]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield database
    await database.aclose()


async def test_the_usage_tab_shows_the_days_that_were_chosen(gateway: Gateway, database: Database) -> None:
    ledger = Ledger(database)
    day = 86400
    for age in (0, 3, 40):
        at = (ledger.today - age) * day + 1
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        ledger.note(Entry(at, "page", "chat", "openai/ok", "answered", 1, 1.0, 0.1, usage, Decimal(1)))  # type: ignore[arg-type]
    await ledger.flush()
    events = UsageEvents(gateway.common_session, ledger)
    for days, requests in ((1, 1), (7, 2), (30, 2), (0, 3)):
        assert f"<b>{requests}</b> <span>requests</span>" in await events.refresh(days, visitor())


async def test_the_usage_tab_tells_strangers_nothing(gateway: Gateway, database: Database) -> None:
    events = UsageEvents(gateway.common_session, Ledger(database))
    for stranger in (visitor(x_forwarded_for="203.0.113.9"), visitor(host="evil.example"), visitor(origin="http://x")):
        assert "only in a browser on the hub's own computer" in await events.refresh(7, stranger)
    assert "No requests yet" in await events.refresh(7, visitor())


async def test_the_leaderboard_rates_the_votes_and_saves_them_as_a_table(gateway: Gateway, database: Database) -> None:
    votes = Votes(database)
    events = LeaderboardEvents(gateway.common_session, votes)
    assert "No votes yet" in await events.refresh(0)
    await votes.add(Vote(("openai/a", "openai/b"), "best", 0))
    html = await events.refresh(0)
    assert "1 vote<" in html
    assert html.index("OpenAI · a") < html.index("OpenAI · b")
    saved = await events.make_csv(0)
    assert saved is not None
    assert saved["name"] == "leaderboard.csv"
    assert saved["text"].splitlines()[1].startswith('1,"openai/a"')
    await votes.add(Vote(("openai/a", "openai/b"), "tie"))
    assert "2 votes, 1 tie<" in await events.refresh(0)
    await votes.add(Vote(("openai/a", "openai/b"), "bad"))
    assert "3 votes, 2 ties, 1 of these all bad<" in await events.refresh(0)
    saved = await events.make_csv(0)
    assert saved is not None
    assert saved["text"].splitlines()[1].endswith(",3,1,2")


async def test_the_leaderboard_says_why_votes_cannot_be_read(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"this is no database" * 100)
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    events = LeaderboardEvents(gateway.common_session, Votes(database))
    assert 'role="alert"' in await events.refresh(0)
    assert await events.make_csv(0) is None
    await database.aclose()


async def test_a_visitors_key_makes_its_provider_ready_in_every_list(hub: Hub) -> None:
    gateway = Gateway(hub, Policy(public=True, owner_pays_visitors=False))
    with gr.Blocks() as page:
        lists = [gr.Dropdown([("OpenAI", "openai")]), gr.Dropdown([("Automatic", "auto"), ("OpenAI", "openai")])]
    events = KeysEvents(gateway, page, lists, lambda _: {})
    someone = visitor(**{TAB_HEADER.replace("-", "_"): SECRET})
    first, second = events.update_lists(someone)
    assert ("OpenAI (needs a key)", "openai") in first["choices"]
    assert second["choices"] == [("Automatic", "auto"), *first["choices"]]
    gateway.visitors.add_key(SECRET, "openai", "sk-anna-0123456789")
    first, second = events.update_lists(someone)
    assert first["choices"][0] == ("OpenAI", "openai")  # before those that need a key
    assert second["choices"] == [("Automatic", "auto"), *first["choices"]]
    await events.forget_visitor(someone)

"""What the owner's webhook is told, how often, and what happens where it fails."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.errors import LLMHubError
from llm_hub.gateway.alerts import MAX_WAITING, REPEAT_AFTER, Alerts, webhook
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.usage.amounts import Spending
from llm_hub.usage.limit_errors import LimitReached
from llm_hub.usage.quotas import Quota
from llm_hub.wire.network import DIRECT
from tests.access.test_shared_health import hubs
from tests.router.hand_clock import HandClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from llm_hub.gateway.alerts import Claim
    from tests.fault_server import FaultServer


class Receiver:
    """Keeps what is posted, and answers with the next of `statuses`, then with 200."""

    def __init__(self, *statuses: int, claim: Claim | None = None) -> None:
        self.clock = HandClock()
        self.posted: list[dict[str, Any]] = []
        self.waits: list[float] = []
        self._statuses = list(statuses)
        self.alerts = Alerts(self._post, sleep=self._sleep, clock=self.clock, claim=claim)

    def _post(self, document: dict[str, Any]) -> int:
        self.posted.append(document)
        return self._statuses.pop(0) if self._statuses else 200

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def documents(self) -> list[dict[str, Any]]:
        """What is posted of what waits."""
        await self.alerts.send_waiting()
        posted, self.posted = self.posted, []
        return posted

    async def events(self) -> list[str]:
        """The names of what is posted of what waits."""
        return [document["event"] for document in await self.documents()]


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


async def ask(hub: Hub, model: str, typed: dict[str, str] | None = None) -> None:
    session = hub.session(typed, owner_pays=not typed, trusted=not typed)
    try:
        async with session.answer(ChatRequest((Message(Role.USER, "hello"),), model=model, fallback=())) as (events, _):
            async for _ in events:
                pass
    except LLMHubError:
        pass


@pytest.fixture
async def hub(fault_server: FaultServer, tmp_path: Path, receiver: Receiver) -> AsyncIterator[Hub]:
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n"
        "LLM_HUB_ROUTE=openai/status-429?retry-after=60\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    hub.observe_attempts(receiver.alerts.note_attempt)
    yield hub
    await hub.aclose()


async def test_a_pause_is_told_once_until_a_quarter_of_an_hour_is_over(hub: Hub, receiver: Receiver) -> None:
    await ask(hub, "openai/status-429?retry-after=60")
    assert await receiver.events() == ["target_paused"]
    for _ in range(3):
        hub.session().try_now("openai/status-429?retry-after=60")
        await ask(hub, "openai/status-429?retry-after=60")
    assert await receiver.events() == []
    receiver.clock.now += REPEAT_AFTER
    hub.session().try_now("openai/status-429?retry-after=60")
    await ask(hub, "openai/status-429?retry-after=60")
    assert await receiver.events() == ["target_paused"]


async def test_an_alert_says_what_is_paused_why_and_how_long(hub: Hub, receiver: Receiver) -> None:
    await ask(hub, "openai/ok")
    await ask(hub, "openai/status-429?retry-after=60")
    (document,) = await receiver.documents()
    assert document["target"] == "openai/status-429?retry-after=60"
    assert 50 < document["seconds"] <= 60
    assert document["text"] == document["content"]
    assert "is paused for" in document["text"]
    assert document["reason"] in document["text"]
    assert "sk-owner" not in orjson.dumps(document).decode()


async def test_nothing_is_told_of_a_name_that_somebody_mistyped(hub: Hub, receiver: Receiver) -> None:
    await ask(hub, "openai/unknown")
    assert await receiver.events() == []


async def test_nothing_is_told_of_what_a_visitors_own_key_does(hub: Hub, receiver: Receiver) -> None:
    await ask(hub, "openai/status-429?retry-after=60", {"openai": "sk-visitors-0123456789"})
    assert await receiver.events() == []


async def test_a_days_money_is_told_at_four_fifths_and_when_it_is_gone(receiver: Receiver) -> None:
    quota = Quota(money=Decimal(1))
    quota.watch = receiver.alerts.note_spending
    for spent, told in (("0.7", []), ("0.12", ["money_nearly_spent"]), ("0.05", [])):
        reservation = await quota.reserve("alice", money=Decimal("0.13"))
        await reservation.settle(tokens=1, money=Decimal(spent))
        assert await receiver.events() == told
    for told in (["money_spent"], []):
        with pytest.raises(LimitReached):
            await quota.reserve("alice", money=Decimal("0.5"))
        documents = await receiver.documents()
        assert [document["event"] for document in documents] == told
        assert all("$0.87 of the day's $1.00 for the key alice" in document["text"] for document in documents)


async def test_of_two_hubs_with_one_redis_the_first_tells_and_without_redis_each_does(
    tmp_path: Path, redis_url: str, fault_server: FaultServer
) -> None:
    async with hubs(tmp_path, redis_url, fault_server, HandClock()) as pair:
        receivers = [Receiver(claim=each.exchange.claim_for) for each in pair]
        for each, receiver in zip(pair, receivers, strict=True):
            each.hub.observe_attempts(receiver.alerts.note_attempt)
        await asyncio.gather(*(ask(each.hub, "openai/status-429?retry-after=60") for each in pair))
        for receiver in receivers:
            receiver.alerts.note_spending(Spending("this key", "alice", 900, 1000, refused=False))
        told = [event for receiver in receivers for event in await receiver.events()]
        assert sorted(told) == ["money_nearly_spent", "target_paused"]
        first, second = receivers
        for name in "alice", "carol":
            first.alerts.note_spending(Spending("this key", name, 1000, 1000, refused=True))
            assert await first.events() == ["money_spent"]
            second.alerts.note_spending(Spending("this key", name, 900, 1000, refused=False))
            assert await second.events() == []
        for each in pair:
            assert each.exchanging is not None
            each.exchanging.cancel()
            await asyncio.wait([each.exchanging])
        for receiver in receivers:
            receiver.alerts.note_spending(Spending("this key", "bob", 900, 1000, refused=False))
            assert await receiver.events() == ["money_nearly_spent"]


async def test_programs_without_a_key_are_not_called_one(receiver: Receiver) -> None:
    quota = Quota(money=Decimal(1))
    quota.watch = receiver.alerts.note_spending
    reservation = await quota.reserve("local", money=Decimal("0.9"))
    await reservation.settle(tokens=1, money=Decimal("0.85"))
    (document,) = await receiver.documents()
    assert document["whose"] == "the programs on this computer"


async def test_a_webhook_that_fails_is_asked_again_and_one_that_refuses_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for statuses, waits, told in (((503, 429), [1.0, 5.0], 0), ((500,) * 9, [1.0, 5.0, 30.0], 1), ((404,), [], 1)):
        receiver = Receiver(*statuses)
        quota = Quota(money=Decimal(1))
        quota.watch = receiver.alerts.note_spending
        await (await quota.reserve("bob", money=Decimal("0.1"))).settle(tokens=1, money=Decimal("0.85"))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            await receiver.events()
        assert receiver.waits == waits
        assert len(caplog.records) == told


async def test_only_so_many_alerts_wait(receiver: Receiver) -> None:
    quota = Quota(money=Decimal(1))
    quota.watch = receiver.alerts.note_spending
    for number in range(MAX_WAITING + 5):
        await (await quota.reserve(f"k{number}", money=Decimal("0.1"))).settle(tokens=1, money=Decimal("0.85"))
    assert len(await receiver.events()) == MAX_WAITING


async def test_the_url_is_in_no_line_of_the_log_and_mentions_do_not_ring(caplog: pytest.LogCaptureFixture) -> None:
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(400)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/services/T000/secret-token"
        alerts = Alerts(webhook(url, DIRECT))
        quota = Quota(money=Decimal(1))
        quota.watch = alerts.note_spending
        await (await quota.reserve("@everyone<!channel>", money=Decimal("0.1"))).settle(tokens=1, money=Decimal("0.85"))
        await alerts.aclose()
        server.shutdown()
    (body,) = map(orjson.loads, bodies)
    assert "@everyone" not in body["text"]
    assert "<!channel>" not in body["text"]
    assert "could not be sent to the webhook: it answered 400" in caplog.text
    assert "secret-token" not in caplog.text


def test_a_webhook_that_is_no_web_address_is_refused_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLM_HUB_ALERT_WEBHOOK", raising=False)
    (tmp_path / ".env").write_text("LLM_HUB_ALERT_WEBHOOK=hooks.slack.com/services/secret-token\n")
    with pytest.raises(LLMHubError, match=r"LLM_HUB_ALERT_WEBHOOK: it is no web address") as caught:
        Settings.load(tmp_path / ".env")
    assert "secret-token" not in str(caught.value)
    (tmp_path / ".env").write_text("LLM_HUB_ALERT_WEBHOOK=https://hooks.slack.com/services/secret-token\n")
    settings = Settings.load(tmp_path / ".env")
    assert "/services/secret-token" in settings.secrets()
    assert "secret-token" not in repr(settings)

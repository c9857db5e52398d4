"""Background checks: what is asked, when it costs nothing, and where the outcome goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.target_checks import JITTER, TargetChecks
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.usage.ledger import Ledger
from tests.router.hand_clock import HandClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.fault_server import FaultServer

HOUR = 3600.0
TARGET = "openai/ok?tokens=1"


class Checked:
    """A hub whose route is one model, with a clock that is moved by hand."""

    def __init__(self, server: FaultServer, folder: Path) -> None:
        (folder / ".env").write_text(
            f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n"
            f"LLM_HUB_ROUTE={TARGET},local,groq/no-key\nLLM_HUB_COOLDOWN=60\n"
        )
        self.clock = HandClock()
        self.hub = Hub(Settings.load(folder / ".env"), clock=self.clock)
        self.ledger = Ledger(Database(f"sqlite:///{folder / 'hub.db'}"))
        self.gateway = Gateway(self.hub, meter=Meter(self.ledger))
        self.checks = TargetChecks(self.gateway, HOUR)


@pytest.fixture
async def checked(fault_server: FaultServer, tmp_path: Path) -> AsyncIterator[Checked]:
    checked = Checked(fault_server, tmp_path)
    yield checked
    await checked.ledger.aclose()
    await checked.ledger._database.aclose()
    await checked.hub.aclose()


async def test_where_the_models_are_listed_nothing_is_spent(checked: Checked) -> None:
    assert await checked.checks.check_all() == []
    assert checked.gateway.owner_session.targets() == ()
    assert await checked.ledger.totals() == []


async def test_where_no_list_comes_a_word_is_asked_for_and_its_cost_is_the_checks(
    checked: Checked, fault_server: FaultServer
) -> None:
    fault_server.lists = "key"
    try:
        assert await checked.checks.check_all() == [TARGET]
        (state,) = checked.gateway.owner_session.targets()
        assert [attempt.outcome for attempt in state.attempts] == ["answered"]
        (total,) = await checked.ledger.totals()
        assert (total.caller, total.target, total.used.requests) == ("checks", TARGET, 1)
        assert checked.gateway.days.targets == {TARGET}
        assert await checked.checks.check_all() == []  # it was asked a moment ago
        checked.clock.now += HOUR + 1
        assert await checked.checks.check_all() == [TARGET]
    finally:
        fault_server.lists = "ok"


async def test_rounds_are_not_in_step_and_a_failed_one_does_not_end_them(checked: Checked) -> None:
    waits: list[float] = []
    chances = iter((0.0, 1.0, 0.5))

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await TargetChecks(checked.gateway, HOUR, sleep=sleep, chance=lambda: next(chances)).run()
    assert waits == [HOUR * (1 - JITTER), HOUR * (1 + JITTER), HOUR]

"""When a second model is asked beside the first: what was measured, and how many there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_hub.access.hedging import MAX_HEDGED_AT_ONCE, MIN_MEASURED, HedgeAllowance, MeasuredHedging
from llm_hub.chat import Attempt, ChatRequest, Done, Message, Role
from llm_hub.hub import Hub
from llm_hub.providers.chaos import ChaosProvider
from llm_hub.router import Target
from llm_hub.router.attempt_history import MAX_MEASURED_AGE, AttemptHistory
from llm_hub.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServer


ANSWERED = Attempt("first", "m", 0.0, 9.0, 1.0, "answered")


def target(name: str = "first") -> Target:
    return Target(ChaosProvider(name=name, default_model="m"))


def test_a_delay_is_known_once_it_was_measured_often_enough() -> None:
    history = AttemptHistory(lambda: now[0])
    now = [0.0]
    hedging = MeasuredHedging(HedgeAllowance(), lambda name: history if name == "first" else None)
    for number in range(1, MIN_MEASURED):
        history.add(Attempt("first", "m", 0.0, 50.0, number / 10, "answered"))
        assert hedging.delay(target()) is None
    history.add(Attempt("first", "m", 0.0, 50.0, 9.0, "answered"))
    assert hedging.delay(target()) == 9.0  # the slowest of twenty
    assert hedging.delay(target("second")) is None
    now[0] = MAX_MEASURED_AGE + 1
    assert hedging.delay(target()) is None


def test_what_was_overtaken_counts_as_slow() -> None:
    history = AttemptHistory()
    for _ in range(38):
        history.add(ANSWERED)
    hedging = MeasuredHedging(HedgeAllowance(), lambda _: history)
    assert hedging.delay(target()) == 1.0
    for _ in range(2):
        history.add(Attempt("first", "m", 0.0, 4.0, None, "overtaken"))
    assert hedging.delay(target()) == 4.0


def test_where_all_are_slow_few_are_asked_twice() -> None:
    allowance = HedgeAllowance()
    for _ in range(1000):
        allowance.add_request()
    assert [allowance.take() for _ in range(100)].count(True) == MAX_HEDGED_AT_ONCE
    for _ in range(100):
        allowance.add_request()
    assert [allowance.take() for _ in range(10)].count(True) == 5  # 5.8 in 100


@pytest.mark.parametrize(
    ("setting", "hedge", "delay", "outcomes"),
    [
        ("true", True, 0.5, ["overtaken", "answered"]),
        ("true", False, 0.05, ["answered"]),
        ("", True, 0.05, ["answered"]),
    ],
    ids=["on", "not for this request", "off"],
)
async def test_the_setting_turns_it_on(
    tmp_path: Path, fault_server: FaultServer, setting: str, hedge: bool, delay: float, outcomes: list[str]
) -> None:
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-one-0123456789\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_HEDGE={setting}\n"
        f"ANTHROPIC_API_KEY=sk-ant-0123456789\nANTHROPIC_BASE_URL={fault_server.anthropic_url}\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    slow = f"slow-headers?delay={delay}"
    history = hub._shared.pool.open("openai").history
    for _ in range(MIN_MEASURED):
        history.add(Attempt("openai", slow, 0.0, 9.0, 0.01, "answered"))
    if (allowance := hub._shared.hedge_allowance) is not None:
        for _ in range(MIN_MEASURED):
            allowance.add_request()
    request = ChatRequest((Message(Role.USER, "Hello"),), f"openai/{slow}", fallback=("anthropic/ok",))
    async with hub.session().answer(request, hedge=hedge) as (events, _):
        last = [event async for event in events][-1]
    assert isinstance(last, Done)
    assert [attempt.outcome for attempt in last.response.attempts] == outcomes
    await hub.aclose()

"""Whom a route asks first where the fastest or the cheapest is wished for."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from llm_hub.access.route_order import expected_delay
from llm_hub.chat import Attempt, ChatRequest, Message, Order, Role
from llm_hub.hub import Hub
from llm_hub.router.attempt_history import MAX_MEASURED_AGE, AttemptHistory
from llm_hub.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from llm_hub.access.session import Session

ROUTE = ("openai/slow", "anthropic/quick", "groq/broken")
PRICES = "openai/slow=2/8, anthropic/quick=3/15"


def attempt(target: str, first_token: float | None, outcome: str = "answered") -> Attempt:
    provider, _, model = target.partition("/")
    return Attempt(provider, model, 0.0, 5.0, first_token, outcome)


@asynccontextmanager
async def session_with(tmp_path: Path, *past: Attempt, settings: str = "") -> AsyncIterator[Session]:
    """A session whose models were asked before."""
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-one-0123456789\nANTHROPIC_API_KEY=sk-ant-one-0123456789\nGROQ_API_KEY=gsk-one-0123456789\n"
        f"LLM_HUB_ROUTE={', '.join(ROUTE)}\nLLM_HUB_PRICES={PRICES}\n{settings}"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    for each in past:
        hub._shared.pool.open(each.provider).history.add(each)
    try:
        yield hub.session()
    finally:
        await hub.aclose()


def targets(session: Session, order: Order | None, model: str | None = None) -> list[str]:
    request = ChatRequest((Message(Role.USER, "Hello"),), model, order=order)
    return [target.partition("/")[2] for target in session.route_of(request).targets]


MEASURED = (
    attempt("openai/slow", 1.5),
    attempt("anthropic/quick", 0.4),
    attempt("groq/broken", None, "server_failed"),
)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (None, ["slow", "quick", "broken"]),
        ("given", ["slow", "quick", "broken"]),
        ("fastest", ["quick", "slow", "broken"]),
        ("cheapest", ["slow", "quick", "broken"]),
    ],
)
async def test_a_route_is_asked_in_the_order_that_the_request_wishes_for(
    tmp_path: Path, order: Order | None, expected: list[str]
) -> None:
    async with session_with(tmp_path, *MEASURED) as session:
        assert targets(session, order) == expected


async def test_the_settings_order_holds_where_the_request_has_none(tmp_path: Path) -> None:
    async with session_with(tmp_path, *MEASURED, settings="LLM_HUB_ORDER=fastest\n") as session:
        assert targets(session, None)[0] == "quick"
        assert targets(session, "given")[0] == "slow"


async def test_the_cheapest_is_asked_first_and_last_whose_price_is_unknown(tmp_path: Path) -> None:
    prices = "LLM_HUB_PRICES=openai/slow=9/9, anthropic/quick=3/15\n"  # 36 dollars for the blend, and 24
    async with session_with(tmp_path, settings=prices) as session:
        assert targets(session, "cheapest") == ["quick", "slow", "broken"]


async def test_a_chosen_model_is_asked_first_whatever_the_order_is(tmp_path: Path) -> None:
    async with session_with(tmp_path, *MEASURED) as session:
        assert targets(session, "fastest", "groq/broken") == ["broken", "quick", "slow"]
        assert targets(session, "fastest", "auto") == ["quick", "slow", "broken"]


async def test_who_was_not_asked_lately_is_asked_first_and_so_measured() -> None:
    now = [0.0]
    history = AttemptHistory(lambda: now[0])
    assert expected_delay(None, "slow") == expected_delay(history, "slow") == 0
    for seconds in (4.0, 2.0, 3.0):
        history.add(attempt("openai/slow", seconds))
    history.add(attempt("openai/slow", None, "rate_limited"))
    history.add(attempt("openai/broken", None, "timed_out"))
    history.add(attempt("openai/keyless", None, "not_configured"))  # nobody was asked: nothing is known
    assert expected_delay(history, "slow") == 3
    assert expected_delay(history, "broken") == math.inf
    assert expected_delay(history, "keyless") == 0
    now[0] = MAX_MEASURED_AGE + 1
    assert expected_delay(history, "slow") == 0

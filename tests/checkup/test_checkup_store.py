"""Check-ups are kept, shown to the hub's owner, and tell the order of a route."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.checkup import checkup_store
from llm_hub.checkup.card import cards_as_route, find_route
from llm_hub.checkup.checkup import Card, Figures
from llm_hub.checkup.checkup_store import CheckupStore, PastCheckup
from llm_hub.checkup.findings import ProbeFinding
from llm_hub.storage.database import Database
from llm_hub.ui.status.checkup_view import checkup_html

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from llm_hub.checkup.findings import Verdict

FIGURES = Figures(60, 0, 900, 400, 0.5, 0.2, 0.4, 80.0, 90.0, ("gpt",), None)
REFERENCE = Card("vendor/m", "vendor/m", 16_384, "same", (), FIGURES)


def a_card(target: str, verdict: Verdict, **figures: object) -> Card:
    finding = ProbeFinding("stop", verdict, 0.01, "answers that go on: 3 of 3", ("<img src=x onerror=alert(1)>", "two"))
    return Card(target, "vendor/m", 16_384, verdict, (finding,), replace(FIGURES, **figures))  # type: ignore[arg-type]


async def test_check_ups_come_back_as_they_were_and_the_oldest_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup_store, "MAX_KEPT", 2)
    times = iter((1.0, 2.0, 3.0))
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    store = CheckupStore(database, clock=lambda: next(times))
    try:
        assert await store.latest() == []
        assert not (tmp_path / "hub.db").exists()
        for verdict in ("same", "cannot tell", "differs"):
            await store.add([REFERENCE, a_card("other/m", verdict)])
        assert await store.latest(9) == [
            PastCheckup(3.0, (REFERENCE, a_card("other/m", "differs"))),
            PastCheckup(2.0, (REFERENCE, a_card("other/m", "cannot tell"))),
        ]
    finally:
        await database.aclose()


def test_a_route_asks_whoever_is_the_same_first_and_nobody_who_differs() -> None:
    cards = [
        REFERENCE,
        a_card("unknown/m", "cannot tell", price=0.0),
        a_card("fraud/m", "differs", price=0.0),
        a_card("failing/m", "same", failures=2, price=0.0),
        a_card("unpriced/m", "same", price=None),
        a_card("cheap/m", "same", price=0.1),
        a_card("soon/m", "same", first_token_p50=0.1),
    ]
    assert find_route(cards) == ["cheap/m", "soon/m", "vendor/m", "unpriced/m", "failing/m", "unknown/m"]
    assert cards_as_route(cards[:3]) == "LLM_HUB_ROUTE=vendor/m,unknown/m\n"


def test_the_status_tab_shows_each_card_with_its_evidence_and_what_was_said_before() -> None:
    last = PastCheckup(1000.0, (REFERENCE, a_card("other/m", "differs"), a_card("new/m", "same")))
    before = [PastCheckup(1.0, (REFERENCE, a_card("other/m", verdict))) for verdict in ("same", "same", "differs")]
    html = checkup_html([last, *before], now=1120.0)
    assert "Check-up, 2 min ago" in html
    assert "before: 2 × same, 1 × differs" in html
    assert html.count("before:") == 1
    assert "&lt;img src=x onerror=alert(1)&gt;&#10;two" in html
    assert "LLM_HUB_ROUTE=vendor/m,new/m" in html
    assert "llm-hub checkup REFERENCE TARGET" in checkup_html([], now=0.0)

"""Patterns are searched in a process of its own: one that takes for ever is ended, and holds nothing up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from llm_hub.runs.answer_checks import read_check
from llm_hub.runs.cell import Cell
from llm_hub.runs.pattern_search import PatternSearch

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDLESS = r"(a+)+$"
UNHURRIED = 60.0
"""Seconds that a busy machine may take."""


@pytest.fixture
def patterns() -> Iterator[PatternSearch]:
    search = PatternSearch(seconds=UNHURRIED)
    yield search
    search.close()


def test_a_pattern_that_takes_too_long_is_given_up_and_others_go_on(patterns: PatternSearch) -> None:
    assert patterns.is_found(r"^b\d", "a1\nb2") is True
    began, patterns._seconds = time.monotonic(), 0.2
    assert patterns.is_found(ENDLESS, "a" * 40 + "!") is None
    assert patterns.is_found(ENDLESS, "a") is None, "it is not tried again"
    assert time.monotonic() - began < 9, "it would take years"
    patterns._seconds = UNHURRIED
    assert patterns.is_found(r"^c", "a1\nb2") is False
    assert patterns.is_found("é\\s*\u2028", "é\n\u2028 and \ud800") is True


def test_a_process_that_died_is_begun_anew(patterns: PatternSearch) -> None:
    assert patterns.is_found("a", "a") is True
    patterns.close()
    assert patterns.is_found("a", "b") is False


def test_what_a_pattern_does_not_tell_in_time_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_hub.runs.answer_checks.PATTERNS", PatternSearch(seconds=0.1))
    for check in (f"regex:{ENDLESS}", f"not-regex:{ENDLESS}"):
        assert read_check(check).passes_cell(Cell(0, "answered", "a" * 40 + "!")) is None

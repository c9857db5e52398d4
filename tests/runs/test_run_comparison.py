"""A run compared with an earlier one of its set: what changed, and what may be chance."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.runs.cell import Cell
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.run_comparison import RunComparison, check_comparable, compare_runs
from llm_hub.runs.run_figures import find_figures
from llm_hub.runs.run_plan import RunPlan
from llm_hub.runs.run_store import StoredRun
from llm_hub.ui.render.run_changes import MAX_ROWS, describe_changes
from llm_hub.ui.render.run_files import FORMATS, write_report
from llm_hub.ui.render.run_report import RunReport

if TYPE_CHECKING:
    from collections.abc import Sequence


def a_run(
    answers: Sequence[str],
    *,
    rows: Sequence[int] | None = None,
    seconds: float = 1.0,
    usd: str = "0.001",
    checks: tuple[str, ...] = ("contains:yes",),
    target: str = "x/model",
) -> StoredRun:
    """A run of one target, with an answer for each row; `rows` are the prompts' own numbers."""
    lines = "\n".join(f"prompt {row}" for row in (rows or range(len(answers))))
    plan = RunPlan(read_prompt_set("set.txt", lines.encode()), (target,), checks=checks)
    cells = {
        number: Cell(number, "answered", text, seconds=seconds, usd=Decimal(usd), requests=1)
        for number, text in enumerate(answers)
    }
    return StoredRun(plan, cells, {})


def sentences(changes: RunComparison, later: StoredRun) -> list[str]:
    return describe_changes(RunReport("later", later.plan, later.cells, find_figures(*later), changes))


def test_what_changed_is_told_and_is_significant() -> None:
    earlier, later = a_run(["yes"] * 20), a_run(["no"] * 8 + ["yes"] * 12, seconds=2.0, usd="0.0005")
    changes = compare_runs("last-week", earlier, later)
    (column,) = changes.columns
    assert column.passed is not None
    assert (column.passed.before, column.passed.now, column.passed.lower) == (1.0, 0.6, 8)
    assert column.passed_now == find_figures(*later).columns[0].pass_rate
    assert column.passed.is_significant
    assert changes.is_worse
    assert [(row.row, row.before, row.now) for row in changes.rows] == [(row, 1.0, 0.0) for row in range(8)]
    assert (changes.texts, changes.compared) == (8, 20)
    told, texts, first, *_ = sentences(changes, later)
    assert told.startswith("x/model, 20 rows: passed 100.0% → 60.0%, changed: more in 0 rows, fewer in 8 (p = ")
    assert "whole answer 1.0 s → 2.0 s, changed: slower in 20 rows" in told
    assert "price of 1,000 $1.00 → $0.5000, changed: dearer in 0 rows, cheaper in 20 (p < 0.001)" in told
    assert texts == "Other answers than before: 8 of 20 prompts of a target."
    assert first == "Row 1, x/model: 100% → 0% passed: prompt 0"


def test_what_may_be_chance_is_said_to_be_that() -> None:
    earlier, later = a_run(["yes"] * 20), a_run(["no"] * 3 + ["yes"] * 17)
    changes = compare_runs("last-week", earlier, later)
    assert not changes.is_worse
    assert "passed 100.0% → 85.0%, which may be chance (p = 0.75)" in sentences(changes, later)[0], "of three tests"
    assert "whole answer 1.0 s → 1.0 s, the same" in sentences(changes, later)[0]


def test_rows_are_matched_by_their_prompts_and_others_are_left_out() -> None:
    earlier = a_run(["yes", "no", "yes"], rows=[1, 2, 3])
    later = a_run(["yes", "yes", "yes", "yes"], rows=[9, 3, 2, 2])
    (column,) = (changes := compare_runs("before", earlier, later)).columns
    assert column.rows == 2
    assert [(row.row, row.before, row.now) for row in changes.rows] == [(2, 0.0, 1.0)]


def test_both_are_judged_by_the_later_checks_and_failures_are_left_out() -> None:
    earlier, later = a_run(["yes", "no", "no"], checks=()), a_run(["no", "no", "no"], checks=("contains:no",))
    later.cells[2] = Cell(2, "overloaded")
    (column,) = compare_runs("before", earlier, later).columns
    assert column.passed is not None
    assert (column.passed.before, column.passed.now, column.passed.higher) == (0.5, 1.0, 1)


def test_without_checks_times_prices_and_texts_are_compared() -> None:
    earlier, later = a_run(["a", "b"], checks=()), a_run(["a", "c"], checks=())
    later.cells[0] = replace(later.cells[0], unpriced=1)
    (column,) = (changes := compare_runs("before", earlier, later)).columns
    assert column.passed is None
    assert changes.texts == 1
    assert "passed" not in sentences(changes, later)[0]


def test_many_changed_rows_are_counted() -> None:
    earlier, later = a_run(["yes"] * 40), a_run(["no"] * 40)
    assert len(told := sentences(compare_runs("before", earlier, later), later)) == 2 + MAX_ROWS + 1
    assert told[-1] == "10 more rows changed."


@pytest.mark.parametrize("other", [a_run(["yes"], rows=[7]), a_run(["yes"], target="y/model")])
def test_runs_that_have_nothing_in_common_are_refused(other: StoredRun) -> None:
    with pytest.raises(ConfigurationError, match="no prompt and target in common"):
        check_comparable("other", other.plan, a_run(["yes"]).plan)


def test_every_report_tells_what_changed() -> None:
    earlier, later = a_run(["yes"] * 8), a_run(["no"] * 8)
    changes = compare_runs("last-week", earlier, later)
    report = RunReport("later", later.plan, later.cells, find_figures(*later), changes)
    for kind in ("terminal", "html", "md", "json"):
        assert "last\\-week" in write_report(report, kind) or "last-week" in write_report(report, kind)
    assert set(FORMATS) == {"html", "md", "json", "csv"}

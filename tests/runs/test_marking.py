"""A person's marks of a run's answers: blind, and a check like others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.runs.answer_checks import MARKED, read_check
from llm_hub.runs.cell import Cell, read_cell, write_cell
from llm_hub.runs.marking import marking_order, with_marks
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.run_figures import find_figures, verdict
from llm_hub.runs.run_plan import RunPlan
from llm_hub.ui.render.run_files import write_report
from llm_hub.ui.render.run_report import RunReport

if TYPE_CHECKING:
    from collections.abc import Iterable

PROMPTS = read_prompt_set("set.txt", "\n".join(f"prompt {row}" for row in range(40)).encode())


def a_plan(checks: tuple[str, ...] = ()) -> RunPlan:
    return RunPlan(PROMPTS, ("a/x", "b/y"), checks=checks)


def answers(marks: Iterable[bool | None]) -> dict[int, Cell]:
    return {number: Cell(number, "answered", "An answer.", mark=mark) for number, mark in enumerate(marks)}


def test_a_mark_counts_as_a_check_and_what_is_not_marked_counts_neither_way() -> None:
    cells = answers([True, False, False, None, True, True])
    plan = with_marks(a_plan(), cells.values())
    assert plan.checks == (MARKED,)
    first, second = find_figures(plan, cells).columns
    assert (first.passed, first.pass_rate and first.pass_rate.share) == (2, 2 / 3)
    assert (second.passed, second.pass_rate and second.pass_rate.share) == (1, 0.5)
    assert [verdict(plan, cells[number]) for number in (0, 1, 3)] == [True, False, None]


def test_marks_and_other_checks_must_all_pass() -> None:
    cells = answers([True, True])
    cells[1] = replace(cells[1], text="Nothing")
    plan = with_marks(a_plan(("contains:answer",)), cells.values())
    assert plan.checks == ("contains:answer", MARKED)
    assert [verdict(plan, cell) for cell in cells.values()] == [True, False]
    assert with_marks(plan, answers([None]).values()).checks == ("contains:answer",), "the last mark was taken back"
    assert not read_check("not-marked:").passes_cell(cells[0])


def test_who_marks_sees_row_after_row_and_cannot_tell_the_target_by_its_place() -> None:
    plan, cells = a_plan(), answers([None] * 80)
    cells[7] = Cell(7, "overloaded")
    order = marking_order("a-run", plan, cells)
    assert order == marking_order("a-run", plan, cells), "the same at each key"
    assert sorted(order) == [number for number in range(80) if number != 7]
    rows = [plan.place(number).row for number in order]
    assert rows == sorted(rows)
    first = Counter(
        plan.place(number).target
        for number, row in zip(order, rows, strict=True)
        if rows.index(row) == order.index(number)
    )
    assert min(first[0], first[1]) > 8, first


def test_marks_are_written_and_reported() -> None:
    cells = answers([True, False])
    assert [read_cell(write_cell(cell)) for cell in cells.values()] == list(cells.values())
    plan = with_marks(a_plan(), cells.values())
    report = RunReport("a-run", plan, cells, find_figures(plan, cells))
    assert all("marked by a person" in write_report(report, kind) for kind in ("html", "md"))
    assert '"mark": false' in write_report(report, "json")

"""Which rows of a run a reader wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from llm_hub.runs.run_figures import verdict
from llm_hub.runs.runner import is_failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.run_plan import RunPlan

Column = tuple[int, int]
"""A target and a variant of the prompt, each counted from 0."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """What all of the shown rows have in common; by default nothing.

    `text` stands in the prompt, an answer or an error, in capital or small letters. `only` "failed": a request of the
    row failed; "missed": an answer did not pass. All answers of the column `passed_by` passed, and one or more of
    `missed_by` did not.
    """

    text: str = ""
    only: Literal["", "failed", "missed"] = ""
    passed_by: Column | None = None
    missed_by: Column | None = None


def find_rows(plan: RunPlan, cells: Mapping[int, Cell], wanted: RowFilter) -> tuple[int, ...]:
    """The rows that are so by now, in order."""
    rows: list[list[Cell]] = [[] for _ in plan.prompts.rows]
    for number in sorted(cells):
        rows[plan.place(number).row].append(cells[number])
    return tuple(row for row, row_cells in enumerate(rows) if _is_wanted(plan, row, row_cells, wanted))


def _is_wanted(plan: RunPlan, row: int, cells: list[Cell], wanted: RowFilter) -> bool:
    text = wanted.text.strip().casefold()
    if text:
        texts = [variant[row] for variant in plan.texts]
        texts += [each for cell in cells for each in (cell.text, cell.error)]
        if not any(text in each.casefold() for each in texts):
            return False
    if wanted.only == "failed" and not any(map(is_failure, cells)):
        return False
    if wanted.only == "missed" and all(_verdicts(plan, cells)):
        return False
    if wanted.missed_by is not None and all(_verdicts(plan, cells, wanted.missed_by)):
        return False
    passed = _verdicts(plan, cells, wanted.passed_by)
    return wanted.passed_by is None or (bool(passed) and all(passed))


def _verdicts(plan: RunPlan, cells: list[Cell], column: Column | None = None) -> list[bool]:
    """The verdicts of a row's own answers, of one column or of all."""
    chosen = (cell for cell in cells if column is None or column == _column(plan, cell))
    return [passed for cell in chosen if (passed := verdict(plan, cell)) is not None]


def _column(plan: RunPlan, cell: Cell) -> Column:
    place = plan.place(cell.number)
    return place.target, place.variant

"""A person's marks: each answer passes or does not, by somebody who does not see whose it is.

They are a check like others, `marked:`, which a run has as long as something in it is marked. Answers that nobody has
marked count neither way meanwhile.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.runs.answer_checks import MARKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.run_plan import RunPlan


def marking_order(run_id: str, plan: RunPlan, cells: Mapping[int, Cell]) -> list[int]:
    """The cells that can be marked: row by row, and of each prompt the targets in an order of chance, which is always
    the same for one run."""
    chance = random.Random(run_id)  # noqa: S311  # an order, and no secret
    keys = {number: (*plan.place(number)[:2], chance.random()) for number in sorted(cells)}
    return sorted((number for number, cell in cells.items() if cell.is_answered), key=keys.__getitem__)


def with_marks(plan: RunPlan, cells: Iterable[Cell]) -> RunPlan:
    """The plan with the check `marked:` if some cell is marked, and without it otherwise."""
    others = tuple(check for check in plan.checks if check != MARKED)
    is_marked = any(cell.mark is not None for cell in cells)
    return replace(plan, checks=(*others, MARKED) if is_marked else others)

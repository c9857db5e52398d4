"""What there is to do for a run, in order: its answers are asked, and when all are there its judge is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from llm_hub.runs.judge import JudgePlan
from llm_hub.runs.runner import is_failure, spent_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.run_store import StoredRun
    from llm_hub.runs.runner import Questions, Runner


class MakeRunner(Protocol):
    """Makes a runner for some of the questions of a run."""

    def __call__(
        self, plan: Questions, *, cells: dict[int, Cell], spent: Decimal = ..., again: bool = ...
    ) -> Runner: ...


def runners(make: MakeRunner, run: StoredRun, *, again: bool = False) -> Iterator[Runner]:
    """The runners of a run, each to be run to its end before the next is taken. `again`: what failed is asked again.

    The judge compares whole runs: it is not asked while answers are missing.
    """
    yield make(run.plan, cells=run.cells, again=again)
    if not run.plan.judge or len(run.cells) < run.plan.size:
        return
    questions = JudgePlan(run.plan, run.cells)
    if again and any(map(is_failure, run.verdicts.values())):
        yield make(questions, cells=run.verdicts, spent=spent_on(run.cells), again=True)
    yield make(questions, cells=run.verdicts, spent=spent_on(run.cells))


def judge_left(run: StoredRun) -> int:
    """How many requests the judge of a run has still to answer, once all answers are there."""
    if not run.plan.judge or len(run.cells) < run.plan.size:
        return 0
    return sum(number not in run.verdicts for number in JudgePlan(run.plan, run.cells).numbers_of(0))

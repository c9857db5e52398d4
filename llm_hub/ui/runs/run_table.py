"""The table of a run that is shown: a row for each prompt, and the marks that change while it is asked."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

from llm_hub.runs.run_figures import RunFigures
from llm_hub.ui.render.formats import format_price, format_seconds
from llm_hub.ui.render.run_report import RunReport, mark
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.runs.run_filter import column_titles
from llm_hub.ui.texts import runs_texts as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.open_runs import OpenRun
    from llm_hub.runs.run_plan import RunPlan
    from llm_hub.ui.runs.run_parts import RunView

MAX_SHOWN_CELLS = 2_000
"""Cells in the table at once: a browser draws no more of them eight times a second."""
MAX_PROMPT_CHARS = 160
MISSING = "·"
"""The mark of a cell that is not asked yet."""
MARKS = {
    "✓": "passed", "✗": texts.NOT_PASSED, "•": "answered", "F": texts.BY_FALLBACK, "!": "failed",
}  # fmt: skip
"""What the other marks mean, as a screen reader says it; assets/run_marks.js says the same."""


def rows_at_once(plan: RunPlan) -> int:
    """How many rows the table shows."""
    return max(1, MAX_SHOWN_CELLS // (plan.size // len(plan.prompts.rows)))


def chosen_rows(plan: RunPlan, view: RunView) -> Sequence[int]:
    """The rows that the table has on all of its pages."""
    return range(len(plan.prompts.rows)) if view.rows is None else view.rows


def shown_rows(plan: RunPlan, view: RunView) -> Sequence[int]:
    """The rows of the table's page that is in sight."""
    return chosen_rows(plan, view)[view.first_row : view.first_row + rows_at_once(plan)]


def shown_cells(plan: RunPlan, view: RunView) -> list[int]:
    """The numbers of the cells in the table, in the order in which they stand there."""
    place = plan.place(0)
    return [
        plan.number(place._replace(row=row, target=target, variant=variant, repeat=repeat))
        for row in shown_rows(plan, view)
        for target in range(len(plan.targets))
        for variant in range(len(plan.templates))
        for repeat in range(plan.repeats)
    ]


def table_html(run: OpenRun, view: RunView, marks: str) -> str:
    """A row for each prompt, a column for each target with a button for each repeat. `marks` are those of the shown
    cells by now; the page's script draws what changes."""
    plan, titles = run.plan, column_titles(run.plan)
    buttons = map(_mark_button, shown_cells(plan, view), marks)
    rows = []
    for row in shown_rows(plan, view):
        prompt = " ".join(plan.texts[0][row].split())
        short = prompt if len(prompt) <= MAX_PROMPT_CHARS else f"{prompt[:MAX_PROMPT_CHARS]}…"
        cells = "".join(f"<td>{''.join(islice(buttons, plan.repeats))}</td>" for _ in titles)
        rows.append(f'<tr><th scope="row"><small>{row + 1}</small> {html_text(short)}</th>{cells}</tr>')
    heads = "".join(f'<th scope="col">{html_text(title)}</th>' for title in titles)
    return (
        f'<div class="wide"><table class="run-table" data-shown="{view.key}">'
        f'<thead><tr><th scope="col">Prompt</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f'<p class="run-legend">{texts.LEGEND if rows else texts.NO_ROW}</p>'
    )


def _mark_button(number: int, mark: str) -> str:
    state = "disabled" if mark == MISSING else f'aria-label="{MARKS[mark]}"'
    return f'<button type="button" data-pick="{number}" {state}>{mark}</button>'


class LiveMarks:
    """The marks of the shown cells. What a cell's mark is does not change until it is asked again."""

    def __init__(self, run: OpenRun, view: RunView) -> None:
        self._run = run
        self._key = view.key
        self._numbers = shown_cells(run.plan, view)
        self._report = RunReport(run.id, run.plan, run.cells, RunFigures((), ()))
        self._known: dict[int, tuple[Cell, str]] = {}

    async def value(self) -> dict[str, Any]:
        """What the page's script draws: a mark for each shown cell, the share that is done, and a line about it."""
        run, marks = self._run, await asyncio.to_thread(self._marks)
        done, total = len(run.cells), run.plan.size
        if run.runner is not None:
            done, total = run.runner.total - run.runner.left, run.runner.total
        return {
            "shown": self._key,
            "state": "running" if run.is_running else "ended",
            "marks": marks,
            "share": done / max(1, total),
            "line": _progress(run, f"{done:,} of {total:,}"),
        }

    def _marks(self) -> str:
        return "".join(map(self._mark, self._numbers))

    def _mark(self, number: int) -> str:
        if (cell := self._run.cells.get(number)) is None:
            return MISSING
        known = self._known.get(number)
        if known is None or known[0] is not cell:
            known = self._known[number] = cell, mark(self._report, cell)
        return known[1]


def _progress(run: OpenRun, done: str) -> str:
    facts = [done]
    if (runner := run.runner) is not None:
        facts[0] += " of the judge" if runner.plan is not run.plan else ""
        if (seconds := runner.seconds_left) is not None:
            facts.append(f"about {format_seconds(max(seconds, 1))} left")
        if runner.spent:
            facts.append(format_price(runner.spent))
        facts += [texts.WAITING.format(target=target) for target in runner.waiting]
    return " · ".join(facts)

"""One answer of a run, opened over the page: HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.runs.answer_checks import read_check
from llm_hub.ui.render.formats import format_seconds, format_spent
from llm_hub.ui.render.run_report import describe_check
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.runs.answer_difference import difference_section
from llm_hub.ui.runs.run_filter import column_titles
from llm_hub.ui.runs.run_view import problem_html
from llm_hub.ui.texts import runs_texts as texts

if TYPE_CHECKING:
    from llm_hub.runs.cell import Cell, CellAttempt
    from llm_hub.runs.open_runs import OpenRun
    from llm_hub.runs.run_plan import RunPlan


def answer_html(run: OpenRun, number: int, other: int | None = None) -> str:
    """One cell, opened: what was asked, what came of it, by which attempts, and which checks it passes; and how it
    differs from another cell of its row."""
    plan, cell = run.plan, run.cells[number]
    place = plan.place(number)
    title = column_titles(plan)[place.target * len(plan.templates) + place.variant]
    which = texts.ROW.format(row=place.row + 1) + (f", repeat {place.repeat + 1}" if plan.repeats > 1 else "")
    text = f"<pre>{html_text(cell.text)}</pre>" if cell.is_answered else problem_html(cell.error)
    facts = [f"answered by {cell.answered_by}, a fallback"] if cell.fell_back else []
    facts += [texts.LATENCY.format(seconds=format_seconds(cell.first_token))] if cell.first_token is not None else []
    facts += [format_seconds(cell.seconds), format_spent(None if cell.unpriced else cell.usd, cell.reported_usd)]
    attempts = "".join(f"<li>{html_text(_attempt(each))}</li>" for each in cell.attempts)
    return (
        f'<dialog class="run-answer" data-number="{number}" aria-labelledby="run-answer-title">'
        f'<h2 id="run-answer-title">{html_text(title)}</h2>'
        f"<p>{which}</p><h3>Prompt</h3><pre>{html_text(plan.prompt(number))}</pre><h3>Answer</h3>{text}"
        f"<p>{html_text(' · '.join(facts))}</p>{_checks(plan, cell)}"
        + (f"<h3>Attempts</h3><ol>{attempts}</ol>" if attempts else "")
        + difference_section(run, number, other)
        + '<form method="dialog"><button>Close</button></form></dialog>'
    )


def _attempt(attempt: CellAttempt) -> str:
    outcome = attempt.outcome.replace("_", " ")
    return " · ".join(filter(None, (attempt.target, outcome, attempt.reason, format_seconds(attempt.seconds))))


def _checks(plan: RunPlan, cell: Cell) -> str:
    if not plan.checks or not cell.is_answered:
        return ""
    rows = "".join(
        f"<li>{_sign(check, cell)} <code>{html_text(describe_check(check))}</code></li>"
        for check in plan.checks_of(plan.place(cell.number).row)
    )
    return f"<h3>Checks</h3><ul>{rows}</ul>"


def _sign(check: str, cell: Cell) -> str:
    passed = read_check(check).passes_cell(cell)
    return "–" if passed is None else "✓" if passed else "✗"

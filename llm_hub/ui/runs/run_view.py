"""What the Runs tab says of a run, as HTML: state in, HTML out."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

from llm_hub.runs.answer_checks import read_check
from llm_hub.runs.runner import is_failure
from llm_hub.ui.render.formats import format_count, format_price, format_seconds
from llm_hub.ui.render.run_files import FORMATS
from llm_hub.ui.render.run_plots import plots_html
from llm_hub.ui.render.run_report import (
    RunReport,
    describe_estimate,
    describe_pairs,
    describe_summary,
    figure_rows,
    headings,
)
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.runs.answer_difference import difference_section
from llm_hub.ui.runs.run_filter import column_titles
from llm_hub.ui.runs.run_table import chosen_rows, rows_at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.runs.cell import Cell, CellAttempt
    from llm_hub.runs.open_runs import OpenRun
    from llm_hub.runs.prompt_set import PromptSet
    from llm_hub.runs.run_estimate import TargetEstimate
    from llm_hub.runs.run_figures import RunFigures
    from llm_hub.runs.run_plan import RunPlan
    from llm_hub.runs.run_store import RunHead
    from llm_hub.ui.runs.run_parts import RunView

NAMES = {"html": "HTML", "md": "Markdown", "csv": "CSV", "json": "JSON"}


def problem_html(text: str) -> str:
    """What is wrong, where a reader looks for it."""
    return f'<div class="problem" role="alert">{html_text(text)}</div>'


def prompts_html(prompts: PromptSet) -> str:
    """What was read of the prompts: a file does not show what is in it."""
    rows, columns = format_count(len(prompts.rows), "row"), ", ".join(prompts.columns)
    return f'<p class="run-set">{html_text(f"{prompts.name}: {rows}, columns: {columns}")}</p>'


def estimate_html(estimates: Sequence[TargetEstimate]) -> str:
    """The requests and the price of a run before it starts, for each target and altogether."""
    lines = "".join(f"<li>{html_text(describe_estimate(each))}</li>" for each in estimates)
    requests = format_count(sum(each.requests for each in estimates), "request")
    return f'<div class="run-estimate" role="status"><b>{requests}, {_total(estimates)}</b><ul>{lines}</ul></div>'


def _total(estimates: Sequence[TargetEstimate]) -> str:
    least = [each.least for each in estimates if each.least is not None]
    most = [each.most for each in estimates if each.most is not None]
    if len(least) < len(estimates):
        return "whose price cannot be known in all"
    if len(most) < len(estimates):
        return f"{format_price(sum(least, Decimal(0)))} and the answers"
    low, high = sum(least, Decimal(0)), sum(most, Decimal(0))
    return f"{format_price(low)} to {format_price(high)}" if high else "free"


def saved_html(heads: Sequence[RunHead], running: Sequence[str], asks_to_delete: str = "") -> str:
    """The list of earlier runs. One is asked about before it is deleted."""
    if not heads:
        return ""
    rows = "".join(_saved_row(head, head.id in running, asks=head.id == asks_to_delete) for head in heads)
    return f'<h2>Earlier runs</h2><ul class="run-saved">{rows}</ul>'


def _saved_row(head: RunHead, is_running: bool, *, asks: bool) -> str:
    name = html_text(head.title)
    if asks:
        return (
            f"<li><span>Delete <b>{name}</b> with its answers?</span>"
            f"{_button(f'delete {head.id}', 'Delete')}{_button('keep', 'Keep')}</li>"
        )
    state = "running" if is_running else "complete" if head.written >= head.size else "not complete"
    at = time.strftime("%d %b %H:%M", time.localtime(head.created_at))
    facts = f"{at} · {head.written:,} of {head.size:,} · {state}"
    return (
        f"<li>{_button(f'open {head.id}', head.title, kind='open')}<span>{facts}</span>"
        f"{_button(f'ask {head.id}', 'Delete', f'Delete {head.title}')}</li>"
    )


def head_html(run: OpenRun, view: RunView) -> str:
    """A run's name, how it stands, and the buttons for what can be done with it."""
    failed = sum(is_failure(cell) for cell in run.cells.values())
    buttons = [_button("close", "New run")]
    if run.is_running:
        buttons.append(_button("pause", "Pause"))
    elif len(run.cells) < run.plan.size:
        buttons.append(_button("resume", "Go on"))
    if failed and not run.is_running:
        buttons.append(_button("again", f"Ask {format_count(failed, 'failed cell')} again"))
    told = problem_html(run.problem) if run.problem else f'<p role="status">{html_text(_state(run))}</p>'
    return (
        f"<h2>{html_text(run.plan.prompts.name)}</h2>{told}"
        f'<div class="run-buttons">{"".join(buttons)}{_pager(run.plan, view)}</div>'
    )


def save_html() -> str:
    """The buttons that save a run."""
    saves = "".join(_button(kind, NAMES[kind], f"Save as {NAMES[kind]}") for kind in FORMATS)
    return f'<div class="run-buttons"><span>Save as</span>{saves}</div>'


def _state(run: OpenRun) -> str:
    if run.is_running:
        return "It goes on when this page is closed."
    if len(run.cells) >= run.plan.size:
        return "Complete."
    left = f"{run.plan.size - len(run.cells):,} of {run.plan.size:,} cells are not asked"
    return f"The ceiling is reached: {left}." if run.ended == "ceiling" else f"Not complete: {left}."


def _pager(plan: RunPlan, view: RunView) -> str:
    rows, step, first = len(chosen_rows(plan, view)), rows_at_once(plan), view.first_row
    if rows <= step:
        return ""
    last = min(first + step, rows)
    earlier = _button(f"rows {max(0, first - step)}", "←", "Earlier rows", disabled=first == 0)
    later = _button(f"rows {last}", "→", "Later rows", disabled=last == rows)
    return f'<span class="run-pager">{earlier} Rows {first + 1:,}–{last:,} of {rows:,} {later}</span>'


def figures_html(run: OpenRun, figures: RunFigures) -> str:
    """The figures of each target, and which targets can be told apart."""
    report = RunReport(run.id, run.plan, run.cells, figures)
    heads = "".join(f'<th scope="col">{html_text(text)}</th>' for text in headings(report))
    rows = "".join(
        f'<tr><th scope="row">{html_text(name)}</th>{"".join(f"<td>{html_text(text)}</td>" for text in rest)}</tr>'
        for name, *rest in figure_rows(report)
    )
    pairs = "".join(f"<li>{html_text(sentence)}</li>" for sentence in describe_pairs(report))
    return (
        f'<p class="run-summary">{html_text(describe_summary(report))}</p><div class="wide">'
        f'<table class="run-figures"><tr>{heads}</tr>{rows}</table></div>'
        + (f'<ul class="run-pairs">{pairs}</ul>' if pairs else "")
        + plots_html(report)
    )


def answer_html(run: OpenRun, number: int, other: int | None = None) -> str:
    """One cell, opened: what was asked, what came of it, by which attempts, and which checks it passes; and how it
    differs from another cell of its row."""
    plan, cell = run.plan, run.cells[number]
    place = plan.place(number)
    title = column_titles(plan)[place.target * len(plan.templates) + place.variant]
    which = f"Row {place.row + 1}" + (f", repeat {place.repeat + 1}" if plan.repeats > 1 else "")
    text = f"<pre>{html_text(cell.text)}</pre>" if cell.is_answered else problem_html(cell.error)
    facts = [f"answered by {cell.answered_by}, a fallback"] if cell.fell_back else []
    facts += [f"first token {format_seconds(cell.first_token)}"] if cell.first_token is not None else []
    facts += [format_seconds(cell.seconds), format_price(None if cell.unpriced else cell.usd)]
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
        f"<li>{'✓' if read_check(check).passes_cell(cell) else '✗'} <code>{html_text(check)}</code></li>"
        for check in plan.checks_of(plan.place(cell.number).row)
    )
    return f"<h3>Checks</h3><ul>{rows}</ul>"


def _button(pick: str, text: str, label: str = "", *, disabled: bool = False, kind: str = "") -> str:
    more = f' aria-label="{html_text(label)}"' if label else ""
    more += f' class="{kind}"' if kind else ""
    more += " disabled" if disabled else ""
    return f'<button type="button" data-pick="{html_text(pick)}"{more}>{html_text(text)}</button>'

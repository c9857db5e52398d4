"""What the Runs tab says of a run, as HTML: state in, HTML out."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from llm_hub.runs.answer_checks import read_check
from llm_hub.runs.run_figures import RunFigures
from llm_hub.runs.runner import is_failure
from llm_hub.ui.render.formats import format_count, format_price, format_seconds
from llm_hub.ui.render.run_files import FORMATS
from llm_hub.ui.render.run_report import (
    RunReport,
    describe_estimate,
    describe_pairs,
    describe_summary,
    figure_rows,
    headings,
    mark,
)
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import runs_texts as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.runs.cell import Cell, CellAttempt
    from llm_hub.runs.open_runs import OpenRun
    from llm_hub.runs.run_estimate import TargetEstimate
    from llm_hub.runs.run_plan import RunPlan
    from llm_hub.runs.run_store import RunHead

MAX_SHOWN_CELLS = 2_000
"""Cells in the table at once: a browser draws no more of them eight times a second."""
MAX_PROMPT_CHARS = 160
MISSING = "·"
"""The mark of a cell that is not asked yet."""
MARKS = {
    "✓": "passed", "✗": texts.NOT_PASSED, "•": "answered", "F": texts.BY_FALLBACK, "!": "failed",
}  # fmt: skip
"""What the other marks mean, as a screen reader says it; assets/run_marks.js says the same."""
NAMES = {"html": "HTML", "md": "Markdown", "csv": "CSV", "json": "JSON"}


def problem_html(text: str) -> str:
    """What is wrong, where a reader looks for it."""
    return f'<div class="problem" role="alert">{html_text(text)}</div>'


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
            f"{_button(f'delete {head.id}', texts.DELETE)}{_button('keep', texts.KEEP)}</li>"
        )
    state = "running" if is_running else "complete" if head.written >= head.size else texts.NOT_COMPLETE
    at = time.strftime("%d %b %H:%M", time.localtime(head.created_at))
    facts = f"{at} · {head.written:,} of {head.size:,} · {state}"
    return (
        f"<li>{_button(f'open {head.id}', head.title, kind='open')}<span>{facts}</span>"
        f"{_button(f'ask {head.id}', texts.DELETE, texts.DELETE_RUN.format(title=head.title))}</li>"
    )


def head_html(run: OpenRun, first_row: int) -> str:
    """A run's name, how it stands, and the buttons for what can be done with it."""
    failed = sum(is_failure(cell) for cell in run.cells.values())
    buttons = [_button("close", texts.NEW)]
    if run.is_running:
        buttons.append(_button("pause", texts.PAUSE))
    elif len(run.cells) < run.plan.size:
        buttons.append(_button("resume", texts.GO_ON))
    if failed and not run.is_running:
        buttons.append(_button("again", f"Ask {format_count(failed, 'failed cell')} again"))
    told = problem_html(run.problem) if run.problem else f'<p role="status">{html_text(_state(run))}</p>'
    return (
        f"<h2>{html_text(run.plan.prompts.name)}</h2>{told}"
        f'<div class="run-buttons">{"".join(buttons)}{_pager(run.plan, first_row)}</div>'
    )


def save_html() -> str:
    """The buttons that save a run."""
    saves = "".join(_button(kind, NAMES[kind], f"Save as {NAMES[kind]}") for kind in FORMATS)
    return f'<div class="run-buttons"><span>Save as</span>{saves}</div>'


def _state(run: OpenRun) -> str:
    if run.is_running:
        return texts.GOES_ON
    if len(run.cells) >= run.plan.size:
        return texts.COMPLETE
    left = f"{run.plan.size - len(run.cells):,} of {run.plan.size:,} cells are not asked"
    return texts.CEILING_REACHED.format(left=left) if run.ended == "ceiling" else texts.INCOMPLETE.format(left=left)


def _pager(plan: RunPlan, first_row: int) -> str:
    rows, step = len(plan.prompts.rows), rows_at_once(plan)
    if rows <= step:
        return ""
    last = min(first_row + step, rows)
    earlier = _button(f"rows {max(0, first_row - step)}", "←", texts.EARLIER_ROWS, disabled=first_row == 0)
    later = _button(f"rows {last}", "→", texts.LATER_ROWS, disabled=last == rows)
    return f'<span class="run-pager">{earlier} Rows {first_row + 1:,}–{last:,} of {rows:,} {later}</span>'


def rows_at_once(plan: RunPlan) -> int:
    """How many rows the table shows."""
    return max(1, MAX_SHOWN_CELLS // (plan.size // len(plan.prompts.rows)))


def shown_cells(plan: RunPlan, first_row: int) -> list[int]:
    """The numbers of the cells in the table, in the order in which they stand there."""
    place = plan.place(0)
    return [
        plan.number(place._replace(row=row, target=target, variant=variant, repeat=repeat))
        for row in range(first_row, min(first_row + rows_at_once(plan), len(plan.prompts.rows)))
        for target in range(len(plan.targets))
        for variant in range(len(plan.templates))
        for repeat in range(plan.repeats)
    ]


def table_html(run: OpenRun, first_row: int, marks: str) -> str:
    """A row for each prompt, a column for each target with a button for each repeat. `marks` are those of the shown
    cells by now; the page's script draws what changes."""
    plan = run.plan
    columns = [(target, variant) for target in range(len(plan.targets)) for variant in range(len(plan.templates))]
    buttons = map(_mark_button, shown_cells(plan, first_row), marks)
    rows = []
    for row in range(first_row, min(first_row + rows_at_once(plan), len(plan.prompts.rows))):
        prompt = " ".join(plan.texts[0][row].split())
        short = prompt if len(prompt) <= MAX_PROMPT_CHARS else f"{prompt[:MAX_PROMPT_CHARS]}…"
        cells = "".join(f"<td>{''.join(islice(buttons, plan.repeats))}</td>" for _ in columns)
        rows.append(f'<tr><th scope="row"><small>{row + 1}</small> {html_text(short)}</th>{cells}</tr>')
    heads = "".join(f'<th scope="col">{html_text(_column_title(plan, *column))}</th>' for column in columns)
    return (
        f'<div class="wide"><table class="run-table" data-shown="{html_text(run.id)} {first_row}">'
        f'<thead><tr><th scope="col">Prompt</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f'<p class="run-legend">{texts.LEGEND}</p>'
    )


def _mark_button(number: int, mark: str) -> str:
    state = "disabled" if mark == MISSING else f'aria-label="{MARKS[mark]}"'
    return f'<button type="button" data-pick="{number}" {state}>{mark}</button>'


def _column_title(plan: RunPlan, target: int, variant: int) -> str:
    return plan.targets[target] + (f" · variant {variant + 1}" if len(plan.templates) > 1 else "")


class LiveMarks:
    """The marks of the shown cells. What a cell's mark is does not change until it is asked again."""

    def __init__(self, run: OpenRun, first_row: int) -> None:
        self._run = run
        self._first_row = first_row
        self._numbers = shown_cells(run.plan, first_row)
        self._report = RunReport(run.id, run.plan, run.cells, RunFigures((), ()))
        self._known: dict[int, tuple[Cell, str]] = {}

    def value(self) -> dict[str, Any]:
        """What the page's script draws: a mark for each shown cell, the share that is done, and a line about it."""
        run = self._run
        done = run.plan.size - run.runner.left if run.runner is not None else len(run.cells)
        return {
            "shown": f"{run.id} {self._first_row}",
            "state": "running" if run.is_running else "ended",
            "marks": "".join(self._mark(number) for number in self._numbers),
            "share": done / run.plan.size,
            "line": _progress(run, done),
        }

    def _mark(self, number: int) -> str:
        if (cell := self._run.cells.get(number)) is None:
            return MISSING
        known = self._known.get(number)
        if known is None or known[0] is not cell:
            known = self._known[number] = cell, mark(self._report, cell)
        return known[1]


def _progress(run: OpenRun, done: int) -> str:
    facts = [f"{done:,} of {run.plan.size:,}"]
    if (runner := run.runner) is not None:
        if (seconds := runner.seconds_left) is not None:
            facts.append(f"about {format_seconds(max(seconds, 1))} left")
        if runner.spent:
            facts.append(format_price(runner.spent))
        facts += [texts.WAITING.format(target=target) for target in runner.waiting]
    return " · ".join(facts)


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
    )


def answer_html(run: OpenRun, number: int) -> str:
    """One cell, opened: what was asked, what came of it, by which attempts, and which checks it passes."""
    plan, cell = run.plan, run.cells[number]
    place = plan.place(number)
    title = _column_title(plan, place.target, place.variant)
    which = texts.ROW.format(row=place.row + 1) + (f", repeat {place.repeat + 1}" if plan.repeats > 1 else "")
    text = f"<pre>{html_text(cell.text)}</pre>" if cell.is_answered else problem_html(cell.error)
    facts = [f"answered by {cell.answered_by}, a fallback"] if cell.fell_back else []
    facts += [texts.LATENCY.format(seconds=format_seconds(cell.first_token))] if cell.first_token is not None else []
    facts += [format_seconds(cell.seconds), format_price(None if cell.unpriced else cell.usd)]
    attempts = "".join(f"<li>{html_text(_attempt(each))}</li>" for each in cell.attempts)
    return (
        f'<dialog class="run-answer" aria-labelledby="run-answer-title"><h2 id="run-answer-title">{html_text(title)}'
        f"</h2><p>{which}</p><h3>Prompt</h3><pre>{html_text(plan.prompt(number))}</pre><h3>Answer</h3>{text}"
        f"<p>{html_text(' · '.join(facts))}</p>{_checks(plan, cell)}"
        + (f"<h3>Attempts</h3><ol>{attempts}</ol>" if attempts else "")
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

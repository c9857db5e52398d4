"""What the Runs tab says of a run, as HTML: state in, HTML out."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

from llm_hub.runs.runner import is_failure
from llm_hub.ui.render.formats import format_count, format_price
from llm_hub.ui.render.run_changes import changes_heading, describe_changes
from llm_hub.ui.render.run_files import FORMATS
from llm_hub.ui.render.run_plots import plots_html
from llm_hub.ui.render.run_report import (
    RunReport,
    describe_estimate,
    describe_judgement,
    describe_pairs,
    describe_summary,
    figure_rows,
    headings,
    judge_heading,
)
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.runs.run_table import chosen_rows, rows_at_once
from llm_hub.ui.texts import runs_texts as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.runs.open_runs import OpenRun
    from llm_hub.runs.prompt_set import PromptSet
    from llm_hub.runs.run_estimate import TargetEstimate
    from llm_hub.runs.run_plan import RunPlan
    from llm_hub.runs.run_store import RunHead
    from llm_hub.ui.runs.run_parts import RunView

MAX_COMPARABLE = 8
"""Earlier runs that are offered to compare a run with."""
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
    requests = f"up to {requests}" if any(each.is_judge for each in estimates) else requests
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
    facts = f"{_moment(head)} · {head.written:,} of {head.size:,} · {state}"
    return (
        f"<li>{_button(f'open {head.id}', head.title, kind='open')}<span>{facts}</span>"
        f"{_button(f'ask {head.id}', texts.DELETE, texts.DELETE_RUN.format(title=head.title))}</li>"
    )


def head_html(run: OpenRun, view: RunView) -> str:
    """A run's name, how it stands, and the buttons for what can be done with it."""
    failed = sum(is_failure(cell) for cell in (*run.cells.values(), *run.verdicts.values()))
    buttons = [_button("close", texts.NEW)]
    if run.is_running:
        buttons.append(_button("pause", texts.PAUSE))
    elif len(run.cells) < run.plan.size or run.judge_left:
        buttons.append(_button("resume", texts.GO_ON))
    if failed and not run.is_running:
        buttons.append(_button("again", f"Ask {format_count(failed, 'failed cell')} again"))
    if not run.is_running:
        if any(cell.is_answered for cell in run.cells.values()):
            buttons.append(_button("mark", "Mark answers", "Mark answers by keys, without seeing whose they are"))
        buttons.append(_button("rerun", "Run again"))
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
        return texts.GOES_ON
    left = f"{run.plan.size - len(run.cells):,} of {run.plan.size:,} cells are not asked"
    if len(run.cells) >= run.plan.size:
        if not (judge_left := run.judge_left):
            return texts.COMPLETE
        left = f"{format_count(judge_left, 'request')} of the judge are not asked"
    return texts.CEILING_REACHED.format(left=left) if run.ended == "ceiling" else texts.INCOMPLETE.format(left=left)


def _pager(plan: RunPlan, view: RunView) -> str:
    rows, step, first = len(chosen_rows(plan, view)), rows_at_once(plan), view.first_row
    if rows <= step:
        return ""
    last = min(first + step, rows)
    earlier = _button(f"rows {max(0, first - step)}", "←", texts.EARLIER_ROWS, disabled=first == 0)
    later = _button(f"rows {last}", "→", texts.LATER_ROWS, disabled=last == rows)
    return f'<span class="run-pager">{earlier} Rows {first + 1:,}–{last:,} of {rows:,} {later}</span>'


def figures_html(report: RunReport, earlier: Sequence[RunHead] = ()) -> str:
    """The figures of each target, which targets can be told apart, what the judge said, what changed since another run,
    and the `earlier` runs with which this one may be compared."""
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
        + _judgement(report)
        + _changes(report)
        + _comparable(earlier)
    )


def _judgement(report: RunReport) -> str:
    if report.figures.judged is None:
        return ""
    said = "".join(f"<li>{html_text(sentence)}</li>" for sentence in describe_judgement(report))
    return f'<h3>{html_text(judge_heading(report))}</h3><ul class="run-pairs">{said}</ul>'


def _changes(report: RunReport) -> str:
    said = "".join(f"<li>{html_text(sentence)}</li>" for sentence in describe_changes(report))
    return f'<h3>{html_text(changes_heading(report))}</h3><ul class="run-pairs">{said}</ul>' if said else ""


def _comparable(earlier: Sequence[RunHead]) -> str:
    if not earlier:
        return ""
    buttons = "".join(_button(f"compare {head.id}", _moment(head)) for head in earlier[:MAX_COMPARABLE])
    return f'<div class="run-buttons"><span>Compare with the run of</span>{buttons}</div>'


def _moment(head: RunHead) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(head.created_at))


def _button(pick: str, text: str, label: str = "", *, disabled: bool = False, kind: str = "") -> str:
    more = f' aria-label="{html_text(label)}"' if label else ""
    more += f' class="{kind}"' if kind else ""
    more += " disabled" if disabled else ""
    return f'<button type="button" data-pick="{html_text(pick)}"{more}>{html_text(text)}</button>'

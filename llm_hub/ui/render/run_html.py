"""A run as one HTML file that needs nothing else: no script, no font and no picture from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.ui.render.formats import format_seconds, format_spent
from llm_hub.ui.render.run_changes import changes_heading, describe_changes
from llm_hub.ui.render.run_plots import plots_html
from llm_hub.ui.render.run_report import (
    NOTHING,
    cells_of,
    column_title,
    describe_check,
    describe_judgement,
    describe_pairs,
    describe_summary,
    figure_rows,
    headings,
    judge_heading,
    mark,
)
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.run_figures import ColumnFigures
    from llm_hub.ui.render.run_report import RunReport

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent);
  --good: light-dark(#17663a, #7fd6a2); --bad: light-dark(#a5281b, #ff9d8f); --dim: light-dark(#5b6068, #a3a9b3); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem;
  background: light-dark(#fff, #14161a); color: light-dark(#1c1f24, #e7e9ec); }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem }
.dim, th { color: var(--dim) } .scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .8rem .35rem 0; text-align: left; vertical-align: top }
th { font-weight: 500; font-size: .85rem } .figures td:not(:first-child) { white-space: nowrap }
code, pre { font: 13px/1.45 ui-monospace, monospace }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0 }
.bar { position: relative; display: block; width: 12rem; margin-top: .5rem;
  height: .5rem; background: var(--line); border-radius: 1rem }
.bar i { position: absolute; top: 0; bottom: 0; background: light-dark(#8db4e8, #3c66a3); border-radius: 1rem }
.bar b { position: absolute; top: -.15rem; bottom: -.15rem; width: 3px; margin-left: -1px; background: currentColor }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem 3rem; margin: 1.5rem 0 } .plots figure { flex: 1 1 20rem;
  min-width: 0; margin: 0 } figcaption { color: var(--dim); font-size: .85rem; margin-bottom: .8rem }
.plots svg { display: block; overflow: visible } .plot-area { margin: 0 1rem 1.5rem 3rem }
.plot-rows { margin: 0 1.2rem } small { color: var(--dim) }
.plots ul { list-style: none; padding: 0; margin: 0 }
.plots li { overflow-wrap: anywhere; font-size: .9rem; padding-top: .3rem }
@media (min-width: 60rem) { .figures td:first-child { white-space: nowrap } }
.prompt { min-width: 14rem; max-width: 26rem; overflow-wrap: anywhere }
details { display: inline-block; vertical-align: top } details[open] { display: block; max-width: 34rem }
summary { cursor: pointer; list-style: none; display: inline-block;
  padding: 0 .35rem; border: 1px solid var(--line); border-radius: .3rem }
summary::-webkit-details-marker { display: none } .good { color: var(--good) } .bad { color: var(--bad) }
@media (forced-colors: active) {
  .bar { outline: 1px solid } .bar i { background: Highlight } .bar b { background: CanvasText } }
"""
MAX_PROMPT_CHARS = 600
_MARKS = {"✓": ("good", "passed"), "✗": ("bad", "did not pass"), "!": ("bad", "failed"), "F": ("dim", "by a fallback")}


def render_run(report: RunReport) -> str:
    """The whole page."""
    plan = report.plan
    title = html_text(f"Run {report.run_id}: {plan.prompts.name}")
    asked = [("Prompt", each) for each in plan.templates] + [("Check", describe_check(each)) for each in plan.checks]
    asked += [("System prompt", plan.system)] if plan.system else []
    facts = "".join(f"<div><span class=dim>{name}</span> <code>{html_text(text)}</code></div>" for name, text in asked)
    pairs = "".join(f"<li>{html_text(sentence)}</li>" for sentence in describe_pairs(report))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p class=dim>{html_text(describe_summary(report))}</p>{facts}"
        f'<h2>Figures</h2><div class="scroll"><table class="figures">{_figures(report)}</table></div>'
        + plots_html(report)
        + (f"<h2>Compared</h2><ul>{pairs}</ul>" if pairs else "")
        + _judgement(report)
        + _changes(report)
        + f"<h2>Answers</h2><p class=dim>One mark for each repeat, which opens the answer: {_legend(report)}.</p>"
        f'<div class="scroll"><table>{_answers(report)}</table></div></body></html>\n'
    )


def _judgement(report: RunReport) -> str:
    if report.figures.judged is None:
        return ""
    rubric = "".join(f"<div><code>{html_text(line)}</code></div>" for line in report.plan.rubric)
    said = "".join(f"<li>{html_text(sentence)}</li>" for sentence in describe_judgement(report))
    return f"<h2>{html_text(judge_heading(report))}</h2>{rubric}<ul>{said}</ul>"


def _changes(report: RunReport) -> str:
    said = "".join(f"<li>{html_text(sentence)}</li>" for sentence in describe_changes(report))
    return f"<h2>{html_text(changes_heading(report))}</h2><ul>{said}</ul>" if said else ""


def _legend(report: RunReport) -> str:
    judged = "✓ passed, ✗ did not, " if report.plan.checks else "• answered, "
    return f"{judged}F answered by a fallback, ! failed"


def _figures(report: RunReport) -> str:
    names = [*headings(report)]
    rows = figure_rows(report)
    if report.plan.checks:
        names.insert(1, "")
    lines = [_row("th", map(html_text, names))]
    for column, row in zip(report.figures.columns, rows, strict=True):
        fields = [html_text(text) for text in row]
        if report.plan.checks:
            fields.insert(1, _bar(column))
        lines.append(_row("td", fields))
    return "".join(lines)


def _bar(column: ColumnFigures) -> str:
    """The interval as a bar, with a line at the rate itself."""
    rate = column.pass_rate
    if rate is None:
        return ""
    place = f"left:{rate.low:.2%};right:{1 - rate.high:.2%}"
    return f'<span class="bar" aria-hidden="true"><i style="{place}"></i><b style="left:{rate.share:.2%}"></b></span>'


def _answers(report: RunReport) -> str:
    columns = report.figures.columns
    lines = [_row("th", ["", "Prompt", *(html_text(column_title(report, column)) for column in columns)])]
    for row, prompt in enumerate(report.plan.texts[0]):
        short = prompt if len(prompt) <= MAX_PROMPT_CHARS else f"{prompt[:MAX_PROMPT_CHARS]}…"
        fields = [str(row + 1), f'<div class="prompt">{html_text(short)}</div>']
        marks = ([_cell(report, cell) for cell in cells_of(report, row, column)] for column in columns)
        fields += [" ".join(each) or NOTHING for each in marks]
        lines.append(_row("td", fields))
    return "".join(lines)


def _cell(report: RunReport, cell: Cell) -> str:
    sign = mark(report, cell)
    look, words = _MARKS.get(sign, ("", "answered"))
    told = f"<pre>{html_text(cell.text)}</pre>" if cell.is_answered else f"<p>{html_text(cell.error)}</p>"
    facts = [
        cell.answered_by,
        format_seconds(cell.seconds),
        format_spent(None if cell.unpriced else cell.usd, cell.reported_usd),
    ]
    attempts = [f"{each.target}: {each.outcome} {each.reason}".strip() for each in cell.attempts]
    failed = "".join(f"<li>{html_text(each)}</li>" for each in attempts) if len(attempts) > 1 else ""
    return (
        f'<details><summary class="{look}" title="{words}" aria-label="{words}">{sign}</summary>{told}'
        f"<div class=dim>{html_text(' · '.join(filter(None, facts)))}</div>"
        f"{f'<ul>{failed}</ul>' if failed else ''}</details>"
    )


def _row(tag: str, fields: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{field}</{tag}>' for field in fields)}</tr>"

"""The bar above a run's table that chooses its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llm_hub.runs.row_filter import RowFilter
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from llm_hub.runs.open_runs import OpenRun
    from llm_hub.runs.row_filter import Column
    from llm_hub.runs.run_plan import RunPlan

FILTER = """element.addEventListener("change", () => {
  const fields = [...element.querySelectorAll("[name]")];
  trigger("pick", {what: JSON.stringify(Object.fromEntries(fields.map(({name, value}) => [name, value])))});
});"""
"""JavaScript that tells the server all fields of the bar, as soon as one has changed."""
MAX_TEXT_CHARS = 1_000


def filter_html(run: OpenRun) -> str:
    """The bar, with nothing chosen. It names its run, so that the page makes it anew for another one only."""
    plan = run.plan
    only = [("", "all"), ("failed", "with a failed request")]
    only += [("missed", "with an answer that did not pass")] if plan.checks else []
    fields = ['<label>Find <input type="search" name="text" placeholder="in prompts and answers"></label>']
    fields.append(_select("Rows", "only", only))
    titles = column_titles(plan)
    if plan.checks and len(titles) > 1:
        columns = [("", "–"), *((str(number), title) for number, title in enumerate(titles))]
        fields += [_select("Passed by", "passed", columns), _select("Not by", "missed", columns)]
    bar = "".join(fields)
    return f'<div class="run-filter" data-run="{html_text(run.id)}" role="search" aria-label="Rows">{bar}</div>'


def read_filter(plan: RunPlan, text: str) -> RowFilter:
    """What the bar told. Anybody can send anything: what is no choice chooses nothing."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    fields = {name: value for name, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
    only = fields.get("only", "")
    return RowFilter(
        fields.get("text", "")[:MAX_TEXT_CHARS],
        "failed" if only == "failed" else "missed" if only == "missed" else "",
        _column(plan, fields.get("passed", "")),
        _column(plan, fields.get("missed", "")),
    )


def column_titles(plan: RunPlan) -> list[str]:
    """What the table's columns are called, in order."""
    variants = range(1, len(plan.templates) + 1)
    several = len(variants) > 1
    return [f"{target} · variant {variant}" if several else target for target in plan.targets for variant in variants]


def _column(plan: RunPlan, number: str) -> Column | None:
    places = [(target, variant) for target in range(len(plan.targets)) for variant in range(len(plan.templates))]
    return places[int(number)] if number.isdecimal() and len(number) < 4 and int(number) < len(places) else None


def _select(label: str, name: str, choices: list[tuple[str, str]]) -> str:
    options = "".join(f'<option value="{value}">{html_text(words)}</option>' for value, words in choices)
    return f'<label>{label} <select name="{name}">{options}</select></label>'

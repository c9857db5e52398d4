"""A run as a file: Markdown, CSV, JSON or HTML; and as a table for the terminal."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from llm_hub.runs.run_figures import verdict
from llm_hub.runs.run_plan import write_plan
from llm_hub.ui.render.run_changes import changes_heading, describe_changes
from llm_hub.ui.render.run_html import render_run
from llm_hub.ui.render.run_report import (
    column_title,
    describe_check,
    describe_judgement,
    describe_pairs,
    describe_summary,
    figure_rows,
    grid_rows,
    headings,
    judge_heading,
)
from llm_hub.ui.render.sanitize import strip_invisible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.ui.render.run_report import RunReport

_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.])")


def write_report(report: RunReport, kind: str) -> str:
    """The report in one of the `FORMATS`, or for the terminal."""
    return FORMATS[kind](report) if kind != "terminal" else _terminal(report)


def _terminal(report: RunReport) -> str:
    rows = [headings(report), *figure_rows(report)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    judgement = ["", judge_heading(report), *describe_judgement(report)] if report.figures.judged is not None else []
    changes = ["", changes_heading(report), *describe_changes(report)] if report.changes is not None else []
    text = "\n".join([describe_summary(report), "", *lines, "", *describe_pairs(report), *judgement, *changes])
    return strip_invisible(text.rstrip()) + "\n"


def _markdown(report: RunReport) -> str:
    plan = report.plan
    lines = [f"# Run {report.run_id}: {_markdown_text(plan.prompts.name)}", "", describe_summary(report), ""]
    lines += [f"- Prompt: {_code(template)}" for template in plan.templates]
    lines += [f"- Check: {_code(describe_check(check))}" for check in plan.checks]
    lines += ["", *_markdown_table(headings(report), figure_rows(report)), ""]
    lines += [f"- {_markdown_text(sentence)}" for sentence in describe_pairs(report)]
    if report.figures.judged is not None:
        lines += ["", f"## {_markdown_text(judge_heading(report))}", ""]
        lines += [f"- {_code(line)}" for line in report.plan.rubric]
        lines += ["", *(f"- {_markdown_text(sentence)}" for sentence in describe_judgement(report))]
    if report.changes is not None:
        lines += ["", f"## {_markdown_text(changes_heading(report))}", ""]
        lines += [f"- {_markdown_text(sentence)}" for sentence in describe_changes(report)]
    names = ["Row", "Prompt", *(column_title(report, column) for column in report.figures.columns)]
    return "\n".join([*lines, "", *_markdown_table(names, grid_rows(report)), ""])


def _csv(report: RunReport) -> str:
    plan = report.plan
    text = io.StringIO()
    write = csv.writer(text).writerow
    write([
        "row", "line", *(f"set.{each}" for each in plan.prompts.columns), "variant", "target", "repeat", "outcome",
        "passed", "answered_by", "fell_back", "answer", "error", "finish_reason", "first_token", "seconds", "requests",
        "prompt_tokens", "completion_tokens", "usd", "attempts_of_unknown_price", "usd_reported",
    ])  # fmt: skip
    for number in sorted(report.cells):
        cell, place = report.cells[number], plan.place(number)
        row, passed = plan.prompts.rows[place.row], verdict(plan, cell)
        write([
            place.row + 1, row.line, *(_harmless(row.values[column]) for column in plan.prompts.columns),
            place.variant + 1, plan.targets[place.target], place.repeat + 1, cell.outcome,
            "" if passed is None else passed, cell.answered_by, cell.fell_back, _harmless(cell.text),
            _harmless(cell.error),
            cell.finish_reason, cell.first_token, round(cell.seconds, 4), cell.requests, cell.prompt_tokens,
            cell.completion_tokens, f"{cell.usd:f}", cell.unpriced, f"{cell.reported_usd:f}",
        ])  # fmt: skip
    return text.getvalue()


def _json(report: RunReport) -> str:
    columns = [_plain(asdict(column)) for column in report.figures.columns]
    pairs = [{**asdict(pair), "is_apart": pair.is_apart} for pair in report.figures.pairs]
    judged = report.figures.judged
    cells = []
    for number in sorted(report.cells):
        cell, place = report.cells[number], report.plan.place(number)
        cells.append({**place._asdict(), **_plain(asdict(cell)), "passed": verdict(report.plan, cell)})
    document = {
        "run": report.run_id,
        "plan": write_plan(report.plan),
        "columns": columns,
        "pairs": pairs,
        "changes": None if report.changes is None else _plain(asdict(report.changes)),
        "judge": None if judged is None else _plain(asdict(judged)),
        "cells": cells,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _plain(value: Any) -> Any:
    """The value with amounts as texts, which lose nothing."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _markdown_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(fields: Sequence[str]) -> str:
        return f"| {' | '.join(map(_markdown_text, fields))} |"

    return [line(names), f"|{'---|' * len(names)}", *map(line, rows)]


def _markdown_text(text: str) -> str:
    """A text as it is, in one line: none of its characters is taken for Markdown or HTML."""
    short = " ".join(strip_invisible(text[:2000]).split())
    short = short if len(short) <= 200 else f"{short[:200]}…"
    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", short)


def _code(text: str) -> str:
    short = " ".join(strip_invisible(text).split())
    fence = "`" * (max((len(run) for run in re.findall("`+", short)), default=0) + 1)
    return f"{fence} {short} {fence}"


FORMATS: dict[str, Callable[[RunReport], str]] = {"html": render_run, "md": _markdown, "csv": _csv, "json": _json}
"""By the ending of a report's file."""

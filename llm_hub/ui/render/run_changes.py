"""What changed between two runs of one set, in a reader's words."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from llm_hub.ui.render.formats import format_count, format_price, format_seconds
from llm_hub.ui.render.run_report import NOTHING, describe_chance

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.runs.run_comparison import ChangedRow, ColumnChange, FigureChange
    from llm_hub.ui.render.run_report import RunReport

MAX_ROWS = 30
"""Changed rows that are told one by one."""
MAX_PROMPT_CHARS = 60


def changes_heading(report: RunReport) -> str:
    """The line before what changed."""
    return f"Compared with the run {report.changes.earlier}" if report.changes else ""


def describe_changes(report: RunReport) -> list[str]:
    """A sentence for each column, one about the answers, and one for each row that changed. Nothing without a run to
    compare with."""
    changes = report.changes
    if changes is None:
        return []
    if not changes.columns:
        return ["No prompt was answered in both runs."]
    sentences = [_describe_column(report, column) for column in changes.columns]
    texts = f"Other answers than before: {changes.texts} of {format_count(changes.compared, 'prompt')} of a target."
    rows = [_describe_row(report, row) for row in changes.rows[:MAX_ROWS]]
    more = len(changes.rows) - MAX_ROWS
    return [*sentences, texts, *rows, *([f"{more} more rows changed."] if more > 0 else ())]


def _describe_column(report: RunReport, column: ColumnChange) -> str:
    facts = []
    if column.passed is not None and column.passed.now is not None:
        facts.append("passed " + _describe(column.passed, lambda share: f"{share:.1%}", "more", "fewer"))
    facts.append("whole answer " + _describe(column.seconds, format_seconds, "slower", "faster"))
    facts.append("price of 1,000 " + _describe(column.usd_per_1000, _price, "dearer", "cheaper"))
    return f"{_title(report, column)}, {format_count(column.rows, 'row')}: {'; '.join(facts)}."


def _describe(change: FigureChange, words: Callable[[float], str], higher: str, lower: str) -> str:
    """Before → now, and whether that is more than chance."""
    if change.before is None or change.now is None:
        return NOTHING
    told = f"{words(change.before)} → {words(change.now)}"
    if not change.higher and not change.lower:
        return f"{told}, the same"
    if not change.is_significant:
        return f"{told}, which may be chance ({describe_chance(change.p_value)})"
    rows = f"{higher} in {format_count(change.higher, 'row')}, {lower} in {change.lower}"
    return f"{told}, changed: {rows} ({describe_chance(change.p_value)})"


def _price(usd: float) -> str:
    return format_price(Decimal(str(usd)))


def _describe_row(report: RunReport, row: ChangedRow) -> str:
    prompt = " ".join(report.plan.texts[row.variant][row.row].split())
    short = prompt if len(prompt) <= MAX_PROMPT_CHARS else f"{prompt[:MAX_PROMPT_CHARS]}…"
    return f"Row {row.row + 1}, {_title(report, row)}: {row.before:.0%} → {row.now:.0%} passed: {short}"


def _title(report: RunReport, column: ColumnChange | ChangedRow) -> str:
    many = len(report.plan.templates) > 1
    return f"{column.target} · variant {column.variant + 1}" if many else column.target

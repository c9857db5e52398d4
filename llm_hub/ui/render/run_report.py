"""A run in a reader's words: what every report of it says, in whatever form. The forms: run_files.py, run_html.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.runs.run_figures import SIGNIFICANT, verdict
from llm_hub.ui.render.formats import format_count, format_price, format_seconds, format_spent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.judge import JudgeFigures
    from llm_hub.runs.run_comparison import RunComparison
    from llm_hub.runs.run_estimate import TargetEstimate
    from llm_hub.runs.run_figures import ColumnFigures, PairFigures, RunFigures
    from llm_hub.runs.run_plan import RunPlan

HEADINGS = (
    "Target", "Passed", "95 % interval", "Answers", "Failed", "Fallbacks", "First token p50 / p95", "Whole p50 / p95",
    "Tokens/s", "Price of 1,000", "Cost", "Repeats agree",
)  # fmt: skip
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run with its cells and their figures, be it complete or not."""

    run_id: str
    plan: RunPlan
    cells: Mapping[int, Cell]
    figures: RunFigures
    changes: RunComparison | None = None


def column_title(report: RunReport, column: ColumnFigures) -> str:
    """What a column is called: its target, and its variant of the prompt where there are several."""
    many = len(report.plan.templates) > 1
    return f"{column.target} · variant {column.variant + 1}" if many else column.target


def figure_rows(report: RunReport) -> list[list[str]]:
    """The table of figures in a reader's words, a row for each column."""
    return [[column_title(report, column), *_figures(report, column)] for column in report.figures.columns]


def headings(report: RunReport) -> list[str]:
    """The headings of `figure_rows`."""
    return [*HEADINGS] if report.plan.checks else [HEADINGS[0], *HEADINGS[3:]]


def _figures(report: RunReport, column: ColumnFigures) -> list[str]:
    rate = column.pass_rate
    judged = [f"{rate.share:.1%}", f"{rate.low:.1%} to {rate.high:.1%}"] if rate else [NOTHING, NOTHING]
    pace = column.tokens_per_second
    price = column.usd_per_1000
    return [
        *(judged if report.plan.checks else ()),
        _answers(column),
        _share(column.failed, column.cells),
        _share(column.fallbacks, column.cells),
        _seconds(column.first_p50, column.first_p95),
        _seconds(column.total_p50, column.total_p95),
        NOTHING if pace is None else f"{pace:.0f}",
        NOTHING if not column.cells else format_price(price),
        _cost(column),
        NOTHING if column.agreement is None else f"{column.agreement:.0%}",
    ]


def _answers(column: ColumnFigures) -> str:
    facts = [f"{column.cut} cut"] if column.cut else []
    facts += [f"{column.untold} without a verdict"] if column.untold else []
    return str(column.own) + (f" ({', '.join(facts)})" if facts else "")


def describe_summary(report: RunReport) -> str:
    """How much was asked, and what it cost."""
    plan, cells = report.plan, report.cells
    requests = sum(cell.requests for cell in cells.values())
    text = f"{len(cells):,} of {plan.size:,} cells, {format_count(requests, 'request')}, {_cost(report.figures)}"
    prompts = f"{format_count(len(plan.prompts.rows), 'prompt')} × {format_count(len(plan.targets), 'target')}"
    repeats = f" × {format_count(plan.repeats, 'repeat')}" if plan.repeats > 1 else ""
    return f"{prompts}{repeats}: {text}."


def describe_check(check: str) -> str:
    """A check as it is written, and a person's mark in words."""
    return "marked by a person" if check.partition(":")[0].strip() == "marked" else check


def describe_pairs(report: RunReport) -> list[str]:
    """A sentence for each pair of columns."""
    return [_describe_pair(report, pair) for pair in report.figures.pairs]


def _describe_pair(report: RunReport, pair: PairFigures) -> str:
    first, second = (column_title(report, report.figures.columns[place]) for place in (pair.first, pair.second))
    rows = format_count(pair.rows, "row")
    chance = describe_chance(pair.p_value)
    if not pair.is_apart:
        return f"{first} and {second} cannot be told apart with {rows} ({chance})."
    better, worse = (first, second) if pair.difference > 0 else (second, first)
    points = f"{abs(pair.difference) * 100:.1f} points"
    return f"{better} passes more often than {worse}: by {points} in {rows} ({chance})."


def describe_judgement(report: RunReport) -> list[str]:
    """What a judge said, a sentence for each pair, and what speaks against the judge. Nothing without one."""
    judged = report.figures.judged
    if judged is None:
        return []
    sentences = []
    for pair in judged.pairs:
        first, second = (column_title(report, report.figures.columns[place]) for place in (pair.first, pair.second))
        if not pair.wins + pair.losses + pair.ties + pair.changed + pair.missing:
            sentences.append(f"{first} and {second} have no two answers to one prompt.")
            continue
        counts = f"{first} better {pair.wins}, {second} better {pair.losses}, alike {pair.ties}"
        counts += f", changed with the order {pair.changed}" if pair.changed else ""
        counts += f", no verdict {pair.missing}" if pair.missing else ""
        apart = "" if pair.p_value < SIGNIFICANT else "; they cannot be told apart"
        sentences.append(f"{counts} ({describe_chance(pair.p_value)}){apart}.")
    return [*sentences, *_doubts(judged)]


def _doubts(judged: JudgeFigures) -> list[str]:
    leans = judged.first_twice + judged.second_twice
    place, count = max(("first", judged.first_twice), ("second", judged.second_twice), key=lambda each: each[1])
    doubts = []
    if leans:
        biased = "It is biased: it" if judged.lean_p_value < SIGNIFICANT else "It"
        doubts.append(
            f"{biased} named the {place} place whatever stood there {count} times, the other one {leans - count} times "
            f"({describe_chance(judged.lean_p_value)}). None of these verdicts counts."
        )
    if judged.family:
        doubts.append(f"It is of the same maker as {', '.join(judged.family)}, which it may favour.")
    return doubts


def judge_heading(report: RunReport) -> str:
    """The line before what a judge said."""
    judged = report.figures.judged
    return "" if judged is None else f"Judged by {judged.judge}, {_cost(judged)}"


def describe_chance(p_value: float) -> str:
    """A p-value in a sentence."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def describe_estimate(estimate: TargetEstimate) -> str:
    """What one target will be asked, and what that may cost."""
    text = f"{estimate.target}: {format_count(estimate.requests, 'request')}"
    if estimate.is_judge:
        text = f"{estimate.target} as judge: up to {format_count(estimate.requests, 'request')}"
    if estimate.most == 0:
        return f"{text}, free"
    beside = " beside the answers" if estimate.is_judge else ""
    tokens = "" if estimate.prompt_tokens is None else f", about {estimate.prompt_tokens:,} tokens of prompts{beside}"
    if estimate.least is None:
        return f"{text}{tokens}, the price cannot be known"
    if estimate.most is None:
        return f"{text}{tokens}, {format_price(estimate.least)} and the answers"
    return f"{text}{tokens}, {format_price(estimate.least)} to {format_price(estimate.most)}"


def grid_rows(report: RunReport) -> list[list[str]]:
    """A row for each prompt: its number, itself, and how many of each column's repeats passed, or were answered."""
    plan = report.plan
    rows = []
    for row in range(len(plan.prompts.rows)):
        marks = []
        for column in report.figures.columns:
            cells = cells_of(report, row, column)
            marks.append(describe_cells(report, cells))
        rows.append([str(row + 1), plan.texts[0][row], *marks])
    return rows


def cells_of(report: RunReport, row: int, column: ColumnFigures) -> list[Cell]:
    """The cells of one row and column that are written, repeat by repeat."""
    plan = report.plan
    target = plan.targets.index(column.target)
    places = (
        plan.place(0)._replace(row=row, variant=column.variant, target=target, repeat=each)
        for each in range(plan.repeats)
    )
    return [cell for place in places if (cell := report.cells.get(plan.number(place)))]


def describe_cells(report: RunReport, cells: Sequence[Cell]) -> str:
    """A mark for each repeat: ✓ passed, ✗ did not, • answered without a check, F by a fallback, ! failed."""
    return " ".join(mark(report, cell) for cell in cells) or NOTHING


def mark(report: RunReport, cell: Cell) -> str:
    """The mark of one cell."""
    passed = verdict(report.plan, cell)
    if passed is not None:
        return "✓" if passed else "✗"
    return "!" if not cell.is_answered else "F" if cell.fell_back else "•"


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if part else "0"


def _seconds(p50: float | None, p95: float | None) -> str:
    return NOTHING if p50 is None or p95 is None else f"{format_seconds(p50)} / {format_seconds(p95)}"


def _cost(figures: ColumnFigures | RunFigures | JudgeFigures) -> str:
    usd, unpriced = figures.usd, figures.unpriced
    text = format_spent(usd, figures.reported_usd)
    return text if not unpriced else f"at least {text}" if usd else format_price(None)

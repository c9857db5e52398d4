"""A run's plots, as SVG that needs no script: price against quality, and how the times of answers are distributed.

Places are percentages, so that a plot fills whatever width there is while its text keeps its size. All lines have the
colour of the text around them. The text beside each plot says the same, for those who do not see it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.ui.render.formats import format_price, format_seconds
from llm_hub.ui.render.run_report import column_title
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.run_figures import ColumnFigures
    from llm_hub.ui.render.run_report import RunReport

PLOT_HEIGHT, ROW_HEIGHT = 240, 20
"""Pixels."""
MAX_LINES = 100
"""Answers of a target that have a line of their own; of more, so many quantiles stand for them."""
MAX_TICKS = 7
FREE_WIDTH, FREE_GAP = 0.14, 0.12
"""The share of a scale of prices that belongs to what is free, which has no place on a logarithmic one, and of the gap
behind it."""
LEAST_SECONDS = 0.001

Point = tuple[float, float]
"""Shares of the plot's width and height, from its left upper corner."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale between two round numbers. `ticks` are those that are written on it."""

    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Where a value stands, from 0 to 1."""
        low, high = self.ticks[0], self.ticks[-1]
        return math.log(value / low) / math.log(high / low)


def find_scale(values: Iterable[float]) -> Scale:
    """The scale on which all of these values, above 0, have a place: of 1, 2, 5, 10, …, or only of powers of ten."""
    least, most = min(values := [*values]), max(values)
    powers = range(math.floor(math.log10(least)), math.floor(math.log10(most)) + 2)
    steps = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    low = max(step for step in steps if step <= least * 1.000001)
    high = min(step for step in steps if step > most)
    fine = [step for step in steps if low <= step <= high]
    return Scale(tuple(fine if len(fine) <= MAX_TICKS else (10.0**power for power in powers)))


def plots_html(report: RunReport) -> str:
    """All plots of which there is something to show."""
    plots = (
        _price_plot(report),
        _time_plot(report, "First token", lambda cell: cell.first_token, lambda each: (each.first_p50, each.first_p95)),
        _time_plot(report, "Whole answer", lambda cell: cell.seconds, lambda each: (each.total_p50, each.total_p95)),
    )
    return f'<div class="plots">{"".join(plots)}</div>' if any(plots) else ""


def _price_plot(report: RunReport) -> str:
    """The price of 1,000 cells against the share that passed, with its interval; "" where all is free, or unknown."""
    columns = [
        (number, column, float(column.usd_per_1000), column.pass_rate)
        for number, column in enumerate(report.figures.columns, 1)
        if column.pass_rate is not None and column.usd_per_1000 is not None
    ]
    prices = [price for *_, price, _ in columns if price]
    if len(columns) < 2 or not prices:
        return ""
    scale, free = find_scale(prices), len(columns) - len(prices)
    begin = FREE_WIDTH + FREE_GAP if free else 0.0
    marks = [_line((0, 1 - share), (1, 1 - share), 0.15) for share in (0, 0.25, 0.5, 0.75, 1)]
    marks += [_text(0, 1 - share, f"{share:.0%}", 'dx="-8" dy="4" text-anchor="end"') for share in (0, 0.5, 1)]
    ticks = [(begin + (1 - begin) * scale.place(tick), f"${tick:g}") for tick in scale.ticks]
    ticks += [(FREE_WIDTH / 2, "free")] if free else []
    marks += [_text(x, 1, words, 'dy="18" text-anchor="middle"') for x, words in ticks]
    names, seen = [], 0
    for number, column, price, rate in columns:
        x = begin + (1 - begin) * scale.place(price) if price else FREE_WIDTH * (seen + 0.5) / free
        seen += not price
        marks += [
            _line((x, 1 - rate.low), (x, 1 - rate.high), 0.55, 2),
            f'<circle cx="{x:.1%}" cy="{1 - rate.share:.1%}" r="4.5" fill="currentColor"/>',
            _text(x, 1 - rate.share, str(number), 'dx="8" dy="4"'),
        ]
        name, per_1000 = html_text(column_title(report, column)), format_price(column.usd_per_1000)
        names.append(
            f'<li value="{number}">{name}: {rate.share:.0%} ({rate.low:.0%} to {rate.high:.0%}), {per_1000}</li>'
        )
    title = "Passed, with 95 % interval, against the price of 1,000"
    return (
        f'<figure><figcaption>{title}</figcaption><div class="plot-area">'
        f"{_svg(PLOT_HEIGHT, marks)}</div><ol>{''.join(names)}</ol></figure>"
    )


def _time_plot(
    report: RunReport,
    title: str,
    seconds: Callable[[Cell], float | None],
    figures: Callable[[ColumnFigures], tuple[float | None, float | None]],
) -> str:
    """A line for each answer's time, target below target, and long ones at p50 and p95; "" where nothing was timed."""
    plan = report.plan
    times: dict[tuple[int, int], list[float]] = {}
    for number, cell in report.cells.items():
        if cell.is_answered and not cell.fell_back and (value := seconds(cell)) is not None:
            place = plan.place(number)
            times.setdefault((place.target, place.variant), []).append(max(value, LEAST_SECONDS))
    if not times:
        return ""
    scale = find_scale(value for each in times.values() for value in each)
    grid = [_line((x, 0), (x, 1), 0.15) for x in map(scale.place, scale.ticks)]
    rows = []
    for column in report.figures.columns:
        values = times.get((plan.targets.index(column.target), column.variant), [])
        half, most = figures(column)
        if not values or half is None or most is None:
            continue
        lines = [_line((x, 0.25), (x, 0.75), 0.45) for x in map(scale.place, _thin(values))]
        long = [scale.place(max(value, LEAST_SECONDS)) for value in (half, most)]
        lines += [_line((x, 0), (x, 1), 1, width) for x, width in zip(long, (3, 1), strict=True)]
        words = f"p50 {format_seconds(half)}, p95 {format_seconds(most)}"
        rows.append(
            f"<li><span>{html_text(column_title(report, column))}</span> <small>{words}</small>"
            f"{_svg(ROW_HEIGHT, [*grid, *lines])}</li>"
        )
    ticks = [_text(scale.place(tick), 0, format_tick(tick), 'dy="13" text-anchor="middle"') for tick in scale.ticks]
    return (
        f"<figure><figcaption>{title}: a line for each answer, a thick one at p50, a long one at p95</figcaption>"
        f'<div class="plot-rows"><ul>{"".join(rows)}</ul>{_svg(ROW_HEIGHT, ticks)}</div></figure>'
    )


def _thin(values: Sequence[float]) -> list[float]:
    """The values, or quantiles that are distributed as they are."""
    if len(values) <= MAX_LINES:
        return [*values]
    ordered = sorted(values)
    return [ordered[int((place + 0.5) / MAX_LINES * len(ordered))] for place in range(MAX_LINES)]


def format_tick(seconds: float) -> str:
    """A round number of seconds, as a scale has it: 20 ms, 0.5 s, 10 s."""
    return f"{seconds * 1000:g} ms" if seconds < 0.1 else f"{seconds:g} s"


def _svg(height: int, marks: Iterable[str]) -> str:
    return f'<svg width="100%" height="{height}" aria-hidden="true">{"".join(marks)}</svg>'


def _line(begin: Point, end: Point, opacity: float, width: int = 1) -> str:
    (x1, y1), (x2, y2) = begin, end
    return (
        f'<line x1="{x1:.1%}" y1="{y1:.1%}" x2="{x2:.1%}" y2="{y2:.1%}" stroke="currentColor" '
        f'stroke-width="{width}" stroke-opacity="{opacity}"/>'
    )


def _text(x: float, y: float, words: str, more: str) -> str:
    return f'<text x="{x:.1%}" y="{y:.1%}" fill="currentColor" font-size="12" {more}>{words}</text>'

"""Reports: hostile answers are shown as text, spreadsheets take none for a formula, and the words say what is so."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal

import pytest
from markdown_it import MarkdownIt

from llm_hub.runs.cell import Cell, CellAttempt, read_cell, write_cell
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.row_filter import RowFilter, find_rows
from llm_hub.runs.run_estimate import TargetEstimate
from llm_hub.runs.run_figures import find_figures
from llm_hub.runs.run_plan import RunPlan
from llm_hub.ui.render.run_files import FORMATS, write_report
from llm_hub.ui.render.run_plots import find_scale, plots_html
from llm_hub.ui.render.run_report import RunReport, describe_estimate, describe_pairs

HOSTILE = "=cmd|' /C calc'!A0 <img src=x onerror=alert(1)> | `</pre><script>alert(2)</script>\n\n# Head ![](http://x)"


def a_report(answers: list[list[str]], checks: tuple[str, ...] = ("contains:yes",), **options: object) -> RunReport:
    """A run of as many targets as there are lists of answers, one for each row."""
    prompts = read_prompt_set(
        "set.txt", "\n".join(f"{HOSTILE.splitlines()[0]} {row}" for row, _ in enumerate(answers[0])).encode()
    )
    targets = tuple(f"x/{number}" for number in range(len(answers)))
    plan = RunPlan(prompts, targets, checks=checks)
    cells = {}
    for number in range(plan.size):
        place = plan.place(number)
        text = answers[place.target][place.row]
        cells[number] = Cell(number, "answered", text, answered_by=targets[place.target], requests=1, **options)  # type: ignore[arg-type]
    return RunReport("run-1", plan, cells, find_figures(plan, cells))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_form_takes_hostile_answers(kind: str) -> None:
    text = write_report(a_report([[HOSTILE, "yes"], ["no", "\ud800".encode("utf-8", "replace").decode()]]), kind)
    match kind:
        case "html":
            assert "<script" not in text
            assert "<img" not in text
            assert "alert(2)" in text
            assert "default-src 'none'" in text
            assert not re.search(r"(?:src|href)\s*=\s*\"", text)
        case "md":
            rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
            assert "<img" not in rendered
            assert "<script" not in rendered
        case "csv":
            rows = list(csv.DictReader(io.StringIO(text)))
            assert rows[0]["answer"] == f"'{HOSTILE}"
            assert rows[0]["set.prompt"].startswith("'=cmd")
            assert [row["passed"] for row in rows] == ["False", "False", "True", "False"]
        case "json":
            assert json.loads(text)["cells"][0]["text"] == HOSTILE


def test_pairs_that_differ_enough_are_told_apart_and_others_are_not() -> None:
    good, same, bad = ["yes"] * 20, ["yes"] * 19 + ["no"], ["no"] * 18 + ["yes"] * 2
    assert describe_pairs(a_report([good, same, bad])) == [
        "x/0 and x/1 cannot be told apart with 20 rows (p = 1).",
        "x/0 passes more often than x/2: by 90.0 points in 20 rows (p < 0.001).",
        "x/1 passes more often than x/2: by 85.0 points in 20 rows (p < 0.001).",
    ]


def test_without_checks_there_is_no_pass_rate() -> None:
    report = a_report([["yes", "no"]], ())
    assert "Passed" not in write_report(report, "terminal")
    assert report.figures.pairs == ()


def test_a_price_that_is_not_known_whole_is_told_as_such() -> None:
    report = a_report([["yes"]], usd=Decimal("0.5"), unpriced=1)
    assert "at least $0.5000" in write_report(report, "terminal")
    assert report.figures.columns[0].usd_per_1000 is None


def test_price_against_quality_is_plotted_where_something_costs() -> None:
    answers = [["yes"] * 4, ["yes", "no", "no", "no"]]
    assert "against the price" not in plots_html(a_report(answers))
    plots = plots_html(a_report(answers, usd=Decimal("0.002")))
    (low, high), (other_low, other_high) = re.findall(r'y1="([\d.]+)%" x2="\S+" y2="([\d.]+)%"[^/]*width="2"', plots)
    assert (low, high) == ("49.0", "0.0")
    assert (other_low, other_high) == ("95.4", "30.1")
    assert '<li value="1">x/0: 100% (51% to 100%), $2.00</li>' in plots


def test_each_answer_has_a_line_in_the_plot_of_times_and_many_are_thinned() -> None:
    plots = plots_html(a_report([["yes"] * 3, ["yes"] * 3], seconds=2.0))
    assert plots.count('stroke-opacity="0.45"') == 6
    assert plots.count("p50 2.0 s, p95 2.0 s") == 2
    assert "First token" not in plots
    assert plots_html(a_report([["yes"] * 300], seconds=2.0)).count('stroke-opacity="0.45"') == 100


@pytest.mark.parametrize("values", [[1.0], [0.001, 0.004], [0.3, 900.0], [5.0, 10.0], [1e-7, 3e5]])
def test_every_value_has_a_place_between_the_ends_of_its_scale(values: list[float]) -> None:
    scale = find_scale(values)
    assert all(-1e-6 <= scale.place(value) <= 1 for value in values)
    assert len(scale.ticks) >= 2


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (RowFilter(), (0, 1, 2)),
        (RowFilter(only="missed"), (1, 2)),
        (RowFilter(passed_by=(0, 0), missed_by=(1, 0)), (1,)),
        (RowFilter(text=" DUNNO"), (2,)),
        (RowFilter(text="nowhere"), ()),
        (RowFilter(text="onerror", passed_by=(1, 0)), (0,)),
        (RowFilter(only="failed"), ()),
    ],
)
def test_rows_are_chosen_by_what_became_of_them(wanted: RowFilter, rows: tuple[int, ...]) -> None:
    report = a_report([["yes", "yes", "dunno"], ["yes", "no", "no"]])
    assert find_rows(report.plan, report.cells, wanted) == rows


def test_a_row_with_a_failure_is_found_by_it_and_by_its_error() -> None:
    report = a_report([["yes", "no"]])
    cells = {**report.cells, 1: Cell(1, "timed_out", error="It took too long.")}
    assert find_rows(report.plan, cells, RowFilter(only="failed")) == (1,)
    assert find_rows(report.plan, cells, RowFilter(text="too long")) == (1,)
    assert find_rows(report.plan, cells, RowFilter(only="missed")) == ()
    assert find_rows(report.plan, {}, RowFilter(passed_by=(0, 0))) == ()


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (TargetEstimate("x/1", 2, 40, Decimal(0), Decimal(0)), "2 requests, free"),
        (TargetEstimate("x/1", 1, None, None, None), "1 request, the price cannot be known"),
        (
            TargetEstimate("x/1", 2, 40, Decimal(1), None),
            "2 requests, about 40 tokens of prompts, $1.00 and the answers",
        ),
        (
            TargetEstimate("x/1", 2, 40, Decimal(1), Decimal(2)),
            "2 requests, about 40 tokens of prompts, $1.00 to $2.00",
        ),
    ],
)
def test_what_a_run_will_cost_is_told_as_far_as_it_is_known(estimate: TargetEstimate, words: str) -> None:
    assert describe_estimate(estimate) == f"x/1: {words}"


def test_a_cell_comes_back_as_it_was_written() -> None:
    attempts = (
        CellAttempt("x/1", "server_failed", 0.5, "overloaded"),
        CellAttempt("x/1", "answered", 1.0, "", Decimal("1e-7")),
    )
    cell = Cell(
        7, "answered", "text", answered_by="x/1", first_token=0.0, usd=Decimal("1e-7"), requests=2, attempts=attempts
    )
    assert read_cell(json.loads(json.dumps(write_cell(cell)))) == cell
    assert read_cell(write_cell(Cell(0, "timed_out"))) == Cell(0, "timed_out")

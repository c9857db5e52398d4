"""The part of an opened answer that compares it with another one to the same prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.ui.render.difference import difference_html
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.runs.run_filter import column_titles

if TYPE_CHECKING:
    from llm_hub.runs.open_runs import OpenRun


def difference_section(run: OpenRun, number: int, other: int | None) -> str:
    """A choice among the other answers of the row, and the words in which it differs from the chosen one."""
    if not run.cells[number].is_answered:
        return ""
    others = find_others(run, number)
    if not others:
        return ""
    chosen = other if other in others else None
    options = "".join(
        f'<option value="{each}"{" selected" if each == chosen else ""}>{html_text(answer_name(run, each))}</option>'
        for each in others
    )
    focus = "" if chosen is None else " autofocus"
    choice = f'<label>Compare with <select{focus}><option value="">–</option>{options}</select></label>'
    if chosen is None:
        return f"<h3>Differences</h3>{choice}"
    names = (html_text(answer_name(run, number)), html_text(answer_name(run, chosen)))
    return f"<h3>Differences</h3>{choice}{difference_html(run.cells[number].text, run.cells[chosen].text, names)}"


def find_others(run: OpenRun, number: int) -> list[int]:
    """The other cells of the same row that have an answer, in the table's order."""
    plan, row = run.plan, run.plan.place(number).row
    places = [
        plan.place(0)._replace(row=row, target=target, variant=variant, repeat=repeat)
        for target in range(len(plan.targets))
        for variant in range(len(plan.templates))
        for repeat in range(plan.repeats)
    ]
    numbers = [plan.number(place) for place in places]
    return [each for each in numbers if each != number and (cell := run.cells.get(each)) and cell.is_answered]


def answer_name(run: OpenRun, number: int) -> str:
    """Whose answer it is, and to which variant and repeat."""
    plan, place = run.plan, run.plan.place(number)
    title = column_titles(plan)[place.target * len(plan.templates) + place.variant]
    return f"{title}, repeat {place.repeat + 1}" if plan.repeats > 1 else title

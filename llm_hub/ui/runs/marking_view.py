"""One answer to be marked, over the page: HTML. Whose it is, nobody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.runs.open_runs import OpenRun


def marking_html(run: OpenRun, order: Sequence[int], place: int) -> str:
    """The answer at that place of the order, with what has been marked so far."""
    if not order:
        return ""
    place = min(max(place, 0), len(order) - 1)
    number = order[place]
    cell = run.cells[number]
    marked = sum(run.cells[each].mark is not None for each in order)
    return (
        '<dialog class="run-answer run-marking" aria-labelledby="run-marking-title">'
        '<h2 id="run-marking-title">Does this answer pass?</h2>'
        f'<p role="status">Answer {place + 1} of {len(order):,}, {marked:,} marked</p>'
        f"<h3>Prompt</h3><pre>{html_text(run.plan.prompt(number))}</pre>"
        f"<h3>Answer</h3><pre>{html_text(cell.text)}</pre>"
        '<div class="run-buttons">'
        + _button(f"yes {place}", "Passes", "y 1", "y", pressed=cell.mark is True)
        + _button(f"no {place}", "Does not", "n 0", "n", pressed=cell.mark is False)
        + _button(f"card {place - 1}", "Previous", "ArrowLeft", "←", disabled=place == 0)
        + _button(f"card {place + 1}", "Next", "ArrowRight", "→", disabled=place == len(order) - 1)
        + _button(f"unmark {place}", "Take back", "u", "u", disabled=cell.mark is None)
        + '</div><form method="dialog"><button>Done</button></form></dialog>'
    )


def _button(pick: str, text: str, keys: str, key: str, *, pressed: bool | None = None, disabled: bool = False) -> str:
    more = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    more += " disabled" if disabled else ""
    return (
        f'<button type="button" data-pick="{pick}" data-keys="{keys}" aria-keyshortcuts="{keys}"{more}>'
        f"{text} <kbd>{key}</kbd></button>"
    )

"""A comparison as it is saved in a file, or stored with a vote."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llm_hub.ui.render import compare_stats
from llm_hub.ui.render.export import ExportedAnswer, ExportedSide, ExportRecord

if TYPE_CHECKING:
    from llm_hub.conversations.turn import Turn
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.render.formats import Titles

SETTINGS = ("system", "temperature", "max_tokens")
"""Fields of a `Question` that are the same for all panes. The effort is that of those whose models know one."""


def build_record(comparison: Comparison, titles: Titles) -> ExportRecord:
    """All visible panes with all their turns, of a comparison that has begun."""
    last = next(pane.last for pane in comparison.panes if pane.last)
    settings = {name: value for name, value in asdict(last.question).items() if name in SETTINGS}
    settings["effort"] = comparison.effort or None
    sides = [
        ExportedSide(pane.last.question.target, tuple(_answer(turn, titles) for turn in pane.all_turns))
        for pane in comparison.panes
        if pane.visible and pane.last
    ]
    return ExportRecord(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", settings, comparison.vote_text, tuple(sides))


def _answer(turn: Turn, titles: Titles) -> ExportedAnswer:
    response, error = turn.answer.response, turn.answer.error
    return ExportedAnswer(
        prompt=turn.prompt.text,
        text=turn.answer.text,
        outcome=turn.outcome,
        answered_by=f"{response.provider}/{response.model}" if response else "",
        figures=dict(compare_stats.measure_turn(turn, titles).words()),
        problem=str(error) if error else "",
        reasoning=turn.answer.reasoning,
        files=tuple(document.name for document in turn.prompt.documents),
    )

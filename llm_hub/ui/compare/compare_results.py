"""What stands below the panes of a comparison: the buttons of its vote, and the figures of all answers after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.ui.render import compare_stats
from llm_hub.ui.render.formats import format_target
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from llm_hub.ui.compare.compare_parts import ActionParts, VoteParts
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.event_values import Updates
    from llm_hub.ui.render.formats import Titles


def show_results(actions: ActionParts, comparison: Comparison, titles: Titles) -> Updates:
    """The figures of the last answers, and the lists of the panes whose words can be compared."""
    turns = [pane.turns[-1] for pane in comparison.panes if pane.visible and pane.turns]
    rows = [compare_stats.measure_turn(turn, titles) for turn in turns]
    figures = f"{compare_stats.render_table(rows)}<div class='plots'>{compare_stats.render_plot(rows)}</div>"
    sides = [(_pane_name(comparison, number, titles), number) for number in comparison.visible_panes]
    return {
        actions.figures: figures,
        actions.left: gr.update(choices=sides, value=comparison.pair[0]),
        actions.right: gr.update(choices=sides, value=comparison.pair[1]),
    }


def show_ballot(vote: VoteParts, comparison: Comparison) -> Updates:
    """The vote's buttons in the words for two panes, or for more."""
    count = len(comparison.visible_panes)
    updates: Updates = {vote.bad: texts.BOTH_ARE_BAD if count == 2 else texts.ALL_ARE_BAD}
    for number, button in enumerate(vote.best):
        letter = comparison.letter(number)
        updates[button] = gr.update(value=f"{letter} is {'best' if count > 2 else 'better'}", visible=bool(letter))
    return updates


def _pane_name(comparison: Comparison, number: int, titles: Titles) -> str:
    """A pane's name in a list."""
    letter, last = comparison.letter(number), comparison.pane(number).last
    return f"{letter}: {format_target(last.question.provider, last.question.model, titles)}" if last else letter

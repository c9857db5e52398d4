"""The Compare tab as it stands for one visitor: from the server's truth to what every component shows."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import InvalidRequest, LLMHubError
from llm_hub.ui import model_choices, typed_settings
from llm_hub.ui.chat.chat_events import status
from llm_hub.ui.chat.conversation import Question
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES, Comparison
from llm_hub.ui.render import attempt_text, compare_stats
from llm_hub.ui.render import compare_panes as view
from llm_hub.ui.render.formats import format_target
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from llm_hub.gateway.visitors import Visitors
    from llm_hub.hub import ProviderState
    from llm_hub.ui.compare.compare_tab import CompareParts, PaneParts
    from llm_hub.ui.render.formats import Titles

log = logging.getLogger(__name__)

Inputs = dict[Any, Any]
Updates = dict[Any, Any]
"""New values by component."""

HELP = "Enter asks every model, Shift+Enter starts a new line."


class CompareScreen:
    """What the tab's events have in common."""

    def __init__(self, visitors: Visitors, parts: CompareParts) -> None:
        self.visitors = visitors
        self.hub = visitors.anyone
        self.parts = parts

    @property
    def everywhere(self) -> list[Any]:
        """What `everything` may change."""
        parts, after, vote = self.parts, self.parts.after, self.parts.vote
        inside = [
            part
            for pane in parts.panes
            for part in (pane.column, pane.picker, pane.head, pane.past, pane.live, pane.line, pane.stop, pane.retry,
                pane.carry, pane.remove)
        ]  # fmt: skip
        rest = [parts.prompt, parts.stop, parts.run, parts.hint, parts.add, parts.blind]
        results = [after.section, after.figures, after.left, after.right, after.difference, after.markdown, after.json]
        return [*inside, *rest, *results, vote.bar, *vote.best, vote.tie, vote.bad, vote.said]

    @property
    def models(self) -> set[Any]:
        return {box for pane in self.parts.panes for box in (pane.provider, pane.model)}

    @property
    def settings(self) -> set[Any]:
        parts = self.parts
        return {parts.system, parts.temperature, parts.max_tokens, parts.blind, parts.fallback}

    @property
    def titles(self) -> Titles:
        return model_choices.titles(self.hub)

    def state(self, provider: str) -> ProviderState:
        """A provider as it is now. Raises `InvalidRequest` for a name that no browser was given."""
        for state in self.hub.providers():
            if state.name == provider:
                return state
        raise InvalidRequest(f"There is no provider {provider!r}.")

    def asked(self, data: Inputs, pane: PaneParts) -> Question:
        """What a pane is set to. Raises `InvalidRequest` in words for the visitor."""
        parts = self.parts
        return Question(
            provider=self.state(str(data[pane.provider] or "")).name,
            model=str(data[pane.model] or "").strip(),
            system=data[parts.system] or "",
            temperature=typed_settings.temperature(data[parts.temperature] or ""),
            max_tokens=typed_settings.max_tokens(data[parts.max_tokens] or ""),
            fallback=None if data[parts.fallback] else (),
        )

    def settle(self, comparison: Comparison, number: int) -> None:
        """A draft that nobody writes any more becomes a turn."""
        pane = comparison.panes[number]
        if pane.draft is None or pane.running:
            return
        ended = pane.draft.ended()
        error, response = ended.answer.error, ended.answer.response
        if error is not None and not isinstance(error, LLMHubError):
            log.error("An answer failed inside the hub.", exc_info=error)
        prices = tuple(self.hub.price(attempt) for attempt in attempt_text.list_attempts(ended))
        price = self.hub.price(response) if response is not None else None
        pane.turns, pane.draft = (*pane.turns, replace(ended, prices=prices, price=price)), None

    def hint(self, text: str) -> Updates:
        return {self.parts.hint: status(html_text(text) or HELP)}

    def pane(self, comparison: Comparison, number: int) -> Updates:
        """Everything in a pane."""
        pane, parts, titles = comparison.panes[number], self.parts.panes[number], self.titles
        busy = pane.draft is not None
        answered = bool(pane.turns) and not busy
        return {
            parts.column: gr.update(visible=pane.shown),
            parts.picker: gr.update(visible=not (comparison.blind and pane.last is not None)),
            parts.head: view.render_heading(comparison, number, titles),
            parts.past: view.list_past_messages(comparison, pane.turns, titles),
            parts.live: view.list_live_messages(comparison, pane.draft, titles) if pane.draft else [],
            parts.line: status(view.render_status(comparison, number, titles)),
            parts.stop: gr.update(visible=busy),
            parts.retry: gr.update(visible=answered),
            parts.carry: gr.update(visible=answered and not comparison.hidden),
            parts.remove: gr.update(visible=len(comparison.shown) > MIN_PANES and not comparison.hidden),
        }

    def common(self, comparison: Comparison) -> Updates:
        """What belongs to no pane."""
        parts, after, vote = self.parts, self.parts.after, self.parts.vote
        known = not comparison.hidden and any(pane.turns for pane in comparison.panes)
        updates: Updates = {
            parts.stop: gr.update(visible=comparison.busy),
            parts.run: gr.update(visible=not comparison.busy),
            parts.add: gr.update(visible=len(comparison.shown) < MAX_PANES and not comparison.hidden),
            parts.blind: gr.update(interactive=not comparison.begun),
            after.section: gr.update(visible=known),
            after.markdown: gr.update(visible=known),
            after.json: gr.update(visible=known),
            vote.bar: gr.update(visible=comparison.hidden),
            vote.said: f'<div role="status" class="said">{html_text(comparison.voted)}</div>'
            if comparison.voted
            else "",
        }
        if known:
            updates |= self._results(comparison)
        if comparison.hidden:
            word = "best" if len(comparison.shown) > 2 else "better"
            for number, button in enumerate(vote.best):
                letter = comparison.letter(number)
                updates[button] = gr.update(value=f"{letter} is {word}", visible=bool(letter))
            updates[vote.bad] = "Both are bad" if len(comparison.shown) == 2 else "All are bad"
        return updates

    def everything(self, comparison: Comparison) -> Updates:
        updates = self.common(comparison)
        for number in range(MAX_PANES):
            updates |= self.pane(comparison, number)
        return updates

    def _results(self, comparison: Comparison) -> Updates:
        after = self.parts.after
        over = [pane.turns[-1] for pane in comparison.panes if pane.shown and pane.turns]
        rows = [compare_stats.measure_turn(turn, self.titles) for turn in over]
        figures = f"{compare_stats.render_table(rows)}<div class='plots'>{compare_stats.render_plot(rows)}</div>"
        sides = [(self.side(comparison, number), number) for number in comparison.shown]
        return {
            after.figures: figures,
            after.left: gr.update(choices=sides, value=comparison.pair[0]),
            after.right: gr.update(choices=sides, value=comparison.pair[1]),
        }

    def side(self, comparison: Comparison, number: int) -> str:
        """A pane's name in a list."""
        last = comparison.panes[number].last
        who = f"{comparison.letter(number)}"
        return f"{who}: {format_target(last.asked.provider, last.asked.model, self.titles)}" if last else who

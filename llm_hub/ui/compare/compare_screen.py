"""Between the Compare tab's components and the comparison: reads the components' values, and makes their updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.ui import model_choices, typed_settings
from llm_hub.ui.chat.finished_turn import finish_turn
from llm_hub.ui.compare import pane_view
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES
from llm_hub.ui.conversation import Question
from llm_hub.ui.live_region import live_region
from llm_hub.ui.render import compare_stats
from llm_hub.ui.render.formats import format_target
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.access.session import ProviderState, Session
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.compare.compare_parts import CompareParts, PaneParts
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.event_values import Inputs, Updates
    from llm_hub.ui.render.formats import Titles
    from llm_hub.ui.streaming.coalescer import Snapshot

HELP = "Enter asks every model, Shift+Enter starts a new line."


class CompareScreen:
    """What the tab's events share: they read settings, ask the hub and update components through it."""

    def __init__(self, gateway: Gateway, parts: CompareParts) -> None:
        self._gateway = gateway
        self.session = gateway.common_session
        self.parts = parts

    # Access to the hub: nothing else on the tab asks the gateway.

    def session_for(self, visitor: gr.Request) -> Session:
        """The hub as this visitor may use it, with their own keys."""
        return self._gateway.session(visitor)

    def answer(self, visitor: gr.Request, request: ChatRequest) -> AsyncGenerator[Event]:
        return self._gateway.answer(self._gateway.visitor(visitor, "compare"), request)

    def remove_keys(self, text: str) -> str:
        """The text without visitors' API keys, so that it may be stored or shown to others."""
        return self._gateway.visitors.redacted(text)

    # What the events read.

    @property
    def models(self) -> set[Any]:
        return {box for pane in self.parts.panes for box in (pane.provider, pane.model)}

    @property
    def settings(self) -> set[Any]:
        parts = self.parts
        return {parts.system, parts.temperature, parts.max_tokens, parts.blind, parts.fallback}

    @property
    def titles(self) -> Titles:
        return model_choices.provider_titles(self.session)

    def find_provider(self, provider: str) -> ProviderState:
        """A provider as it is now. Raises `InvalidRequest` for a name that no browser was given."""
        return model_choices.find_provider(self.session, provider)

    def read_question(self, data: Inputs, pane: PaneParts) -> Question:
        """The question that a pane's settings make. Raises `InvalidRequest` in words for the visitor."""
        parts = self.parts
        return Question(
            provider=self.find_provider(str(data[pane.provider] or "")).name,
            model=str(data[pane.model] or "").strip(),
            system=data[parts.system] or "",
            temperature=typed_settings.parse_temperature(data[parts.temperature] or ""),
            max_tokens=typed_settings.parse_max_tokens(data[parts.max_tokens] or ""),
            fallback=(model_choices.AUTO,) if data[parts.fallback] else (),
        )

    def settle(self, comparison: Comparison, number: int) -> None:
        """Makes a pane's draft a turn, if no handler writes it any more."""
        pane = comparison.panes[number]
        if pane.draft is not None and not pane.running:
            pane.turns, pane.draft = (*pane.turns, finish_turn(pane.draft, self.session)), None

    # What the events show.

    @property
    def outputs(self) -> list[Any]:
        """What `show_all` and `refresh` may change."""
        parts, actions, vote = self.parts, self.parts.actions, self.parts.vote
        panes = [
            part
            for pane in parts.panes
            for part in (pane.column, pane.picker, pane.head, pane.past, pane.live, pane.line, pane.stop, pane.retry,
                pane.carry, pane.remove)
        ]  # fmt: skip
        rest = [parts.stop, parts.run, parts.add, parts.blind]
        results = [actions.section, actions.figures, actions.left, actions.right, actions.difference, actions.markdown,
            actions.json]  # fmt: skip
        return [*panes, *rest, *results, vote.bar, *vote.best, vote.tie, vote.bad, vote.result]

    def show_hint(self, text: str) -> Updates:
        """A hint below the prompt; with "", how the prompt's box is used."""
        return {self.parts.hint: live_region(html_text(text) or HELP)}

    def request_refresh(self, comparison: Comparison, *numbers: int) -> Updates:
        """Lets the browser fetch what has changed: the panes with these numbers, and everything outside the panes.

        Updates of two events may reach the browser in either order, so that an older state could be shown last. So an
        event that changes the comparison shows nothing of it by itself. It only tells the browser a new revision,
        after which one event, of which the browser never has two under way, shows the comparison as it is by then.
        """
        comparison.changed_panes.update(numbers)
        comparison.revision += 1
        return {self.parts.revision: str(comparison.revision)}

    def refresh(self, comparison: Comparison) -> Updates:
        """What has changed since the last refresh."""
        numbers, comparison.changed_panes = comparison.changed_panes, set()
        updates = self._show_common(comparison)
        for number in numbers:
            updates |= self._show_pane(comparison, number)
        return updates

    def show_all(self, comparison: Comparison) -> Updates:
        comparison.changed_panes.update(range(MAX_PANES))
        return self.refresh(comparison)

    def show_live(self, comparison: Comparison, number: int, visible: Snapshot | None = None) -> Updates:
        """What changes in a pane while it is answered: the turn as far as `visible` goes, the line and the heading.

        Until the answer is over, only the events that ask it and write it show these. They run one after the other.
        """
        pane, parts, titles = comparison.panes[number], self.parts.panes[number], self.titles
        live = pane_view.list_live_messages(comparison, pane.draft, titles, visible) if pane.draft else []
        return {
            parts.live: live,
            parts.line: live_region(pane_view.render_status(comparison, number, titles, visible)),
            parts.head: pane_view.render_heading(comparison, number, titles),
        }

    def _show_pane(self, comparison: Comparison, number: int) -> Updates:
        """A pane. What changes while it is answered is left to the events that answer it."""
        pane, parts = comparison.panes[number], self.parts.panes[number]
        busy = pane.draft is not None
        answered = bool(pane.turns) and not busy
        return {
            **({} if busy else self.show_live(comparison, number)),
            parts.column: gr.update(visible=pane.visible),
            parts.picker: gr.update(visible=not (comparison.blind and pane.last is not None)),
            parts.past: pane_view.list_past_messages(comparison, pane.turns, self.titles),
            parts.stop: gr.update(visible=busy),
            parts.retry: gr.update(visible=answered),
            parts.carry: gr.update(visible=answered and not comparison.hidden),
            parts.remove: gr.update(visible=len(comparison.visible_panes) > MIN_PANES and not comparison.hidden),
        }

    def _show_common(self, comparison: Comparison) -> Updates:
        """Everything outside the panes."""
        parts, actions, vote = self.parts, self.parts.actions, self.parts.vote
        has_results = not comparison.hidden and any(pane.turns for pane in comparison.panes)
        result = f'<div role="status" class="said">{html_text(comparison.vote_text)}</div>'
        updates: Updates = {
            parts.stop: gr.update(visible=comparison.busy),
            parts.run: gr.update(visible=not comparison.busy),
            parts.add: gr.update(visible=len(comparison.visible_panes) < MAX_PANES and not comparison.hidden),
            parts.blind: gr.update(interactive=not comparison.has_begun),
            actions.section: gr.update(visible=has_results),
            actions.markdown: gr.update(visible=has_results),
            actions.json: gr.update(visible=has_results),
            vote.bar: gr.update(visible=comparison.hidden),
            vote.result: result if comparison.vote_text else "",
        }
        if has_results:
            updates |= self._show_results(comparison)
        if comparison.hidden:
            updates |= self._show_ballot(comparison)
        return updates

    def _show_results(self, comparison: Comparison) -> Updates:
        actions = self.parts.actions
        turns = [pane.turns[-1] for pane in comparison.panes if pane.visible and pane.turns]
        rows = [compare_stats.measure_turn(turn, self.titles) for turn in turns]
        figures = f"{compare_stats.render_table(rows)}<div class='plots'>{compare_stats.render_plot(rows)}</div>"
        sides = [(self._side(comparison, number), number) for number in comparison.visible_panes]
        return {
            actions.figures: figures,
            actions.left: gr.update(choices=sides, value=comparison.pair[0]),
            actions.right: gr.update(choices=sides, value=comparison.pair[1]),
        }

    def _show_ballot(self, comparison: Comparison) -> Updates:
        """The vote's buttons in the words for two panes, or for more."""
        vote, count = self.parts.vote, len(comparison.visible_panes)
        updates: Updates = {vote.bad: "Both are bad" if count == 2 else "All are bad"}
        for number, button in enumerate(vote.best):
            letter = comparison.letter(number)
            updates[button] = gr.update(value=f"{letter} is {'best' if count > 2 else 'better'}", visible=bool(letter))
        return updates

    def _side(self, comparison: Comparison, number: int) -> str:
        """A pane's name in a list."""
        letter, last = comparison.letter(number), comparison.panes[number].last
        return (
            f"{letter}: {format_target(last.question.provider, last.question.model, self.titles)}" if last else letter
        )

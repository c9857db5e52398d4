"""The events of one pane of the Compare tab: its answer, its buttons, its lists of providers and models.

All handlers are asynchronous, so that they run one at a time in one loop: the panes' streams write to the same
`Comparison` side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator  # Gradio reads the handlers' annotations
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.arena.blind import Pace
from llm_hub.errors import InvalidRequest, LLMHubError
from llm_hub.ui import model_choices
from llm_hub.ui.compare import pane_view
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES, Pane
from llm_hub.ui.conversation import Turn
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.default_model import find_first_model
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.streaming.blind_pace import paced_views

if TYPE_CHECKING:
    from llm_hub.ui.compare.compare_screen import CompareScreen
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.conversation import Question
    from llm_hub.ui.streaming.coalescer import Coalescer

BUSY = "An answer is still being written. Stop it first, or wait."


class PaneEvents:
    """The handlers of the pane with this number."""

    def __init__(self, screen: CompareScreen, coalescer: Coalescer, number: int) -> None:
        self._screen = screen
        self._coalescer = coalescer
        self._number = number
        self._parts = screen.parts.panes[number]
        self._comparison = screen.parts.comparison

    def connect(self, tab: gr.Tab, prompt: gr.events.Dependency) -> list[gr.events.Dependency]:
        """Connects the pane to its buttons, and to the event in which a prompt is asked of all panes.

        Returns the events that write answers, so that others can cancel them.
        """
        screen, parts, state = self._screen, self._parts, {self._comparison}
        live, outputs = [parts.live, parts.line, parts.head], [screen.parts.revision, screen.parts.hint]
        retry = parts.retry.click(self.repeat, state | screen.settings | screen.models, [*live, *outputs], **NOW)
        streams = [event.then(self.answer, state, live, **STREAMING) for event in (prompt, retry)]
        for stream in streams:
            stream.then(self.finish, state, outputs, **NOW)
        parts.stop.click(None, None, None, cancels=streams)
        parts.remove.click(None, None, None, cancels=streams).then(self.remove, state, outputs, **NOW)
        inputs: set[Any] = {parts.provider, *state}
        chosen = parts.provider.input(self.choose, inputs, parts.head, **NOW)
        lists = [parts.model, parts.default_model.first, parts.head]
        for event in (chosen.then, tab.select):
            listed = event(self.list_models, inputs, lists, trigger_mode="multiple", **STREAMING)
            parts.default_model.after(listed.then)
        return streams

    # The draft is answered, and becomes a turn.

    async def repeat(self, data: Inputs) -> Updates:
        """Asks the last prompt once more, in this pane alone."""
        screen, number = self._screen, self._number
        comparison: Comparison = data[self._comparison]
        pane = comparison.panes[number]
        if pane.running:
            return screen.show_hint(BUSY)
        try:
            question = screen.read_question(data, self._parts)
        except InvalidRequest as error:
            return screen.show_hint(str(error))
        if comparison.blind:
            question = keep_model(comparison, number, question)
        screen.settle(comparison, number)
        last = pane.take_back()
        if last is not None:
            if not comparison.running_count:
                comparison.pace = common_pace(comparison)
            pane.begin(Turn(last.prompt, question))
        return {**screen.show_live(comparison, number), **screen.request_refresh(comparison, number)}

    async def answer(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """The draft's answer as it grows; in a blind comparison at the common pace."""
        comparison: Comparison = data[self._comparison]
        pane, parts, number = comparison.panes[self._number], self._parts, self._number
        if pane.draft is None or pane.running:
            return
        pane.running = True
        draft = pane.draft
        views = paced_views(
            self._coalescer.snapshots(self._screen.answer(visitor, pane.request())),
            number,
            pace=comparison.pace,
            hidden=lambda: comparison.hidden,
            panes=lambda: comparison.running_count,
        )
        before: Updates = {}
        try:
            async with aclosing(views):
                async for whole, visible in views:
                    if comparison.panes[number] is not pane or pane.draft is not draft:
                        return  # it was stopped before the browser knew the number by which Gradio stops it
                    draft = pane.draft = replace(draft, answer=whole)
                    now = self._screen.show_live(comparison, number, visible)
                    changes = {part: value for part, value in now.items() if before.get(part) != value}
                    before = now
                    # An empty update is still one: this is how a closed tab is noticed.
                    yield changes or {parts.head: gr.skip()}
        finally:
            pane.running = False

    async def finish(self, data: Inputs) -> Updates:
        """The draft becomes a turn, also one that was stopped."""
        comparison: Comparison = data[self._comparison]
        if comparison.panes[self._number].draft is None:
            return {self._screen.parts.hint: gr.skip()}
        self._screen.settle(comparison, self._number)
        return self._screen.request_refresh(comparison, self._number)

    async def remove(self, data: Inputs) -> Updates:
        """The pane leaves the page, with its conversation."""
        comparison: Comparison = data[self._comparison]
        if len(comparison.visible_panes) > MIN_PANES and not comparison.hidden:
            comparison.panes[self._number] = Pane()
        return self._screen.request_refresh(comparison, *range(MAX_PANES))

    # Providers and models.

    async def choose(self, data: Inputs) -> Updates:
        """The visitor chose another provider: shows its problem, if it has one."""
        comparison: Comparison = data[self._comparison]
        comparison.notes[self._number] = model_choices.provider_note(
            self._screen.find_provider(data[self._parts.provider])
        )
        return {self._parts.head: pane_view.render_heading(comparison, self._number, self._screen.titles)}

    async def list_models(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Asks the provider for its models. Until they come, the list has only suggestions. The choice is kept."""
        parts, number = self._parts, self._number
        comparison: Comparison = data[self._comparison]
        provider, session = data[parts.provider], self._screen.session_for(visitor)
        comparison.awaited_lists[number] = provider
        state = model_choices.find_provider(session, provider)
        models: list[model_choices.Choice] = []
        if state.ready:
            with suppress(LLMHubError):  # the note says why
                models = model_choices.list_models(await session.models(provider))
        if comparison.awaited_lists[number] != provider:
            return {parts.model: gr.skip()}
        comparison.notes[number] = model_choices.provider_note(model_choices.find_provider(session, provider))
        return {
            parts.model: gr.update(choices=model_choices.merge_lists(models, model_choices.list_suggestions(state))),
            parts.default_model.first: find_first_model(session, provider),
            parts.head: pane_view.render_heading(comparison, number, self._screen.titles),
        }


def keep_model(comparison: Comparison, number: int, question: Question) -> Question:
    """The question, for the model that this pane has: the first prompt of a blind comparison gave it to the pane."""
    last = comparison.panes[number].last
    return replace(question, provider=last.question.provider, model=last.question.model) if last else question


def common_pace(comparison: Comparison) -> Pace | None:
    """The pace that all answers share while names are hidden, or None."""
    return Pace(comparison.visible_panes, asyncio.get_running_loop().time) if comparison.hidden else None

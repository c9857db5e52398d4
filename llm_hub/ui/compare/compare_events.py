"""What happens on the Compare tab when a prompt is asked, and when panes come and go.

The truth of a comparison is one `Comparison` a session, on the server. Its handlers are all asynchronous, so that they
run one at a time in one loop: the panes' streams write to it side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator  # Gradio reads the handlers' annotations
from contextlib import aclosing
from dataclasses import replace
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.arena.blind import Pace, shuffled
from llm_hub.chat import Message, Role
from llm_hub.errors import InvalidRequest, LLMHubError
from llm_hub.ui import model_choices
from llm_hub.ui.chat.chat_events import status
from llm_hub.ui.chat.chat_models import note_on
from llm_hub.ui.chat.conversation import Turn
from llm_hub.ui.compare.compare_screen import HELP, CompareScreen, Inputs, Updates
from llm_hub.ui.compare.comparison import MIN_PANES, Comparison, Pane
from llm_hub.ui.gradio_fixes.default_model import find_first_model
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.render import compare_panes as view
from llm_hub.ui.streaming.blind_pace import paced

if TYPE_CHECKING:
    from llm_hub.ui.chat.conversation import Question
    from llm_hub.ui.streaming.coalescer import Coalescer

BUSY = "An answer is still being written. Stop it first, or wait."


class CompareEvents:
    """Each event takes what it reads by component and answers with what it changes."""

    def __init__(self, shown: CompareScreen, coalescer: Coalescer) -> None:
        self._shown = shown
        self._parts = shown.parts
        self._coalescer = coalescer
        self._chance = SystemRandom()

    def connect(self, tab: gr.Tab) -> None:
        parts, shown = self._parts, self._shown
        state: set[Any] = {parts.comparison}
        everywhere = shown.everywhere
        setup = state | shown.settings | shown.models

        # Only the `.then`s of one step run side by side: listeners of one click would wait for each other.
        asked = gr.on([parts.prompt.submit, parts.run.click], self.ask, setup | {parts.prompt}, everywhere, **NOW)
        answers = []
        for number, pane in enumerate(parts.panes):
            again = pane.retry.click(self._again(number), setup, everywhere, **NOW)
            written = [pane.live, pane.line, pane.head]
            streams = [first.then(self._answer(number), state, written, **STREAMING) for first in (asked, again)]
            for stream in streams:
                stream.then(self._finish(number), state, everywhere, **NOW)
            pane.stop.click(None, None, None, cancels=streams)
            removed = pane.remove.click(None, None, None, cancels=streams)
            removed.then(self._remove(number), state, everywhere, **NOW)
            answers += streams
            provider, found = {pane.provider, *state}, [pane.model, pane.preselected.first, pane.head]
            chosen = pane.provider.input(self._choose(number), provider, pane.head, **NOW)
            for listing in (chosen.then, tab.select):
                listed = listing(self._list(number), provider, found, trigger_mode="multiple", **STREAMING)
                pane.preselected.after(listed.then)
        parts.stop.click(None, None, None, cancels=answers)
        parts.new.click(None, None, None, cancels=answers).then(self.clear, state, everywhere, **NOW)
        parts.add.click(self.add, state, everywhere, **NOW)

    # One prompt becomes every pane's draft.

    async def ask(self, data: Inputs) -> Updates:
        parts, shown = self._parts, self._shown
        comparison: Comparison = data[parts.comparison]
        text = data[parts.prompt] or ""
        if comparison.running:
            return shown.hint(BUSY)
        if not text.strip():
            return shown.hint("Type a prompt first.")
        try:
            targets = [shown.asked(data, parts.panes[number]) for number in comparison.shown]
        except InvalidRequest as error:
            return shown.hint(str(error))
        for number in comparison.shown:
            shown.settle(comparison, number)
        if not comparison.begun:
            if data[parts.blind] and len({asked.target for asked in targets}) < len(targets):
                return shown.hint("Two panes have the same model: a blind comparison needs different ones.")
            comparison.blind = comparison.hidden = bool(data[parts.blind])
            if comparison.blind:
                targets = shuffled(targets, self._chance)
        elif comparison.blind:
            seats = zip(comparison.shown, targets, strict=True)
            targets = [self._seated(comparison, number, asked) for number, asked in seats]
        comparison.pace = _pace(comparison)
        for number, asked in zip(comparison.shown, targets, strict=True):
            comparison.panes[number].begin(Turn(Message(Role.USER, text), asked))
        return {**shown.everything(comparison), parts.prompt: "", parts.hint: status(HELP)}

    def _again(self, number: int) -> Any:
        async def again(data: Inputs) -> Updates:
            shown = self._shown
            comparison: Comparison = data[self._parts.comparison]
            pane = comparison.panes[number]
            if pane.running:
                return shown.hint(BUSY)
            try:
                asked = shown.asked(data, self._parts.panes[number])
            except InvalidRequest as error:
                return shown.hint(str(error))
            if comparison.blind:
                asked = self._seated(comparison, number, asked)
            shown.settle(comparison, number)
            last = pane.again()
            if last is not None:
                if not comparison.running:
                    comparison.pace = _pace(comparison)
                pane.begin(Turn(last.prompt, asked))
            return {**shown.pane(comparison, number), **shown.common(comparison)}

        return again

    def _seated(self, comparison: Comparison, number: int, asked: Question) -> Question:
        """In a blind comparison, who sits where was decided with the first prompt."""
        last = comparison.panes[number].last
        return replace(asked, provider=last.asked.provider, model=last.asked.model) if last else asked

    # Every pane's draft is answered, on its own.

    def _answer(self, number: int) -> Any:
        async def answer(data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
            comparison: Comparison = data[self._parts.comparison]
            pane, parts = comparison.panes[number], self._parts.panes[number]
            if pane.draft is None or pane.running:
                return
            pane.running = True
            draft = pane.draft
            events = self._shown.visitors.events(visitor, pane.request(), "compare")
            snapshots = self._coalescer.snapshots(events)
            views = paced(
                snapshots,
                number,
                pace=comparison.pace,
                hidden=lambda: comparison.hidden,
                panes=lambda: comparison.running,
            )
            shown: Updates = {}
            try:
                async with aclosing(views):
                    async for whole, visible in views:
                        if comparison.panes[number] is not pane or pane.draft is not draft:
                            return  # it was stopped before the browser knew the number by which Gradio stops it
                        draft = pane.draft = replace(draft, answer=whole)
                        titles = self._shown.titles
                        now: Updates = {
                            parts.live: view.list_live_messages(comparison, draft, titles, visible),
                            parts.line: status(view.render_status(comparison, number, titles, visible)),
                            parts.head: view.render_heading(comparison, number, titles),
                        }
                        # An empty update is still one: this is how a closed tab is noticed.
                        changed = {part: value for part, value in now.items() if shown.get(part) != value}
                        shown = now
                        yield changed or {parts.head: gr.skip()}
            finally:
                pane.running = False

        return answer

    def _finish(self, number: int) -> Any:
        async def finish(data: Inputs) -> Updates:
            comparison: Comparison = data[self._parts.comparison]
            if comparison.panes[number].draft is None:
                return {self._parts.hint: gr.skip()}
            self._shown.settle(comparison, number)
            return {**self._shown.pane(comparison, number), **self._shown.common(comparison)}

        return finish

    # Panes come and go.

    async def add(self, data: Inputs) -> Updates:
        comparison: Comparison = data[self._parts.comparison]
        free = [number for number, pane in enumerate(comparison.panes) if not pane.shown]
        if not free or comparison.hidden:
            return self._shown.hint("A blind comparison keeps its models until the vote." if free else "Four is most.")
        comparison.panes[free[0]].shown = True
        return self._shown.everything(comparison)

    def _remove(self, number: int) -> Any:
        async def remove(data: Inputs) -> Updates:
            comparison: Comparison = data[self._parts.comparison]
            if len(comparison.shown) > MIN_PANES and not comparison.hidden:
                comparison.panes[number] = Pane()
            return self._shown.everything(comparison)

        return remove

    async def clear(self, data: Inputs) -> Updates:
        comparison: Comparison = data[self._parts.comparison]
        comparison.clear()
        return {**self._shown.everything(comparison), self._parts.prompt: "", self._parts.hint: status(HELP)}

    # Providers and models.

    def _choose(self, number: int) -> Any:
        async def choose(data: Inputs) -> Updates:
            parts, comparison = self._parts.panes[number], data[self._parts.comparison]
            state = self._shown.state(data[parts.provider])
            comparison.notes[number] = note_on(state)
            return {parts.head: view.render_heading(comparison, number, self._shown.titles)}

        return choose

    def _list(self, number: int) -> Any:
        async def list_models(data: Inputs, visitor: gr.Request) -> Updates:
            """The live list takes the suggestions' place when it comes. What is chosen stays chosen."""
            parts, comparison = self._parts.panes[number], data[self._parts.comparison]
            provider, hub = data[parts.provider], self._shown.visitors.hub(visitor)
            comparison.listing[number] = provider
            state = model_choices.state(hub, provider)
            models: list[model_choices.Choice] = []
            problem = ""
            if state.ready:
                try:
                    models = model_choices.listed(await hub.models(provider))
                except LLMHubError as error:
                    problem = f"Its list of models did not come. {error.message}"
            if comparison.listing[number] != provider:
                return {parts.model: gr.skip()}
            comparison.notes[number] = note_on(state, problem)
            return {
                parts.model: gr.update(choices=model_choices.never_shorter(models, model_choices.models(state))),
                parts.preselected.first: find_first_model(hub, provider),
                parts.head: view.render_heading(comparison, number, self._shown.titles),
            }

        return list_models


def _pace(comparison: Comparison) -> Pace | None:
    return Pace(comparison.shown, asyncio.get_running_loop().time) if comparison.hidden else None

"""What can be done with a comparison: see how two answers differ, go on in Chat, share it, save it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.arena import link
from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices
from llm_hub.ui.browser_files import SAVE, SHARE, file
from llm_hub.ui.compare.compare_screen import CompareScreen, Inputs, Updates
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES, Comparison
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.render import compare_panes as view
from llm_hub.ui.render import compare_stats
from llm_hub.ui.render.export import ExportedAnswer, ExportedSide, ExportRecord, as_json, as_markdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.ui.chat.chat_events import ChatEvents
    from llm_hub.ui.chat.conversation import Turn
    from llm_hub.ui.render.formats import Titles


class AfterEvents:
    """The events of the results, of the links and of the exports."""

    def __init__(self, shown: CompareScreen, chat: ChatEvents, tabs: gr.Tabs) -> None:
        self._shown = shown
        self._parts = shown.parts
        self._chat = chat
        self._tabs = tabs

    def connect(self, page: gr.Blocks) -> None:
        parts, shown, after = self._parts, self._shown, self._parts.after
        state: set[Any] = {parts.comparison}
        # In a thread, and only where somebody looks: long answers take a while to compare.
        chosen = [after.left.input, after.right.input]
        gr.on(chosen, self.choose, {*state, after.left, after.right}, after.difference, **NOW)
        # These do not read the lists: a browser may still show a pane there that has just gone.
        gr.on([after.section.expand, after.figures.change], self.differ, state, after.difference, **NOW)
        for number, pane in enumerate(parts.panes):
            taken = [*self._chat.taken_over, self._tabs, parts.hint]
            pane.carry.click(self._carry(number), state | self._chat.taken_with, taken, **NOW)
        for button, save in ((after.markdown, self.save_markdown), (after.json, self.save_json)):
            made = button.click(save, {*state, *shown.settings}, [after.file, parts.hint], **NOW)
            made.then(None, after.file, None, js=SAVE, **NOW)
        shared = after.share.click(
            self.share, {*state, parts.prompt, *shown.settings, *shown.models}, [after.query, parts.hint], **NOW
        )
        shared.then(None, after.query, None, js=SHARE, **NOW)
        opened = [box for pane in parts.panes for box in (pane.provider, pane.model)]
        page.load(
            self.open, state, [*shown.everywhere, *opened, *shown.settings, self._tabs], **STREAMING
        )  # fmt: skip

    async def choose(self, data: Inputs) -> Updates:
        after = self._parts.after
        data[self._parts.comparison].wanted = data[after.left], data[after.right]
        return await self.differ(data)

    async def differ(self, data: Inputs) -> Updates:
        comparison: Comparison = data[self._parts.comparison]
        text = await asyncio.to_thread(view.render_difference, comparison, *comparison.pair)
        return {self._parts.after.difference: text}

    def _carry(self, number: int) -> Callable[..., Any]:
        async def carry(data: Inputs, visitor: gr.Request) -> Updates:
            comparison: Comparison = data[self._parts.comparison]
            pane = comparison.panes[number]
            if comparison.hidden or pane.draft is not None or not pane.turns:
                return self._shown.hint("There is nothing to go on with yet.")
            try:
                taken = self._chat.take_over(data, pane.turns, visitor)
            except InvalidRequest as error:
                return self._shown.hint(str(error))
            return {**taken, self._tabs: gr.Tabs(selected="chat")}

        return carry

    async def share(self, data: Inputs) -> Updates:
        """The set-up as an address: the models, the prompt that was asked first, the settings."""
        parts = self._parts
        comparison: Comparison = data[parts.comparison]
        models = tuple(self._target(data, number) for number in comparison.shown)
        if comparison.blind and comparison.begun:
            # In the panes' order the address would say who sits where.
            models = tuple(sorted(pane.last.asked.target for pane in comparison.panes if pane.last))
        asked = next((pane.all_turns[0].prompt.text for pane in comparison.panes if pane.all_turns), "")
        setup = link.Setup(
            models=models,
            prompt=asked or data[parts.prompt] or "",
            system=data[parts.system] or "",
            temperature=(data[parts.temperature] or "").strip(),
            max_tokens=(data[parts.max_tokens] or "").strip(),
            blind=bool(data[parts.blind]),
        )
        query = link.query(setup)
        if not query:
            return {parts.after.query: None, **self._shown.hint("The prompt is too long for a link.")}
        return {parts.after.query: {"query": query}, **self._shown.hint("The link is in the address bar, and copied.")}

    async def open(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The set-up that the page's address asks for. Nothing is asked before the visitor says so."""
        parts = self._parts
        comparison: Comparison = data[parts.comparison]
        setup = link.read(dict(visitor.query_params))
        if setup is None or comparison.begun:
            return {parts.hint: gr.skip()}
        updates: Updates = {
            self._tabs: gr.Tabs(selected="compare"),
            parts.system: setup.system,
            parts.temperature: setup.temperature,
            parts.max_tokens: setup.max_tokens,
        }
        unknown: list[str] = []
        for number in range(MAX_PANES):
            comparison.panes[number].shown = number < max(MIN_PANES, len(setup.models))
        for pane, target in zip(parts.panes, setup.models, strict=False):
            name, _, model = target.partition("/")
            try:
                state = self._shown.state(name)
            except InvalidRequest:
                unknown.append(repr(name))
                continue
            updates[pane.provider] = state.name
            offered = model_choices.models(state)
            updates[pane.model] = gr.update(choices=offered, value=model or state.default_model)
        updates = {**self._shown.everything(comparison), **updates}
        updates[parts.prompt] = setup.prompt
        updates[parts.blind] = gr.update(value=setup.blind, interactive=True)
        told = f"The link asks for {' and '.join(unknown)}, which this hub does not know." if unknown else ""
        return {**updates, **self._shown.hint(told)}

    async def save_markdown(self, data: Inputs) -> Updates:
        return self._saved(data, "comparison.md", "text/markdown", as_markdown)

    async def save_json(self, data: Inputs) -> Updates:
        return self._saved(data, "comparison.json", "application/json", as_json)

    def _saved(self, data: Inputs, name: str, kind: str, write: Callable[[ExportRecord], str]) -> Updates:
        comparison: Comparison = data[self._parts.comparison]
        made = self._parts.after.file
        if comparison.hidden or not comparison.begun:
            return {made: None, **self._shown.hint("The names come first: vote, or show them.")}
        return {made: file(name, kind, write(record(comparison, self._shown.titles))), **self._shown.hint("Saved.")}

    def _target(self, data: Inputs, number: int) -> str:
        pane = self._parts.panes[number]
        provider, model = str(data[pane.provider] or ""), str(data[pane.model] or "").strip()
        return f"{provider}/{model}" if model else provider


def record(comparison: Comparison, titles: Titles) -> ExportRecord:
    """The comparison as it is kept in a file, or beside a vote."""
    last = next(pane.last for pane in comparison.panes if pane.last)
    settings = {
        key: value for key, value in asdict(last.asked).items() if key in ("system", "temperature", "max_tokens")
    }
    sides = [
        ExportedSide(pane.last.asked.target, tuple(_answer(turn, titles) for turn in pane.all_turns))
        for pane in comparison.panes
        if pane.shown and pane.last
    ]
    return ExportRecord(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", settings, comparison.voted, tuple(sides))


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
    )

"""The events that use a comparison: show how two answers differ, continue in Chat, share it, save it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.arena import link
from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices
from llm_hub.ui.browser_files import SAVE, SHARE, browser_file
from llm_hub.ui.chat.effort import parse_effort
from llm_hub.ui.chat.prompt_box import EMPTY
from llm_hub.ui.compare import pane_view
from llm_hub.ui.compare.compare_record import build_record
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.render.export import as_json, as_markdown
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.ui.chat.handover import Handover
    from llm_hub.ui.compare.compare_screen import CompareScreen
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.render.export import ExportRecord


class CompareActions:
    """The handlers of the results, the links and the files."""

    def __init__(self, screen: CompareScreen, chat: Handover, tabs: gr.Tabs) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._chat = chat
        self._tabs = tabs

    def connect(self, page: gr.Blocks) -> None:
        parts, screen, actions = self._parts, self._screen, self._parts.actions
        state: set[Any] = {parts.comparison}
        # In a thread, and only while it is looked at: to compare long answers takes a while.
        chosen = [actions.left.input, actions.right.input]
        gr.on(chosen, self.choose, {*state, actions.left, actions.right}, actions.difference, **NOW)
        # These do not read the lists: a browser may still show a pane there that has just gone.
        gr.on([actions.section.expand, actions.figures.change], self.show_difference, state, actions.difference, **NOW)
        for number, pane in enumerate(parts.panes):
            outputs = [*self._chat.outputs, self._tabs, parts.hint]
            pane.carry.click(self._carry(number), state | self._chat.inputs, outputs, **NOW)
        for button, save in ((actions.markdown, self.save_markdown), (actions.json, self.save_json)):
            saved = button.click(save, {*state, *screen.settings}, [actions.file, parts.hint], **NOW)
            saved.then(None, actions.file, None, js=SAVE, **NOW)
        inputs = {*state, parts.prompt, *screen.settings, *screen.models}
        shared = actions.share.click(self.share, inputs, [actions.query, parts.hint], **NOW)
        shared.then(None, actions.query, None, js=SHARE, **NOW)
        boxes = [box for pane in parts.panes for box in (pane.provider, pane.model)]
        opened = [*boxes, *screen.settings, parts.prompt, parts.hint, self._tabs]
        page.load(self.open, state, list(dict.fromkeys([*screen.outputs, *opened])), **STREAMING)

    # The difference between two answers.

    async def choose(self, data: Inputs) -> Updates:
        """Compares two other panes word by word."""
        actions = self._parts.actions
        data[self._parts.comparison].chosen_pair = data[actions.left], data[actions.right]
        return await self.show_difference(data)

    async def show_difference(self, data: Inputs) -> Updates:
        comparison: Comparison = data[self._parts.comparison]
        text = await asyncio.to_thread(pane_view.render_difference, comparison, *comparison.pair)
        return {self._parts.actions.difference: text}

    # Continue in Chat.

    def _carry(self, number: int) -> Callable[..., Any]:
        async def carry(data: Inputs, visitor: gr.Request) -> Updates:
            """The pane's conversation becomes the chat."""
            comparison: Comparison = data[self._parts.comparison]
            pane = comparison.pane(number)
            if comparison.hidden or pane.draft is not None or not pane.turns:
                return self._screen.show_hint(texts.NO_ANSWER)
            try:
                chat = await self._chat.take_over(data, pane.turns, visitor)
            except InvalidRequest as error:
                return self._screen.show_hint(str(error))
            return {**chat, self._tabs: gr.Tabs(selected="chat")}

        return carry

    # Links.

    async def share(self, data: Inputs) -> Updates:
        """The set-up as an address: the models, the prompt that was asked first, the settings."""
        parts, screen = self._parts, self._screen
        comparison: Comparison = data[parts.comparison]
        models = tuple(self._target(data, number) for number in comparison.visible_panes)
        if comparison.blind and comparison.has_begun:
            # In the panes' order the address would tell which pane has which model.
            models = tuple(sorted(pane.last.question.target for pane in comparison.panes if pane.last))
        first_prompt = next((pane.all_turns[0].prompt.text for pane in comparison.panes if pane.all_turns), "")
        setup = link.ComparisonLink(
            models=models,
            prompt=first_prompt or (data[parts.prompt] or EMPTY)["text"] or "",
            system=data[parts.system] or "",
            temperature=(data[parts.temperature] or "").strip(),
            max_tokens=(data[parts.max_tokens] or "").strip(),
            effort=parse_effort(data[parts.effort]) or "",
            blind=bool(data[parts.blind]),
        )
        query = link.write_query(setup)
        if not query:
            return {parts.actions.query: None, **screen.show_hint(texts.LINK_TOO_LONG)}
        hint = screen.show_hint(texts.LINK_COPIED)
        return {parts.actions.query: {"query": query}, **hint}

    async def open(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The set-up that the page's address asks for. No model is asked before the visitor runs it."""
        parts = self._parts
        comparison: Comparison = data[parts.comparison]
        setup = link.read_query(dict(visitor.query_params))
        if setup is None or comparison.has_begun:
            return {parts.hint: gr.skip()}
        comparison.set_up(visible=tuple(range(max(MIN_PANES, min(MAX_PANES, len(setup.models))))))
        models, unknown = self._show_models(setup.models)
        hint = f"The link asks for {' and '.join(unknown)}, which this hub does not know." if unknown else ""
        return {
            **self._screen.show_all(comparison),
            **models,
            self._tabs: gr.Tabs(selected="compare"),
            parts.system: setup.system,
            parts.temperature: setup.temperature,
            parts.max_tokens: setup.max_tokens,
            parts.effort: parse_effort(setup.effort) or "",
            # Without a prompt, what was typed before a reload stays.
            **({parts.prompt: {**EMPTY, "text": setup.prompt}} if setup.prompt else {}),
            parts.blind: gr.update(value=setup.blind, interactive=True),
            **self._screen.show_hint(hint),
        }

    def _show_models(self, targets: tuple[str, ...]) -> tuple[Updates, list[str]]:
        """A link's targets in the panes, and the names of providers that this hub does not know."""
        updates: Updates = {}
        unknown: list[str] = []
        for pane, target in zip(self._parts.panes, targets, strict=False):
            name, _, model = target.partition("/")
            try:
                state = self._screen.find_provider(name)
            except InvalidRequest:
                unknown.append(repr(name))
                continue
            updates[pane.provider] = state.name
            choices = model_choices.list_suggestions(state)
            updates[pane.model] = gr.update(choices=choices, value=model or state.default_model)
        return updates, unknown

    def _target(self, data: Inputs, number: int) -> str:
        pane = self._parts.panes[number]
        provider, model = str(data[pane.provider] or ""), str(data[pane.model] or "").strip()
        return f"{provider}/{model}" if model else provider

    # Files.

    async def save_markdown(self, data: Inputs) -> Updates:
        return self._save(data, "comparison.md", "text/markdown", as_markdown)

    async def save_json(self, data: Inputs) -> Updates:
        return self._save(data, "comparison.json", "application/json", as_json)

    def _save(self, data: Inputs, name: str, media_type: str, write: Callable[[ExportRecord], str]) -> Updates:
        comparison: Comparison = data[self._parts.comparison]
        part, screen = self._parts.actions.file, self._screen
        if comparison.hidden or not comparison.has_begun:
            return {part: None, **screen.show_hint(texts.NAMES_IN_FILE)}
        text = write(build_record(comparison, screen.titles))
        return {part: browser_file(name, media_type, text), **screen.show_hint(texts.SAVED)}

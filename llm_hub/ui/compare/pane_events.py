"""The events of one pane of the Compare tab: its answer, its buttons, its lists of providers and models.

An answer is written on the server whatever the page does. A pane follows it, and so does every other tab's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator  # Gradio reads the handlers' annotations
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.conversations.turn import Turn
from llm_hub.errors import InvalidRequest, LLMHubError
from llm_hub.ui import model_choices
from llm_hub.ui.chat.watchers import Watchers
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES
from llm_hub.ui.compare.shared_pace import begin_pace
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.default_model import find_first_model
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.gradio_fixes.quiet_end import end_quietly
from llm_hub.ui.streaming.blind_pace import paced_views
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from llm_hub.conversations.coalescer import Snapshot
    from llm_hub.conversations.turn import Question
    from llm_hub.ui.chat.watchers import Watcher
    from llm_hub.ui.compare.compare_screen import CompareScreen
    from llm_hub.ui.compare.comparison import Comparison


class PaneEvents:
    """The handlers of the pane with this number."""

    def __init__(self, screen: CompareScreen, number: int) -> None:
        self._screen = screen
        self._watchers = Watchers()
        self._number = number
        self._parts = screen.parts.panes[number]
        self._comparison = screen.parts.comparison

    def connect(self, tab: gr.Tab, asked: gr.events.Dependency, opened: gr.events.Dependency) -> None:
        """Connects the pane to its buttons, and to the events after which its answer is to be shown."""
        screen, parts = self._screen, self._parts
        state: set[Any] = {self._comparison}
        live, outputs = [parts.live, parts.line, parts.head], [screen.parts.revision, screen.parts.hint]
        inputs: set[Any] = state | screen.settings | screen.models | {screen.parts.opened}
        retry = parts.retry.click(self.repeat, inputs, [*live, *outputs, screen.parts.opened], **NOW)
        several: dict[str, Any] = {**STREAMING, "trigger_mode": "multiple"}
        for event in (asked, opened, retry):
            shown = event.then(end_quietly(self.follow, parts.head), state, [*live, screen.parts.revision], **several)
            finish = self.finish_opened if event is opened else self.finish
            shown.then(finish, state, outputs, trigger_mode="multiple", **NOW)
        parts.stop.click(self.stop, state, outputs, **NOW)
        parts.remove.click(self.remove, state, outputs, **NOW)
        chosen = parts.provider.input(self.choose, {parts.provider, *state}, screen.parts.revision, **NOW)
        lists = [parts.model, parts.default_model.first, screen.parts.revision]
        listings: tuple[Any, ...] = (chosen.then, opened.then, tab.select)
        for event in listings:
            listed = event(self.list_models, {parts.provider, *state}, lists, trigger_mode="multiple", **STREAMING)
            parts.default_model.after(listed.then)

    # An answer is asked for, and shown.

    async def repeat(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Asks the last prompt once more, in this pane alone. The answer that was there stays a version."""
        screen, number = self._screen, self._number
        comparison = await screen.find(data, visitor)
        if comparison is None:
            return screen.show_lost(data)
        conversation, last = comparison.conversation, comparison.last_node(number)
        if conversation is None or last is None:
            return screen.show_hint("")
        if comparison.pane(number).draft is not None:
            return screen.show_hint(texts.BUSY)
        try:
            question = screen.read_question(data, self._parts)
        except InvalidRequest as error:
            return screen.show_hint(str(error))
        if comparison.blind:
            question = keep_model(comparison, number, question)
        question = screen.fit_effort(question)
        node = conversation.add(Turn(last.turn.prompt, question), after=last.parent, pane=number)
        if comparison.hidden:
            begin_pace(conversation, [node])
        screen.answer(visitor, conversation, node)
        live = screen.show_live(comparison, number, node.turn.answer)
        return {**live, **screen.request_refresh(comparison, number)}

    async def follow(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """The answer that is being written as it grows; in a blind comparison at the common pace.

        Some of the updates are empty: this is how a closed tab is noticed. It ends early where the tab has gone on to
        show something else.
        """
        comparison: Comparison = data[self._comparison]
        number, conversation, node = self._number, comparison.conversation, comparison.last_node(self._number)
        if conversation is None or node is None or comparison.pane(number).draft is None:
            return
        screen = self._screen
        comparison.unfinished_panes.add(number)

        def is_hidden() -> bool:
            return comparison.hidden and conversation.node(node.number).turn.outcome != "stopped"

        async with self._watchers.watch(visitor, conversation) as watcher:
            views = paced_views(
                _snapshots(watcher, node.number),
                number,
                pace=comparison.pace(node),
                hidden=is_hidden,
                panes=lambda: max(1, comparison.busy_count),
            )
            before: Updates = {}
            async with aclosing(views):
                async for _, visible in views:
                    if not watcher.is_current or comparison.last_node(number) is None:
                        return
                    is_shown = comparison.conversation is conversation and comparison.pane(number).draft is not None
                    now = screen.show_live(comparison, number, visible) if is_shown else {}
                    changes = {part: value for part, value in now.items() if before.get(part) != value}
                    before = now
                    if is_shown:
                        changes |= screen.request_head(comparison)
                    yield changes

    async def finish(self, data: Inputs) -> Updates:
        """The answer is over, and is shown as a whole, in the place of what other events have shown of it. One that
        failed does not stand for an earlier one."""
        comparison, screen, number = data[self._comparison], self._screen, self._number
        conversation, node = comparison.conversation, comparison.last_node(number)
        if conversation is None or node is None:
            return {screen.parts.hint: gr.skip()}
        hint: Updates = {}
        if (better := conversation.answered_version(node)) is not None:
            conversation.choose(better.number)
            hint = screen.show_hint(texts.RETRY_FAILED)
        elif node.number in conversation.paced:
            conversation.update(node.number, node.turn)  # all of its text may be seen: a browser is to have it
        await screen.conversations.save(conversation)
        return {**screen.request_refresh(comparison, number), **hint}

    async def finish_opened(self, data: Inputs) -> Updates:
        """As `finish`, if an answer was still being written when the comparison was opened."""
        if self._number in data[self._comparison].unfinished_panes:
            return await self.finish(data)
        return {self._screen.parts.hint: gr.skip()}

    def drop(self, visitor: gr.Request) -> None:
        """The tab is gone."""
        self._watchers.drop(visitor)

    async def leave(self, visitor: gr.Request) -> None:
        """The tab shows no answer any more."""
        await self._watchers.leave(visitor)

    async def stop(self, data: Inputs) -> Updates:
        """Ends the answer where it is. The others go on."""
        comparison: Comparison = data[self._comparison]
        if comparison.conversation is not None:
            await self._screen.conversations.stop(comparison.conversation, self._number)
        return self._screen.request_refresh(comparison, self._number)

    async def remove(self, data: Inputs) -> Updates:
        """The pane leaves the page. Its turns stay in the comparison's document."""
        comparison: Comparison = data[self._comparison]
        if len(comparison.visible_panes) > MIN_PANES and not comparison.hidden:
            await self.stop(data)
            comparison.set_up(visible=tuple(number for number in comparison.visible_panes if number != self._number))
            if comparison.conversation is not None:
                comparison.conversation.show_until(0, self._number)
                await self._screen.conversations.save(comparison.conversation)
        return self._screen.request_refresh(comparison, *range(MAX_PANES))

    # Providers and models.

    async def choose(self, data: Inputs) -> Updates:
        """The visitor chose another provider: shows its problem, if it has one."""
        comparison: Comparison = data[self._comparison]
        comparison.notes[self._number] = model_choices.provider_note(
            self._screen.find_provider(data[self._parts.provider])
        )
        return self._show_note(comparison)

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
            **self._show_note(comparison),
        }

    def _show_note(self, comparison: Comparison) -> Updates:
        """A note stands only where nothing was asked yet. No more than one event may show a pane's heading."""
        if comparison.pane(self._number).last is not None:
            return {self._screen.parts.revision: gr.skip()}
        return self._screen.request_refresh(comparison, self._number)


def keep_model(comparison: Comparison, number: int, question: Question) -> Question:
    """The question, for the model that this pane has: the first prompt of a blind comparison gave it to the pane."""
    last = comparison.pane(number).last
    return replace(question, provider=last.question.provider, model=last.question.model) if last else question


async def _snapshots(watcher: Watcher, number: int) -> AsyncGenerator[Snapshot]:
    """A turn's answer each time that it has grown, until it ends or nobody looks any more."""
    conversation, turn = watcher.conversation, None
    while watcher.is_current:
        version, before, turn = conversation.version, turn, conversation.node(number).turn
        if turn is not before:
            yield turn.answer
        if turn.outcome != "pending":
            return
        if conversation.version == version and watcher.is_current:
            await conversation.next_change()

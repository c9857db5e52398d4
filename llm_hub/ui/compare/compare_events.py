"""The events of the Compare tab for all panes: a comparison is opened, a prompt asked of each pane, a pane added.

A comparison is a conversation on the server; `opened` on the page only names it. Whatever a tab does, its answers are
written to their ends, and every tab that opens it sees them grow. The events of a single pane are in pane_events.py.
"""

from __future__ import annotations

import asyncio
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.arena.blind import shuffle_targets
from llm_hub.conversations.turn import Turn
from llm_hub.conversations.turn_document import prompt_message
from llm_hub.errors import InvalidRequest, LLMHubError
from llm_hub.ui import uploads
from llm_hub.ui.attachments import connect_attachments
from llm_hub.ui.chat.open_wish import parse_wish
from llm_hub.ui.chat.prompt_box import EMPTY, GIVE_BACK, take_prompt
from llm_hub.ui.chat.turn_actions import parse_action
from llm_hub.ui.compare.comparison import MAX_PANES
from llm_hub.ui.compare.pane_events import PaneEvents, keep_model
from llm_hub.ui.compare.shared_pace import begin_pace
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.live_region import live_region
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from llm_hub.chat import Message
    from llm_hub.conversations.turn import Question
    from llm_hub.ui.compare.compare_screen import CompareScreen
    from llm_hub.ui.compare.comparison import Comparison


class CompareEvents:
    """The handlers. Each takes the values that it reads and returns those that it changes, by component."""

    def __init__(self, screen: CompareScreen, tabs: gr.Tabs) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._tabs = tabs
        self._panes = [PaneEvents(screen, number) for number in range(len(screen.parts.panes))]
        self._random = SystemRandom()

    def connect(self, tab: gr.Tab, page: gr.Blocks) -> None:
        parts, screen = self._parts, self._screen
        state: set[Any] = {parts.comparison}
        inputs = state | screen.settings | screen.models | {parts.asked, parts.opened}
        live = [part for pane in parts.panes for part in (pane.live, pane.line, pane.head)]
        outputs = [parts.revision, parts.hint]
        box = [parts.returned, parts.prompt]
        taken = take_prompt("comparison", [parts.prompt.submit, parts.run.click], parts.prompt, parts.asked)
        # Only the `.then`s of one step run side by side: listeners of one click would wait for each other.
        shown = [*live, *outputs, parts.returned, parts.opened]
        asked = taken.then(self.ask, inputs, shown, trigger_mode="multiple", **NOW)
        opened = parts.opened.open(
            self.open, state, [*outputs, parts.opened, *screen.settings_outputs, self._tabs], **NOW
        )
        parts.opened.act(self.choose_version, state, outputs, **NOW)
        for pane in self._panes:
            pane.connect(tab, asked, opened)
        asked.then(None, box, box, js=GIVE_BACK, **NOW)
        connect_attachments(parts.prompt, parts.attachments, parts.hint, "compare")
        parts.stop.click(self.stop, state, outputs, **NOW)
        page.unload(self.drop)
        parts.add.click(self.add, state, outputs, **NOW)
        # Never two at once: the last one, which begins after all others are over, shows the newest state.
        parts.revision.change(self.refresh, state, screen.outputs, trigger_mode="always_last", **NOW)

    async def ask(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Asks the prompt that was in the box of every pane. One that is refused comes back into the box."""
        parts, screen = self._parts, self._screen
        asked = data[parts.asked] or EMPTY
        returned: Updates = {parts.returned: asked}
        comparison = await screen.find(data, visitor)
        if comparison is None:
            return {**screen.show_lost(data), **returned}
        try:
            prompt = prompt_message(str(asked["text"] or ""), await uploads.read(asked["files"] or ()))
            questions = [screen.read_question(data, parts.panes[number]) for number in comparison.visible_panes]
        except InvalidRequest as error:
            return {**screen.show_hint(str(error)), **returned}
        if comparison.busy:
            return {**screen.show_hint(texts.BUSY), **returned}
        if not (prompt.text.strip() or prompt.images or prompt.documents):
            return screen.show_hint(texts.NO_PROMPT)
        if not comparison.has_begun and data[parts.blind] and _has_duplicates(questions):
            hint = texts.SAME_MODELS
            return {**screen.show_hint(hint), **returned}
        return await self._begin(comparison, questions, prompt, data, visitor)

    async def _begin(
        self, comparison: Comparison, questions: list[Question], prompt: Message, data: Inputs, visitor: gr.Request
    ) -> Updates:
        screen = self._screen
        conversation = comparison.conversation
        if conversation is None:
            conversation = screen.conversations.begin(screen.owner(visitor), "comparison", name=screen.read_next(data))
            conversation.set_up(**comparison.setup.write())
            comparison.show(conversation)
        questions = self._assign_panes(comparison, questions, blind=bool(data[self._parts.blind]))
        images = tuple(uploads.write_images(prompt))
        nodes = [
            conversation.add(Turn(prompt, screen.fit_effort(question), images), pane=number)
            for number, question in zip(comparison.visible_panes, questions, strict=True)
        ]
        if comparison.hidden:
            begin_pace(conversation, nodes)
        answers = [screen.answer(visitor, conversation, node) for node in nodes]
        await asyncio.gather(*(answer.keep_prompt() for answer in answers))
        # Its name comes with the prompt, so that a reload at once finds it.
        updates: Updates = {self._parts.hint: live_region(texts.HELP), **screen.show_head(comparison)}
        for number in comparison.visible_panes:
            updates |= screen.show_live(comparison, number, nodes[0].turn.answer)
        return {**updates, **screen.request_refresh(comparison, *comparison.visible_panes)}

    def _assign_panes(self, comparison: Comparison, questions: list[Question], *, blind: bool) -> list[Question]:
        """The questions by pane.

        The first prompt decides whether names are hidden. If they are, it gives the panes their models at random.
        """
        if not comparison.has_begun:
            comparison.set_up(blind=blind, hidden=blind)
            return shuffle_targets(questions, self._random) if blind else questions
        if comparison.blind:
            pairs = zip(comparison.visible_panes, questions, strict=True)
            return [keep_model(comparison, number, question) for number, question in pairs]
        return questions

    async def open(self, data: Inputs, wanted: gr.EventData, visitor: gr.Request) -> Updates:
        """Shows the comparison that the page names, "" for a new one, with the settings of its last turns."""
        screen, wish = self._screen, parse_wish(wanted)
        comparison: Comparison = data[self._parts.comparison]
        comparison.wanted = max(comparison.wanted, wish.number)
        try:
            conversation = await screen.conversations.find(screen.owner(visitor), wish.name) if wish.name else None
        except LLMHubError as error:
            return {**screen.request_refresh(comparison), **screen.show_hint(str(error))}
        if wish.number != comparison.wanted:  # it has had a later one since
            return screen.show_hint("")
        is_gone = bool(wish.name) and (conversation is None or conversation.kind != "comparison")
        comparison.show(None if is_gone else conversation)
        comparison.unfinished_panes.clear()
        await self.leave(visitor)
        refresh = screen.request_refresh(comparison, *range(MAX_PANES))
        front: Updates = {} if wish.stays else {self._tabs: gr.Tabs(selected="compare")}
        return {
            **refresh,
            **front,
            **screen.show_questions(comparison),
            **screen.show_hint(texts.GONE if is_gone and not wish.begun else ""),
        }

    async def choose_version(self, data: Inputs, clicked: gr.EventData) -> Updates:
        """A button under an answer: another version of its turn is shown, and what followed it in its pane."""
        comparison: Comparison = data[self._parts.comparison]
        action, conversation = parse_action(clicked), comparison.conversation
        if action is None or conversation is None or not 0 < action.number <= len(conversation.nodes):
            return self._screen.show_hint("")
        pane = conversation.node(action.number).pane
        if comparison.pane(pane).draft is not None:
            return self._screen.show_hint(texts.BUSY)
        conversation.choose(action.number)
        await self._screen.conversations.save(conversation)
        return {**self._screen.request_refresh(comparison, pane), **self._screen.show_hint("")}

    async def stop(self, data: Inputs) -> Updates:
        """Ends all answers where they are."""
        comparison: Comparison = data[self._parts.comparison]
        if comparison.conversation is not None:
            await self._screen.conversations.stop(comparison.conversation)
        return self._screen.request_refresh(comparison)

    async def add(self, data: Inputs) -> Updates:
        """Adds a pane."""
        comparison: Comparison = data[self._parts.comparison]
        free = sorted(set(range(MAX_PANES)) - set(comparison.visible_panes))
        if not free:
            return self._screen.show_hint(texts.TOO_MANY_MODELS)
        if comparison.hidden:
            return self._screen.show_hint(texts.BLIND_KEEPS_MODELS)
        comparison.set_up(visible=tuple(sorted((*comparison.visible_panes, free[0]))))
        return self._screen.request_refresh(comparison, *range(MAX_PANES))

    async def drop(self, visitor: gr.Request) -> None:
        """A tab was closed. What is being written is written to its end."""
        for pane in self._panes:
            pane.drop(visitor)

    async def leave(self, visitor: gr.Request) -> None:
        """The tab shows these answers no more."""
        await asyncio.gather(*(pane.leave(visitor) for pane in self._panes))

    async def refresh(self, data: Inputs) -> Updates:
        """Shows what other events have changed."""
        return self._screen.refresh(data[self._parts.comparison])


def _has_duplicates(questions: list[Question]) -> bool:
    return len({question.target for question in questions}) < len(questions)

"""The events of the Compare tab for all panes: a prompt is asked of each, a pane is added, a new comparison begins.

The server keeps one `Comparison` for each session; the components only show it. The events of a single pane are in
pane_events.py.
"""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.arena.blind import shuffle_targets
from llm_hub.chat import Message, Role
from llm_hub.errors import InvalidRequest
from llm_hub.ui.compare.compare_screen import HELP
from llm_hub.ui.compare.comparison import MAX_PANES
from llm_hub.ui.compare.pane_events import BUSY, PaneEvents, common_pace, keep_model
from llm_hub.ui.conversation import Turn
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.live_region import live_region

if TYPE_CHECKING:
    from llm_hub.ui.compare.compare_screen import CompareScreen
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.conversation import Question
    from llm_hub.ui.streaming.coalescer import Coalescer


class CompareEvents:
    """The handlers. Each takes the values that it reads and returns those that it changes, by component."""

    def __init__(self, screen: CompareScreen, coalescer: Coalescer) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._panes = [PaneEvents(screen, coalescer, number) for number in range(len(screen.parts.panes))]
        self._random = SystemRandom()

    def connect(self, tab: gr.Tab) -> None:
        parts, screen = self._parts, self._screen
        state: set[Any] = {parts.comparison}
        inputs = state | screen.settings | screen.models | {parts.prompt}
        live = [part for pane in parts.panes for part in (pane.live, pane.line, pane.head)]
        outputs = [parts.revision, parts.hint, parts.prompt]
        # Only the `.then`s of one step run side by side: listeners of one click would wait for each other.
        prompt = gr.on([parts.prompt.submit, parts.run.click], self.ask, inputs, [*live, *outputs], **NOW)
        answers: list[dict[str, Any]] = [stream for pane in self._panes for stream in pane.connect(tab, prompt)]
        parts.stop.click(None, None, None, cancels=answers)
        parts.new.click(None, None, None, cancels=answers).then(self.clear, state, outputs, **NOW)
        parts.add.click(self.add, state, outputs, **NOW)
        # Never two at once: the last one, which begins after all others are over, shows the newest state.
        parts.revision.change(self.refresh, state, screen.outputs, trigger_mode="always_last", **NOW)

    async def ask(self, data: Inputs) -> Updates:
        """Makes the prompt the draft of every pane."""
        parts, screen = self._parts, self._screen
        comparison: Comparison = data[parts.comparison]
        text = data[parts.prompt] or ""
        if comparison.running_count:
            return screen.show_hint(BUSY)
        if not text.strip():
            return screen.show_hint("Type a prompt first.")
        try:
            questions = [screen.read_question(data, parts.panes[number]) for number in comparison.visible_panes]
        except InvalidRequest as error:
            return screen.show_hint(str(error))
        for number in comparison.visible_panes:
            screen.settle(comparison, number)
        if not comparison.has_begun and data[parts.blind] and _has_duplicates(questions):
            return screen.show_hint("Two panes have the same model: a blind comparison needs different ones.")
        questions = self._assign_panes(comparison, questions, blind=bool(data[parts.blind]))
        comparison.pace = common_pace(comparison)
        updates: Updates = {parts.prompt: "", parts.hint: live_region(HELP)}
        for number, question in zip(comparison.visible_panes, questions, strict=True):
            comparison.panes[number].begin(Turn(Message(Role.USER, text), question))
            updates |= screen.show_live(comparison, number)
        return {**updates, **screen.request_refresh(comparison, *comparison.visible_panes)}

    def _assign_panes(self, comparison: Comparison, questions: list[Question], *, blind: bool) -> list[Question]:
        """The questions by pane.

        The first prompt decides whether names are hidden. If they are, it gives the panes their models at random.
        """
        if not comparison.has_begun:
            comparison.blind = comparison.hidden = blind
            return shuffle_targets(questions, self._random) if blind else questions
        if comparison.blind:
            pairs = zip(comparison.visible_panes, questions, strict=True)
            return [keep_model(comparison, number, question) for number, question in pairs]
        return questions

    async def add(self, data: Inputs) -> Updates:
        """Adds a pane."""
        comparison: Comparison = data[self._parts.comparison]
        free = [number for number, pane in enumerate(comparison.panes) if not pane.visible]
        if not free:
            return self._screen.show_hint("Four is most.")
        if comparison.hidden:
            return self._screen.show_hint("A blind comparison keeps its models until the vote.")
        comparison.panes[free[0]].visible = True
        return self._screen.request_refresh(comparison, *range(MAX_PANES))

    async def clear(self, data: Inputs) -> Updates:
        """Begins a new comparison."""
        comparison: Comparison = data[self._parts.comparison]
        comparison.clear()
        refresh = self._screen.request_refresh(comparison, *range(MAX_PANES))
        return {**refresh, self._parts.prompt: "", self._parts.hint: live_region(HELP)}

    async def refresh(self, data: Inputs) -> Updates:
        """Shows what other events have changed."""
        return self._screen.refresh(data[self._parts.comparison])


def _has_duplicates(questions: list[Question]) -> bool:
    return len({question.target for question in questions}) < len(questions)

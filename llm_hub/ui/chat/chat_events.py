"""The events of the Chat tab: a prompt is answered, stopped or taken back, and a new chat begins.

A conversation is kept on the server, in the states `turns` and `draft`; the two Chatbots only show it. A draft is a
turn without its whole answer: it begins in prompt_events.py, is answered here, and then becomes one of the turns.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.conversations.turn import chat_request
from llm_hub.errors import InvalidRequest
from llm_hub.ui.chat.chat_sessions import ChatSessions
from llm_hub.ui.chat.prompt_events import PromptEvents
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.live_region import live_region

if TYPE_CHECKING:
    from llm_hub.conversations.coalescer import Coalescer
    from llm_hub.conversations.turn import Turns
    from llm_hub.ui.chat.chat_screen import ChatScreen

AnswerHandler = Callable[[Inputs, gr.Request], AsyncGenerator[Updates]]
FinishHandler = Callable[[Inputs, gr.Request], Awaitable[Updates]]


class ChatEvents:
    """The tab's handlers. Each takes the values that it reads and returns those that it changes, by component."""

    def __init__(self, screen: ChatScreen, coalescer: Coalescer) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._coalescer = coalescer
        self._sessions = ChatSessions()
        self._prompts = PromptEvents(screen, self._sessions)

    def connect(self, page: gr.Blocks) -> None:
        parts, prompts, outputs = self._parts, self._prompts, self._screen.outputs
        chat = self._screen.conversation
        inputs = chat | self._screen.settings
        drafts = [
            parts.prompt.submit(prompts.send, inputs | {parts.prompt}, outputs, **NOW),
            gr.on([parts.past.retry, parts.past.option_select], prompts.repeat, inputs, outputs, **NOW),
            parts.past.edit(prompts.edit, inputs, outputs, **NOW),
            parts.again.input(prompts.repeat_with, inputs | {parts.again}, [*outputs, parts.again], **NOW),
        ]
        answers = []
        for trigger, draft in enumerate(drafts):
            answer, finish = self._answer_after(trigger)
            answers.append(draft.then(answer, chat, [parts.live, parts.route, parts.draft], **STREAMING))
            answers[-1].then(finish, chat, outputs, **NOW)
        parts.stop.click(None, None, None, cancels=answers)
        parts.past.undo(self.undo, chat, outputs, **NOW)
        # Gradio runs the events of one click one after another; a cancelling event cannot follow with `.then`.
        parts.new.click(self.leave, None, None, **NOW)
        parts.new.click(None, None, None, cancels=answers).then(self.clear, None, outputs, **NOW)
        page.unload(self.forget)

    def _answer_after(self, trigger: int) -> tuple[AnswerHandler, FinishHandler]:
        """The handlers that follow one trigger. A refused trigger must not finish the answer that another one began."""

        async def answer(data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
            if data[self._parts.draft] is None or self._sessions.is_answering(visitor):
                return
            self._sessions.set_trigger(visitor, trigger)
            async with aclosing(self.answer(data, visitor)) as updates:
                async for update in updates:
                    yield update

        async def finish(data: Inputs, visitor: gr.Request) -> Updates:
            if not self._sessions.may_finish(visitor, trigger):
                return {self._parts.live: gr.skip()}
            return await self.finish(data, visitor)

        return answer, finish

    # The draft is answered, and becomes a turn.

    async def answer(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """The draft's answer as it grows, from the gateway's events to what the page shows."""
        screen, parts, draft = self._screen, self._parts, data[self._parts.draft]
        before: tuple[str, str] | None = None
        with self._sessions.answering(visitor):
            events = screen.answer(visitor, chat_request(data[parts.turns], draft))
            async with aclosing(self._coalescer.snapshots(events)) as snapshots:
                async for snapshot in snapshots:
                    draft = replace(draft, answer=snapshot)
                    update: Updates = {parts.draft: draft, parts.route: live_region(screen.render_stats(draft))}
                    if before != (snapshot.text, snapshot.reasoning):
                        before = (snapshot.text, snapshot.reasoning)
                        update[parts.live] = screen.list_draft_messages(draft)
                    yield update

    async def finish(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The draft becomes a turn, also one that was stopped."""
        if self._sessions.has_abandoned_chat(visitor):
            return self._screen.show_turns(())
        if data[self._parts.draft] is None:
            return {self._parts.draft: None}
        return self._screen.show_turns(self._screen.read_turns(data))

    # The conversation changes, and nothing is asked.

    def undo(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The last turn goes, and its prompt stands in the box again."""
        turns = self._screen.read_turns(data)
        if not turns or self._sessions.is_answering(visitor):
            return self._screen.show_hint("")
        last = turns[-1]
        box = {"text": last.prompt.text, "files": list(last.files)}
        return {**self._screen.show_turns(turns[:-1]), self._parts.prompt: box}

    async def leave(self, visitor: gr.Request) -> None:
        """A new chat begins: what is still being written must not become part of it."""
        self._sessions.abandon_chat(visitor)

    async def clear(self) -> Updates:
        return self._screen.show_turns(())

    def forget(self, visitor: gr.Request) -> None:
        """A tab of the browser was closed."""
        self._sessions.forget(visitor)

    # For the other tabs.

    @property
    def providers(self) -> gr.Dropdown:
        """The list of providers."""
        return self._parts.provider

    @property
    def take_over_inputs(self) -> set[Any]:
        return {self._parts.chain.targets}

    @property
    def take_over_outputs(self) -> list[Any]:
        parts = self._parts
        chat = [parts.past, parts.live, parts.route, parts.stop, parts.hint, parts.turns, parts.draft, parts.note]
        settings = [parts.provider, parts.model, parts.system, parts.temperature, parts.max_tokens]
        return [*chat, *settings, parts.chain.view, parts.followers]

    def take_over(self, data: Inputs, turns: Turns, visitor: gr.Request) -> Updates:
        """A conversation from another tab becomes this chat. Raises `InvalidRequest` while an answer is written."""
        if self._sessions.is_answering(visitor):
            raise InvalidRequest("Chat is still answering.", hint="Stop it there first.")
        self._sessions.enter_chat(visitor)
        settings = self._screen.show_settings(turns[-1].question, data[self._parts.chain.targets], visitor)
        return {**self._screen.show_turns(turns), **settings}

"""The events of the Chat tab: a conversation is opened, asked, stopped, and shown as it grows.

A conversation is on the server; `opened` on the page only names it. Whatever a tab does, an answer is written to its
end, and every tab that opens its conversation sees it grow. New turns are made in prompt_events.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import LLMHubError
from llm_hub.ui import uploads
from llm_hub.ui.attachments import connect_attachments
from llm_hub.ui.chat.chat_view import ChatView
from llm_hub.ui.chat.finished_turn import finish_turn
from llm_hub.ui.chat.handover import Handover
from llm_hub.ui.chat.open_wish import parse_wish
from llm_hub.ui.chat.prompt_box import GIVE_BACK, take_prompt
from llm_hub.ui.chat.prompt_events import PromptEvents
from llm_hub.ui.chat.turn_actions import parse_action
from llm_hub.ui.chat.watchers import Watchers
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.gradio_fixes.quiet_end import end_quietly
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from llm_hub.conversations.coalescer import Coalescer
    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.conversations.running_answer import RunningAnswer
    from llm_hub.ui.chat.chat_screen import ChatScreen
    from llm_hub.ui.chat.open_wish import OpenWish

HEAD_INTERVAL = 1.0
"""Seconds between two notices to the page that its conversation has grown: it then keeps what has come."""


class ChatEvents:
    """The tab's handlers. Each takes the values that it reads and returns those that it changes, by component."""

    def __init__(self, screen: ChatScreen, coalescer: Coalescer) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._conversations = screen.conversations
        self._coalescer = coalescer
        self._watchers = Watchers()
        self._prompts = PromptEvents(screen)
        self.handover = Handover(screen, self._watchers)

    def connect(self, page: gr.Blocks) -> None:
        parts, outputs = self._parts, self._screen.outputs
        inputs = {parts.opened} | self._screen.settings
        several: dict[str, Any] = {**STREAMING, "trigger_mode": "multiple"}
        taken = take_prompt("chat", [parts.prompt.submit], parts.prompt, parts.asked)
        retries = [parts.past.retry, parts.past.option_select]
        again, opening = {parts.again, parts.turn_actions}, {parts.chain.targets, parts.provider, parts.model}
        shown = partial(end_quietly, output=parts.hint)
        events = [
            taken.then(shown(self.send), inputs | {parts.asked}, outputs, **several),
            parts.opened.open(shown(self.open), opening, [*outputs, *self._screen.settings_outputs], **several),
            parts.past.edit(shown(self.edit), inputs, outputs, **several),
            parts.past.undo(self.undo, {parts.opened}, outputs, **STREAMING),  # one at a time: a double click is one
        ]
        parts.turn_actions.act(shown(self.act), inputs, outputs, **several)
        parts.stop.click(self.stop, {parts.opened}, parts.hint, **NOW)
        for event in events:
            event.then(None, [parts.returned, parts.prompt], [parts.returned, parts.prompt], js=GIVE_BACK, **NOW)
        gr.on(retries, shown(self.repeat), inputs, outputs, **several)
        parts.again.input(shown(self.repeat_with), inputs | again, [*outputs, parts.again], **several)
        connect_attachments(parts.prompt, parts.attachments, parts.hint, "chat")
        page.unload(self.drop)

    # A prompt is asked.

    async def send(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks the prompt that was in the box."""
        try:
            files = await uploads.read((data[self._parts.asked] or {}).get("files") or ())
        except LLMHubError as error:
            yield {**self._screen.show_hint(str(error)), **self._screen.give_back(data)}
            return
        async for update in self._ask(data, visitor, lambda view: self._prompts.send(view, files, data)):
            yield update

    async def repeat(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks the last prompt once more."""
        async for update in self._ask(data, visitor, lambda view: self._prompts.repeat(view, view.leaf, data, visitor)):
            yield update

    async def repeat_with(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks the prompt of a turn once more, of another target. The choice for later turns stays."""
        target = str(data[self._parts.again] or "")
        empty_box: Updates = {self._parts.again: gr.update(value=None)}
        if not target:
            yield empty_box
            return

        def add(view: ChatView) -> Node:
            return self._prompts.repeat_with(view, target, data, visitor)

        async for update in self._ask(data, visitor, add):
            yield update | empty_box
            empty_box = {}

    async def edit(self, data: Inputs, edited: gr.EditData, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks an earlier prompt in other words."""
        index = edited.index[0] if isinstance(edited.index, list | tuple) else edited.index
        typed = str(edited.value or "")

        def add(view: ChatView) -> Node:
            return self._prompts.edit(view, int(index), typed, data)

        async for update in self._ask(data, visitor, add, typed=typed):
            yield update

    async def act(self, data: Inputs, clicked: gr.EventData, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """A button under an answer: another version of its turn is shown, or its prompt is asked once more. Or the one
        above all turns: those that are left out are shown."""
        action, view = parse_action(clicked), await self._find(data, visitor)
        if action is None or view is None or not 0 < action.number <= len(view.conversation.nodes):
            yield self._screen.show_hint("")
            return
        match action.verb:
            case "show":
                view.conversation.choose(action.number)
                await self._conversations.save(view.conversation)
                updates = self._follow(view.moved_to(ChatView.newest(view.conversation).leaf), visitor)
            case "whole":
                updates = self._follow(replace(view, is_whole=True), visitor)
            case "again":

                def add(view: ChatView) -> Node:
                    return self._prompts.repeat(view, action.number, data, visitor)

                updates = self._ask(data, visitor, add)
        async for update in updates:
            yield update

    async def _ask(
        self, data: Inputs, visitor: gr.Request, add: Callable[[ChatView], Node], typed: str = ""
    ) -> AsyncGenerator[Updates]:
        """Has `add` make a new turn, asks it, and shows the conversation until the answer ends.

        If `add` refuses with an error, nothing has changed, and the prompt (or what was `typed` elsewhere) comes back
        into its box.
        """
        screen = self._screen
        view = await self._find(data, visitor)
        if view is None and screen.read_opened(data):
            yield {**screen.show_lost(data), **screen.give_back(data, typed)}
            return
        if view is None:
            name, is_kept = screen.read_next(data), screen.is_to_be_kept(data)
            begun = self._conversations.begin(self._owner(visitor), name=name, is_kept=is_kept)
            view = ChatView.newest(begun)
        conversation = view.conversation
        node, problem = None, texts.BUSY
        try:
            node = add(view) if view.draft is None else None
        except LLMHubError as error:
            problem = str(error)
        if node is None:
            unedited = screen.show_conversation(view) if typed and conversation.nodes else {}
            yield {**unedited, **screen.show_hint(problem), **screen.give_back(data, typed)}
            return
        view = view.moved_to(node.number)
        answer = self._conversations.answer(
            conversation,
            node.number,
            screen.answer(visitor, screen.request(view)),
            coalescer=self._coalescer,
            finish=lambda turn: finish_turn(turn, screen.session),
        )
        async with aclosing(self._follow(view, visitor, answer)) as updates:
            async for update in updates:
                yield update
        if (better := conversation.answered_version(node)) is not None:
            conversation.choose(better.number)
            await self._conversations.save(conversation)
            shown = screen.show_conversation(view.moved_to(ChatView.newest(conversation).leaf))
            yield {**shown, **screen.show_failed_retry(conversation, node)}

    # A conversation is shown.

    async def _follow(
        self, view: ChatView, visitor: gr.Request, begun: RunningAnswer | None = None
    ) -> AsyncGenerator[Updates]:
        """The conversation and what is being written in it, to its end or until the tab shows another one. The prompt
        of an answer that has just `begun` is kept first."""
        screen, conversation, now = self._screen, view.conversation, asyncio.get_running_loop().time
        async with self._watchers.watch(visitor, conversation, view.leaf) as watcher:
            if begun is not None:
                await begun.keep_prompt()
            version, text, told_at = conversation.version, "", now()
            yield screen.show_conversation(view.given_after(watcher.before))
            while watcher.is_current and (draft := view.draft) is not None:
                if conversation.version == version:
                    await conversation.next_change()
                    continue
                version = conversation.version
                update: Updates = screen.show_progress(draft)
                shown = f"{draft.answer.reasoning}\0{draft.answer.text}"
                if shown != text:
                    text = shown
                    update |= screen.show_draft(draft)
                if now() - told_at >= HEAD_INTERVAL:
                    told_at = now()
                    update |= screen.show_head(view)
                yield update
            if watcher.is_current:
                watcher.given = view.shown_turns
                yield screen.show_conversation(view)

    async def open(self, data: Inputs, wanted: gr.EventData, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Shows the conversation that the page names, "" for a new one, with the settings of its last turn."""
        wish = parse_wish(wanted)
        async for update in wish.name_answer(self._open(wish, data, visitor), self._parts.opened):
            yield update

    async def _open(self, wish: OpenWish, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        screen = self._screen
        conversation: Conversation | None = None
        try:
            if wish.name:
                conversation = await self._conversations.find(self._owner(visitor), wish.name)
        except LLMHubError as error:
            yield {**screen.show_nothing(), **screen.show_hint(str(error))}
            return
        if not await self._watchers.turn_away(visitor, wish.number):
            return
        if conversation is not None and conversation.kind == "comparison":
            yield screen.show_comparison(conversation)
            return
        if conversation is None or not conversation.nodes:
            nothing = screen.show_nothing(is_kept=not wish.temporary)
            shown = nothing if conversation is None else screen.show_conversation(ChatView.newest(conversation))
            yield {**shown, **screen.show_settings(wish, None, data, visitor), **screen.show_gone(wish)}
            return
        view = wish.view(conversation)
        last = view.path[-1] if view.leaf else conversation.nodes[-1]
        settings = screen.show_settings(wish, last.turn.question, data, visitor)
        async with aclosing(self._follow(view, visitor)) as updates:
            async for update in updates:
                yield update | settings
                settings = {}

    async def drop(self, visitor: gr.Request) -> None:
        """A tab was closed. What is being written is written to its end."""
        self._watchers.drop(visitor)

    # What changes, and nothing is asked.

    async def stop(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Ends the answer where it is. Whoever shows the conversation shows that."""
        if (view := await self._find(data, visitor)) is not None:
            await self._conversations.stop(view.conversation, number=view.leaf)
        return self._screen.show_hint("")

    async def undo(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The last turn is no longer shown, and its prompt stands in the box again. The turn stays a version."""
        view = await self._find(data, visitor)
        if view is None or not view.leaf or view.draft is not None:
            return self._screen.show_hint("")
        conversation, last = view.conversation, view.path[-1]
        conversation.show_until(last.parent)
        await self._conversations.save(conversation)
        return {
            **self._screen.show_conversation(view.moved_to(last.parent)),
            self._parts.returned: {"text": last.turn.prompt.text, "files": uploads.write(last.turn.prompt)},
        }

    def _owner(self, visitor: gr.Request) -> str:
        return self._conversations.owner(visitor.headers)

    async def _find(self, data: Inputs, visitor: gr.Request) -> ChatView | None:
        """What the tab shows; None for a new one, or one that the server does not have.

        While an answer is being shown to it, that is the answer's turn. The second click of a double click comes from
        before the page knew of that turn.
        """
        name = self._screen.read_opened(data) or self._screen.read_next(data)
        conversation = await self._conversations.find(self._owner(visitor), name) if name else None
        if conversation is None or conversation.kind == "comparison":
            return None
        await self._conversations.settle(conversation)
        view = self._screen.read_view(data, conversation)
        return view.moved_to(self._watchers.leaf(visitor, conversation) or view.leaf)

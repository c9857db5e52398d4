"""The events of the Chat tab: a conversation is opened, asked, stopped, and shown as it grows.

A conversation is on the server; `opened` on the page only names it. Whatever a tab does, an answer is written to its
end, and every tab that opens its conversation sees it grow. New turns are made in prompt_events.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import LLMHubError
from llm_hub.ui.chat.finished_turn import finish_turn
from llm_hub.ui.chat.handover import Handover
from llm_hub.ui.chat.open_wish import parse_wish
from llm_hub.ui.chat.prompt_box import GIVE_BACK, TAKE
from llm_hub.ui.chat.prompt_events import PromptEvents
from llm_hub.ui.chat.turn_actions import parse_action
from llm_hub.ui.chat.watchers import Watchers
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING

if TYPE_CHECKING:
    from llm_hub.conversations.coalescer import Coalescer
    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.ui.chat.chat_screen import ChatScreen

BUSY = "An answer is still being written. Stop it first, or wait."
GONE = "That conversation is not here: it was deleted, or it is another browser's."
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
        taken = parts.prompt.submit(None, parts.prompt, [parts.asked, parts.prompt], js=TAKE, **NOW)
        retries = [parts.past.retry, parts.past.option_select]
        events = [
            taken.then(self.send, inputs | {parts.asked}, outputs, **several),
            gr.on(retries, self.repeat, inputs, outputs, **several),
            parts.again.input(self.repeat_with, inputs | {parts.again}, [*outputs, parts.again], **several),
            parts.past.edit(self.edit, inputs, outputs, **several),
            parts.past.undo(self.undo, {parts.opened}, outputs, **several),
        ]
        parts.turn_actions.act(self.act, inputs, outputs, **several)
        parts.stop.click(self.stop, {parts.opened}, parts.hint, **NOW)
        opens = [*outputs, *self._screen.settings_outputs]
        events.append(
            parts.opened.open(self.open, {parts.chain.targets, parts.provider, parts.model}, opens, **several)
        )
        for event in events:
            event.then(None, [parts.returned, parts.prompt], [parts.returned, parts.prompt], js=GIVE_BACK, **NOW)
        parts.new.click(self.clear, None, outputs, **several)
        page.unload(self.leave)

    # A prompt is asked.

    async def send(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks the prompt that was in the box."""

        def add(conversation: Conversation) -> Node:
            return self._prompts.send(conversation, data)

        async for update in self._ask(data, visitor, add):
            yield update

    async def repeat(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks the last prompt once more."""

        def add(conversation: Conversation) -> Node:
            return self._prompts.repeat(conversation, conversation.leaves.get(0, 0), data, visitor)

        async for update in self._ask(data, visitor, add):
            yield update

    async def repeat_with(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks the last prompt once more, of another target. The choice for later turns stays."""
        target = str(data[self._parts.again] or "")
        empty_box: Updates = {self._parts.again: gr.update(value=None)}
        if not target:
            yield empty_box
            return

        def add(conversation: Conversation) -> Node:
            return self._prompts.repeat_with(conversation, target, data, visitor)

        async for update in self._ask(data, visitor, add):
            yield update | empty_box
            empty_box = {}

    async def edit(self, data: Inputs, edited: gr.EditData, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Asks an earlier prompt in other words."""
        index = edited.index[0] if isinstance(edited.index, list | tuple) else edited.index

        typed = str(edited.value or "")

        def add(conversation: Conversation) -> Node:
            return self._prompts.edit(conversation, int(index), typed, data)

        async for update in self._ask(data, visitor, add, typed=typed):
            yield update

    async def act(self, data: Inputs, clicked: gr.EventData, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """A button under an answer: another version of its turn is shown, or its prompt is asked once more."""
        action, conversation = parse_action(clicked), await self._find(data, visitor)
        if action is None or conversation is None or not 0 < action.number <= len(conversation.nodes):
            yield self._screen.show_hint("")
            return
        if action.verb == "show":
            conversation.choose(action.number)
            await self._conversations.save(conversation)
            updates = self._follow(conversation, visitor)
        else:

            def add(conversation: Conversation) -> Node:
                return self._prompts.repeat(conversation, action.number, data, visitor)

            updates = self._ask(data, visitor, add)
        async for update in updates:
            yield update

    async def _ask(
        self, data: Inputs, visitor: gr.Request, add: Callable[[Conversation], Node], typed: str = ""
    ) -> AsyncGenerator[Updates]:
        """Has `add` make a new turn, asks it, and shows the conversation until the answer ends.

        If `add` refuses with an error, nothing has changed, and the prompt (or what was `typed` elsewhere) comes back
        into its box.
        """
        screen = self._screen
        conversation = await self._find(data, visitor)
        if conversation is None and screen.read_opened(data):
            yield {**screen.show_lost(data), **screen.give_back(data, typed)}
            return
        if conversation is None:
            conversation = self._conversations.begin(self._owner(visitor), is_kept=screen.is_to_be_kept(data))
        busy = self._conversations.is_answering(conversation)
        try:
            node = None if busy else add(conversation)
        except LLMHubError as error:
            unedited = self._unedited(conversation) if typed else {}
            yield {**unedited, **screen.show_hint(str(error)), **screen.give_back(data, typed)}
            return
        if node is None:
            yield {**screen.show_hint(BUSY), **screen.give_back(data, typed)}
            return
        self._conversations.answer(
            conversation,
            node.number,
            screen.answer(visitor, screen.request(conversation, node)),
            coalescer=self._coalescer,
            finish=lambda turn: finish_turn(turn, screen.session),
        )
        async with aclosing(self._follow(conversation, visitor)) as updates:
            async for update in updates:
                yield update
        if (better := conversation.answered_version(node)) is not None:
            conversation.choose(better.number)
            await self._conversations.save(conversation)
            yield {**screen.show_conversation(conversation), **screen.show_failed_retry(conversation, node)}

    # A conversation is shown.

    async def _follow(self, conversation: Conversation, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """The whole conversation, what is being written in it, and the whole once more at the end.

        It ends early where the tab has gone on to show another conversation.
        """
        screen, now = self._screen, asyncio.get_running_loop().time
        async with self._watchers.watch(visitor, conversation) as watcher:
            yield screen.show_conversation(conversation)
            text, told_at = "", now()
            while watcher.is_current and self._conversations.is_answering(conversation):
                version, draft = conversation.version, screen.draft(conversation)
                update: Updates = {}
                if draft is not None:
                    update = screen.show_progress(draft)
                    shown = f"{draft.answer.reasoning}\0{draft.answer.text}"
                    if shown != text:
                        text = shown
                        update |= screen.show_draft(draft)
                if now() - told_at >= HEAD_INTERVAL:
                    told_at = now()
                    update |= screen.show_head(conversation)
                if update:
                    yield update
                if conversation.version == version and watcher.is_current:
                    await conversation.next_change()
            if watcher.is_current:
                yield screen.show_conversation(conversation)

    async def open(self, data: Inputs, wanted: gr.EventData, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Shows the conversation that the page names, "" for a new one, with the settings of its last turn."""
        screen, wish = self._screen, parse_wish(wanted)
        conversation: Conversation | None = None
        try:
            if wish.name:
                conversation = await self._conversations.find(self._owner(visitor), wish.name)
        except LLMHubError as error:
            yield {**screen.show_nothing(), **screen.show_hint(str(error))}
            return
        if conversation is not None and conversation.kind == "comparison":
            yield screen.show_comparison(conversation)
            return
        if conversation is None or not conversation.nodes:
            await self._watchers.leave(visitor)
            nothing = screen.show_nothing(is_kept=not wish.temporary)
            shown = nothing if conversation is None else screen.show_conversation(conversation)
            yield {**shown, **screen.show_wish(wish, data, visitor), **screen.show_hint(GONE if wish.name else "")}
            return
        last = conversation.turns()[-1:] or (conversation.nodes[-1].turn,)
        settings = screen.show_question(last[0].question, data, visitor) | screen.show_wish(wish, data, visitor)
        async with aclosing(self._follow(conversation, visitor)) as updates:
            async for update in updates:
                yield update | settings
                settings = {}

    async def clear(self, visitor: gr.Request) -> Updates:
        """A new chat. What is still being written goes on in its own conversation."""
        await self._watchers.leave(visitor)
        return self._screen.show_nothing()

    async def leave(self, visitor: gr.Request) -> None:
        """A tab was closed. What is being written is written to its end."""
        await self._watchers.leave(visitor)

    # What changes, and nothing is asked.

    async def stop(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Ends the answer where it is. Whoever shows the conversation shows that."""
        if (conversation := await self._find(data, visitor)) is not None:
            await self._conversations.stop(conversation)
        return self._screen.show_hint("")

    async def undo(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The last turn is no longer shown, and its prompt stands in the box again. The turn stays a version."""
        conversation = await self._find(data, visitor)
        path = conversation.path() if conversation is not None else ()
        if conversation is None or not path or self._conversations.is_answering(conversation):
            return self._screen.show_hint("")
        conversation.show_until(path[-1].parent)
        await self._conversations.save(conversation)
        prompt = path[-1].turn.prompt
        return {
            **self._screen.show_conversation(conversation),
            self._parts.returned: {"text": prompt.text, "files": self._screen.files(path[-1].turn)},
        }

    def _unedited(self, conversation: Conversation) -> Updates:
        """The conversation as it is, where the page may show what was edited."""
        return self._screen.show_conversation(conversation) if conversation.nodes else {}

    def _owner(self, visitor: gr.Request) -> str:
        return self._conversations.owner(visitor.headers)

    async def _find(self, data: Inputs, visitor: gr.Request) -> Conversation | None:
        """The conversation that the tab shows; None for a new one, or one that the server does not have."""
        name = self._screen.read_opened(data)
        conversation = await self._conversations.find(self._owner(visitor), name) if name else None
        return None if conversation is None or conversation.kind == "comparison" else conversation

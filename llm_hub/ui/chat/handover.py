"""What other tabs do with the Chat tab: its list of providers is set, or a conversation of theirs goes on in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from llm_hub.conversations.turn import Turns
    from llm_hub.ui.chat.chat_screen import ChatScreen
    from llm_hub.ui.chat.watchers import Watchers
    from llm_hub.ui.event_values import Inputs, Updates


class Handover:
    """What `take_over` reads and changes, and the handler itself."""

    def __init__(self, screen: ChatScreen, watchers: Watchers) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._conversations = screen.conversations
        self._watchers = watchers

    @property
    def providers(self) -> gr.Dropdown:
        """The list of providers."""
        return self._parts.provider

    @property
    def inputs(self) -> set[Any]:
        return {self._parts.chain.targets, self._parts.provider, self._parts.model}

    @property
    def outputs(self) -> list[Any]:
        return [*self._screen.outputs, *self._screen.settings_outputs]

    async def take_over(self, data: Inputs, turns: Turns, visitor: gr.Request) -> Updates:
        """A conversation from another tab becomes a new chat. The one that is shown stays in the list."""
        conversation = self._conversations.begin(self._conversations.owner(visitor.headers))
        for turn in turns:
            conversation.add(turn)
        self._conversations.adopt(conversation)
        await self._watchers.leave(visitor)
        await self._conversations.save(conversation)
        settings = self._screen.show_question(turns[-1].question, data, visitor)
        return {**self._screen.show_conversation(conversation), **settings}

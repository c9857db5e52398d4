"""The events of the fallback chain: it is extended, shortened or reordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices
from llm_hub.ui.chat.fallback_chain import MAX_CHAIN, hub_chain
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from llm_hub.ui.chat.chat_screen import ChatScreen
    from llm_hub.ui.chat.fallback_chain import Chain


class ChainEvents:
    """The handlers. The chain's text also depends on the chosen provider, which may be the hub's own route."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._parts = screen.parts.chain
        self._provider = screen.parts.provider

    def connect(self) -> None:
        parts = self._parts
        chain = [parts.view, parts.targets, self._screen.parts.followers]
        parts.view.pick(self.pick, {parts.targets, self._provider}, chain, **NOW)
        parts.add.input(self.add, {parts.targets, parts.add, self._provider}, [*chain, parts.add], **NOW)

    def add(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Appends a target, or moves it to the end."""
        text = str(data[self._parts.add] or "")
        empty_box: Updates = {self._parts.add: gr.update(value=None)}
        if not text.strip():
            return empty_box
        chain = self._targets(data, visitor)
        try:
            target = model_choices.parse_target(self._screen.session_for(visitor), text)
        except InvalidRequest as error:
            return self._show(data, chain, visitor, str(error)) | empty_box
        if target not in chain and len(chain) >= MAX_CHAIN:
            return self._show(data, chain, visitor, texts.CHAIN_IS_FULL.format(max_chain=MAX_CHAIN)) | empty_box
        return self._show(data, (*(other for other in chain if other != target), target), visitor) | empty_box

    def pick(self, data: Inputs, picked: gr.EventData, visitor: gr.Request) -> Updates:
        """A button of the chain: `up TARGET`, `off TARGET`, or `route`, which goes back to the hub's own."""
        action, _, target = str(picked._data.get("what", "")).partition(" ")  # noqa: SLF001  # Gradio's own way to it
        chain = list(self._targets(data, visitor))
        if action == "route":
            return self._show(data, None, visitor)
        if target in chain:
            position = chain.index(target)
            chain.pop(position)
            if action == "up":
                chain.insert(max(0, position - 1), target)
        return self._show(data, tuple(chain), visitor)

    def _targets(self, data: Inputs, visitor: gr.Request) -> tuple[str, ...]:
        chain: Chain = data[self._parts.targets]
        return hub_chain(self._screen.session_for(visitor), data[self._provider]) if chain is None else chain

    def _show(self, data: Inputs, chain: Chain, visitor: gr.Request, problem: str = "") -> Updates:
        provider = data[self._provider]
        if chain == hub_chain(self._screen.session_for(visitor), provider):
            chain = None
        return {self._parts.targets: chain, **self._screen.show_chain(chain, provider, visitor, problem)}

"""The lists of models on the Chat tab: the chosen provider's, and those to fall back on or to ask instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import LLMHubError
from llm_hub.ui import model_choices
from llm_hub.ui.chat.download_view import find_state
from llm_hub.ui.chat.fallback_chain import chain_html, summary_html
from llm_hub.ui.chat.model_settings import ModelSettings
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.default_model import find_first_model
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.model_choices import provider_note

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio.components import Component

    from llm_hub.access.session import Session
    from llm_hub.ui.chat.chat_screen import ChatScreen


class ModelLists:
    """The tab's lists. A list of models comes when its provider answers; a choice made by then is kept."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._settings = ModelSettings(screen.parts)
        self._awaited: dict[str, str] = {}
        """By session, the provider whose models it waits for: an answer for an earlier choice comes too late."""

    @property
    def outputs(self) -> list[Any]:
        """What `list_models` changes."""
        parts = self._parts
        return [parts.model, parts.default_model.first, parts.note, parts.chain.add, parts.again]

    def follow(self, event: Callable[..., Any]) -> None:
        """Refreshes the lists and the chain after `event`, such as a `.then`."""
        self._show_chain_after(event)
        self._list_models_after(event)

    def _show_chain_after(self, event: Callable[..., Any]) -> None:
        parts = self._parts
        inputs, outputs = {parts.provider, parts.chain.targets}, [parts.chain.view, parts.followers]
        event(self.show_chain, inputs, outputs, trigger_mode="multiple", **NOW)

    def _list_models_after(self, event: Callable[..., Any]) -> None:
        parts = self._parts
        listed = event(self.list_models, parts.provider, self.outputs, trigger_mode="multiple", **STREAMING)
        self._settings.after_first_model(parts.default_model.after(listed.then).then)

    def connect(self, page: gr.Blocks) -> None:
        parts = self._parts
        outputs = [parts.model, parts.note]
        chosen = parts.provider.input(self.choose, parts.provider, outputs, **NOW)
        self.follow(chosen.then)
        self._settings.connect()
        self._list_models_after(page.load)  # the chain comes with the chat that the page's script opens then

    def first_values(self, session: Session) -> dict[Component, dict[str, Any]]:
        """What a page that is opened from now on begins with, by component: as its layout has it at the start."""
        parts, (first, default) = self._parts, model_choices.first_choice(session)
        is_automatic = first == model_choices.AUTO
        model = "" if is_automatic else default.default_model
        download = find_state(session, first, model)
        targets = {"choices": model_choices.list_targets(session)}
        return {
            parts.provider: {"value": first},
            parts.model: {
                "choices": model_choices.list_chat_models(session, default),
                "value": model,
                "visible": not is_automatic,
            },
            parts.note: {"value": "" if is_automatic else provider_note(default)},
            parts.download.note: {"value": download.note, "visible": bool(download.note)},
            parts.download.start: {"value": download.start, "visible": bool(download.start)},
            parts.followers: {"value": summary_html(session, None, provider=first)},
            parts.chain.view: {"value": chain_html(session, None, provider=first)},
            parts.chain.add: targets,
            parts.again: targets,
        }

    def choose(self, provider: str, visitor: gr.Request) -> Updates:
        """The visitor chose another provider: shows its problem, if it has one."""
        parts = self._parts
        if provider == model_choices.AUTO:
            return {parts.model: gr.update(visible=False), parts.note: ""}
        state = model_choices.find_provider(self._screen.session_for(visitor), provider)
        return {parts.model: gr.update(visible=True), parts.note: provider_note(state)}

    def show_chain(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The chain that follows the chosen provider. It also depends on the visitor's keys."""
        parts = self._parts
        return self._screen.show_chain(data[parts.chain.targets], data[parts.provider], visitor)

    async def list_models(self, provider: str, visitor: gr.Request) -> Updates:
        """Asks the provider for its models. Until they come, the list has only suggestions."""
        parts, tab = self._parts, visitor.session_hash or ""
        session = self._screen.session_for(visitor)
        if provider == model_choices.AUTO:
            return self._targets(model_choices.list_targets(session))
        state = model_choices.find_provider(session, provider)
        if not state.ready:
            return {parts.note: provider_note(state), **self._targets(model_choices.list_targets(session))}
        self._awaited[tab] = provider
        try:
            models = model_choices.list_models(await session.models(provider))
        except LLMHubError:  # the note says why
            models = []
        finally:
            is_late = self._awaited.get(tab) != provider
            if not is_late:
                del self._awaited[tab]
        if is_late:
            return {parts.note: gr.skip()}
        return {
            parts.model: gr.update(
                choices=model_choices.merge_lists(models, model_choices.list_chat_models(session, state))
            ),
            parts.default_model.first: find_first_model(session, provider),
            parts.note: provider_note(model_choices.find_provider(session, provider)),
            **self._targets(model_choices.list_targets(session)),
        }

    def _targets(self, choices: list[model_choices.Choice]) -> Updates:
        """What can be added to the chain, or asked again."""
        update = gr.update(choices=choices)
        return {self._parts.chain.add: update, self._parts.again: update}

"""What the Chat tab offers to choose from: when a provider is chosen, its models; and what can be asked instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import LLMHubError
from llm_hub.ui import model_choices
from llm_hub.ui.chat import fallback_chain
from llm_hub.ui.gradio_fixes.default_model import find_first_model
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.gateway.visitors import Visitors
    from llm_hub.hub import ProviderState
    from llm_hub.ui.chat.chat_tab import ChatParts

Inputs = dict[Any, Any]
Updates = dict[Any, Any]


class ModelLists:
    """The tab's lists. A list of models comes when its provider answers, and what is chosen by then stays chosen."""

    def __init__(self, visitors: Visitors, parts: ChatParts) -> None:
        self._visitors = visitors
        self._parts = parts
        self._listing: dict[str, str] = {}
        """The provider whose models a session waits for: an answer for an earlier choice comes too late."""

    def follow(self, event: Callable[..., Any]) -> None:
        """The lists are made anew after `event`, such as a `.then` or a page's load."""
        parts = self._parts
        outputs = [parts.model, parts.preselected.first, parts.note, parts.chain.add, parts.again]
        listed = event(self.list_models, parts.provider, outputs, trigger_mode="multiple", **STREAMING)
        parts.preselected.after(listed.then)

    def connect(self, page: gr.Blocks) -> None:
        parts = self._parts
        shown = [parts.model, parts.note, parts.chain.shown]
        chosen = parts.provider.input(self.choose, {parts.provider, parts.chain.kept}, shown, **NOW)
        self.follow(chosen.then)
        self.follow(page.load)

    def choose(self, data: Inputs, visitor: gr.Request) -> Updates:
        parts, provider, hub = self._parts, data[self._parts.provider], self._visitors.hub(visitor)
        fallbacks = {parts.chain.shown: fallback_chain.html(hub, data[parts.chain.kept], provider=provider)}
        if provider == model_choices.AUTO:
            return {parts.model: gr.update(visible=False), parts.note: "", **fallbacks}
        state = model_choices.state(hub, provider)
        return {parts.model: gr.update(visible=True), parts.note: note_on(state), **fallbacks}

    async def list_models(self, provider: str, visitor: gr.Request) -> Updates:
        """The live list takes the suggestions' place when it comes."""
        parts, session = self._parts, visitor.session_hash or ""
        hub = self._visitors.hub(visitor)
        targets = gr.update(choices=model_choices.targets(hub))
        offered: Updates = {parts.chain.add: targets, parts.again: targets}
        if provider == model_choices.AUTO:
            return offered
        state = model_choices.state(hub, provider)
        if not state.ready:
            return {parts.note: note_on(state), **offered}
        self._listing[session] = provider
        models: list[model_choices.Choice] = []
        problem = ""
        try:
            models = model_choices.listed(await hub.models(provider))
        except LLMHubError as error:
            problem = f"Its list of models did not come. {error.message}"
        finally:
            late = self._listing.get(session) != provider
            if not late:
                del self._listing[session]
        if late:
            return {parts.note: gr.skip()}
        targets = gr.update(choices=model_choices.targets(hub))
        return {
            parts.model: gr.update(choices=model_choices.never_shorter(models, model_choices.models(state))),
            parts.preselected.first: find_first_model(hub, provider),
            parts.note: note_on(state, problem),
            parts.chain.add: targets,
            parts.again: targets,
        }


def note_on(state: ProviderState, problem: str = "") -> str:
    """What keeps a provider from answering, or its list from coming; "" where nothing does."""
    text = problem or ("" if state.ready else f"{state.title}: {state.problem.rstrip('.')}.")
    return f'<div class="note" role="status">{html_text(text)}</div>' if text else ""

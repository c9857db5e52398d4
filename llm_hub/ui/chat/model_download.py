"""The events of the download of an embedded model, beside the list of models; download_view.py shows it.

A download belongs to the hub, not to the tab: it goes on when the tab is closed, and every tab that has chosen its
model shows it. A tab asks how far it is once a second, for as long as it goes on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import LLMHubError
from llm_hub.ui import model_choices
from llm_hub.ui.chat.download_view import DownloadState, find_state
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.ui.chat.chat_models import ModelLists
    from llm_hub.ui.chat.chat_screen import ChatScreen


class ModelDownload:
    """The handlers of the parts."""

    def __init__(self, screen: ChatScreen, lists: ModelLists) -> None:
        self._screen = screen
        self._lists = lists
        self._parts = screen.parts

    def connect(self) -> None:
        parts, own = self._parts, self._parts.download
        inputs: set[Any] = {parts.provider, parts.model}
        outputs = [own.note, own.start, own.stop, own.clock]
        last = {**NOW, "trigger_mode": "always_last"}
        gr.on([parts.provider.change, parts.model.change], self.show, inputs, outputs, **last)
        own.start.click(self.start, inputs, [*outputs, parts.hint], **NOW)
        own.stop.click(self.stop, inputs, outputs, **NOW)
        lists = self._lists.outputs
        own.clock.tick(self.follow, inputs, [*outputs, *lists], **NOW)

    def show(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Another model was chosen."""
        session, provider, model = self._read(data, visitor)
        return self._show(find_state(session, provider, model))

    def start(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Downloads the model, unless somebody else's download of it is running."""
        session, provider, model = self._read(data, visitor)
        if (downloads := session.downloads) and (offered := downloads.find(model)):
            with suppress(LLMHubError):  # what is in the way is told below
                downloads.start(offered)
        return {**self._show(find_state(session, provider, model)), **self._screen.show_hint("")}

    def stop(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Ends the download, whoever began it. What has come stays."""
        session, provider, model = self._read(data, visitor)
        if (downloads := session.downloads) and (offered := downloads.find(model)):
            downloads.stop(offered)
        return self._show(find_state(session, provider, model))

    async def follow(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Shows how far the download is. At its end the model is in every list."""
        session, provider, model = self._read(data, visitor)
        state = find_state(session, provider, model)
        updates = self._show(state)
        if not state.runs and provider == model_choices.EMBEDDED:
            with suppress(LLMHubError):
                await session.models(provider, fresh=True)
            updates |= await self._lists.list_models(provider, visitor)
        return updates

    def _read(self, data: Inputs, visitor: gr.Request) -> tuple[Session, str, str]:
        parts = self._parts
        return self._screen.session_for(visitor), str(data[parts.provider] or ""), str(data[parts.model] or "").strip()

    def _show(self, state: DownloadState) -> Updates:
        own = self._parts.download
        return {
            own.note: gr.update(value=state.note, visible=bool(state.note)),
            own.start: gr.update(value=state.start, visible=bool(state.start)),
            own.stop: gr.update(visible=state.runs),
            own.clock: gr.update(active=state.runs),
        }

"""The settings that belong to a model: what was last set for it comes back when it is chosen.

The browser keeps them (assets/model_settings.js). The system prompt and the fallbacks belong to the person, and stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.ui.chat.chat_parts import ChatParts


class ModelSettings:
    """The events, all of them in the browser."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._target = [parts.provider, parts.model]
        self._settings = [parts.temperature, parts.max_tokens, parts.effort]

    def connect(self) -> None:
        """Follows the choice of a model, and what is set for it. The tab's other events are connected by then: the
        settings of an address come after what it opens."""
        parts, boxes, settings = self._parts, self._target, self._settings
        gr.on([box.focus for box in boxes], None, boxes, None, js=_call("begin"), **NOW)
        gr.on([box.input for box in boxes], None, boxes, settings, js=_call("choose"), **NOW)
        # Gradio 6.31.0 reports the input of a Textbox for keys alone, not for what is pasted.
        changes = [parts.temperature.change, parts.max_tokens.change]
        gr.on(changes, None, [*boxes, *settings], None, js=_call("type"), **NOW)
        parts.effort.input(None, [*boxes, *settings], None, js=_call("keep"), **NOW)
        parts.opened.open(None, boxes, settings, js=_call("open"), **NOW)

    def after_first_model(self, bind: Callable[..., Any]) -> None:
        """Brings the settings of a model that the page has chosen, in the step that follows, such as a `.then`."""
        bind(None, self._target, self._settings, js=_call("chooseFirst"), **NOW)


def _call(method: str) -> str:
    return f"(...values) => window.llmHub.modelSettings.{method}(...values)"

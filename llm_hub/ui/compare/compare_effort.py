"""Shows the reasoning effort among the settings while a model in a visible pane knows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.ui.chat.effort import knows_effort
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from llm_hub.ui.compare.compare_screen import CompareScreen
    from llm_hub.ui.compare.comparison import Comparison


def connect_effort(screen: CompareScreen) -> None:
    """Follows the choice of models, and looks once more when the settings are opened: panes come and go."""
    parts = screen.parts

    def show(data: Inputs) -> Updates:
        comparison: Comparison = data[parts.comparison]
        panes = [parts.panes[number] for number in comparison.visible_panes]
        targets = [(str(data[pane.provider] or ""), str(data[pane.model] or "").strip()) for pane in panes]
        is_known = any(knows_effort(screen.session, provider, model, ()) for provider, model in targets)
        return {parts.effort: gr.update(visible=is_known)}

    changes: list[Any] = [box.change for pane in parts.panes for box in (pane.provider, pane.model)]
    inputs = {parts.comparison, *screen.models}
    gr.on([parts.section.expand, *changes], show, inputs, parts.effort, trigger_mode="always_last", **NOW)

"""How long the model is to reason: a list in the settings, which is there only where the chosen model knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.capabilities import is_reasoning_model
from llm_hub.chat import split_target
from llm_hub.ui import model_choices
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.ui.chat.chat_parts import ChatParts
    from llm_hub.ui.chat.fallback_chain import Chain

EFFORTS = ("low", "medium", "high")
_WITHOUT = ("local", "chaos")
"""Providers whose models know no effort, whatever they are called."""


def effort_control(session: Session, provider: str) -> gr.Dropdown:
    """Builds the list."""
    return gr.Dropdown(
        [("model's own", ""), *((effort, effort) for effort in EFFORTS)],
        value="",
        label="Reasoning effort",
        visible=knows_effort(session, provider, "", None),
        elem_id="chat-effort",
    )


def connect_effort(session: Session, parts: ChatParts) -> None:
    """Shows and hides the list with the choice of the model."""

    def show(data: Inputs) -> Updates:
        provider, model = str(data[parts.provider] or ""), str(data[parts.model] or "").strip()
        return {parts.effort: gr.update(visible=knows_effort(session, provider, model, data[parts.chain.targets]))}

    watched: list[Any] = [parts.provider, parts.model, parts.chain.view]
    inputs = {parts.provider, parts.model, parts.chain.targets}
    gr.on([part.change for part in watched], show, inputs, parts.effort, trigger_mode="always_last", **NOW)


def knows_effort(session: Session, provider: str, model: str, chain: Chain) -> bool:
    """Whether the model that is asked first knows an effort."""
    if provider == model_choices.AUTO:
        order = session.route if chain is None else chain
        provider, model = split_target(order[0]) if order else ("", "")
    _, model = split_target(session.target(f"{provider}/{model}" if model else provider))
    return provider not in _WITHOUT and is_reasoning_model(model)


def read_effort(session: Session, provider: str, model: str, chain: Chain, chosen: Any) -> str | None:
    """The chosen effort; None for the model's own, or where it knows none."""
    return chosen if chosen in EFFORTS and knows_effort(session, provider, model, chain) else None

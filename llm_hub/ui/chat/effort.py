"""How long a model is to reason: a list in the settings, which is there only where a chosen model knows it.

Chat and Compare have one each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.capabilities import is_reasoning_model
from llm_hub.chat import split_target
from llm_hub.ui import model_choices
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.conversations.turn import Question
    from llm_hub.ui.chat.chat_parts import ChatParts
    from llm_hub.ui.chat.fallback_chain import Chain

EFFORTS = ("low", "medium", "high")
_WITHOUT = ("local", "chaos")
"""Providers whose models know no effort, whatever they are called."""


def effort_control(*, is_known: bool, tab: str) -> gr.Dropdown:
    """Builds the list of a tab."""
    return gr.Dropdown(
        [("model's own", ""), *((effort, effort) for effort in EFFORTS)],
        value="",
        label=texts.EFFORT,
        visible=is_known,
        elem_id=f"{tab}-effort",
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


def parse_effort(chosen: Any) -> str | None:
    """What is chosen in the list; None for the model's own."""
    return chosen if chosen in EFFORTS else None


def fit_effort(session: Session, question: Question) -> Question:
    """The question, without an effort that the model which is asked first does not know."""
    if question.effort and not knows_effort(session, question.provider, question.model, question.fallback):
        return replace(question, effort=None)
    return question

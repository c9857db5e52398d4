"""The Chat tab: what is on it. What happens there is in chat_events.py.

`past` and `live` are read as one conversation: `past` is written once a turn, and `live`, just below it, shows the turn
that is being answered, since what an update costs a browser grows with the messages that it touches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.ui import model_choices
from llm_hub.ui.chat.chat_events import HELP, ChatEvents, status
from llm_hub.ui.chat.chat_models import ModelLists, note_on
from llm_hub.ui.chat.fallback_chain import ChainEvents, ChainParts, chain_control
from llm_hub.ui.gradio_fixes.default_model import DefaultModel

if TYPE_CHECKING:
    from llm_hub.gateway.visitors import Visitors
    from llm_hub.hub import Hub
    from llm_hub.ui.streaming.coalescer import Coalescer

LATEX = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "\\[", "right": "\\]", "display": True},
    {"left": "\\(", "right": "\\)", "display": False},
]
WELCOME = """<div class="welcome"><h2>What would you like to know?</h2>
<p>Choose a provider and a model, and ask. Under each answer you see who really gave it, how fast,
and for what price.</p></div>"""


@dataclass(frozen=True, slots=True)
class ChatParts:
    """Everything on the tab that an event reads or writes."""

    provider: gr.Dropdown
    model: gr.Dropdown
    preselected: DefaultModel
    note: gr.HTML
    system: gr.Textbox
    temperature: gr.Textbox
    max_tokens: gr.Textbox
    chain: ChainParts
    new: gr.Button
    past: gr.Chatbot
    live: gr.Chatbot
    again: gr.Dropdown
    route: gr.HTML
    prompt: gr.MultimodalTextbox
    stop: gr.Button
    hint: gr.HTML
    turns: gr.State
    draft: gr.State


def chat_tab(visitors: Visitors, coalescer: Coalescer, page: gr.Blocks) -> tuple[ChatEvents, ModelLists]:
    """Builds the tab inside `page`."""
    parts = _layout(visitors.anyone)
    events = ChatEvents(visitors, coalescer, parts)
    events.connect(page)
    lists = ModelLists(visitors, parts)
    lists.connect(page)
    ChainEvents(visitors, parts.chain, parts.provider).connect()
    return events, lists


def _layout(hub: Hub) -> ChatParts:
    states = hub.providers()
    chosen = next((state for state in states if state.name == hub.default_provider), states[0])
    automatic = bool(hub.fallback)  # whoever configures a route wants it to be used
    with gr.Row(elem_id="chat", equal_height=False):
        with gr.Column(elem_id="chat-side", scale=0, min_width=280):
            with gr.Row(elem_id="chat-target"):
                provider = gr.Dropdown(
                    model_choices.providers(hub),
                    value=model_choices.AUTO if automatic else chosen.name,
                    label="Provider",
                    elem_id="chat-provider",
                    min_width=120,
                )
                model = gr.Dropdown(
                    model_choices.models(chosen),
                    value="" if automatic else chosen.default_model,
                    visible=not automatic,
                    label="Model",
                    allow_custom_value=True,
                    elem_id="chat-model",
                    min_width=120,
                )
            note = gr.HTML("" if automatic else note_on(chosen), elem_id="chat-note")
            new = gr.Button("New chat", size="sm", elem_id="chat-new")
            with gr.Accordion("Settings", open=True, elem_id="chat-settings"):
                system = gr.Textbox(
                    label="System prompt",
                    placeholder="None",
                    lines=3,
                    max_lines=8,
                    elem_id="chat-system",
                )
                with gr.Row():
                    # Text, since an empty number field is 0 to Gradio, and empty has a meaning here.
                    temperature = gr.Textbox(
                        label="Temperature", placeholder="model's own", min_width=100, elem_id="chat-temperature"
                    )
                    max_tokens = gr.Textbox(
                        label="Max tokens", placeholder="model's own", min_width=100, elem_id="chat-max-tokens"
                    )
                chain = chain_control(hub, model_choices.AUTO if automatic else chosen.name)
        with gr.Column(elem_id="chat-main", scale=1, min_width=0):
            with gr.Column(elem_id="chat-scroll"):
                look: dict[str, Any] = {
                    "show_label": False,
                    "height": None,
                    "autoscroll": False,
                    "layout": "bubble",
                    "group_consecutive_messages": False,
                    "buttons": ["copy"],
                    "latex_delimiters": LATEX,
                    "feedback_options": None,
                    "allow_file_downloads": False,
                }
                past = gr.Chatbot(
                    elem_id="chat-log", label="Conversation", placeholder=WELCOME, editable="user", **look
                )
                live = gr.Chatbot(elem_id="chat-live", label="Answer", **look)
                again = gr.Dropdown(
                    model_choices.targets(hub),
                    value=None,
                    label="Answer again with another model",
                    show_label=False,
                    container=False,
                    allow_custom_value=True,
                    elem_id="chat-again",
                )
                route = gr.HTML(status(""), elem_id="chat-route")
            with gr.Column(elem_id="chat-compose"):
                prompt = gr.MultimodalTextbox(
                    show_label=False,
                    label="Prompt",
                    placeholder="Ask anything",
                    file_types=["image"],
                    file_count="multiple",
                    sources=["upload"],
                    lines=1,
                    max_lines=10,
                    max_plain_text_length=10**8,
                    autofocus=True,
                    elem_id="chat-prompt",
                )
                stop = gr.Button("Stop", visible=False, size="sm", elem_id="chat-stop")
                hint = gr.HTML(status(HELP), elem_id="chat-hint")
    return ChatParts(
        provider=provider, model=model, preselected=DefaultModel(hub, provider, model), note=note,
        system=system, temperature=temperature, max_tokens=max_tokens, chain=chain, new=new, past=past, live=live,
        again=again, route=route, prompt=prompt, stop=stop, hint=hint, turns=gr.State(()), draft=gr.State(None),
    )  # fmt: skip

"""The Chat tab: its layout, and which events are connected to it.

The handlers are in chat_events.py, prompt_events.py, chain_events.py and chat_models.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.ui import model_choices
from llm_hub.ui.attachments import attachments_part
from llm_hub.ui.chat.chain_events import ChainEvents
from llm_hub.ui.chat.chat_events import ChatEvents
from llm_hub.ui.chat.chat_models import ModelLists
from llm_hub.ui.chat.chat_parts import ChatParts
from llm_hub.ui.chat.chat_screen import ChatScreen
from llm_hub.ui.chat.chatbot import chatbot
from llm_hub.ui.chat.context_meter import NOTICE, ContextMeter
from llm_hub.ui.chat.download_view import download_parts
from llm_hub.ui.chat.effort import connect_effort, effort_control, knows_effort
from llm_hub.ui.chat.fallback_chain import chain_control, summary_html
from llm_hub.ui.chat.model_download import ModelDownload
from llm_hub.ui.chat.open_wish import OPENED
from llm_hub.ui.chat.turn_actions import CLICKS
from llm_hub.ui.chat.welcome import render_welcome
from llm_hub.ui.conversation_list import PREVIOUS, remember_settings
from llm_hub.ui.gradio_fixes.default_model import DefaultModel
from llm_hub.ui.live_region import live_region
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.conversations.coalescer import Coalescer
    from llm_hub.conversations.open_conversations import OpenConversations
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.chat.handover import Handover


def chat_tab(
    gateway: Gateway, conversations: OpenConversations, coalescer: Coalescer, page: gr.Blocks
) -> tuple[Handover, ModelLists]:
    """Builds the tab inside `page`."""
    screen = ChatScreen(gateway, conversations, _layout(gateway.common_session))
    events = ChatEvents(screen, coalescer)
    events.connect(page)
    lists = ModelLists(screen)
    lists.connect(page)
    ModelDownload(screen, lists).connect()
    ChainEvents(screen).connect()
    ContextMeter(screen).connect()
    connect_effort(screen.session, screen.parts)
    parts = screen.parts
    remember_settings({"provider": parts.provider, "model": parts.model, "system": parts.system,
        "temperature": parts.temperature, "max_tokens": parts.max_tokens, "effort": parts.effort,
        "chain": parts.chain.view})  # fmt: skip
    return events.handover, lists


def _layout(session: Session) -> ChatParts:
    first, chosen = model_choices.first_choice(session)
    automatic = first == model_choices.AUTO
    with gr.Row(elem_id="chat", equal_height=False):
        with gr.Column(elem_id="chat-side", scale=0, min_width=280):
            with gr.Row(elem_id="chat-target"):
                provider = gr.Dropdown(
                    model_choices.list_providers(session),
                    value=first,
                    label=texts.PROVIDER,
                    elem_id="chat-provider",
                    min_width=120,
                )
                model = gr.Dropdown(
                    model_choices.list_chat_models(session, chosen),
                    value="" if automatic else chosen.default_model,
                    visible=not automatic,
                    label=texts.MODEL,
                    allow_custom_value=True,
                    elem_id="chat-model",
                    min_width=120,
                )
            note = gr.HTML("" if automatic else model_choices.provider_note(chosen), elem_id="chat-note")
            download = download_parts(session, first, "" if automatic else chosen.default_model)
            followers = gr.HTML(summary_html(session, None, provider=first), elem_id="chat-followers")
            gr.Button(texts.NEW, size="sm", elem_id="chat-new")
            with gr.Accordion(texts.SETTINGS, open=True, elem_id="chat-settings"):
                system = gr.Textbox(
                    label=texts.SYSTEM_PROMPT,
                    placeholder=texts.NO_SYSTEM_PROMPT,
                    lines=3,
                    max_lines=8,
                    elem_id="chat-system",
                )
                with gr.Row():
                    # Text, since an empty number field is 0 to Gradio, and empty has a meaning here.
                    temperature = gr.Textbox(
                        label=texts.TEMPERATURE, placeholder=texts.MODELS_OWN, min_width=100, elem_id="chat-temperature"
                    )
                    max_tokens = gr.Textbox(
                        label=texts.MAX_TOKENS, placeholder=texts.MODELS_OWN, min_width=100, elem_id="chat-max-tokens"
                    )
                effort = effort_control(is_known=knows_effort(session, first, "", None), tab="chat")
                chain = chain_control(session, first)
        with gr.Column(elem_id="chat-main", scale=1, min_width=0):
            with gr.Column(elem_id="chat-scroll"):
                earlier = gr.HTML("", apply_default_css=False, elem_id="chat-earlier")
                past = chatbot(
                    texts.CONVERSATION, elem_id="chat-log", placeholder=render_welcome(session), editable="user"
                )
                gr.HTML(PREVIOUS, elem_id="chat-previous", apply_default_css=False)
                live = chatbot(texts.ANSWER, elem_id="chat-live")
                again = gr.Dropdown(
                    model_choices.list_targets(session),
                    value=None,
                    label=texts.ANSWER_AGAIN_BOX,
                    show_label=False,
                    container=False,
                    allow_custom_value=True,
                    elem_id="chat-again",
                )
                route = gr.HTML(live_region(""), elem_id="chat-route")
                opened = gr.HTML(
                    {"id": ""}, html_template="", js_on_load=OPENED, apply_default_css=False, elem_id="chat-opened"
                )
                turn_actions = gr.HTML(
                    0, html_template="", js_on_load=CLICKS, apply_default_css=False, elem_id="chat-turn-actions"
                )
            with gr.Column(elem_id="chat-compose"):
                prompt = gr.MultimodalTextbox(
                    show_label=False,
                    label=texts.PROMPT,
                    placeholder=texts.PROMPT_PLACEHOLDER,
                    file_count="multiple",
                    sources=["upload"],
                    lines=1,
                    max_lines=10,
                    max_plain_text_length=10**8,
                    autofocus=True,
                    elem_id="chat-prompt",
                )
                asked = gr.MultimodalTextbox(visible=False, elem_id="chat-asked")
                returned = gr.MultimodalTextbox(visible=False, elem_id="chat-returned")
                stop = gr.Button(texts.STOP, visible=False, size="sm", elem_id="chat-stop")
                hint = gr.HTML(live_region(texts.HELP), elem_id="chat-hint")
                meter = gr.HTML("", js_on_load=NOTICE, apply_default_css=False, elem_id="chat-meter")
                attachments = attachments_part("chat")
    choices = partial(model_choices.list_chat_models, session)
    return ChatParts(
        provider=provider, model=model, default_model=DefaultModel(session, provider, model, choices), note=note,
        download=download, followers=followers, system=system, temperature=temperature, max_tokens=max_tokens,
        effort=effort, chain=chain, earlier=earlier, past=past, live=live, again=again, route=route,
        prompt=prompt, asked=asked, returned=returned, stop=stop, hint=hint, meter=meter, attachments=attachments,
        opened=opened, turn_actions=turn_actions,
    )  # fmt: skip

"""The Compare tab: its layout, and which events are connected to it.

The handlers are in compare_events.py, pane_events.py, blind_vote.py and compare_actions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.arena.blind import LETTERS
from llm_hub.ui import model_choices
from llm_hub.ui.attachments import attachments_part
from llm_hub.ui.chat.chatbot import chatbot
from llm_hub.ui.chat.effort import effort_control
from llm_hub.ui.chat.turn_actions import PANE_CLICKS
from llm_hub.ui.compare.blind_vote import VoteEvents
from llm_hub.ui.compare.compare_actions import CompareActions
from llm_hub.ui.compare.compare_effort import connect_effort
from llm_hub.ui.compare.compare_events import CompareEvents
from llm_hub.ui.compare.compare_parts import ActionParts, CompareParts, OpenedParts, PaneParts, VoteParts
from llm_hub.ui.compare.compare_screen import CompareScreen
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES, Comparison
from llm_hub.ui.conversation_list import PREVIOUS
from llm_hub.ui.gradio_fixes.default_model import DefaultModel
from llm_hub.ui.live_region import live_region
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import ProviderState, Session
    from llm_hub.arena.votes import Votes
    from llm_hub.conversations.coalescer import Coalescer
    from llm_hub.conversations.open_conversations import OpenConversations
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.chat.handover import Handover

OPENED = """
window.llmHub = window.llmHub || {};
window.llmHub.nameComparison = (id) => { props.value = { id, kind: "comparison" }; };
window.llmHub.comparison = () => props.value;
(window.llmHub.nameNext ??= {}).comparison = (next) => {
  if (!props.value.id) props.value = { id: "", kind: "comparison", next };
};
window.llmHub.openComparison = (wish) => trigger("open", wish);
watch("value", () => window.dispatchEvent(new CustomEvent("llm-hub-opened", { detail: props.value })));
"""
"""JavaScript between the server and the page's scripts, as in ui/chat/open_wish.py, for comparisons."""


def compare_tab(
    gateway: Gateway,
    conversations: OpenConversations,
    coalescer: Coalescer,
    votes: Votes,
    *,
    opened: OpenedParts,
    page: gr.Blocks,
    tabs: gr.Tabs,
    tab: gr.Tab,
    chat: Handover,
) -> tuple[gr.Dropdown, ...]:
    """Builds the tab inside `tab`, which is one of the page's `tabs`. Returns its lists of providers."""
    parts = _layout(gateway.common_session, opened)
    screen = CompareScreen(gateway, conversations, coalescer, parts)
    CompareEvents(screen, tabs).connect(tab, page)
    VoteEvents(screen, votes).connect()
    CompareActions(screen, chat, tabs).connect(page)
    connect_effort(screen)
    return tuple(pane.provider for pane in parts.panes)


def opened_parts() -> OpenedParts:
    """What tells the page which comparison is shown. Gradio builds the rest of a tab once it is in front."""
    opened = gr.HTML(
        {"id": "", "kind": "comparison"},
        html_template="",
        js_on_load=OPENED + PANE_CLICKS,
        apply_default_css=False,
        elem_id="compare-opened",
    )
    return OpenedParts(opened=opened, revision=gr.HTML("0", visible="hidden", elem_id="compare-revision"))


def _layout(session: Session, opened: OpenedParts) -> CompareParts:
    chosen = first_choices(session)
    with gr.Column(elem_id="compare"):
        with gr.Row(elem_id="compare-bar"):
            gr.Button(texts.NEW, size="sm", elem_id="compare-new")
            gr.HTML(PREVIOUS, elem_id="compare-previous", apply_default_css=False)
            add = gr.Button(texts.ADD, size="sm", elem_id="compare-add")
            blind = gr.Checkbox(label=texts.BLIND, container=False, elem_id="compare-blind", min_width=80)
            fallback = gr.Checkbox(
                label=texts.ALLOW_FALLBACKS, container=False, elem_id="compare-fallback", min_width=80
            )
            section = gr.Accordion(texts.SETTINGS, open=False, elem_id="compare-settings")
            with section, gr.Row():
                system = gr.Textbox(
                    label=texts.SYSTEM_PROMPT,
                    placeholder=texts.NO_SYSTEM_PROMPT,
                    lines=1,
                    max_lines=6,
                    elem_id="compare-system",
                )
                # Text, since an empty number field is 0 to Gradio, and empty has a meaning here.
                temperature = gr.Textbox(
                    label=texts.TEMPERATURE, placeholder=texts.MODELS_OWN, min_width=100, elem_id="compare-temperature"
                )
                max_tokens = gr.Textbox(
                    label=texts.MAX_TOKENS, placeholder=texts.MODELS_OWN, min_width=100, elem_id="compare-max-tokens"
                )
                effort = effort_control(is_known=False, tab="compare")
            with gr.Row(elem_id="compare-files"):
                share = gr.Button(texts.COPY_LINK, size="sm", elem_id="compare-share")
                markdown = gr.Button(texts.SAVE_MARKDOWN, size="sm", visible=False, elem_id="compare-markdown")
                json = gr.Button(texts.SAVE_JSON, size="sm", visible=False, elem_id="compare-json")
        with gr.Row(elem_id="compare-panes", equal_height=True):
            panes = tuple(_pane(session, number, chosen[number]) for number in range(MAX_PANES))
        with gr.Accordion(texts.RESULTS, open=False, visible=False, elem_id="compare-results") as results:
            figures = gr.HTML("", elem_id="compare-figures")
            with gr.Row(elem_id="compare-sides"):
                left = gr.Dropdown([], label=texts.LEFT_WORDS, elem_id="compare-left", min_width=120)
                right = gr.Dropdown([], label=texts.RIGHT_WORDS, elem_id="compare-right", min_width=120)
            difference = gr.HTML("", elem_id="compare-difference")
        vote = _vote_bar()
        with gr.Column(elem_id="compare-compose"):
            with gr.Row(elem_id="compare-ask"):
                prompt = gr.MultimodalTextbox(
                    show_label=False,
                    label=texts.PROMPT,
                    placeholder=texts.PROMPT_PLACEHOLDER,
                    file_count="multiple",
                    sources=["upload"],
                    submit_btn=False,
                    lines=1,
                    max_lines=8,
                    max_plain_text_length=10**8,
                    elem_id="compare-prompt",
                )
                asked = gr.MultimodalTextbox(visible=False, elem_id="compare-asked")
                returned = gr.MultimodalTextbox(visible=False, elem_id="compare-returned")
                run = gr.Button(texts.RUN, variant="primary", elem_id="compare-run")
                stop = gr.Button(texts.STOP_ALL, visible=False, elem_id="compare-stop")
            hint = gr.HTML(live_region(texts.HELP), elem_id="compare-hint")
            attachments = attachments_part("compare")
    return CompareParts(
        panes=panes, add=add, blind=blind, fallback=fallback, section=section, system=system,
        temperature=temperature, max_tokens=max_tokens, effort=effort, prompt=prompt, asked=asked,
        returned=returned, run=run, stop=stop, hint=hint, vote=vote, attachments=attachments, actions=ActionParts(
            section=results, figures=figures, left=left, right=right, difference=difference, share=share,
            markdown=markdown, json=json, file=gr.JSON(visible=False), query=gr.JSON(visible=False),
        ),
        comparison=gr.State(Comparison()), revision=opened.revision, opened=opened.opened,
    )  # fmt: skip


def _vote_bar() -> VoteParts:
    with gr.Column(visible=False, elem_id="compare-vote") as bar, gr.Row(elem_id="compare-votes"):
        best = tuple(
            gr.Button(texts.BETTER.format(letter=letter), size="sm", elem_id=f"compare-best-{number}")
            for number, letter in enumerate(LETTERS, 1)
        )
        tie = gr.Button(texts.TIE, size="sm", elem_id="compare-tie")
        bad = gr.Button(texts.BOTH_ARE_BAD, size="sm", elem_id="compare-bad")
        reveal = gr.Button(texts.SHOW_NAMES, size="sm", elem_id="compare-reveal")
        keep = gr.Checkbox(label=texts.KEEP_TEXTS, container=False, elem_id="compare-keep", min_width=80)
    result = gr.HTML("", elem_id="compare-said")
    return VoteParts(bar=bar, best=best, tie=tie, bad=bad, reveal=reveal, keep=keep, result=result)


def _pane(session: Session, number: int, chosen: ProviderState) -> PaneParts:
    name = f"compare-pane-{number + 1}"
    with gr.Column(elem_id=name, elem_classes="pane", visible=number < MIN_PANES, min_width=0) as column:
        with gr.Row(elem_classes="pane-top"):
            with gr.Row(elem_classes="pane-picker") as picker:
                provider = gr.Dropdown(
                    [choice for choice in model_choices.list_providers(session) if choice[1] != model_choices.AUTO],
                    value=chosen.name,
                    label=f"Provider {number + 1}",
                    elem_id=f"{name}-provider",
                    min_width=90,
                )
                model = gr.Dropdown(
                    model_choices.list_suggestions(chosen),
                    value=chosen.default_model,
                    label=f"Model {number + 1}",
                    allow_custom_value=True,
                    elem_id=f"{name}-model",
                    min_width=90,
                )
            head = gr.HTML("", elem_classes="pane-head")
            remove = gr.Button(texts.REMOVE, size="sm", elem_classes="pane-remove", visible=False)
        with gr.Column(elem_classes="pane-scroll"):
            past = chatbot(f"Conversation {number + 1}", elem_classes="pane-past")
            live = chatbot(f"Answer {number + 1}", elem_classes="pane-live")
        with gr.Row(elem_classes="pane-foot"):
            line = gr.HTML(live_region(""), elem_classes="pane-line")
            retry = gr.Button(texts.RETRY, size="sm", visible=False, elem_classes="pane-retry")
            carry = gr.Button(texts.CONTINUE, size="sm", visible=False, elem_classes="pane-carry")
            stop = gr.Button(texts.STOP, size="sm", visible=False, elem_classes="pane-stop")
    return PaneParts(
        column=column, picker=picker, provider=provider, model=model,
        default_model=DefaultModel(session, provider, model), head=head, past=past, live=live, line=line, stop=stop,
        retry=retry, carry=carry, remove=remove,
    )  # fmt: skip


def first_choices(session: Session) -> list[ProviderState]:
    """What the panes begin with: the default provider first, then the others that are ready. Where no other one is, all
    have that: nobody knows yet whether a server runs that no setting names."""
    states, in_route = session.providers(), {target.partition("/")[0] for target in session.fallback}
    ready = [state for state in states if state.ready and (not state.is_assumed or state.name in in_route)]
    ready.sort(key=lambda state: (state.name != session.default_provider, not state.default_model))
    return [(ready or list(states))[number % len(ready or states)] for number in range(MAX_PANES)]

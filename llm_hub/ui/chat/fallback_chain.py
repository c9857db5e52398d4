"""The fallback chain on the page: which models are asked, in which order, when the chosen one fails.

Until a visitor changes it (None) the chain is what the hub asks anyway: with Automatic its route, after a chosen model
the configured route, or nobody. The chain itself is kept on the server; a browser only says which of its buttons was
used. What the buttons do is in chain_events.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.chat import split_target
from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices
from llm_hub.ui.render.formats import format_target_id
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import Session

MAX_CHAIN = 8
"""Fallbacks in one chain."""

NOBODY = "-"

Chain = tuple[str, ...] | None
"""Targets in the order in which they are asked; None: as the hub does it."""

PICK = """
let used = null;
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pick]");
  if (!button || button.disabled) return;
  used = button.dataset.pick;
  trigger("pick", {what: used});
});
watch("value", () => {
  const again = used && [...element.querySelectorAll("[data-pick]")].find((button) => button.dataset.pick === used);
  const next = again && !again.disabled ? again : used && element.querySelector("[data-pick]:not(:disabled)");
  used = null;
  if (next) next.focus();
});
"""
"""Buttons inside HTML of ours: each says what it is for in `data-pick`, and keeps the focus when the HTML changes."""


@dataclass(frozen=True, slots=True)
class ChainParts:
    """The components of the control. `targets` is the chain itself, a `Chain` on the server; `view` shows it."""

    view: gr.HTML
    add: gr.Dropdown
    targets: gr.State


def chain_control(session: Session, provider: str) -> ChainParts:
    """Lays the control out where it is called; `provider` is the one that is chosen at first."""
    with gr.Column(elem_id="chat-chain"):
        view = gr.HTML(
            chain_html(session, None, provider=provider),
            js_on_load=PICK,
            apply_default_css=False,
            elem_id="chat-chain-list",
        )
        add = gr.Dropdown(
            model_choices.list_targets(session),
            value=None,
            label=texts.ADD_FALLBACK,
            show_label=False,
            allow_custom_value=True,
            elem_id="chat-chain-add",
        )
    return ChainParts(view, add, gr.State(None))


def hub_chain(session: Session, provider: str) -> tuple[str, ...]:
    """What is asked until a visitor changes the chain: with Automatic in all, else after the chosen model."""
    return session.route if provider == model_choices.AUTO else session.fallback


def summary_html(session: Session, chain: Chain, *, provider: str) -> str:
    """A line beside the chosen model, where the chain is not in sight: who follows if it fails, or that nobody does
    and how to change that."""
    chosen = hub_chain(session, provider) if chain is None else chain
    targets = [name for each in chosen for name in (session.route if each == model_choices.AUTO else (each,))]
    is_sorted = chain is None and session.order != "given" and len(targets) > 1
    order = model_choices.format_order(session, targets, is_sorted=is_sorted)
    automatic = provider == model_choices.AUTO
    if automatic and not targets:
        text = texts.NO_MODEL
    elif automatic and len(targets) == 1:
        text = texts.ONLY_MODEL.format(order=order)
    elif is_sorted:
        text = (texts.SORTED if automatic else texts.SORTED_FALLBACKS)[session.order].format(order=order)
    elif automatic:
        text = texts.ORDER.format(order=order)
    elif targets:
        text = texts.FALLBACKS.format(order=order)
    else:
        text = texts.NO_FALLBACK_SHORT.format(advice=_advice(session, provider))
    return f'<div class="followers">{html_text(text)}</div>'


def chain_html(session: Session, chain: Chain, *, provider: str, problem: str = "") -> str:
    """The chain as HTML. Where `provider` is Automatic, its first entry is what is asked first.

    A chain that a visitor has made is asked as it stands, and the hub's own by `session.order`.
    """
    automatic, default = provider == model_choices.AUTO, hub_chain(session, provider)
    targets, titles = default if chain is None else chain, model_choices.provider_titles(session)
    is_sorted = chain is None and session.order != "given" and len(targets) > 1
    words = [""] * len(targets) if is_sorted else ["first " if automatic else "then ", *["then "] * len(targets)]
    rows = "".join(
        _row(target, format_target_id(target, titles), position, words[position])
        for position, target in enumerate(targets)
    )
    nobody = texts.NO_MODEL if automatic else texts.NO_FALLBACK.format(advice=_advice(session, provider))
    entries = f"<ol>{rows}</ol>" if targets else f'<p class="nobody">{nobody}</p>'
    reset = "" if chain in (None, default) else _button("route", texts.DEFAULT_ROUTE if default else texts.CLEAR)
    complaint = f'<p class="told">{html_text(problem)}</p>' if problem else ""
    heading = texts.ORDER_HEADING if automatic else texts.FALLBACKS_HEADING
    if is_sorted:
        heading = (texts.SORTED_HEADINGS if automatic else texts.SORTED_FALLBACKS_HEADINGS)[session.order]
    attributes = f'class="chain" role="status" data-chain="{html_text(write_chain(chain))}"'
    return f"<div {attributes}><h3>{heading}</h3>{entries}{complaint}{reset}</div>"


def write_chain(chain: Chain) -> str:
    """A chain as a browser keeps it: a target a line, "-" for nobody, and "" for as the hub does it."""
    return "" if chain is None else "\n".join(chain) or NOBODY


def read_chain(session: Session, text: str) -> tuple[Chain, str]:
    """The chain that a browser has kept, without what cannot be asked any more, and what to say of that."""
    wanted = [line for line in text.split("\n") if line]
    if wanted in ([], [NOBODY]):
        return (() if wanted else None), ""
    chain: list[str] = []
    problems = []
    for line in wanted[:MAX_CHAIN]:
        try:
            target = model_choices.parse_target(session, line)
        except InvalidRequest as error:
            problems.append(texts.LEFT_OUT.format(error=error))
        else:
            chain += [target] if target not in chain else []
    return tuple(chain) or None, " ".join(problems)


def _advice(session: Session, provider: str) -> str:
    """How somebody is asked after the chosen provider."""
    others = any(split_target(target)[0] != provider for target in session.route)
    return texts.ADVICE_AUTOMATIC if others else texts.ADVICE


def _row(target: str, name: str, position: int, word: str) -> str:
    up = _button(f"up {target}", "↑", texts.EARLIER.format(name=name), disabled=position == 0)
    off = _button(f"off {target}", "×", texts.REMOVE.format(name=name))
    return f"<li><span>{word}<b>{html_text(name)}</b></span>{up}{off}</li>"


def _button(action: str, text: str, label: str = "", *, disabled: bool = False) -> str:
    attributes = f' aria-label="{html_text(label)}" title="{html_text(label)}"' if label else ""
    if disabled:
        attributes += " disabled"
    return f'<button type="button" data-pick="{html_text(action)}"{attributes}>{html_text(text)}</button>'

"""The fallback chain: what is asked when the chosen model fails, as a list that is seen, extended and reordered.

Until somebody changes it, it is the hub's own route, and stays it when the hub's changes (None). The list is kept on
the server; a browser only says which of its buttons was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.render.formats import format_target_id
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from llm_hub.gateway.visitors import Visitors
    from llm_hub.hub import Hub

MAX_CHAIN = 8
"""Fallbacks in one chain."""

Chain = tuple[str, ...] | None

PICK = """
let used = null;
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pick]");
  if (!button || button.disabled) return;
  used = button.dataset.pick;
  trigger("pick", {what: used});
});
watch("value", () => {
  const again = used && [...element.querySelectorAll("[data-pick]")].find((one) => one.dataset.pick === used);
  const next = again && !again.disabled ? again : used && element.querySelector("[data-pick]:not(:disabled)");
  used = null;
  if (next) next.focus();
});
"""
"""Buttons inside HTML of ours: each says what it is for in `data-pick`, and keeps the focus when the HTML changes."""


@dataclass(frozen=True, slots=True)
class ChainParts:
    shown: gr.HTML
    add: gr.Dropdown
    kept: gr.State


def chain_control(hub: Hub, provider: str) -> ChainParts:
    """Lays the control out where it is called; `provider` is the one that is chosen at first."""
    with gr.Column(elem_id="chat-chain"):
        shown = gr.HTML(
            html(hub, None, provider=provider), js_on_load=PICK, apply_default_css=False, elem_id="chat-chain-list"
        )
        add = gr.Dropdown(
            model_choices.targets(hub),
            value=None,
            label="Add a fallback: provider/model",
            show_label=False,
            allow_custom_value=True,
            elem_id="chat-chain-add",
        )
    return ChainParts(shown, add, gr.State(None))


class ChainEvents:
    """Extends, shortens and reorders the chain. `provider` is the Chat tab's choice, which may be the route itself."""

    def __init__(self, visitors: Visitors, parts: ChainParts, provider: gr.Dropdown) -> None:
        self._visitors = visitors
        self._hub = visitors.anyone
        self._parts = parts
        self._provider = provider

    def connect(self) -> None:
        parts = self._parts
        both = [parts.shown, parts.kept]
        parts.shown.pick(self.pick, {parts.kept, self._provider}, both, **NOW)
        parts.add.input(self.add, {parts.kept, parts.add, self._provider}, [*both, parts.add], **NOW)

    def add(self, data: dict[Any, Any], visitor: gr.Request) -> dict[Any, Any]:
        parts, text = self._parts, str(data[self._parts.add] or "")
        chain = self._shown(data)
        if not text.strip():
            return {parts.add: gr.update(value=None)}
        try:
            wanted = model_choices.typed(self._visitors.hub(visitor), text)
        except InvalidRequest as error:
            return self._set(data, chain, str(error)) | {parts.add: gr.update(value=None)}
        if wanted not in chain and len(chain) >= MAX_CHAIN:
            return self._set(data, chain, f"A chain has {MAX_CHAIN} at most.") | {parts.add: gr.update(value=None)}
        return self._set(data, (*(one for one in chain if one != wanted), wanted)) | {parts.add: gr.update(value=None)}

    def pick(self, data: dict[Any, Any], picked: gr.EventData) -> dict[Any, Any]:
        what, _, name = str(picked._data.get("what", "")).partition(" ")  # noqa: SLF001  # Gradio's own way to it
        chain = list(self._shown(data))
        if what == "route":
            return self._set(data, None)
        if name in chain:
            at = chain.index(name)
            chain.pop(at)
            if what == "up":
                chain.insert(max(0, at - 1), name)
        return self._set(data, tuple(chain))

    def _shown(self, data: dict[Any, Any]) -> tuple[str, ...]:
        chain: Chain = data[self._parts.kept]
        return self._hub.fallback if chain is None else chain

    def _set(self, data: dict[Any, Any], chain: Chain, problem: str = "") -> dict[Any, Any]:
        if chain == self._hub.fallback:
            chain = None
        shown = html(self._hub, chain, provider=data[self._provider], problem=problem)
        return {self._parts.kept: chain, self._parts.shown: shown}


def html(hub: Hub, chain: Chain, *, provider: str = "", problem: str = "") -> str:
    """The list. With the route itself chosen, its first entry is what is asked first."""
    names, called = hub.fallback if chain is None else chain, model_choices.titles(hub)
    whole = provider == model_choices.AUTO
    rows = "".join(_row(one, format_target_id(one, called), at, whole=whole) for at, one in enumerate(names))
    nobody = "Nobody is asked." if whole else "Nobody else is asked."
    shown = f"<ol>{rows}</ol>" if names else f'<p class="nobody">{nobody}</p>'
    back = "" if chain is None else _button("route", "Back to the hub's route" if hub.fallback else "Clear")
    told = f'<p class="told">{html_text(problem)}</p>' if problem else ""
    heading = "Asked in this order" if whole else "If it fails"
    return f'<div class="chain" role="status"><h3>{heading}</h3>{shown}{told}{back}</div>'


def _row(one: str, title: str, at: int, *, whole: bool) -> str:
    word = "first" if whole and at == 0 else "then"
    up = _button(f"up {one}", "↑", f"Ask {title} earlier", disabled=at == 0)
    return (
        f"<li><span>{word} <b>{html_text(title)}</b></span>{up}{_button(f'off {one}', '×', f'Do not ask {title}')}</li>"
    )


def _button(pick: str, text: str, label: str = "", *, disabled: bool = False) -> str:
    named = f' aria-label="{html_text(label)}" title="{html_text(label)}"' if label else ""
    off = " disabled" if disabled else ""
    return f'<button type="button" data-pick="{html_text(pick)}"{named}{off}>{html_text(text)}</button>'

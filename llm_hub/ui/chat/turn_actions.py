"""The buttons under an answer: its other versions, and asking its prompt once more, of the same model or another.
Above all turns is the one that shows those that are left out.

Gradio's Markdown keeps a button's class and title, and nothing else of it: so its class says what it is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    import gradio as gr

    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.ui.chat.chat_view import ChatView

Verb = Literal["show", "again", "whole"]
VERBS: tuple[Verb, ...] = get_args(Verb)

CLICKS = """
const place = (again, button) => {
  const around = again.parentElement, [from, to] = [around, button].map((part) => part.getBoundingClientRect());
  again.style.top = `${to.bottom - from.top + around.scrollTop}px`;
  again.style.left = `${Math.max(8, Math.min(to.left - from.left, from.width - again.offsetWidth - 8))}px`;
};
const choose = (number, button) => {
  const again = document.querySelector("#chat-again");
  props.value = number;
  again.classList.add("open");
  place(again, button);
  again.querySelector("input").focus({ preventScroll: true });
  const close = ({ type, key }) => {
    if (type === "keydown" && key !== "Escape") return;
    again.classList.remove("open");
    ["focusout", "keydown"].forEach((name) => again.removeEventListener(name, close));
    if (type === "keydown") button.focus();
  };
  ["focusout", "keydown"].forEach((name) => again.addEventListener(name, close));
};
document.addEventListener("click", (click) => {
  const button = click.target.closest("#chat-scroll .turn-action");
  const what = button && [...button.classList].find((name) => /^(show|again|with|whole)-\\d+$/.test(name));
  if (what?.startsWith("with-")) choose(Number(what.slice("with-".length)), button);
  else if (what) trigger("act", {what});
});
"""
"""JavaScript that brings a click on one of the buttons to the server. "Answer again with …" opens the list of models
beside it, and the component's value is the number of the turn that the chosen one is to answer."""


@dataclass(frozen=True, slots=True)
class TurnAction:
    """What a button does with the turn of this number: shows it, asks its prompt once more, or shows all before it."""

    verb: Verb
    number: int


def parse_action(clicked: gr.EventData) -> TurnAction | None:
    """The action of a click; None for one that the page does not offer."""
    what = str(clicked._data.get("what", ""))  # noqa: SLF001  # Gradio's own way to it
    for verb in VERBS:
        if match := re.fullmatch(rf"{verb}-([0-9]{{1,6}})", what):
            return TurnAction(verb, int(match[1]))
    return None


PANE_CLICKS = """
document.addEventListener("click", (click) => {
  const button = click.target.closest("#compare .turn-action");
  const what = button && [...button.classList].find((name) => /^show-\\d+$/.test(name));
  if (what) trigger("act", {what});
});
"""
"""As `CLICKS`, on the Compare tab, whose answers have versions alone."""


def render_versions(conversation: Conversation, node: Node) -> str:
    """Which version of its turn a node is, with the way to those beside it, as HTML; "" if it is the only one."""
    versions = [other.number for other in conversation.versions(node)]
    if len(versions) < 2:
        return ""
    place = versions.index(node.number)
    earlier = later = ""
    if place:
        earlier = _button("show", versions[place - 1], "&lsaquo;", texts.SHOW_PREVIOUS, name=texts.PREVIOUS_VERSION)
    if place + 1 < len(versions):
        later = _button("show", versions[place + 1], "&rsaquo;", texts.SHOW_NEXT, name=texts.NEXT_VERSION)
    return f'<span class="versions">{earlier}{place + 1}/{len(versions)}{later}</span>'


def render_actions(conversation: Conversation, node: Node, *, is_last: bool) -> str:
    """The buttons of a turn as HTML. The last turn is asked again, of the same model, by Gradio's own button."""
    buttons = render_versions(conversation, node)
    if not is_last:
        buttons += _button("again", node.number, texts.ASK_AGAIN, texts.ASK_AGAIN_TITLE)
    buttons += _button("with", node.number, texts.ANSWER_AGAIN, texts.ANSWER_AGAIN_TITLE)
    return f'<span class="turn-actions">{buttons}</span>'


def render_earlier(view: ChatView) -> str:
    """The button that shows the turns that a view leaves out, as HTML; "" if there are none."""
    if not view.left_out:
        return ""
    return _button("whole", view.leaf, texts.EARLIER_TURNS.format(left_out=view.left_out), texts.EARLIER_TURNS_TITLE)


def _button(verb: Verb | Literal["with"], number: int, label: str, title: str, *, name: str = "") -> str:
    """`name` is for screen readers, where the label is only a sign."""
    named = f' aria-label="{name}"' if name else ""
    return f'<button type="button" class="turn-action {verb}-{number}" title="{title}"{named}>{label}</button>'

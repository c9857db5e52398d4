"""The Keys tab: a visitor's own keys, for this tab of their browser and as long as it is open.

A typed key never passes through an event of Gradio, which would keep it with the session's other values. The field is
our own HTML, and assets/keys.js sends what is typed to our own route (api/keys.py). An event without data then tells
the other tabs of the page that the keys have changed.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.utils import get_space

from llm_hub.ui import model_choices
from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.gateway.gateway import Gateway

log = logging.getLogger(__name__)

SCRIPT = (Path(__file__).parent / "assets" / "keys.js").read_text(encoding="utf-8")
SIGN_IN = """<div class="keys"><h2>Or sign in with Hugging Face</h2>
<p>Your own account then pays for the provider Hugging Face, which reaches many models through Inference Providers.</p>
</div>"""
FORM = """<div class="keys"><h2>Your keys</h2>
<p>What you ask with a key of yours is paid by your account with that provider. The key stays in the memory of this
server, for this tab of your browser, until you clear it or close or reload the page. Only its last four characters are
ever shown, and nothing of it is stored or written to a log.</p>
<form autocomplete="off"><label>Provider<select id="keys-provider"></select></label>
<label>API key<input id="keys-key" type="password" autocomplete="off" spellcheck="false" maxlength="512"></label>
<button type="submit">Keep</button><p class="where"></p></form>
<p role="status" aria-live="polite"></p><ul aria-label="Your keys"></ul></div>"""


def can_sign_in() -> bool:
    """Whether the page offers to sign in with Hugging Face: on a Space that asks for it, with what that needs."""
    if not os.environ.get("OAUTH_CLIENT_ID") or get_space() is None:  # elsewhere Gradio makes up who signs in
        return False
    missing = [package for package in ("authlib", "itsdangerous") if find_spec(package) is None]
    if missing:
        log.warning("Nobody can sign in with Hugging Face: %s is not installed.", " and ".join(missing))
    return not missing


def keys_tab(gateway: Gateway, page: gr.Blocks, lists: Sequence[gr.Dropdown]) -> gr.events.Dependency:
    """Builds the tab. `lists` are the page's lists of providers: those that a visitor has a key for become ready.

    Returns the event of a key that was added or removed.
    """
    signs_in = can_sign_in()
    with gr.Column(elem_id="keys"):
        own = gr.HTML(FORM, js_on_load=SCRIPT, apply_default_css=False, elem_id="keys-own")
        if signs_in:
            with gr.Column(elem_id="keys-login"):
                gr.HTML(SIGN_IN, apply_default_css=False)
                gr.LoginButton(size="md", elem_id="keys-login-button")

    events = KeysEvents(gateway, lists)
    changed: gr.events.Dependency = own.keys_changed(events.update_lists, None, list(lists), **NOW)
    if signs_in:
        page.load(events.update_lists, None, list(lists), **NOW)  # whoever comes back from signing in has a key
    page.unload(events.forget_visitor)
    return changed


class KeysEvents:
    """The tab's handlers."""

    def __init__(self, gateway: Gateway, lists: Sequence[gr.Dropdown]) -> None:
        self._gateway = gateway
        self._lists = lists

    def update_lists(self, visitor: gr.Request) -> list[Any]:
        """Each list of providers with the labels that are true for this visitor's keys."""
        choices = model_choices.list_providers(self._gateway.session(visitor))
        return [gr.update(choices=_same_values(box, choices)) for box in self._lists]

    async def forget_visitor(self, visitor: gr.Request) -> None:
        """The visitor closed the page."""
        await self._gateway.visitors.leave(visitor.session_hash or "")


def _same_values(box: gr.Dropdown, choices: list[model_choices.Choice]) -> list[model_choices.Choice]:
    """The choices whose values a list has already: not every list offers the route itself."""
    values = {value for _, value in box.choices}
    return [choice for choice in choices if choice[1] in values]

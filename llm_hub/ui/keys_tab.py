"""The Keys tab: a visitor's own keys, for this tab of their browser and as long as it is open.

A typed key never passes through an event of Gradio, which would keep it with the session's other values. The field is
our own HTML, and assets/keys.js sends what is typed to our own route (api/visitor_keys.py). An event without data then
tells the other tabs of the page that the keys have changed.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.utils import get_space

from llm_hub.ui import model_choices
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.gradio_fixes.first_values import change_first_values
from llm_hub.ui.page_assets import read_asset
from llm_hub.ui.texts import keys_texts as texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradio.components import Component

    from llm_hub.access.session import Session
    from llm_hub.gateway.gateway import Gateway

    FirstValues = Callable[[Session], Mapping[Component, Mapping[str, Any]]]
    """For a component what a newly opened page has it begin with, by the name of its argument."""

log = logging.getLogger(__name__)

SCRIPT, OWNER_SCRIPT, LINK_SCRIPT, API_KEYS_SCRIPT = (
    read_asset(name) for name in ("keys.js", "owner_settings.js", "key_link.js", "api_keys.js")
)
"""What the owner of a hub that nobody else uses can change. The part is hidden until the server has answered."""
SHOW_KEYS = '() => ({ __type__: "update", selected: "keys" })'


def can_sign_in() -> bool:
    """Whether the page offers to sign in with Hugging Face: on a Space that asks for it, with what that needs."""
    if not os.environ.get("OAUTH_CLIENT_ID") or get_space() is None:  # elsewhere Gradio makes up who signs in
        return False
    missing = [package for package in ("authlib", "itsdangerous") if find_spec(package) is None]
    if missing:
        log.warning("Signing in with Hugging Face is off: %s is not installed.", " and ".join(missing))
    return not missing


def key_link() -> gr.HTML:
    """What leads from a note about a missing key to the tab: see `connect_link`. It is built before the tabs are."""
    return gr.HTML(0, html_template="", js_on_load=LINK_SCRIPT, apply_default_css=False, elem_id="keys-link")


def keys_tab(
    gateway: Gateway,
    page: gr.Blocks,
    lists: Sequence[gr.Dropdown],
    first_values: FirstValues,
    *,
    link: gr.HTML,
    tabs: gr.Tabs,
) -> gr.events.Dependency:
    """Builds the tab. `lists` are the page's lists of providers: those that a visitor has a key for become ready.
    `first_values` tells what else of the page depends on the owner's settings when it is opened.

    Returns the event of a key or a server that was added or removed.
    """
    signs_in = can_sign_in()
    has_owner = gateway.owner_settings is not None
    events = KeysEvents(gateway, page, lists, first_values)
    with gr.Column(elem_id="keys"):
        if has_owner:
            forms = texts.OWNER_FORMS % texts.ROUTE_ORDERS[gateway.common_session.order]
            gr.HTML(forms, js_on_load=OWNER_SCRIPT, apply_default_css=False, elem_id="keys-owner")
        form = texts.FORM % (texts.TAB_KEY if has_owner else texts.YOUR_KEYS)
        own = gr.HTML(form, js_on_load=SCRIPT, apply_default_css=False, elem_id="keys-own")
        if not gateway.policy.public:
            gr.HTML(texts.API_KEYS, js_on_load=API_KEYS_SCRIPT, apply_default_css=False, elem_id="keys-api")
        if signs_in:
            with gr.Column(elem_id="keys-login"):
                gr.HTML(texts.SIGN_IN, apply_default_css=False)
                gr.LoginButton(size="md", elem_id="keys-login-button")

    changed: gr.events.Dependency = own.keys_changed(events.update_lists, None, list(lists), **NOW)
    link.key_wanted(None, None, tabs, js=SHOW_KEYS, **NOW)
    if signs_in:
        page.load(events.update_lists, None, list(lists), **NOW)  # whoever comes back from signing in has a key
    page.unload(events.forget_visitor)
    return changed


class KeysEvents:
    """The tab's handlers."""

    def __init__(
        self, gateway: Gateway, page: gr.Blocks, lists: Sequence[gr.Dropdown], first_values: FirstValues
    ) -> None:
        self._gateway = gateway
        self._page = page
        self._first_values = first_values
        self._lists = lists

    def update_lists(self, visitor: gr.Request) -> list[Any]:
        """Each list of providers with the labels that are true for this visitor's keys."""
        if self._gateway.owner_settings is not None:
            session = self._gateway.common_session
            known = model_choices.list_providers(session)
            for box in self._lists:
                change_first_values(self._page, box, choices=_of_same_kind(box, known))
            for component, values in self._first_values(session).items():
                change_first_values(self._page, component, **values)
        choices = model_choices.list_providers(self._gateway.session(visitor))
        return [gr.update(choices=_of_same_kind(box, choices)) for box in self._lists]

    async def forget_visitor(self, visitor: gr.Request) -> None:
        """The visitor closed the page."""
        await self._gateway.visitors.leave(visitor.session_hash or "")


def _of_same_kind(box: gr.Dropdown, choices: list[model_choices.Choice]) -> list[model_choices.Choice]:
    """The choices for a list, which may be one that does not offer the route itself."""
    offers_route = any(value == model_choices.AUTO for _, value in box.choices)
    return [choice for choice in choices if offers_route or choice[1] != model_choices.AUTO]

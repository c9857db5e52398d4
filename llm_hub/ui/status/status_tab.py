"""The Status tab: how every provider and every target that was asked is doing, and a way to try it now.

It is HTML of ours, written anew only when something has happened: what passes by itself (back in 12 s, 40 s ago) is
counted by the page's own script, so that a tab that is looked at asks for little, and one that is not asks for nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.errors import LLMHubError
from llm_hub.ui.chat.fallback_chain import PICK
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.status import health_view

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.status.health_view import Tested

KEEP = """
const opened = new Set();
element.addEventListener("toggle", ({target}) => {
  if (target.dataset.keep) opened[target.open ? "add" : "delete"](target.dataset.keep);
}, true);
watch("value", () => element.querySelectorAll("[data-keep]").forEach((one) => {
  one.open = opened.has(one.dataset.keep);
}));
"""
"""What a reader opened stays open when the HTML changes."""
REFRESH = 1.0
"""Seconds between two looks at what has happened."""
MAX_PROBE_SECONDS = 20.0
"""Seconds that a test of a provider may take."""


def status_tab(gateway: Gateway, tabs: gr.Tabs) -> None:
    """Builds the tab where it is called; `tabs` tell when it is looked at."""
    with gr.Column(elem_id="status"):
        table = gr.HTML("", js_on_load=PICK + KEEP, apply_default_css=False, elem_id="status-table")
    timer = gr.Timer(REFRESH, active=False)
    tested, seen = gr.State({}), gr.State("")
    events = StatusEvents(gateway, timer, table, tested, seen)
    changed = [timer, table, seen]
    tabs.select(events.turn, {tested, seen}, changed, **NOW)
    timer.tick(events.look, {tested, seen}, [table, seen], **NOW)
    table.pick(events.pick, {tested, seen}, [table, seen, tested], **STREAMING)


class StatusEvents:
    """What is seen is a state of the session: its picture is sent when it differs from the last one."""

    def __init__(self, gateway: Gateway, timer: gr.Timer, table: gr.HTML, tested: gr.State, seen: gr.State) -> None:
        self._gateway = gateway
        self._timer = timer
        self._table = table
        self._tested = tested
        self._seen = seen

    async def turn(self, data: dict[Any, Any], selected: gr.SelectData, visitor: gr.Request) -> dict[Any, Any]:
        """Another tab was chosen: this one, or one that hides it."""
        if selected.value != "Status":
            return {self._timer: gr.Timer(active=False)}
        return {
            self._timer: gr.Timer(active=True),
            **self._picture(self._gateway.session(visitor), data[self._tested], ""),
        }

    async def look(self, data: dict[Any, Any], visitor: gr.Request) -> dict[Any, Any]:
        return self._picture(self._gateway.session(visitor), data[self._tested], data[self._seen])

    async def pick(self, data: dict[Any, Any], picked: gr.EventData, visitor: gr.Request) -> dict[Any, Any]:
        """A button of the table: `try <target>` or `test <provider>`."""
        what, _, name = str(picked._data.get("what", "")).partition(" ")  # noqa: SLF001  # Gradio's own way to it
        tested: dict[str, Tested] = data[self._tested]
        session = self._gateway.session(visitor)
        if what == "try":
            session.try_now(name)
        elif what == "test" and name in {state.name for state in session.providers()}:
            tested = {**tested, name: await self._test(session, name)}
        return {self._tested: tested, **self._picture(session, tested, "")}

    async def _test(self, session: Session, provider: str) -> Tested:
        """Asks for the list of models: it costs nothing, and needs the key."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(MAX_PROBE_SECONDS):
                models = await session.models(provider, fresh=True)
        except LLMHubError as error:
            return health_view.Tested(str(error), failed=True)
        except TimeoutError:
            return health_view.Tested(f"It did not answer within {MAX_PROBE_SECONDS:.0f} s.", failed=True)
        return health_view.Tested(health_view.works(len(models), time.monotonic() - began))

    def _picture(self, session: Session, tested: dict[str, Tested], seen: str) -> dict[Any, Any]:
        states, targets = session.providers(), session.targets()
        now = health_view.version(states, targets, tested)
        if now == seen:
            return {self._seen: gr.skip()}
        return {self._table: health_view.html(states, targets, tested, session.prices.of), self._seen: now}

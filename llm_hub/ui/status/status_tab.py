"""The Status tab: how every provider and every target that was asked is doing, with a button to try each now.

The server writes the tab's HTML anew only when something has happened. Times that pass by themselves (back in 12 s,
40 s ago) are counted in the browser, by assets/page.js. A tab that is not looked at asks for nothing.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.access.client_address import from_here
from llm_hub.access.session import TargetState
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.ui.chat.fallback_chain import PICK
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.status import health_view
from llm_hub.ui.status.checkup_view import MAX_EARLIER, checkup_html
from llm_hub.ui.status.day_view import day_html
from llm_hub.ui.texts import status_texts as texts
from llm_hub.ui.texts.page_texts import STATUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.access.session import Session
    from llm_hub.checkup.checkup_store import CheckupStore
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.status.health_view import ProbeResult

KEEP = """
const opened = new Set();
element.addEventListener("toggle", ({target}) => {
  if (target.dataset.keep) opened[target.open ? "add" : "delete"](target.dataset.keep);
}, true);
watch("value", () => element.querySelectorAll("[data-keep]").forEach((section) => {
  section.open = opened.has(section.dataset.keep);
}));
"""
"""What a reader opened stays open when the HTML changes."""
REFRESH = 1.0
"""Seconds between two looks at what has happened, while the tab is in front."""
MAX_PROBE_SECONDS = 20.0
"""Seconds that the test of a provider may take: longer, and the reader has given up."""


def status_tab(gateway: Gateway, tabs: gr.Tabs, checkups: CheckupStore | None = None) -> None:
    """Builds the tab where it is called; `tabs` tell when it is looked at. With `checkups` it shows the last one, to
    the owner alone."""
    with gr.Column(elem_id="status"):
        table = gr.HTML("", js_on_load=PICK + KEEP, apply_default_css=False, elem_id="status-table")
        checkup = gr.HTML("", apply_default_css=False, elem_id="status-checkup")
    timer = gr.Timer(REFRESH, active=False)
    probes, fingerprint = gr.State({}), gr.State("")
    events = StatusEvents(gateway, StatusParts(timer, table, checkup, probes, fingerprint), checkups)
    # By default Gradio drops the choice of a tab while an earlier one is answered: the timer would tick on behind it.
    shown = [timer, table, checkup, fingerprint]
    tabs.select(events.select_tab, {probes, fingerprint}, shown, trigger_mode="multiple", **NOW)
    timer.tick(events.refresh, {probes, fingerprint}, [table, fingerprint], **NOW)
    table.pick(events.press, {probes, fingerprint}, [table, fingerprint, probes], **STREAMING)


@dataclass(frozen=True, slots=True)
class StatusParts:
    """The tab's parts. `probes` are the session's test results, `fingerprint` is that of the HTML it was sent last."""

    timer: gr.Timer
    table: gr.HTML
    checkup: gr.HTML
    probes: gr.State
    fingerprint: gr.State


class StatusEvents:
    """The tab's handlers. HTML is sent only if it differs from what the session was sent last."""

    def __init__(self, gateway: Gateway, parts: StatusParts, checkups: CheckupStore | None = None) -> None:
        self._gateway = gateway
        self._parts = parts
        self._checkups = checkups

    async def select_tab(self, data: dict[Any, Any], selected: gr.SelectData, visitor: gr.Request) -> dict[Any, Any]:
        """A visitor chose a tab: this one, or one that hides it."""
        if selected.value != STATUS:
            return {self._parts.timer: gr.Timer(active=False)}
        session = self._gateway.session(visitor)
        update = self._update(session, data[self._parts.probes], "")
        return {
            self._parts.timer: gr.Timer(active=True),
            self._parts.checkup: await self._show_checkup(visitor),
            **update,
        }

    async def _show_checkup(self, visitor: gr.Request) -> str:
        """The last check-up, for the owner's own browser."""
        if self._checkups is None or not from_here(visitor.client.host, visitor.headers):
            return ""
        try:
            return checkup_html(await self._checkups.latest(1 + MAX_EARLIER), time.time())
        except ConfigurationError as error:
            return f'<p class="problem" role="alert">{html_text(str(error))}</p>'

    async def refresh(self, data: dict[Any, Any], visitor: gr.Request) -> dict[Any, Any]:
        """The timer ticked."""
        session = self._gateway.session(visitor)
        return self._update(session, data[self._parts.probes], data[self._parts.fingerprint])

    async def press(self, data: dict[Any, Any], picked: gr.EventData, visitor: gr.Request) -> dict[Any, Any]:
        """A button of the table was used: `try <target>` or `test <provider>`."""
        action, _, name = str(picked._data.get("what", "")).partition(" ")  # noqa: SLF001  # Gradio's own way to it
        probes: dict[str, ProbeResult] = data[self._parts.probes]
        session = self._gateway.session(visitor)
        if action == "try":
            session.try_now(name)
        elif action == "test" and name in {state.name for state in session.providers()}:
            probes = {**probes, name: await self._probe(session, name)}
        return {self._parts.probes: probes, **self._update(session, probes, "")}

    async def _probe(self, session: Session, provider: str) -> ProbeResult:
        """Asks a provider for its list of models: that costs nothing, and needs the key."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(MAX_PROBE_SECONDS):
                models = await session.models(provider, fresh=True)
        except LLMHubError as error:
            return health_view.ProbeResult(str(error), failed=True)
        except TimeoutError:
            return health_view.ProbeResult(texts.NO_ANSWER.format(max_probe_seconds=MAX_PROBE_SECONDS), failed=True)
        return health_view.ProbeResult(health_view.describe_success(len(models), time.monotonic() - began))

    def _update(self, session: Session, probes: dict[str, ProbeResult], fingerprint: str) -> dict[Any, Any]:
        days, problem = self._gateway.days, self._gateway.hub.sharing_problem
        states, targets = session.providers(), self._targets(session)
        current = f"{health_view.fingerprint(states, targets, probes, problem)} {days.hour} {days.changes}"
        if current == fingerprint:
            return {self._parts.fingerprint: gr.skip()}
        day = partial(self._day, session)
        html = health_view.health_html(states, targets, probes, session.prices.of, problem, day=day)
        return {self._parts.table: html, self._parts.fingerprint: current}

    def _targets(self, session: Session) -> Sequence[TargetState]:
        """The targets that were asked since the start, and for the owner those of the last 24 hours."""
        targets = session.targets()
        if self._gateway.policy.public:
            return targets
        earlier = self._gateway.days.targets - {target.name for target in targets}
        return (*targets, *(TargetState(name, None, ()) for name in sorted(earlier)))

    def _day(self, session: Session, target: str) -> str:
        """A target's last day. A visitor with keys of their own asks with those, and it is about the owner's."""
        if self._gateway.policy.public and session is not self._gateway.common_session:
            return ""
        return day_html(self._gateway.days.of(target))

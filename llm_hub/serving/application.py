"""The whole site as one application: what it is made of, and the order in which that starts and ends.

`dispatch.py` says which part answers a request, `startup.py` how the page is built, `shutdown.py` how a stop ends
answers, `site_state.py` what `/health` reports, and `front_door` what every request passes first.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from llm_hub.access.client_address import address, from_here
from llm_hub.access.issued_keys import IssuedKeys
from llm_hub.api import conversation_files, conversations, health, owner, owner_keys, router, visitor_keys
from llm_hub.api.early_refusals import EarlyRefusals
from llm_hub.arena.votes import Votes
from llm_hub.conversations.open_conversations import OpenConversations
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.gateway.alerts import Alerts, webhook
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.metrics import Metrics
from llm_hub.gateway.owner_settings import OwnerSettings
from llm_hub.gateway.policy import Policy
from llm_hub.gateway.target_checks import TargetChecks
from llm_hub.gateway.tracing import Tracing
from llm_hub.gateway.visitors import Visitors
from llm_hub.hub import Hub
from llm_hub.redaction import redact
from llm_hub.serving.descriptors import max_open_requests
from llm_hub.serving.dispatch import Dispatch
from llm_hub.serving.front_door import FrontDoor
from llm_hub.serving.front_door.path_groups import HEALTH
from llm_hub.serving.memory import settle, trim_forever
from llm_hub.serving.mount import build_page
from llm_hub.serving.shutdown import Shutdown
from llm_hub.serving.site_state import SiteState, liveness
from llm_hub.serving.startup import open_page
from llm_hub.setting_texts import NO_KEYS
from llm_hub.storage.database import Database
from llm_hub.ui.gradio_fixes import upload_cleanup
from llm_hub.ui.render import conversation_file
from llm_hub.usage.counters import Counters
from llm_hub.usage.ledger import Ledger
from llm_hub.usage.target_days import TargetDays
from llm_hub.wire.network import Network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp

    from llm_hub.checkup.checkup_store import CheckupStore
    from llm_hub.redaction import Redactor
    from llm_hub.runs.open_runs import OpenRuns
    from llm_hub.settings import Settings

log = logging.getLogger("llm_hub")

THIS_COMPUTER = ("127.0.0.1", "::1", "localhost")
"""The values of LLM_HUB_HOST with which nobody else can connect."""


class Application:
    """The whole site; `asgi` answers: the API from the first moment, the page as soon as it is built."""

    def __init__(self, settings: Settings, redactor: Redactor | None = None) -> None:
        self._is_on_space = "SPACE_ID" in os.environ
        self._public = settings.public
        self._keeps_history = settings.history != "off"
        self._counters = Counters(settings.redis_url)
        self._database = Database(settings.database_url)
        self._ledger = Ledger(self._database, days=settings.ledger_days)
        self.votes = Votes(self._database)
        self.hub = Hub(settings)
        metrics = Metrics(self.hub.session())
        self._issued = issued = IssuedKeys(self._database, self._counters, reserved=(*NO_KEYS, *settings.api_keys))
        policy = Policy.from_settings(settings, self._counters, issued)
        policy.recall_from(self._ledger)
        self._ledger.reserved.is_awaited = not settings.redis_url
        self._tracing = Tracing() if settings.otel else None
        self.gateway = Gateway(
            self.hub,
            policy,
            meter=Meter(self._ledger, metrics, tracing=self._tracing, redactor=redactor),
            visitors=Visitors(self.hub, redactor=redactor),
            owner_settings=OwnerSettings.of_owner_alone(self.hub, policy, settings, redactor),
            days=TargetDays(self._database),
            reserved_money=self._ledger.reserved,
            address_of=partial(address, on_space=self._is_on_space),
        )
        self._check_seconds = 60 * settings.checks
        self._alerts = self._open_alerts(settings, redactor)
        self.conversations = self._open_conversations(settings)
        self.state = SiteState()
        routes = visitor_keys.routes(self.gateway)
        if self.gateway.owner_settings is not None:
            routes += owner.routes(self.gateway, self.gateway.owner_settings)
        if not settings.public:
            routes += owner_keys.routes(issued, self._ledger)
        routes += conversations.routes(self.conversations, self._run_heads)
        routes += conversation_files.routes(self.conversations, conversation_file)
        self.site = Starlette(routes=routes, lifespan=self._lifespan)
        early_refusals = EarlyRefusals(metrics)
        dispatch = Dispatch(
            site=self.site,
            api=router(self.gateway),
            health=health(
                {HEALTH: self.state.health, f"{HEALTH}/ready": self.state.readiness, f"{HEALTH}/live": liveness}
            ),
            state=self.state,
            early_refusals=early_refusals,
        )
        self.front_door = FrontDoor(
            dispatch,
            on_space=self._is_on_space,
            names=settings.allowed_hosts,
            only_here=settings.host in THIS_COMPUTER,
            max_open=max_open_requests(),
            refuse_early=early_refusals,
        )
        self.asgi: ASGIApp = self.front_door
        self._shutdown = Shutdown(
            state=self.state,
            running=self.hub.running,
            api_requests=dispatch.api_requests,
            timeout=settings.shutdown_timeout,
        )
        self._address = ""
        self._runs: OpenRuns | None = None
        keys = len(self.gateway.policy.api_keys)
        self._api_callers = (
            f"{keys} {'key' if keys == 1 else 'keys'}" if keys else "this computer only: no LLM_HUB_API_KEYS"
        )

    def _open_alerts(self, settings: Settings, redactor: Redactor | None) -> Alerts | None:
        if not (url := settings.alert_webhook.get_secret_value()):
            return None
        claim = self.hub.exchange.claim_for if self.hub.exchange is not None else None
        alerts = Alerts(webhook(url, Network.read(settings.value)), clean=redactor or redact, claim=claim)
        self.hub.observe_attempts(alerts.note_attempt)
        self.gateway.policy.watch_spending(alerts.note_spending)
        return alerts

    def _open_conversations(self, settings: Settings) -> OpenConversations:
        """The owner's are kept in the database, those of visitors of a public hub in their own browsers."""
        redact = self.gateway.visitors.redacted
        if settings.history == "off":
            return OpenConversations(keeping="off", redact=redact)
        if settings.public:
            return OpenConversations(keeping="browser", redact=redact)
        store = SqlConversationStore(self._database, redact=redact)
        return OpenConversations(store, redact=redact, is_here=partial(from_here, "127.0.0.1"))

    def _open_runs(self, stack: AsyncExitStack) -> OpenRuns | None:
        """Runs are for a hub's owner: none where others reach the page. Their code is not imported before."""
        if self._public:
            return None
        from llm_hub.runs.open_runs import OpenRuns
        from llm_hub.runs.run_store import RunStore

        database = self._database
        if not self._keeps_history:
            database = Database("sqlite:///:memory:")
            stack.push_async_callback(database.aclose)
        runs = OpenRuns(self.gateway, RunStore(database), clean=self.gateway.visitors.redacted)
        self._runs = runs
        stack.push_async_callback(runs.aclose)  # its last answers are rows of the ledger
        return runs

    async def _run_heads(self, search: str) -> list[dict[str, Any]]:
        return [] if self._runs is None else await self._runs.listed(search)

    def _checkups(self) -> CheckupStore | None:
        """The check-ups that were made with the command, for a hub's owner."""
        if self._public or not self._keeps_history:
            return None
        from llm_hub.checkup.checkup_store import CheckupStore

        return CheckupStore(self._database)

    def announce(self, url: str) -> None:
        """Takes the page's address, which is logged once the page answers."""
        self._address = url

    async def drain(self, hurry: asyncio.Event) -> None:
        """Stops: see `Shutdown.drain`."""
        await self._shutdown.drain(hurry)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.hub.aclose)
            stack.push_async_callback(self._counters.aclose)
            stack.push_async_callback(self._database.aclose)
            stack.push_async_callback(self._send_last)  # once all is kept: others may take their time
            stack.push_async_callback(self._ledger.aclose)
            stack.push_async_callback(self.gateway.days.aclose)
            stack.push_async_callback(self.conversations.aclose)  # its last answers are rows of the ledger
            work = (
                self._open(stack),
                self.gateway.visitors.sweep_forever(),
                self._ledger.sweep_forever(),
                self._issued.refresh_forever(),
                self.gateway.days.write_forever(),
                self.conversations.sweep_forever(),
                upload_cleanup.sweep_forever(),
                trim_forever(),
            )
            background = [asyncio.create_task(task) for task in work]
            if self.hub.exchange is not None:
                background.append(asyncio.create_task(self.hub.exchange.run()))
            if self._check_seconds:
                background.append(asyncio.create_task(TargetChecks(self.gateway, self._check_seconds).run()))
            if self._alerts is not None:
                background.append(asyncio.create_task(self._alerts.send_forever()))
            yield
            for task in background:
                task.cancel()
            await asyncio.wait(background)

    async def _send_last(self) -> None:
        """Sends the alerts and the spans that wait."""
        await asyncio.gather(*(each.aclose() for each in (self._alerts, self._tracing) if each is not None))

    async def _open(self, stack: AsyncExitStack) -> None:
        """Builds the page while the API answers."""
        await self._build(stack)
        await settle()

    async def _build(self, stack: AsyncExitStack) -> None:
        """Builds the page. If that fails, `/health` says so."""
        ledger = None if self._public else self._ledger
        try:
            runs = await asyncio.to_thread(self._open_runs, stack)
            checkups = self._checkups()
            build = partial(build_page, self.gateway, self.votes, ledger, self.conversations, runs, checkups=checkups)
            page, heartbeats_end = await open_page(build, self.site, self.front_door, stack)
            await self._database.load()
        except Exception:
            self.state.failed = True
            log.exception("The page could not be built.")
            return
        self._shutdown.heartbeats_end = heartbeats_end
        self.state.page = page
        log.info("LLM Hub is ready: %s (its API answers %s)", self._address, self._api_callers)
        await self.hub.warm_up()

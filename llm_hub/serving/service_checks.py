"""What `llm-hub check` says of the services around the hub: its database, Redis, alerts, traces and background checks.

Each is asked whether it is there. That writes nothing to it, posts nothing, and costs nothing.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from llm_hub.errors import ConfigurationError
from llm_hub.gateway.alerts import try_webhook
from llm_hub.gateway.tracing import try_collector
from llm_hub.storage.database import Database
from llm_hub.usage.counters import Counters
from llm_hub.wire.network import Network

if TYPE_CHECKING:
    from llm_hub.settings import Settings

MAX_REPLY_SECONDS = 10.0
"""Seconds that each provider and service gets for its reply, the import of its libraries among them."""
MAX_COLLECTOR_SECONDS = 3.0
"""Seconds that OpenTelemetry's collector gets: where it is not there, its exporter tries again until they are over."""
COLLECTOR = "http://localhost:4318"
"""Where OpenTelemetry's exporter sends spans if the environment does not say."""

Verdict = Literal["ok", "no", "-"]
"""Whether something works. "-": it is not set up, which is no fault."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return f"  {self.verdict:<2}  {self.subject:<{SUBJECT_WIDTH}}  {self.text}"


SUBJECT_WIDTH = 12
"""Characters."""


async def check_services(settings: Settings) -> list[Finding]:
    """What is set up beside the providers, and whether it can be reached."""
    services = await asyncio.gather(_database(settings), _redis(settings), _alerts(settings), _traces(settings))
    return [*services, _background_checks(settings)]


async def _database(settings: Settings) -> Finding:
    kind = "SQLite" if settings.database_url.startswith("sqlite") else "PostgreSQL"
    database = Database(settings.database_url)
    try:
        async with asyncio.timeout(MAX_REPLY_SECONDS):
            await database.ping()
    except TimeoutError:
        return Finding(
            "database", "no", f"{kind} gave no answer in {MAX_REPLY_SECONDS:.0f} s. Check LLM_HUB_DATABASE_URL."
        )
    except ConfigurationError as error:
        return Finding("database", "no", f"{kind}: {error}")
    return Finding("database", "ok", f"{kind}, made when it is first written to" if database.is_missing else kind)


async def _redis(settings: Settings) -> Finding:
    if not settings.redis_url:
        return Finding("Redis", "-", "not used: no LLM_HUB_REDIS_URL. This hub counts and pauses by itself")
    counters = Counters(settings.redis_url)
    try:
        await counters.ping()
    except ConfigurationError as error:
        return Finding("Redis", "no", str(error))
    finally:
        await counters.aclose()
    return Finding("Redis", "ok", "answers: limits, pauses and probes are shared with the hubs that use it")


async def _alerts(settings: Settings) -> Finding:
    url = settings.alert_webhook.get_secret_value()
    if not url:
        return Finding("alerts", "-", "not sent: no LLM_HUB_ALERT_WEBHOOK")
    where = "posted to the address in LLM_HUB_ALERT_WEBHOOK"
    try:
        async with asyncio.timeout(MAX_REPLY_SECONDS):
            await asyncio.to_thread(try_webhook, url, Network.read(settings.value))
    except Exception as error:  # noqa: BLE001  # whatever it is: its text may show the URL
        return Finding("alerts", "no", f"{where}, whose server cannot be reached ({type(error).__name__})")
    return Finding("alerts", "ok", f"{where}, whose server answers. Nothing was posted to try it")


async def _traces(settings: Settings) -> Finding:
    if not settings.otel:
        return Finding("traces", "-", "not sent: no LLM_HUB_OTEL")
    addresses = map(os.environ.get, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"))
    host = urlsplit(next(filter(None, addresses), COLLECTOR)).netloc.rpartition("@")[2]
    try:
        takes_spans = await asyncio.to_thread(try_collector, MAX_COLLECTOR_SECONDS)
    except ConfigurationError as error:
        return Finding("traces", "no", str(error))
    if not takes_spans:
        advice = "Start it, or set OTEL_EXPORTER_OTLP_ENDPOINT in the environment."
        return Finding("traces", "no", f"the collector at {host} takes none. {advice}")
    return Finding("traces", "ok", f"sent to the collector at {host}, which takes them")


def _background_checks(settings: Settings) -> Finding:
    if not settings.checks:
        return Finding("checks", "-", "no background checks: no LLM_HUB_CHECKS")
    return Finding("checks", "ok", f"every {settings.checks:g} min, the models of auto that were not asked since")

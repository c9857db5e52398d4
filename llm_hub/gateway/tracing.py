"""Spans for OpenTelemetry: one for each answer, and in it one for each attempt, by the conventions for generative AI.

They are made when an answer is over, from what was counted of it, and sent in the background by OpenTelemetry's own
exporter, which reads OTEL_EXPORTER_OTLP_ENDPOINT and its like from the environment. No span has a word of a prompt or
of an answer, or a key.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

from llm_hub import __version__
from llm_hub.errors import ConfigurationError
from llm_hub.gateway.daemon_thread import in_daemon_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

    from llm_hub.chat import Attempt, Usage
    from llm_hub.gateway.answer_tally import AnswerTally

log = logging.getLogger(__name__)

NANO = 10**9
STOP_GRACE = 2.0
"""Seconds that the spans that wait get when the hub stops."""
TOKENS = {
    "gen_ai.usage.input_tokens": "prompt_tokens",
    "gen_ai.usage.output_tokens": "completion_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cached_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
}
"""Counts of tokens by the conventions' name and by the hub's."""
PROVIDERS = {
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Providers whose name the conventions write otherwise."""


class Tracing:
    """Sends spans to `exporter`; None: by OTLP over HTTP. Raises `ConfigurationError` where a package is missing."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            from llm_hub.gateway.collector_exporter import CollectorExporter
        except ImportError:
            raise _missing() from None
        name = os.environ.get("OTEL_SERVICE_NAME", "llm-hub")
        resource = Resource.create({"service.name": name, "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or CollectorExporter()))
        self._tracer = self._provider.get_tracer("llm_hub", __version__)

    def note(self, tally: AnswerTally, *, ended: float, caller: str, surface: str, clean: Callable[[str], str]) -> None:
        """An answer is over, `ended` seconds after 1970. Its spans are sent later."""
        from opentelemetry import trace

        began = ended - tally.seconds
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "llm_hub.caller": caller,
            "llm_hub.surface": surface,
            "llm_hub.outcome": tally.outcome,
            "llm_hub.attempts": len(tally.attempts),
            **_target_attributes(*clean(tally.target).split("/", 1)),
            **_usage_attributes(tally.usage),
        }
        if tally.first_token is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = tally.first_token
        if tally.price is not None:
            attributes["llm_hub.price_dollars"] = float(tally.price)
        if tally.line is not None:
            attributes["llm_hub.request_id"] = tally.line.id
        span = self._tracer.start_span("chat", attributes=attributes, start_time=int(began * NANO))
        _end(span, tally.outcome, ended)
        context = trace.set_span_in_context(span)
        for attempt in tally.attempts:
            start = began + attempt.started
            known = clean(tally.name_of(attempt)).split("/", 1)
            child = self._tracer.start_span(
                f"chat {known[-1]}",
                context=context,
                kind=trace.SpanKind.CLIENT,
                attributes=_attempt_attributes(attempt, known),
                start_time=int(start * NANO),
            )
            _end(child, attempt.outcome, start + attempt.seconds)

    async def aclose(self) -> None:
        """Sends what waits, if that goes fast: the exporter itself would try for ten seconds and more."""
        try:
            async with asyncio.timeout(STOP_GRACE):
                await in_daemon_thread(self._provider.shutdown)
        except TimeoutError:
            log.warning("The last spans were not sent: OpenTelemetry's collector takes too long.")


def try_collector(seconds: float) -> bool:
    """Whether the collector of the environment takes spans within so many seconds: an empty list is sent to it.

    Raises `ConfigurationError` where a package is missing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        raise _missing() from None
    return OTLPSpanExporter(timeout=seconds).export(()) is SpanExportResult.SUCCESS


def _missing() -> ConfigurationError:
    return ConfigurationError(
        "LLM_HUB_OTEL needs OpenTelemetry's packages.", hint='Install them: pip install "llm-hub[otel]".'
    )


def _end(span: Span, outcome: str, at: float) -> None:
    from opentelemetry.trace import Status, StatusCode

    if outcome not in ("answered", "cancelled", "stopped", "overtaken"):
        span.set_attribute("error.type", outcome)
        span.set_status(Status(StatusCode.ERROR, outcome))
    span.end(int(at * NANO))


def _attempt_attributes(attempt: Attempt, known: list[str]) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "llm_hub.outcome": attempt.outcome,
        "llm_hub.sent": attempt.was_sent,
        **_target_attributes(*known),
        **_usage_attributes(attempt.usage or {}),
    }
    if attempt.first_token is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = attempt.first_token
    return attributes


def _target_attributes(provider: str = "", model: str = "") -> dict[str, str]:
    if not provider:
        return {}
    return {"gen_ai.provider.name": PROVIDERS.get(provider, provider), "gen_ai.request.model": model}


def _usage_attributes(usage: Usage | Mapping[str, Any]) -> dict[str, int]:
    return {name: count for name, ours in TOKENS.items() if isinstance(count := usage.get(ours), int)}

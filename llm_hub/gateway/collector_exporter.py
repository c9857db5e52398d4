"""OpenTelemetry's exporter, which says only now and then that its collector takes nothing, and not at each try."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger(__name__)

LOG_INTERVAL = 600.0
"""Seconds after a line of the log in which none follows."""


class CollectorExporter(OTLPSpanExporter):
    """Sends spans by OTLP over HTTP, as the variables of the environment say."""

    def __init__(self) -> None:
        logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.CRITICAL)
        super().__init__()
        self._logged_at = -LOG_INTERVAL

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends these, with OpenTelemetry's own further tries."""
        result = super().export(spans)
        now = time.monotonic()
        if result is not SpanExportResult.SUCCESS and now - self._logged_at >= LOG_INTERVAL:
            self._logged_at = now
            collector = urlsplit(self._endpoint).netloc.rpartition("@")[2]
            log.warning(
                "Traces are lost: the collector at %s takes none. Start it, or set OTEL_EXPORTER_OTLP_ENDPOINT.",
                collector,
            )
        return result

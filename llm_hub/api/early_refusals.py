"""Refusals of requests that no endpoint has seen: in the client's own dialect, counted, and logged within bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers

from llm_hub import logs
from llm_hub.api.dialects import DIALECTS, recognise
from llm_hub.api.encoding import dump
from llm_hub.api.paths import VERSION
from llm_hub.api.refusals import Refusal, error_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

    from llm_hub.api.dialects.dialect import Dialect
    from llm_hub.gateway.metrics import Metrics

ENDPOINT = f"{VERSION}/"
"""What log and metrics call the endpoint that was not reached: the path can be anything."""
FLOOD_STATUSES = (429, 503)
"""The statuses of a flood. With any other an address gets no more replies than the API gives it anyway."""
FLOOD_LOG_SECONDS = 10.0
"""Seconds between two lines of the log about a flood. Refusals in between are only counted: they must not fill the
disk."""


class EarlyRefusals:
    """Refuses requests in the place of the API's endpoints."""

    def __init__(
        self,
        metrics: Metrics | None = None,
        *,
        flood_log_seconds: float = FLOOD_LOG_SECONDS,
        dialects: Sequence[Dialect[Any]] = DIALECTS,
    ) -> None:
        self._metrics = metrics
        self._flood_log_seconds = flood_log_seconds
        self._dialects = dialects
        self._unlogged: dict[int, int] = {}
        """By status of a flood: how many were refused since its last line."""

    def __call__(self, scope: Scope, status: int, message: str, code: str | None = None) -> tuple[bytes, str]:
        """The reply's JSON, and the request's id."""
        if status == 429:
            code = "rate_limit_exceeded"
        error = error_of(Refusal(status, message, code=code))[1]
        _, body = recognise(scope, self._dialects).error(status, error)
        line = logs.Request(
            logs.id_for(Headers(scope=scope).get(logs.REQUEST_ID_HEADER, "")), endpoint=ENDPOINT, status=status
        )
        if self._metrics:
            self._metrics.replied(ENDPOINT, status)
        if status in self._unlogged:
            self._unlogged[status] += 1
        else:
            line.log()
            if status in FLOOD_STATUSES:
                self._count_silently(status)
        return dump(body), line.id

    def _count_silently(self, status: int) -> None:
        self._unlogged[status] = 0
        asyncio.get_running_loop().call_later(self._flood_log_seconds, self._log_count, status)

    def _log_count(self, status: int) -> None:
        """Logs how many were refused meanwhile. If none were, the flood is over, and the next one is a line again."""
        if count := self._unlogged.pop(status):
            logs.requests.warning("%d more requests were answered %d before an endpoint saw them.", count, status)
            self._count_silently(status)

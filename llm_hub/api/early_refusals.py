"""Refusals of requests that no endpoint has seen: in the client's own words, counted, and logged within bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request

from llm_hub import logs
from llm_hub.api.bodies import dump
from llm_hub.api.dialects.hub_chat import error_body
from llm_hub.api.dialects.messages import MESSAGES
from llm_hub.api.listings import is_anthropic
from llm_hub.api.refusals import Refused, error_of

if TYPE_CHECKING:
    from starlette.types import Scope

    from llm_hub.gateway.metrics import Metrics

ENDPOINT = "/v1/"
"""What log and metrics call the endpoint that was not reached: the path can be anything."""
FLOODS = (429, 503)
"""The statuses of a flood. With any other an address gets no more replies than the API gives it anyway."""
QUIET = 10.0
"""Seconds after a flood's line in which the next refusals are only counted: they must not fill the disk."""


class EarlyRefusals:
    """Refuses requests in the place of the API's endpoints."""

    def __init__(self, metrics: Metrics | None = None, *, quiet: float = QUIET) -> None:
        self._metrics = metrics
        self._quiet = quiet
        self._more: dict[int, int] = {}
        """By status: how many were refused since the last line."""

    def __call__(self, scope: Scope, status: int, message: str, code: str | None = None) -> tuple[bytes, str]:
        """The reply's JSON, and the request's id."""
        request = Request(scope)
        said = error_of(Refused(status, message, code=code))[1]
        if status == 429:
            said |= {"type": "rate_limit_error", "code": "rate_limit_exceeded"}
        for_anthropic = scope["path"].startswith("/v1/messages") or is_anthropic(request)
        _, body = (MESSAGES.error if for_anthropic else error_body)(status, said)
        line = logs.Request(logs.id_for(request.headers.get(logs.ID, "")), way=ENDPOINT, status=status)
        if self._metrics:
            self._metrics.replied(ENDPOINT, status)
        if status in self._more:
            self._more[status] += 1
        else:
            line.log()
            if status in FLOODS:
                self._wait(status)
        return dump(body), line.id

    def _wait(self, status: int) -> None:
        self._more[status] = 0
        asyncio.get_running_loop().call_later(self._quiet, self._sum_up, status)

    def _sum_up(self, status: int) -> None:
        if more := self._more.pop(status):
            logs.requests.warning("%d more requests were answered %d before an endpoint saw them.", more, status)
            self._wait(status)

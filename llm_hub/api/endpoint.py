"""What stands around every endpoint: who may ask, an id for the request, its line in the log, and refusals."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from llm_hub import logs
from llm_hub.api.authentication import authenticate
from llm_hub.api.dialects.dialect import error_reply
from llm_hub.api.encoding import json_response
from llm_hub.api.indexed_headers import IndexedRequest
from llm_hub.api.refusals import INTERNAL_ERROR, Refusal
from llm_hub.errors import LLMHubError, LoopDetected
from llm_hub.wire import hops

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from llm_hub.access.issued_keys import IssuedKeys
    from llm_hub.api.dialects.dialect import Dialect
    from llm_hub.gateway.metrics import Metrics

log = logging.getLogger(__name__)

_ID_HEADER = logs.REQUEST_ID_HEADER.encode()

Handler = Callable[[Request], Awaitable[Response]]
"""Answers a request whose caller is known: `request.state.caller`. Raises `LLMHubError` or `Refusal`."""


class Endpoint:
    """An endpoint as an ASGI application.

    `path` is the endpoint's own, as it was declared, for log and metrics. `dialect_of` gives the dialect in which a
    request is refused. `keys` are those of the settings, by name, `issued` those that the owner has made on the page.
    """

    def __init__(
        self,
        path: str,
        handler: Handler,
        dialect_of: Callable[[Scope], Dialect[Any]],
        keys: Mapping[str, str],
        metrics: Metrics | None = None,
        *,
        issued: IssuedKeys | None = None,
    ) -> None:
        self._path = path
        self._handler = handler
        self._dialect_of = dialect_of
        self._keys = keys
        self._issued = issued
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request = IndexedRequest(scope, receive, send)
        line = logs.Request(logs.id_for(request.headers.get(logs.REQUEST_ID_HEADER, "")), endpoint=self._path)
        token = logs.current_request.set(line)
        try:
            response = await self._answer(request, line)
            line.status = response.status_code
            response.raw_headers.append((_ID_HEADER, line.id.encode()))
            await response(scope, receive, send)
        finally:
            line.seconds = time.perf_counter() - began
            line.log()
            if self._metrics and line.status is not None:
                self._metrics.replied(self._path, line.status)
            logs.current_request.reset(token)

    async def _answer(self, request: Request, line: logs.Request) -> Response:
        try:
            hops.arrive(request.headers.get(hops.HEADER, ""))
            line.caller = request.state.caller = await authenticate(request, self._keys, self._issued)
            return await self._handler(request)
        except (LLMHubError, Refusal) as error:
            return refuse(self._dialect_of(request.scope), error)
        except Exception:
            log.exception("%s failed inside the hub.", self._path)
            status, body = self._dialect_of(request.scope).error(*INTERNAL_ERROR)
            return json_response(body, status)


def refuse(dialect: Dialect[Any], error: LLMHubError | Refusal) -> Response:
    """The reply to a request that is not answered, in the dialect's shape."""
    status, body = error_reply(dialect, error)
    response = json_response(body, status)
    if (wait := getattr(error, "retry_after", None)) is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(wait)))
    if isinstance(error, LoopDetected):
        response.headers["x-should-retry"] = "false"  # OpenAI's and Anthropic's SDKs would ask again after a 5xx
    if isinstance(error, Refusal) and error.allowed:
        response.headers["allow"] = error.allowed
    return response

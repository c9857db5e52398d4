"""What stands around every endpoint: who may ask, an id for the request, its line in the log, and refusals."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

from starlette.requests import Request

from llm_hub import logs
from llm_hub.api.authentication import admitted
from llm_hub.api.listings import reply
from llm_hub.api.refusals import Refused, error_of
from llm_hub.errors import LLMHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from llm_hub.api.dialects.dialect import Said
    from llm_hub.api.listings import Handler
    from llm_hub.gateway.metrics import Metrics

    Refuse = Callable[[Request, int, Said], tuple[int, object]]

log = logging.getLogger(__name__)

WENT_WRONG = "Something went wrong inside LLM Hub."


class Endpoint:
    """An endpoint as an ASGI application. `path` is its own, as it was declared."""

    def __init__(
        self,
        path: str,
        endpoint: Handler,
        refuse: Refuse,
        keys: Mapping[str, str],
        metrics: Metrics | None = None,
    ) -> None:
        self._path = path
        self._endpoint = endpoint
        self._refuse = refuse
        self._keys = keys
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request = Request(scope, receive, send)
        line = logs.Request(logs.id_for(request.headers.get(logs.ID, "")), way=self._path)
        token = logs.current.set(line)
        try:
            response = await self._answer(request, line)
            line.status = response.status_code
            response.headers[logs.ID] = line.id
            await response(scope, receive, send)
        finally:
            line.seconds = time.perf_counter() - began
            line.log()
            if self._metrics and line.status is not None:
                self._metrics.replied(self._path, line.status)
            logs.current.reset(token)

    async def _answer(self, request: Request, line: logs.Request) -> Response:
        try:
            line.who = request.state.who = admitted(request, self._keys)
            return await self._endpoint(request)
        except (LLMHubError, Refused) as error:
            status, body = self._refuse(request, *error_of(error))
            response = reply(body, status)
            if (wait := getattr(error, "retry_after", None)) is not None:
                response.headers["retry-after"] = str(max(1, math.ceil(wait)))
            if allowed := getattr(error, "allowed", ""):
                response.headers["allow"] = allowed
            return response
        except Exception:
            log.exception("%s failed inside the hub.", self._path)
            said = {"message": WENT_WRONG, "type": "server_error", "param": None, "code": None}
            status, body = self._refuse(request, 500, said)
            return reply(body, status)

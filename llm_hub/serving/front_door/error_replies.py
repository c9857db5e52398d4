"""Turns what the rules and the application raise into a reply, in the form that whoever asked can show."""

from __future__ import annotations

import logging
import math
import traceback
from typing import TYPE_CHECKING

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from llm_hub.serving.front_door.path_groups import CONVERSATIONS
from llm_hub.serving.front_door.refusal import FrontDoorRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    RefuseEarly = Callable[[Scope, int, str], tuple[bytes, str]]
    """Refuses a request of the API with a status and a sentence: the JSON to send, and the request's id."""

log = logging.getLogger(__name__)

MAX_DRAINED_BYTES = 2**20
"""Of a body that nobody needs. Who sends more gets no reply."""

_BUSY_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>LLM Hub is busy</title><style>
body{display:grid;place-content:center;height:100vh;margin:0;font:16px system-ui,sans-serif;text-align:center;
color:#334155;background:#fff}@media(prefers-color-scheme:dark){body{color:#cbd5e1;background:#0b0f19}}
</style></head><body><p role="status">Many people are here at the moment. This page tries again by itself.</p>
</body></html>"""


class ErrorReplies:
    """Answers a refusal with its status, and any other error with 500, unless a reply has begun already."""

    def __init__(self, app: ASGIApp, refuse_early: RefuseEarly | None) -> None:
        self._app = app
        self._refuse_early = refuse_early

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        def send_and_note(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            return  # who left before the body was whole is not there to be answered
        except FrontDoorRefusal as error:
            refusal = error
        except HTTPException as error:
            refusal = FrontDoorRefusal(error.status_code, "Not found.")
        except Exception as error:  # noqa: BLE001  # its words may be what somebody typed: only the places are logged
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s %s failed: %s\n%s", scope["method"], scope["path"][:200], type(error).__name__, places)  # noqa: TRY400
            refusal = FrontDoorRefusal(500, "Something went wrong inside LLM Hub.")
        else:
            return
        if not started:
            await self._refuse(scope, receive, send, refusal)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, refusal: FrontDoorRefusal) -> None:
        path, request_id = scope["path"], ""
        if path == "/" and refusal.status in (429, 503):
            kind, body = b"text/html; charset=utf-8", _BUSY_PAGE
        elif path.startswith("/v1/") and self._refuse_early is not None:
            kind = b"application/json"
            body, request_id = self._refuse_early(scope, refusal.status, refusal.text)
        elif path.startswith(CONVERSATIONS):
            kind, body = b"application/json", orjson.dumps({"problem": refusal.text})
        elif path.startswith("/gradio_api/"):
            kind, body = b"application/json", orjson.dumps({"detail": refusal.text})  # the page shows this
        else:
            kind, body = b"text/plain; charset=utf-8", refusal.text.encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        if request_id:
            headers.append((b"x-request-id", request_id.encode()))
        if refusal.wait:
            headers.append((b"retry-after", str(math.ceil(refusal.wait)).encode()))
        if refusal.status == 503:  # an idle connection is an open file that others wait for
            await _read_to_the_end(receive)
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _read_to_the_end(receive: Receive) -> None:
    """Reads what is left of the body, up to a bound. Closed before, a connection loses the reply as well."""
    size = 0
    while size < MAX_DRAINED_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            return

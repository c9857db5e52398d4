"""How the server is, for whoever watches it: without a key, and without a line in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from llm_hub.api.dialects.hub_chat import error_body
from llm_hub.api.listings import reply
from llm_hub.api.refusals import Refused, error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    State = Callable[[], tuple[int, str]]
    """A status, and the word for it."""

METHODS = ("GET", "HEAD")


def health(states: Mapping[str, State]) -> ASGIApp:
    """An ASGI application that answers each of the paths with its state."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        state = states.get(request.url.path)
        if state is None:
            response = _refusal(Refused(404, f"There is no such endpoint. There are {', '.join(states)}."))
        elif request.method not in METHODS:
            allowed = ", ".join(METHODS)
            response = _refusal(Refused(405, f"This endpoint takes another method: {allowed}.", allowed=allowed))
        else:
            status, word = state()
            response = reply({"status": word}, status)
        await response(scope, receive, send)

    return answered


def _refusal(refused: Refused) -> Response:
    status, body = error_body(*error_of(refused))
    response = reply(body, status)
    if refused.allowed:
        response.headers["allow"] = refused.allowed
    return response

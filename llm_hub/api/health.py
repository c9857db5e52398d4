"""How the server is, for whoever watches it: without a key, and without a line in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from llm_hub.api.dialects import OWN_DIALECT
from llm_hub.api.encoding import json_response
from llm_hub.api.endpoint import refuse
from llm_hub.api.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    State = Callable[[], tuple[int, str]]
    """A status, and the word for it."""

METHODS = ("GET", "HEAD")


def health(states: Mapping[str, State]) -> ASGIApp:
    """An ASGI application that answers each of the paths with its state."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        state = states.get(request.url.path)
        if state is None:
            refusal = Refusal(404, f"There is no such endpoint. There are {', '.join(states)}.")
            response = refuse(OWN_DIALECT, refusal)
        elif request.method not in METHODS:
            allowed = ", ".join(METHODS)
            refusal = Refusal(405, f"This endpoint takes another method: {allowed}.", allowed=allowed)
            response = refuse(OWN_DIALECT, refusal)
        else:
            status, word = state()
            response = json_response({"status": word}, status)
        await response(scope, receive, send)

    return answer

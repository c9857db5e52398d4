"""The endpoints. What a body may say and how it is answered stands with each dialect."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route, Router

from llm_hub.api.bodies import Body, parse
from llm_hub.api.dialects.chat_completions import COMPLETIONS
from llm_hub.api.dialects.dialect import Dialect
from llm_hub.api.dialects.hub_chat import CHAT, error_body
from llm_hub.api.dialects.messages import MESSAGES
from llm_hub.api.endpoint import Endpoint
from llm_hub.api.listings import is_anthropic, lists, reply
from llm_hub.api.openapi import description
from llm_hub.api.refusals import Refused
from llm_hub.api.replies import stream, whole
from llm_hub.api.usage_report import metrics, usage

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llm_hub.api.dialects.dialect import Said
    from llm_hub.api.endpoint import Refuse
    from llm_hub.api.listings import Handler
    from llm_hub.gateway.gateway import Gateway

PATHS = ("/v1", "/metrics")
"""How the paths begin that the API answers."""


def router(gateway: Gateway) -> Router:
    """The API over `gateway`, an ASGI application for `PATHS`.

    Starlette's router alone: FastAPI's layers, of which nothing is used here, would add an eighth to the cost of a
    request.
    """
    meter = gateway.meter
    routes: list[Route] = []

    def add(path: str, endpoint: Handler, refuse: Refuse, *methods: str) -> None:
        guarded = Endpoint(path, endpoint, refuse, gateway.policy.api_keys, meter.metrics)
        routes.append(Route(path, guarded, methods=list(methods)))

    def chat(path: str, dialect: Dialect[Body]) -> None:
        async def answer(request: Request) -> Response:
            body = parse(dialect.body, await _body(request))
            events = gateway.answer(gateway.program(request.state.who, path), body.request())
            if body.stream:
                return await stream(request, events, dialect.writer(body))
            return await whole(request, events, partial(dialect.whole, body))

        add(path, answer, lambda _, status, said: dialect.error(status, said), "POST")

    async def count_tokens(_: Request) -> Response:
        raise Refused(404, "Tokens are not counted here before an answer: each model counts them its own way.")

    async def described(_: Request) -> Response:
        return reply(description())

    async def unknown(request: Request) -> Response:
        others = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
        if methods := sorted({method for route in others for method in route.methods or ()}):
            allowed = ", ".join(methods)
            raise Refused(405, f"This endpoint takes another method: {allowed}.", allowed=allowed)
        raise Refused(404, "There is no such endpoint. docs/api.md lists them.")

    chat("/v1/chat", CHAT)
    chat("/v1/chat/completions", COMPLETIONS)
    chat("/v1/messages", MESSAGES)
    add("/v1/messages/count_tokens", count_tokens, _refused, "POST")
    for path, lister in lists(gateway.owner_session).items():
        add(path, lister, _refused, "GET")
    add("/v1/openapi.json", described, _refused, "GET")
    if meter.ledger:
        add("/v1/usage", usage(meter.ledger), _refused, "GET")
    if meter.metrics:
        add("/metrics", metrics(meter.metrics), _refused, "GET")
    # Last: otherwise the page would answer, with a page, or the router, in plain text.
    for path in ("/v1", "/v1/{rest:path}", "/{rest:path}"):
        add(path, unknown, _refused)  # whatever the method
    return Router(routes, redirect_slashes=False)


def _refused(request: Request, status: int, said: Said) -> tuple[int, object]:
    return MESSAGES.error(status, said) if is_anthropic(request) else error_body(status, said)


async def _body(request: Request) -> bytes:
    """The body. A page of another site could send any other type without the browser asking first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "Send the body as Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused(415, "Send the body as it is: a compressed one, with a Content-Encoding, is not understood.")
    try:
        return await request.body()
    except HTTPException as error:  # it was too much
        raise Refused(error.status_code, error.detail) from None
    except ClientDisconnect:
        raise Refused(499, "The client left before its body was whole.") from None

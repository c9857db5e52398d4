"""The endpoints. What a body may say and how it is answered stands with each dialect."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from llm_hub.api.access import admitted
from llm_hub.api.answering import stream, whole
from llm_hub.api.bodies import Body, parse
from llm_hub.api.completion_answers import COMPLETIONS
from llm_hub.api.dialects import CHAT, Dialect, error_body
from llm_hub.api.lists import is_anthropic, lists, reply
from llm_hub.api.message_answers import MESSAGES
from llm_hub.api.refusals import Refused, error_of
from llm_hub.errors import LLMHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response

    from llm_hub.api.dialects import Said
    from llm_hub.api.lists import Endpoint
    from llm_hub.chat import ChatRequest
    from llm_hub.hub import Hub


def router(hub: Hub, keys: Mapping[str, str]) -> APIRouter:
    """The API over `hub`. `keys` are the owner's for whoever may use it, by name; without any, see access.py."""

    def guarded(endpoint: Endpoint, refuse: Callable[[Request, int, Said], tuple[int, object]]) -> Endpoint:
        async def answered(request: Request) -> Response:
            try:
                admitted(request, keys)
                return await endpoint(request)
            except (LLMHubError, Refused) as error:
                status, said = refuse(request, *error_of(error))
                return reply(said, status)

        return answered

    def chat(dialect: Dialect[Body]) -> Endpoint:
        async def answer(request: Request) -> Response:
            body = parse(dialect.body, await _body(request))
            events = hub.events(_routed(body.request(), hub.route))
            if body.stream:
                return await stream(request, events, dialect.writer(body))
            return await whole(request, events, partial(dialect.whole, body))

        return guarded(answer, lambda _, status, said: dialect.error(status, said))

    async def count_tokens(_: Request) -> Response:
        raise Refused(404, "Tokens are not counted here before an answer: each model counts them its own way.")

    async def unknown(_: Request) -> Response:
        raise Refused(404, "There is no such endpoint, or it takes another method. docs/api.md lists them.")

    routes = APIRouter()
    for path, endpoint in (
        ("/chat", chat(CHAT)),
        ("/chat/completions", chat(COMPLETIONS)),
        ("/messages", chat(MESSAGES)),
        ("/messages/count_tokens", guarded(count_tokens, _refused)),
    ):
        routes.add_route(f"/v1{path}", endpoint, methods=["POST"])
    for path, lister in lists(hub).items():
        routes.add_route(path, guarded(lister, _refused), methods=["GET"])
    # Last: otherwise the page would answer, with a page.
    routes.add_route("/v1/{rest:path}", guarded(unknown, _refused), methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return routes


def _routed(request: ChatRequest, route: tuple[str, ...]) -> ChatRequest:
    """The request with the configured route where its chain says `auto`."""
    if not request.fallback or "auto" not in request.fallback:
        return request
    chain = (target for name in request.fallback for target in (route if name == "auto" else (name,)))
    return replace(request, fallback=tuple(chain))


def _refused(request: Request, status: int, said: Said) -> tuple[int, object]:
    return MESSAGES.error(status, said) if is_anthropic(request) else error_body(status, said)


async def _body(request: Request) -> bytes:
    """The body. A page of another site could send any other type without the browser asking first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "Send the body as Content-Type: application/json.")
    return await request.body()

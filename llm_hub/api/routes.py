"""The endpoints of the API. What a body may contain, and how it is answered, stands with each dialect."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route, Router

from llm_hub.api.bodies import Body, parse
from llm_hub.api.dialects import DIALECTS, recognise
from llm_hub.api.encoding import json_response
from llm_hub.api.endpoint import Endpoint
from llm_hub.api.listings import listings
from llm_hub.api.openapi import description
from llm_hub.api.paths import METRICS, VERSION
from llm_hub.api.refusals import Refusal
from llm_hub.api.replies import stream, whole
from llm_hub.api.stored_answers import AnswerStore
from llm_hub.api.usage_report import metrics, usage
from llm_hub.wire.stages import calls, give_way

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from llm_hub.api.dialects.dialect import Dialect, StoredAnswerFormat, TokenCountFormat
    from llm_hub.api.endpoint import Handler
    from llm_hub.chat import ChatRequest
    from llm_hub.gateway.gateway import Gateway


LARGE_BODY_BYTES = 256 * 2**10
"""Bytes of a body from which on it is read in a thread: other chats' tokens go on meanwhile."""
_reader = ThreadPoolExecutor(1, "body-reader")
"""Reads large bodies, one after another: several at once would hold up the others' tokens together."""
T = TypeVar("T")


class _Router(Router):
    """Starlette's router, which looks at one route after another, where a path without parameters is not found at once.

    FastAPI's layers, of which nothing is used here, would add an eighth to the cost of a request.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        super().__init__(routes, redirect_slashes=False)
        self._endpoints: dict[tuple[str, str], ASGIApp] = {}
        for route in routes:
            for method in () if "{" in route.path else route.methods or ():
                self._endpoints.setdefault((method, route.path), route.endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get((scope.get("method", ""), scope.get("path", "")))
        await (endpoint or super().__call__)(scope, receive, send)


def router(gateway: Gateway, *, dialects: Sequence[Dialect[Any]] = DIALECTS) -> Router:
    """The API over `gateway`, an ASGI application for the paths in `PATHS`."""
    meter = gateway.meter
    routes: list[Route] = []
    recognised: Callable[[Scope], Dialect[Any]] = partial(recognise, dialects=dialects)

    def add(
        path: str, handler: Handler, *methods: str, dialect_of: Callable[[Scope], Dialect[Any]] = recognised
    ) -> None:
        policy = gateway.policy
        endpoint = Endpoint(path, handler, dialect_of, policy.api_keys, meter.metrics, issued=policy.issued)
        routes.append(Route(path, endpoint, methods=list(methods)))

    for dialect in dialects:
        stored = AnswerStore() if dialect.stored_answers else None
        add(dialect.path, _answers(dialect, gateway, stored), "POST", dialect_of=partial(_always, dialect))
        if stored is not None and dialect.stored_answers is not None:
            for method, handler in _stored_answers(stored, dialect.stored_answers).items():
                add(f"{dialect.path}/{{id}}", handler, method, dialect_of=partial(_always, dialect))
        if counts := dialect.token_count:
            add(counts.path, _counts_tokens(dialect, counts, gateway), "POST", dialect_of=partial(_always, dialect))
        for path, reason in dialect.refused_paths.items():
            add(path, _refuses(reason), "POST", dialect_of=partial(_always, dialect))
    for path, handler in listings(gateway.owner_session, dialects).items():
        add(path, handler, "GET")
    add(f"{VERSION}/openapi.json", _describes(dialects), "GET")
    if meter.ledger:
        add(f"{VERSION}/usage", usage(meter.ledger), "GET")
    if meter.metrics:
        add(METRICS, metrics(meter.metrics), "GET")
    # Last: otherwise the page would answer, with a page, or the router, in plain text. They take every method.
    for path in (VERSION, f"{VERSION}/{{rest:path}}", "/{rest:path}"):
        add(path, _refuses_unknown(routes))
    return _Router(routes)


def _answers(dialect: Dialect[Body], gateway: Gateway, stored: AnswerStore | None) -> Handler:
    """The endpoint of a dialect. `stored` are the earlier answers that its requests may refer to."""

    async def answer(request: Request) -> Response:
        with calls:
            body, chat_request = await _read_chat(request, dialect, dialect.body, stored)
            await give_way()
            caller = request.state.caller
            events = gateway.answer(gateway.program(caller, dialect.path), chat_request)
            if body.stream:
                return await stream(request, events, dialect.writer(body))
            is_limited = bool(gateway.policy.quotas_of(caller))
            return await whole(request, events, partial(dialect.answer, body), is_limited=is_limited)

    return answer


def _stored_answers(store: AnswerStore, form: StoredAnswerFormat) -> dict[str, Handler]:
    """The endpoints with which a caller reads and deletes an answer of its own, by method."""

    def refusal(answer_id: str) -> Refusal:
        return Refusal(
            404,
            f"{form.title} with id '{answer_id}' not found. The hub keeps an answer for an hour, as far as there is "
            "room, and none that was asked for with store: false.",
            field="id",
        )

    async def read(request: Request) -> Response:
        answer_id = request.path_params["id"]
        stored = store.of(request.state.caller).get(answer_id)
        if stored is None:
            raise refusal(answer_id)
        return json_response(stored.answer)

    async def delete(request: Request) -> Response:
        answer_id = request.path_params["id"]
        if not store.of(request.state.caller).delete(answer_id):
            raise refusal(answer_id)
        return json_response(form.deleted(answer_id))

    return {"GET": read, "DELETE": delete}


def _counts_tokens(dialect: Dialect[Any], counts: TokenCountFormat, gateway: Gateway) -> Handler:
    """The endpoint that counts the tokens of a request without making it."""

    async def count(request: Request) -> Response:
        _, chat_request = await _read_chat(request, dialect, counts.body)
        caller = gateway.program(request.state.caller, counts.path)
        return json_response(counts.answer(await gateway.count_tokens(caller, chat_request)))

    return count


async def _read_chat(
    request: Request, dialect: Dialect[Any], model: type[Body], stored: AnswerStore | None = None
) -> tuple[Body, ChatRequest]:
    """The body of a request, and what the hub is asked by it. Raises `Refusal`."""
    headers = _protocol_headers(request, dialect) if dialect.protocol_headers else {}
    raw = await _read_body(request)
    run = _run_in_reader if len(raw) >= LARGE_BODY_BYTES else _run_at_once
    body = await run(partial(parse, model, raw, headers, request.scope["query_string"].decode("latin-1")))
    if stored is not None:
        body.recall(stored.of(request.state.caller))
    return body, await run(body.request)


def _protocol_headers(request: Request, dialect: Dialect[Any]) -> dict[str, str]:
    """The request's headers that belong to the vendor's protocol."""
    names = {name for name in request.headers if name.startswith(dialect.protocol_headers)}
    return {name: ",".join(request.headers.getlist(name)) for name in sorted(names)}


async def _run_at_once(read: Callable[[], T]) -> T:
    return read()


async def _run_in_reader(read: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_reader, read)


def _refuses(reason: str) -> Handler:
    """An endpoint of a vendor's that the hub does not offer."""

    async def refuse(_: Request) -> Response:
        raise Refusal(404, reason)

    return refuse


def _refuses_unknown(routes: Sequence[Route]) -> Handler:
    """What answers where there is no endpoint, or one that takes another method."""

    async def refuse(request: Request) -> Response:
        others = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
        if methods := sorted({method for route in others for method in route.methods or ()}):
            allowed = ", ".join(methods)
            raise Refusal(405, f"This endpoint takes another method: {allowed}.", allowed=allowed)
        raise Refusal(404, "There is no such endpoint. docs/api.md lists them.")

    return refuse


def _describes(dialects: Sequence[Dialect[Any]]) -> Handler:
    """The endpoint with the OpenAPI description."""

    async def describe(_: Request) -> Response:
        return json_response(description(tuple(dialects)))

    return describe


def _always(dialect: Dialect[Any], _: Scope) -> Dialect[Any]:
    return dialect


async def _read_body(request: Request) -> bytes:
    """The body. Raises `Refusal` for another type: a page of another site could send it without the browser asking."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refusal(415, "Send the body as Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(415, "Send the body as it is: a compressed one, with a Content-Encoding, is not understood.")
    try:
        return await request.body()
    except HTTPException as error:  # it is larger than the front door lets through
        raise Refusal(error.status_code, error.detail) from None
    except ClientDisconnect:
        raise Refusal(499, "The client left before its body was whole.") from None

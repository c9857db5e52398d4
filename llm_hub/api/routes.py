"""The endpoints. What a body may say stands in bodies.py, how answers are written in dialects.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from llm_hub.api.access import admitted
from llm_hub.api.answering import stream, whole
from llm_hub.api.bodies import Chat, Completion, dump, parse
from llm_hub.api.dialects import ChatWriter, CompletionWriter, chat_body, completion_body
from llm_hub.api.refusals import Refused, error_of
from llm_hub.errors import LLMHubError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llm_hub.hub import Hub, ProviderState

LIST_PATIENCE = 3.0
"""Seconds that a list of models may take; after that it is what was known before."""


def router(hub: Hub, keys: Mapping[str, str]) -> APIRouter:
    """The API over `hub`. `keys` are the owner's for whoever may use it, by name; without any, see access.py."""

    def guarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            try:
                admitted(request, keys)
                return await endpoint(request)
            except (LLMHubError, Refused) as error:
                status, said = error_of(error)
                return _json({"error": said}, status)

        return answered

    async def chat(request: Request) -> Response:
        body = parse(Chat, await _body(request))
        events = hub.events(body.request())
        if body.stream:
            return await stream(request, events, ChatWriter())
        return await whole(request, events, chat_body)

    async def completions(request: Request) -> Response:
        body = parse(Completion, await _body(request))
        events = hub.events(body.request())
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            return await stream(request, events, CompletionWriter(usage=usage))
        return await whole(request, events, completion_body)

    async def providers(_: Request) -> Response:
        return _json({"providers": [state.name for state in hub.providers()]})

    async def provider(request: Request) -> Response:
        name = request.path_params["name"]
        for state in hub.providers():
            if state.name == name:
                return _json(await _described(hub, state))
        raise Refused(404, "There is no such provider. GET /v1/providers lists them.", field="name")

    async def models(_: Request) -> Response:
        ready = [state.name for state in hub.providers() if state.ready]
        lists = await asyncio.gather(*(hub.known_models(name, LIST_PATIENCE) for name in ready))
        listed = [_model(f"{name}/{model}", name) for name, known in zip(ready, lists, strict=True) for model in known]
        return _json({"object": "list", "data": [_model("auto", "llm-hub"), *listed]})

    routes = APIRouter()
    for path, endpoint, method in (
        ("/chat", chat, "POST"),
        ("/chat/completions", completions, "POST"),
        ("/providers", providers, "GET"),
        ("/providers/{name}", provider, "GET"),
        ("/models", models, "GET"),
    ):
        routes.add_route(f"/v1{path}", guarded(endpoint), methods=[method])
    return routes


async def _body(request: Request) -> bytes:
    """The body. A page of another site could send any other type without the browser asking first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "Send the body as Content-Type: application/json.")
    return await request.body()


async def _described(hub: Hub, state: ProviderState) -> dict[str, Any]:
    paused = {
        target.name: {"reason": target.paused.reason, "seconds": target.paused.seconds}
        for target in hub.targets()
        if target.paused is not None and target.name.partition("/")[0] == state.name
    }
    return {
        "name": state.name,
        "title": state.title,
        "ready": state.ready,
        "problem": state.problem,
        "default_model": state.default_model,
        "models": await hub.known_models(state.name, LIST_PATIENCE if state.ready else 0.0),
        "paused": paused,
    }


def _model(name: str, owner: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def _json(value: object, status: int = 200) -> Response:
    return Response(dump(value), status, media_type="application/json")

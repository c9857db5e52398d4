"""Visitors' own keys: how the page's tab hands them over, has them tested, and takes them away.

They come this way, and not through an event of Gradio's, since it keeps what its events carry. Nothing here ever
answers with a key. A page of another site cannot send the header without the browser asking first, and is not answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from llm_hub.errors import LLMHubError
from llm_hub.gateway.visitors import TAB_HEADER

if TYPE_CHECKING:
    from llm_hub.gateway.gateway import Gateway

PATH = "/visitor/keys"
MAX_KEY_TEST_SECONDS = 20.0
"""Seconds that a test of a key may take."""


def router(gateway: Gateway) -> APIRouter:
    """The routes of the page's tab Keys."""

    def shown(secret: str) -> Response:
        held, rows = gateway.visitors.key_endings(secret), gateway.session_of_tab(secret).providers_with_keys()
        listed = [
            {"name": state.name, "title": state.title, "host": host, "held": state.name in held,
                "last": held.get(state.name, "")}
            for state, host in rows
        ]  # fmt: skip
        return _json({"providers": listed, "signed_in": gateway.visitors.is_signed_in(secret)})

    async def listed(request: Request) -> Response:
        return shown(_secret(request))

    async def keep(request: Request) -> Response:
        secret, key = _secret(request), (await request.body()).decode("utf-8", "replace")
        try:
            gateway.visitors.add_key(secret, request.path_params["provider"], key)
        except LLMHubError as error:
            return _json({"problem": str(error)}, 400)
        return shown(secret)

    async def drop(request: Request) -> Response:
        gateway.visitors.remove_key(_secret(request), request.path_params["provider"])
        return shown(_secret(request))

    async def test(request: Request) -> Response:
        """Asks for the list of models: it costs nothing, and needs the key."""
        secret, provider = _secret(request), request.path_params["provider"]
        if provider not in gateway.visitors.key_endings(secret):
            return _json({"problem": "There is no key of yours for it."}, 404)
        try:
            async with asyncio.timeout(MAX_KEY_TEST_SECONDS):
                models = await gateway.session_of_tab(secret).models(provider, fresh=True)
        except LLMHubError as error:
            return _json({"works": False, "told": str(error)})
        except TimeoutError:
            return _json({"works": False, "told": f"It did not answer within {MAX_KEY_TEST_SECONDS:.0f} s."})
        return _json({"works": True, "models": len(models)})

    routes = APIRouter()
    routes.add_route(PATH, listed, methods=["GET"])
    routes.add_route(PATH + "/{provider}", keep, methods=["PUT"])
    routes.add_route(PATH + "/{provider}", drop, methods=["DELETE"])
    routes.add_route(PATH + "/{provider}/test", test, methods=["POST"])
    return routes


def _secret(request: Request) -> str:
    return request.headers.get(TAB_HEADER, "")


def _json(value: Any, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(orjson.dumps(value), status, headers, media_type="application/json")

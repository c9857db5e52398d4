"""Visitors' own keys: how the page's tab hands them over, has them tested, and takes them away.

They come this way, and not through an event of Gradio's, since Gradio keeps what its events carry. Nothing here ever
answers with a key. A page of another site cannot send the header without the browser asking first, and is not answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from llm_hub.api.encoding import json_response
from llm_hub.errors import LLMHubError
from llm_hub.gateway.visitors import TAB_HEADER

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llm_hub.gateway.gateway import Gateway

PATH = "/visitor/keys"
MAX_KEY_TEST_SECONDS = 20.0
"""Seconds that a test of a key may take."""


def routes(gateway: Gateway) -> list[Route]:
    """The routes of the page's tab Keys."""

    def key_list(tab_secret: str) -> Response:
        """Which providers there are, and of which the tab has a key: its last characters, never all of it."""
        key_ends, rows = (
            gateway.visitors.key_endings(tab_secret),
            gateway.session_of_tab(tab_secret).providers_with_keys(),
        )
        providers = [
            {"name": state.name, "title": state.title, "host": host, "held": state.name in key_ends,
                "last": key_ends.get(state.name, "")}
            for state, host in rows
        ]  # fmt: skip
        return _reply({"providers": providers, "signed_in": gateway.visitors.is_signed_in(tab_secret)})

    async def list_keys(request: Request) -> Response:
        return key_list(_tab_secret(request))

    async def keep_key(request: Request) -> Response:
        tab_secret, key = _tab_secret(request), (await request.body()).decode("utf-8", "replace")
        try:
            gateway.visitors.add_key(tab_secret, request.path_params["provider"], key)
        except LLMHubError as error:
            return _reply({"problem": str(error)}, 400)
        return key_list(tab_secret)

    async def drop_key(request: Request) -> Response:
        gateway.visitors.remove_key(_tab_secret(request), request.path_params["provider"])
        return key_list(_tab_secret(request))

    async def test_key(request: Request) -> Response:
        """Asks the provider for its list of models: that costs nothing, and needs the key."""
        tab_secret, provider = _tab_secret(request), request.path_params["provider"]
        if provider not in gateway.visitors.key_endings(tab_secret):
            return _reply({"problem": "There is no key of yours for it."}, 404)
        try:
            async with asyncio.timeout(MAX_KEY_TEST_SECONDS):
                models = await gateway.session_of_tab(tab_secret).models(provider, fresh=True)
        except LLMHubError as error:
            return _reply({"works": False, "told": str(error)})
        except TimeoutError:
            return _reply({"works": False, "told": f"It did not answer within {MAX_KEY_TEST_SECONDS:.0f} s."})
        return _reply({"works": True, "models": len(models)})

    return [
        Route(PATH, list_keys, methods=["GET"]),
        Route(PATH + "/{provider}", keep_key, methods=["PUT"]),
        Route(PATH + "/{provider}", drop_key, methods=["DELETE"]),
        Route(PATH + "/{provider}/test", test_key, methods=["POST"]),
    ]


def _tab_secret(request: Request) -> str:
    """The secret by which a tab's keys are found, which only the tab knows."""
    return request.headers.get(TAB_HEADER, "")


def _reply(value: Any, status: int = 200) -> Response:
    response = json_response(value, status)
    response.headers["cache-control"] = "no-store"
    return response

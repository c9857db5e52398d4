"""The settings that the owner changes on the page: how the tab Keys reads and sets them.

They come this way, and not through an event of Gradio's, since Gradio keeps what its events carry. These routes exist
only on a hub of the owner's alone, and answer only this computer's own user, directly: not through a proxy, and no page
of another site. Nothing here ever answers with a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from llm_hub.access.client_address import from_here
from llm_hub.api.encoding import json_response
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.gateway.owner_settings import ROUTE, SERVERS, is_in_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from llm_hub.gateway.gateway import Gateway
    from llm_hub.gateway.owner_settings import OwnerSettings

PATH = "/owner/settings"
NOT_HERE = (
    "Only this computer's own user may see or change these settings, at the hub's own address and not by a proxy."
)
NOT_READ = "The page sent what it does not offer. Reload it, and try again."


def routes(gateway: Gateway, owner: OwnerSettings) -> list[Route]:
    """The routes of the owner's part of the page's tab Keys."""

    def listing() -> Response:
        """What is set, and which of it the environment sets. Of a key its last characters, never all of it."""
        hosts = {state.name: (state.title, host) for state, host in gateway.owner_session.providers_with_keys()}
        keys = [
            {"name": key.provider, "title": hosts[key.provider][0], "host": hosts[key.provider][1],
                "variable": key.variable, "held": key.is_set, "last": key.ending, "fixed": key.is_fixed}
            for key in owner.provider_keys() if key.provider in hosts
        ]  # fmt: skip
        servers = {"set": owner.servers(), "variable": SERVERS, "fixed": is_in_environment(SERVERS)}
        route = {"set": ", ".join(owner.route()), "variable": ROUTE, "fixed": is_in_environment(ROUTE)}
        return reply({"file": str(owner.file), "keys": keys, "servers": servers, "route": route})

    async def show(request: Request) -> Response:
        return listing() if is_owner(request) else reply({"problem": NOT_HERE}, 403)

    async def change(request: Request) -> Response:
        if not is_owner(request):
            return reply({"problem": NOT_HERE}, 403)
        try:
            await _change(owner, read_texts(await request.body()))
        except LLMHubError as error:
            return reply({"problem": str(error)}, 400)
        return listing()

    return [Route(PATH, show, methods=["GET"]), Route(PATH, change, methods=["PUT"])]


async def _change(owner: OwnerSettings, change: Mapping[str, str]) -> None:
    """Sets what the page asks for. What is empty is removed."""
    match change:
        case {"provider": provider, "key": key, **rest} if not rest:
            await owner.set_key(provider, key)
        case {"server": name, "url": url, "key": key, **rest} if not rest:
            await owner.set_server(name, url, key)
        case {"server": name, **rest} if not rest:
            await owner.remove_server(name)
        case {"route": route, **rest} if not rest:
            await owner.set_route(route)
        case _:
            raise ConfigurationError(NOT_READ)


def read_texts(body: bytes) -> Mapping[str, str]:
    """An object of texts. Raises `ConfigurationError` for anything else."""
    try:
        change = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ConfigurationError(NOT_READ) from None
    if not isinstance(change, dict) or not all(isinstance(value, str) for value in change.values()):
        raise ConfigurationError(NOT_READ)
    return change


def is_owner(request: Request) -> bool:
    """Whether this computer's own user asks, directly."""
    return request.client is not None and from_here(request.client.host, request.headers)


def reply(value: Any, status: int = 200) -> Response:
    """A reply that no browser keeps."""
    response = json_response(value, status)
    response.headers["cache-control"] = "no-store"
    return response

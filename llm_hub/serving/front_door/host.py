"""Refuses a request that calls the server by a name that is not its own.

An attacker can point a name of theirs at this computer (DNS rebinding). A browser would then take their page and this
server for one site.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import first_headers

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

MAX_HOST_CHARS = 300
"""Characters of a host or an origin that are read. No real one has as many, and some of them are remembered."""

_THIS_COMPUTER = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


class Host:
    """421 for a host that is neither in `names` (in lower case) nor this computer itself, unless `any_name` will do."""

    def __init__(self, app: ASGIApp, names: Collection[str], *, any_name: bool) -> None:
        self._app = app
        self._names = names
        self._any_name = any_name
        self._is_ours = lru_cache(100)(self._goes_by)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (self._any_name or self._is_ours(first_headers(scope).get(b"host", b"")[:MAX_HOST_CHARS])):
            text = "LLM Hub does not go by this name. Its owner can add it: LLM_HUB_ALLOWED_HOSTS."
            raise FrontDoorRefusal(421, text)
        await self._app(scope, receive, send)

    def _goes_by(self, host: bytes) -> bool:
        name = host_name(host.decode("latin-1").lower())
        return name in self._names or _THIS_COMPUTER.fullmatch(name) is not None


@lru_cache(100)
def host_name(host: str) -> str:
    """A host without its port; "" for what is no host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""

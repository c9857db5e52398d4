"""Refuses what another site's page asks for. Its visitor's browser would send it with the visitor's own rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.serving.front_door.host import MAX_HOST_CHARS, host_name
from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import first_headers

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send


class Origin:
    """403 for an Origin that is neither the host that was asked nor in `names` (in lower case)."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = first_headers(scope)
        origin = headers.get(b"origin")
        # The API's endpoints have a rule of their own, but none for the question that a browser asks before (OPTIONS).
        if (
            origin is not None
            and (scope["method"] == "OPTIONS" or not scope["path"].startswith("/v1/"))
            and not self._is_ours(origin, headers)
        ):
            raise FrontDoorRefusal(403, "Pages of other sites may not use LLM Hub.")
        await self._app(scope, receive, send)

    def _is_ours(self, origin: bytes, headers: dict[bytes, bytes]) -> bool:
        if headers.get(b"sec-fetch-site") == b"same-origin":  # the browser's own word, which no page can set
            return True
        host = _text(origin[:MAX_HOST_CHARS]).partition("://")[2]
        ours = (_text(headers.get(b"host", b"")[:MAX_HOST_CHARS]), _text(headers.get(b"x-forwarded-host", b"")))
        return bool(host) and (host in ours or host_name(host) in self._names)


def _text(header: bytes) -> str:
    return header.decode("latin-1").lower()

"""Refuses headers from which Gradio cannot make the page's own address: it would answer with an error of its own."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from llm_hub.serving.front_door.host import MAX_HOST_CHARS
from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import first_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = (b"host", b"x-forwarded-host", b"x-gradio-server")
"""The headers that Gradio takes for the page's own address."""

_HOST = re.compile(
    r"(?:(?P<v4>(?:\d+\.){3}\d+)|(?:[\w-]+\.)*[\w-]+\.?|\[(?P<v6>[\da-f:.]+)\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE
)


class AddressHeaders:
    """400 for such a header that is no host. An empty or missing one is no matter: Gradio takes the next."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = first_headers(scope)
        for name in NAMES:
            host = headers.get(name, b"").partition(b",")[0].strip()
            if host and not _is_host(host.decode("latin-1")):
                raise FrontDoorRefusal(400, f"{name.decode()} is not the name of a host.")
        await self._app(scope, receive, send)


def _is_host(host: str) -> bool:
    """Whether httpx, with which Gradio reads it, takes it for one."""
    if len(host) > MAX_HOST_CHARS or not (read := _HOST.fullmatch(host)):
        return False
    try:
        if address := read["v4"]:
            ipaddress.IPv4Address(address)
        elif address := read["v6"]:
            ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True

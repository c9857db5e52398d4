"""Who may use the API: whoever has one of the owner's keys, or without any keys, programs on this computer alone."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from llm_hub.api.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

HERE = "local"
"""The name of whoever asks without a key."""
_PROXIED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def admitted(request: Request, keys: Mapping[str, str]) -> str:
    """The name of whoever asks. Raises `Refused`.

    Without keys nothing but this computer is answered: neither through a proxy on it, nor from another site's page in
    a browser on it, nor under a name that only pretends to be this computer's (DNS rebinding).
    """
    if keys:
        said = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        given = (said or request.headers.get("x-api-key", "").strip()).encode()
        found = ""
        for name, key in keys.items():  # all of them, so that the time tells nothing
            if hmac.compare_digest(given, key.encode()):
                found = name
        if not found:
            raise Refused(
                401, "The API key is missing or unknown: send Authorization: Bearer …", code="invalid_api_key"
            )
        return found
    client = request.client.host if request.client else ""
    host = _parts(f"//{request.headers.get('host', '')}").hostname or ""
    if not (_here(client) and (_here(host) or host == "localhost")) or any(
        name in request.headers for name in _PROXIED
    ):
        raise Refused(403, "Without LLM_HUB_API_KEYS the API answers programs on its own computer only.")
    origin = request.headers.get("origin")
    if origin is not None and _parts(origin).netloc != request.headers.get("host"):
        raise Refused(403, "Pages of other sites may not use this API.")
    return HERE


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(url: str) -> SplitResult:
    """A URL's parts; of one that is none, nothing."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")

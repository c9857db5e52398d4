"""Who may use the API: whoever has one of the owner's keys, or without any keys, programs on this computer alone."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from llm_hub.access.client_address import from_here
from llm_hub.api.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

HERE = "local"
"""The name of whoever asks without a key."""


def admitted(request: Request, keys: Mapping[str, str]) -> str:
    """The name of whoever asks. Raises `Refused`.

    Without keys nothing but this computer is answered: see `from_here`.
    """
    if keys:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        said = credentials.strip() if scheme.lower() == "bearer" else ""
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
    if not from_here(request.client.host if request.client else "", request.headers):
        raise Refused(
            403,
            "Without LLM_HUB_API_KEYS the API answers programs on its own computer only, and no other site's pages.",
        )
    return HERE

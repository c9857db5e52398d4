"""Who may use the API: whoever has one of the owner's keys; without any keys, only programs on this computer."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from llm_hub.access.client_address import from_here
from llm_hub.api.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""The headers in which clients of Anthropic's, Azure's and Google's send their key."""
LOCAL_CALLER = "local"
"""The name of all callers where the owner has given out no keys."""


def authenticate(request: Request, keys: Mapping[str, str]) -> str:
    """The caller's name: that of its key. `keys` are the owner's, by name. Raises `Refusal`.

    Without keys only this computer is answered: see `from_here`.
    """
    if keys:
        return _name_of_key(_sent_keys(request), keys)
    if not from_here(request.client.host if request.client else "", request.headers):
        raise Refusal(
            403,
            "Without LLM_HUB_API_KEYS the API answers programs on its own computer only, and no other site's pages.",
        )
    return LOCAL_CALLER


def _sent_keys(request: Request) -> list[bytes]:
    """The keys that the request brings: as `Authorization: Bearer …`, and in any of `KEY_HEADERS`."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    bearer = credentials if scheme.lower() == "bearer" else ""
    sent = (key.strip() for key in (bearer, *(request.headers.get(name, "") for name in KEY_HEADERS)))
    return [key.encode() for key in sent if key]


def _name_of_key(sent_keys: Sequence[bytes], keys: Mapping[str, str]) -> str:
    caller = ""
    for name, key in keys.items():  # all of them, so that the time taken tells nothing about a key
        for sent_key in sent_keys:
            if hmac.compare_digest(sent_key, key.encode()):
                caller = name
    if not caller:
        raise Refusal(401, "The API key is missing or unknown: send Authorization: Bearer …", code="invalid_api_key")
    return caller

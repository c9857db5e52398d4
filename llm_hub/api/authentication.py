"""Who may use the API: whoever has one of the keys; without any in the settings, programs on this computer, too."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from llm_hub.access.client_address import from_here
from llm_hub.access.issued_keys import is_issued
from llm_hub.api.refusals import Refusal
from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from llm_hub.access.issued_keys import IssuedKeys

KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""The headers in which clients of Anthropic's, Azure's and Google's send their key."""
LOCAL_CALLER = "local"
"""The name of all callers where the owner has given out no keys."""


async def authenticate(request: Request, keys: Mapping[str, str], issued: IssuedKeys | None = None) -> str:
    """The caller's name: that of its key. `keys` are those of the settings, by name, `issued` those that the owner has
    made on the page. Raises `Refusal`.

    Without keys in the settings this computer is answered, too: see `from_here`. An issued key that was revoked is not.
    """
    sent_keys = _sent_keys(request)
    try:
        if issued is not None and (name := await issued.find(sent_keys)):
            return name
    except ConfigurationError as error:
        raise Refusal(503, f"The keys cannot be read. {error}") from None
    if keys or (issued is not None and any(map(is_issued, sent_keys))):
        return _name_of_key(sent_keys, keys)
    if not from_here(request.client.host if request.client else "", request.headers):
        raise Refusal(
            403,
            "Without LLM_HUB_API_KEYS the API answers programs on its own computer only, and no other site's pages; "
            "elsewhere those with a key that the owner made on the page.",
        )
    return LOCAL_CALLER


def _sent_keys(request: Request) -> list[bytes]:
    """The keys that the request brings: as `Authorization: Bearer …`, and in any of `KEY_HEADERS`."""
    headers = request.headers
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    sent = [credentials] if scheme.lower() == "bearer" else []
    sent += [headers[name] for name in KEY_HEADERS if name in headers]
    return [key.encode() for text in sent if (key := text.strip())]


def _name_of_key(sent_keys: Sequence[bytes], keys: Mapping[str, str]) -> str:
    caller = ""
    for name, key in keys.items():  # all of them, so that the time taken tells nothing about a key
        for sent_key in sent_keys:
            if hmac.compare_digest(sent_key, key.encode()):
                caller = name
    if not caller:
        raise Refusal(401, "The API key is missing or unknown: send Authorization: Bearer …", code="invalid_api_key")
    return caller

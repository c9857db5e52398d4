"""The dialects of the API, one module each. A new one is its module, a row of `DIALECTS`, and a part of docs/api.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.api.dialects.chat_completions import CHAT_COMPLETIONS
from llm_hub.api.dialects.dialect import Dialect
from llm_hub.api.dialects.embeddings import EMBEDDINGS_DIALECT
from llm_hub.api.dialects.hub_chat import HUB_CHAT
from llm_hub.api.dialects.messages import MESSAGES
from llm_hub.api.dialects.responses import RESPONSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

OWN_DIALECT = HUB_CHAT
"""In this one those are answered who are not recognised as the clients of another."""
DIALECTS: tuple[Dialect[Any], ...] = (HUB_CHAT, CHAT_COMPLETIONS, MESSAGES, RESPONSES, EMBEDDINGS_DIALECT)


def recognise(scope: Scope, dialects: Sequence[Dialect[Any]] = DIALECTS) -> Dialect[Any]:
    """The dialect for a request to an endpoint that no dialect has for itself, or that does not exist.

    A dialect's header decides, then the longest path of a dialect that the request's path begins with.
    """
    headers = {name for name, _ in scope["headers"]}
    for dialect in dialects:
        if dialect.client_header and dialect.client_header.encode() in headers:
            return dialect
    path = scope["path"] + "/"
    matching = [dialect for dialect in dialects if path.startswith(dialect.path + "/")]
    return max(matching, key=lambda dialect: len(dialect.path), default=OWN_DIALECT)

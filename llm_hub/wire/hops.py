"""The hop mark: how a hub recognises a request that has come back to it.

Whoever sets a provider's base URL to a hub, to this one or to another whose provider leads back, would make one request
go round without end. So every request to a server carries the header `x-llm-hub-hops`, the ids of the hubs that it has
passed: those that came with the client's request, then this process's own. A request that brings this process's id, or
more than `MAX_HOPS` of them, is refused with 508. Proxies leave the header alone, as they do with all that they do not
know. It names nobody: an id is random, and new at each start.
"""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from functools import cache

from llm_hub.errors import LoopDetected

HEADER = "x-llm-hub-hops"
MAX_HOPS = 10
"""Hubs in a row. A ring of more processes than this, behind a load balancer for example, ends here."""
_passed: ContextVar[tuple[str, ...]] = ContextVar("passed_hubs", default=())
"""The hubs that the request which is being answered has passed before this one."""


@cache
def _own_id() -> str:
    """Made when it is first asked for: processes that are forked after the imports have each their own."""
    return secrets.token_hex(8)


def arrive(header: str) -> None:
    """Takes the mark of a client's request, for all requests that are made to answer it. Raises `LoopDetected`."""
    hops = tuple(hop for part in header.split(",")[: MAX_HOPS + 1] if (hop := part.strip()[:64]))
    if _own_id() in hops or len(hops) > MAX_HOPS:
        raise LoopDetected(
            "This request has been at this hub before: the base URL of a provider leads back to it.",
            hint="Check OPENAI_BASE_URL, ANTHROPIC_BASE_URL and LLM_HUB_SERVERS of each hub on the way: only agents "
            "are given a hub's address.",
        )
    _passed.set(hops)


def mark() -> str:
    """The header's value for a request to a server."""
    return ", ".join((*_passed.get(), _own_id()))

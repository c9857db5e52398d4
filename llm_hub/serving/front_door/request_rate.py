"""Refuses an address that sends too many requests a second. This computer itself may send as many as it likes.

It is no quota: how many answers a visitor may have a minute is in `gateway/policy.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import client_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llm_hub.access.rate_limits import RateLimiter


class RequestRate:
    """429 for a request that its limiter does not allow. `limiters` are by how the paths begin."""

    def __init__(self, app: ASGIApp, limiters: Mapping[tuple[str, ...], RateLimiter]) -> None:
        self._app = app
        self._limiters = tuple(limiters.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (address := client_address(scope)) is not None:
            for prefixes, limiter in self._limiters:
                if scope["path"].startswith(prefixes):
                    spend(limiter, address)
        await self._app(scope, receive, send)


def spend(limiter: RateLimiter, address: str, cost: float = 1.0) -> None:
    """Takes `cost` from what the address may use, or raises a 429 that says when there is enough again."""
    if wait := limiter.take(address, cost):
        raise FrontDoorRefusal(429, "That is too much in a short time. Wait a little, and try again.", wait)

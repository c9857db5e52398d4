"""Refuses uploads beyond what one address, or all together, may send.

Images are kept for a day, and fill the disk. The documents of conversations take time to read, and are kept in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.access.rate_limits import RateLimiter
from llm_hub.serving.front_door.body_limit import MAX_UPLOAD_BYTES, body_length, most_bytes
from llm_hub.serving.front_door.path_groups import CONVERSATIONS, UPLOAD
from llm_hub.serving.front_door.request_notes import client_address
from llm_hub.serving.front_door.request_rate import spend

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

MIN_UPLOAD_BYTES = 1000
"""What an upload counts at least: each is a file, however small."""

MIN_DOCUMENT_BYTES = 2**20
"""What a conversation's document counts at least: reading many small turns takes as long as reading a large one."""


class UploadRate:
    """429 for an upload or a document of too many bytes. One that does not say its length counts as the
    largest there may be."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float]) -> None:
        self._app = app
        self._of_one = RateLimiter(burst=200 * 2**20, rate=2**16, clock=clock)
        self._of_all = RateLimiter(burst=2 * 2**30, rate=2**15, clock=clock)
        self._documents = RateLimiter(burst=256 * 2**20, rate=2**20, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = client_address(scope)
        if scope["path"].startswith(CONVERSATIONS) and scope["method"] in ("PUT", "POST"):
            most = most_bytes(scope["path"])
            length = body_length(scope, most)
            cost = most if length is None else max(length, MIN_DOCUMENT_BYTES)
            if address is not None:
                spend(self._documents, address, cost)
        elif scope["path"] == UPLOAD:
            length = body_length(scope, MAX_UPLOAD_BYTES)
            cost = MAX_UPLOAD_BYTES if length is None else max(length, MIN_UPLOAD_BYTES)
            if address is not None:
                spend(self._of_one, address, cost)
            spend(self._of_all, "", cost)
        await self._app(scope, receive, send)

"""The reply to a request: what the application answers, or a refusal, with headers of the guard's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Scope, Send

    from llm_hub.serving.front_door.body_limit import BodyRefusal, BoundedBody

    RefuseEarly = Callable[[Scope, int, str], tuple[bytes, str]]
    """Refuses a request of the API with a status and a sentence: the JSON to send, and the request's id."""

_BUSY_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>LLM Hub is busy</title><style>
body{display:grid;place-content:center;height:100vh;margin:0;font:16px system-ui,sans-serif;text-align:center;
color:#334155;background:#fff}@media(prefers-color-scheme:dark){body{color:#cbd5e1;background:#0b0f19}}
</style></head><body><p role="status">Many people are here at the moment. This page tries again by itself.</p>
</body></html>"""


async def _nothing() -> None:
    """Nothing is sent."""


class GuardedReply:
    """Sends what the application answers, with the guard's headers; or a refusal, if nothing was sent yet."""

    def __init__(
        self,
        scope: Scope,
        send: Send,
        headers: list[tuple[bytes, bytes]],
        turn_away: RefuseEarly | None,
    ) -> None:
        self._scope = scope
        self._turn_away = turn_away
        self._send = send
        self._headers = headers
        self.body: BoundedBody | None = None
        self.is_page = False
        self._started = False
        self._turn: asyncio.Semaphore | None = None

    async def take_turn(self, turns: asyncio.Semaphore) -> None:
        """Others wait for it until the answer begins; not longer, since who reads it may be slow."""
        await turns.acquire()
        self._turn = turns

    def end_turn(self) -> None:
        if self._turn is not None:
            self._turn.release()
            self._turn = None

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            status = message["status"]
            if self.body and self.body.refusal and status != self.body.refusal.status:
                return _nothing()  # whatever the application made of half a body
            self._started = True
            self.end_turn()
            sent = [*message.get("headers", ()), *self._headers]
            busy = status in (429, 503) and not self._scope["path"].startswith("/v1/")  # which says when
            if busy and not any(name.lower() == b"retry-after" for name, _ in sent):
                sent.append((b"retry-after", b"5"))
            message["headers"] = sent
        return self._send(message) if self._started else _nothing()

    async def refuse(self, refusal: BodyRefusal) -> None:
        if self._started:
            return
        self._started = True
        path, status, request_id = self._scope["path"], refusal.status, ""
        if path == "/" and status in (429, 503):
            kind, text = b"text/html; charset=utf-8", _BUSY_PAGE
        elif path.startswith("/v1/") and self._turn_away is not None:
            kind, (text, request_id) = b"application/json", self._turn_away(self._scope, status, refusal.text)
        elif path.startswith("/gradio_api/"):
            kind, text = b"application/json", orjson.dumps({"detail": refusal.text})  # what the page shows
        else:
            kind, text = b"text/plain; charset=utf-8", refusal.text.encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(text)).encode()), *self._headers]
        if request_id:
            headers.append((b"x-request-id", request_id.encode()))
        if refusal.wait:
            headers.append((b"retry-after", str(math.ceil(refusal.wait)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": text})

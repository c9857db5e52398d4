"""Reads an event of the page before Gradio does: refuses what the page never sends, and notes the tab it comes from.

A stream of events for a tab that has none is refused as well: Gradio answers it with 200, an error in the stream and
a hundred lines of log, as often as anybody asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from llm_hub.serving.front_door.path_groups import EVENT_STREAM, EVENTS
from llm_hub.serving.front_door.refusal import FrontDoorRefusal
from llm_hub.serving.front_door.request_notes import note_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)


class PageEvents:
    """400 for an event of which `problem` says what is wrong ("": nothing), or that is no event at all; 404 for the
    stream of a session that has no events, as `has_events` says."""

    def __init__(
        self, app: ASGIApp, problem: Callable[[Mapping[str, Any]], str], has_events: Callable[[str], bool]
    ) -> None:
        self._app = app
        self._problem = problem
        self._has_events = has_events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == EVENT_STREAM:
            session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
            if not self._has_events(session):
                raise FrontDoorRefusal(404, "This page has no events here. Reload it.")
        if scope["path"].startswith(EVENTS):
            body, receive = await _read(receive)
            event = _parse(body)
            if problem := self._problem(event):
                raise FrontDoorRefusal(400, problem)
            note_session(scope, event["session_hash"])
        await self._app(scope, receive, send)


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and how the application receives it again."""
    messages: list[Message] = []
    while not messages or messages[-1].get("more_body", False):
        messages.append(await receive())
    pending = iter(messages)

    async def receive_again() -> Message:
        for message in pending:
            return message
        return await receive()

    return b"".join(message.get("body", b"") for message in messages), receive_again


def _parse(body: bytes) -> dict[str, Any]:
    """The event, with a `session_hash` that may be a tab's name."""
    try:
        event: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise FrontDoorRefusal(400, "The body is not JSON.") from None
    if isinstance(event, dict):
        session = event.get("session_hash")
        if isinstance(session, str) and _SESSION.fullmatch(session):
            return event
    raise FrontDoorRefusal(400, "session_hash is missing.")

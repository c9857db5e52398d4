"""From the hub's events to replies: whole, or as server-sent events; and the end of both when the client leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Protocol

from starlette.responses import Response

from llm_hub.api.encoding import dump
from llm_hub.api.refusals import INTERNAL_ERROR, error_of
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, Resumed, Waiting
from llm_hub.errors import LLMHubError, ProviderError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse

log = logging.getLogger(__name__)

STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Writer(Protocol):
    """Writes a stream in one dialect. Each function gives whole server-sent events; `end` comes last, always."""

    end: bytes

    def event(self, event: Event) -> bytes: ...
    def error(self, status: int, error: ErrorObject) -> bytes: ...


async def whole(request: Request, events: AsyncGenerator[Event], body: Callable[[LLMResponse], object]) -> Response:
    """The answer in one reply. A client that leaves ends the request to the provider. Raises `LLMHubError`."""

    async def answer() -> LLMResponse:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    return event.response
        raise ProviderError("The hub ended its answer without saying that it was complete.")

    answering = asyncio.create_task(answer())
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            return Response(status_code=499)  # nobody reads it
        response = answering.result()
        return Response(dump(body(response)), media_type="application/json", headers=_who(response))
    finally:
        for task in (answering, leaving):
            task.cancel()
        await asyncio.wait((answering, leaving))


async def stream(request: Request, events: AsyncGenerator[Event], writer: Writer) -> Response:
    """The answer as it comes. Raises `LLMHubError` if it fails before its first token, so that the status is real."""
    early: list[Event] = []
    opening = asyncio.create_task(_open(events, early))
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((opening, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            return Response(status_code=499)  # nobody reads it
        opening.result()
    except BaseException:
        await events.aclose()
        raise
    finally:
        for task in (opening, leaving):
            task.cancel()
        await asyncio.wait((opening, leaving))
        if opening.cancelled():
            await events.aclose()
    return _Streamed(request, events, _written(early, events, writer))


class _Streamed(Response):
    """Sends what was written of the events. It ends when the client leaves, however much a provider has sent ahead."""

    media_type = "text/event-stream"

    def __init__(self, request: Request, events: AsyncGenerator[Event], written: AsyncGenerator[bytes]) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(STREAM_HEADERS)
        self._request = request
        self._events = events
        self._written = written

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # Starlette's shape
        sending = asyncio.current_task()
        assert sending is not None  # noqa: S101

        def end(_: asyncio.Task[None]) -> None:
            sending.cancel()

        leaving = asyncio.create_task(_left(self._request))
        leaving.add_done_callback(end)
        try:
            await self._send(send)
        except asyncio.CancelledError:
            if not leaving.done() or sending.uncancel():  # somebody else cancelled it, too
                raise
        finally:
            leaving.remove_done_callback(end)
            leaving.cancel()

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events), aclosing(self._written):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for said in self._written:
                await send({"type": "http.response.body", "body": said, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _open(events: AsyncGenerator[Event], early: list[Event]) -> None:
    """Takes the events up to the first that is part of an answer."""
    async for event in events:
        early.append(event)
        if not isinstance(event, Waiting | AttemptStarted | AttemptFailed | Resumed):
            return


async def _written(early: Iterable[Event], events: AsyncGenerator[Event], writer: Writer) -> AsyncGenerator[bytes]:
    """The whole stream. Whatever goes wrong now is an error event, and the terminator comes last."""
    try:
        if said := b"".join(writer.event(event) for event in early):
            yield said
        async for event in events:
            if said := writer.event(event):
                yield said
    except LLMHubError as error:
        yield writer.error(*error_of(error))
    except Exception:
        log.exception("An answer failed inside the hub.")
        yield writer.error(*INTERNAL_ERROR)
    if writer.end:
        yield writer.end


async def _left(request: Request) -> None:
    """Returns when the client has closed its connection."""
    with suppress(RuntimeError):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _who(response: LLMResponse) -> dict[str, str]:
    return {
        "x-llm-hub-provider": response.provider,
        "x-llm-hub-attempts": str(len(response.attempts)),
    }

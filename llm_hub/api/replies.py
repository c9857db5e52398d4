"""From the hub's events to replies: whole, or as server-sent events; and the end of both when the client leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from starlette.responses import Response

from llm_hub.api.encoding import dump
from llm_hub.api.refusals import INTERNAL_ERROR, error_of
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, Resumed, Waiting
from llm_hub.errors import LLMHubError, ProviderError
from llm_hub.router.deadlines import Wait

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
    event: Event | None = None
    try:
        async with aclosing(events), _until_client_leaves(request) as wait:
            while not isinstance(event, Done):
                with wait:
                    event = await anext(events, None)
                if event is None:
                    raise ProviderError("The hub ended its answer without saying that it was complete.")
    except ClientLeft:
        return Response(status_code=499)  # nobody reads it
    response = event.response
    return Response(dump(body(response)), media_type="application/json", headers=_answer_headers(response))


async def stream(request: Request, events: AsyncGenerator[Event], writer: Writer) -> Response:
    """The answer as it comes. Raises `LLMHubError` if it fails before its first token, so that the status is real."""
    early: list[Event] = []
    try:
        async with _until_client_leaves(request) as wait:
            while not early or isinstance(early[-1], Waiting | AttemptStarted | AttemptFailed | Resumed):
                with wait:
                    event = await anext(events, None)
                if event is None:
                    break
                early.append(event)
    except ClientLeft:
        await events.aclose()
        return Response(status_code=499)  # nobody reads it
    except BaseException:
        await events.aclose()
        raise
    return _Streamed(request, early, events, writer)


class ClientLeft(Exception):
    """The client has closed its connection."""


@asynccontextmanager
async def _until_client_leaves(request: Request) -> AsyncIterator[Wait]:
    """A wait that ends with `ClientLeft` when the client closes its connection."""
    wait = Wait()

    def interrupt(_: asyncio.Task[None]) -> None:
        wait.interrupt(ClientLeft())

    leaving = asyncio.create_task(_disconnect(request))
    leaving.add_done_callback(interrupt)
    try:
        yield wait
    finally:
        leaving.remove_done_callback(interrupt)
        leaving.cancel()
        await asyncio.wait((leaving,))


class _Streamed(Response):
    """Sends what the writer makes of the events: `early`, which have come already, then the others as they come.

    It ends when the client leaves, however much a provider has sent ahead. Whatever goes wrong now is an error event,
    and the terminator comes last.
    """

    media_type = "text/event-stream"

    def __init__(self, request: Request, early: Iterable[Event], events: AsyncGenerator[Event], writer: Writer) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(STREAM_HEADERS)
        self._request = request
        self._early = early
        self._events = events
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # Starlette's shape
        writer, events = self._writer, self._events
        with suppress(ClientLeft):
            async with aclosing(events), _until_client_leaves(self._request) as wait:
                with wait:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                piece = b"".join(writer.event(event) for event in self._early)
                last = False
                while not last:
                    if piece:
                        with wait:
                            await send({"type": "http.response.body", "body": piece, "more_body": True})
                    try:
                        with wait:
                            event = await anext(events, None)
                        last = event is None
                        piece = writer.event(event) if event is not None else b""
                    except ClientLeft:
                        raise
                    except LLMHubError as error:
                        last, piece = True, writer.error(*error_of(error))
                    except Exception:
                        log.exception("An answer failed inside the hub.")
                        last, piece = True, writer.error(*INTERNAL_ERROR)
                with wait:
                    await send({"type": "http.response.body", "body": piece + writer.end, "more_body": False})


async def _disconnect(request: Request) -> None:
    """Returns when the client has closed its connection."""
    with suppress(RuntimeError):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _answer_headers(response: LLMResponse) -> dict[str, str]:
    return {
        "x-llm-hub-provider": response.provider,
        "x-llm-hub-attempts": str(len(response.attempts)),
    }

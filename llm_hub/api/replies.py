"""From the hub's events to replies: whole, or as server-sent events; and the end of both when the client leaves.

When a client closes its connection in the middle, `_UntilClientLeaves` interrupts the wait for the next event with
`ClientLeft`. The events are closed, and with them the connection to the provider. What had come is counted as
with any answer, by `Gateway.answer`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import Response

from llm_hub.api.encoding import dump
from llm_hub.api.refusals import INTERNAL_ERROR, error_of, vendors_error
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, Resumed, Waiting
from llm_hub.errors import LLMHubError, ProviderError
from llm_hub.router.deadlines import Wait
from llm_hub.wire.stages import give_way

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse

log = logging.getLogger(__name__)

STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
IS_WHOLE = "llm_hub.is_whole"
"""Stands in the message that starts a reply whose body follows at once, with its length, and is all of it."""

MAX_SILENCE = 10.0
"""Seconds after which a stream without news has a sign of life: clients and proxies close what is silent for longer."""


class Writer(Protocol):
    """Writes a stream in one dialect. Each function gives whole server-sent events; `end` comes last, always.

    `sign_of_life` says that the hub is still at work, to clients and whatever stands between them and the hub.
    It may be a numbered event: each is sent right after it was read. `protocol` is the vendor's that the dialect is.
    An error's `original` is its body in the words of a vendor of that protocol, which says the same.
    """

    protocol: str
    end: bytes

    @property
    def sign_of_life(self) -> bytes: ...

    def event(self, event: Event) -> bytes: ...
    def error(self, status: int, error: ErrorObject, original: dict[str, Any] | None = None) -> bytes: ...


async def whole(
    request: Request, events: AsyncGenerator[Event], body: Callable[[LLMResponse], object], *, is_limited: bool = False
) -> Response:
    """The answer in one reply. A client that leaves ends the request to the provider. Raises `LLMHubError`.

    What is left to do once the answer is complete, as counting it, is done after the reply has been sent. `is_limited`:
    before it, since the client's next request may need what this one reserved and did not use.
    """
    try:
        with _UntilClientLeaves(request):
            response = await _last(events)
        if is_limited:
            await _end(events)
        await give_way()
        return _Whole(dump(body(response)), response, events)
    except ClientLeft:
        await events.aclose()
        return Response(status_code=499)  # nobody reads it
    except BaseException:
        await events.aclose()
        raise


async def _last(events: AsyncGenerator[Event]) -> LLMResponse:
    """The whole answer, of the last event."""
    async for event in events:
        if isinstance(event, Done):
            return event.response
    raise ProviderError("The hub ended its answer without saying that it was complete.")


async def _end(events: AsyncGenerator[Event]) -> None:
    """Lets the events end after the last one: closing them, by an exception, takes longer."""
    async with aclosing(events):
        await anext(events, None)


class _Whole(Response):
    """Sends an answer, and lets its events end then."""

    status_code = 200
    background = None

    def __init__(self, content: bytes, response: LLMResponse, events: AsyncGenerator[Event]) -> None:
        self.body = content
        self.raw_headers = [  # Starlette would put them together one by one, which takes longer than all of this class
            (b"x-llm-hub-provider", response.provider.encode("latin-1")),
            (b"x-llm-hub-attempts", b"%d" % len(response.attempts)),
            (b"content-length", b"%d" % len(content)),
            (b"content-type", b"application/json"),
        ]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # Starlette's shape
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers, IS_WHOLE: True})
            await send({"type": "http.response.body", "body": self.body})
        finally:
            await _end(self._events)


async def stream(request: Request, events: AsyncGenerator[Event], writer: Writer) -> Response:
    """The answer as it comes. Raises `LLMHubError` if it fails before its first token, so that the status is real.

    An answer without a token after `MAX_SILENCE` seconds begins without one: what fails later is an event.
    """
    opening = asyncio.create_task(_read_opening(request, events))
    try:
        await asyncio.wait((opening,), timeout=MAX_SILENCE)
        if opening.done():
            opening.result()
    except ClientLeft:
        await events.aclose()
        return Response(status_code=499)  # nobody reads it
    except BaseException:
        async with aclosing(events), _closing(opening):
            raise
    return _Streamed(request, opening, events, writer)


async def _read_opening(request: Request, events: AsyncGenerator[Event]) -> list[Event]:
    """The events up to the first one with news of the answer itself."""
    opening: list[Event] = []
    with _UntilClientLeaves(request):
        async for event in events:
            opening.append(event)
            if not isinstance(event, Waiting | AttemptStarted | AttemptFailed | Resumed):
                break
    return opening


class ClientLeft(Exception):
    """The client has closed its connection."""


class _UntilClientLeaves:
    """Ends the block with `ClientLeft` when the client closes its connection. A class, since a generator costs more."""

    __slots__ = ("_leaving", "_wait")

    def __init__(self, request: Request) -> None:
        self._wait = Wait()
        self._leaving = asyncio.create_task(_disconnect(request))
        self._leaving.add_done_callback(self._interrupt)

    def _interrupt(self, _: asyncio.Task[None]) -> None:
        self._wait.interrupt(ClientLeft())

    def __enter__(self) -> None:
        self._wait.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.remove_done_callback(self._interrupt)
        self._leaving.cancel()
        self._wait.__exit__(kind, error, trace)


class _Streamed(Response):
    """Sends what the writer makes of the events: of the `opening`, then of the others as they come.

    It ends when the client leaves, however much a provider has sent ahead. Whatever goes wrong now is an error event,
    and the terminator comes last.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        request: Request,
        opening: asyncio.Task[list[Event]],
        events: AsyncGenerator[Event],
        writer: Writer,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(STREAM_HEADERS)
        self._request = request
        self._opening = opening
        self._events = events
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # Starlette's shape
        with suppress(ClientLeft):
            async with aclosing(self._events), _closing(self._opening):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async with _signs_of_life(send, self._writer) as client:
                    # In a task of its own: each event would else wake all that stands around the endpoint.
                    last_piece = await asyncio.create_task(self._send_pieces(client))
            # Last of all, and nothing is waited for after it: whoever has read it may ask again at once, and finds this
            # request gone from those that are open.
            await send({"type": "http.response.body", "body": last_piece + self._writer.end, "more_body": False})

    async def _send_pieces(self, client: _Client) -> bytes:
        """Sends everything but the last piece, which it returns. Raises `ClientLeft`."""
        writer, events = self._writer, self._events
        piece = b""
        try:
            piece = b"".join(writer.event(event) for event in await self._opening)
            with _UntilClientLeaves(self._request):
                if piece:
                    await client.send(piece)
                async for event in events:
                    if piece := writer.event(event):
                        await client.send(piece)
                return b""
        except ClientLeft:
            raise
        except LLMHubError as error:
            return writer.error(*error_of(error), vendors_error(error, writer.protocol))
        except Exception:
            log.exception("An answer failed inside the hub.")
            return writer.error(*INTERNAL_ERROR)


class _Client:
    """Who reads a stream. `sent_at` is when something was sent last, by the event loop's clock."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._now = asyncio.get_running_loop().time
        self.sent_at = self._now()

    async def send(self, piece: bytes) -> None:
        """Sends a piece of the body."""
        self.sent_at = self._now()
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def keep_alive(self, writer: Writer) -> None:
        """Sends the sign of life whenever nothing else was sent for `MAX_SILENCE` seconds, until it is cancelled."""
        while True:
            await asyncio.sleep(self.sent_at + MAX_SILENCE - self._now())
            if self._now() >= self.sent_at + MAX_SILENCE:
                await self.send(writer.sign_of_life)


@asynccontextmanager
async def _closing(task: asyncio.Task[Any]) -> AsyncIterator[None]:
    """Ends the task with the block, and waits until it is over. What it raises then is of no interest."""
    try:
        yield
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))


@asynccontextmanager
async def _signs_of_life(send: Send, writer: Writer) -> AsyncIterator[_Client]:
    """The client, which is sent signs of life for as long as the block takes."""
    client = _Client(send)
    async with _closing(asyncio.create_task(client.keep_alive(writer))):
        yield client


async def _disconnect(request: Request) -> None:
    """Returns when the client has closed its connection."""
    with suppress(RuntimeError):
        while (await request.receive())["type"] != "http.disconnect":
            pass

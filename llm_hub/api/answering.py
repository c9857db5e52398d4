"""From the hub's events to replies: whole, or as server-sent events; and the end of both when the client leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Protocol, Self

from starlette.responses import Response

from llm_hub.api.bodies import dump
from llm_hub.api.refusals import error_of
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, Resumed
from llm_hub.errors import LLMHubError, ProviderError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from llm_hub.chat import Event, LLMResponse

log = logging.getLogger(__name__)

STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Writer(Protocol):
    """Writes a stream in one dialect. Each function gives whole server-sent events; `end` comes last, always."""

    end: bytes

    def event(self, event: Event) -> bytes: ...
    def error(self, status: int, said: dict[str, Any]) -> bytes: ...


async def whole(request: Request, events: AsyncGenerator[Event], body: Callable[[LLMResponse], object]) -> Response:
    """The answer in one reply. A client that leaves ends the request to the provider. Raises `LLMHubError`."""
    response: LLMResponse | None = None
    async with _Reader(request) as reader, aclosing(events):
        async for event in events:
            if isinstance(event, Done):
                response = event.response
    if reader.left:
        return _nobody()
    if response is None:
        raise ProviderError("The hub ended its answer without saying that it was complete.")
    return Response(dump(body(response)), media_type="application/json", headers=_who(response))


async def stream(request: Request, events: AsyncGenerator[Event], writer: Writer) -> Response:
    """The answer as it comes. Raises `LLMHubError` if it fails before its first token, so that the status is real."""
    early: list[Event] = []
    try:
        async with _Reader(request) as reader:
            await _open(events, early)
    except BaseException:
        await events.aclose()
        raise
    if reader.left:
        await events.aclose()
        return _nobody()
    return _Streamed(request, events, _written(early, events, writer))


class _Reader:
    """Whoever waits for an answer. If they leave, the current task is cancelled inside this block and goes on after it,
    where `left` is true.
    """

    left = False

    def __init__(self, request: Request) -> None:
        self._request = request

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._task = task
        self._leaving = asyncio.create_task(_left(self._request))
        self._leaving.add_done_callback(self._end)
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not self._leaving.done():
            self._leaving.remove_done_callback(self._end)
            self._leaving.cancel()
            return False
        if error is None:  # they left as it ended: the task is yet to be cancelled
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        self.left = not self._task.uncancel()  # else somebody else has cancelled it, too
        return self.left and isinstance(error, asyncio.CancelledError)

    def _end(self, _: asyncio.Task[None]) -> None:
        self._task.cancel()


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
        async with _Reader(self._request):
            async with aclosing(self._events), aclosing(self._written):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for said in self._written:
                    await send({"type": "http.response.body", "body": said, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _open(events: AsyncGenerator[Event], early: list[Event]) -> None:
    """Takes the events up to the first that is part of an answer."""
    async for event in events:
        early.append(event)
        if not isinstance(event, AttemptStarted | AttemptFailed | Resumed):
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
        yield writer.error(500, {"message": "Something went wrong inside LLM Hub.", "type": "server_error"})
    if writer.end:
        yield writer.end


async def _left(request: Request) -> None:
    """Returns when the client has closed its connection."""
    with suppress(RuntimeError):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _nobody() -> Response:
    """For a client that has left."""
    return Response(status_code=499)


def _who(response: LLMResponse) -> dict[str, str]:
    return {
        "x-llm-hub-provider": response.provider,
        "x-llm-hub-attempts": str(len(response.attempts)),
    }

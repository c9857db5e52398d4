"""From the hub's events to replies: whole, or as server-sent events; and the end of both when the client leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import Response, StreamingResponse

from llm_hub.api.bodies import dump
from llm_hub.api.refusals import error_of
from llm_hub.chat import AttemptFailed, AttemptStarted, Done, Resumed
from llm_hub.errors import LLMHubError, ProviderError

if TYPE_CHECKING:
    from starlette.requests import Request

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
    return StreamingResponse(_written(early, events, writer), media_type="text/event-stream", headers=STREAM_HEADERS)


async def _open(events: AsyncGenerator[Event], early: list[Event]) -> None:
    """Takes the events up to the first that is part of an answer."""
    async for event in events:
        early.append(event)
        if not isinstance(event, AttemptStarted | AttemptFailed | Resumed):
            return


async def _written(early: Iterable[Event], events: AsyncGenerator[Event], writer: Writer) -> AsyncIterator[bytes]:
    """The whole stream. Whatever goes wrong now is an error event, and the terminator comes last."""
    async with aclosing(events):
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


def _who(response: LLMResponse) -> dict[str, str]:
    return {
        "x-llm-hub-provider": response.provider,
        "x-llm-hub-attempts": str(len(response.attempts)),
    }

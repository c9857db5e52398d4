"""What a client reads while nothing comes, and lines that no reader cuts in two. In virtual time."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.requests import Request

from llm_hub.api.bodies import parse
from llm_hub.api.dialects.chat_completions import CompletionWriter
from llm_hub.api.dialects.hub_chat import HubChatWriter
from llm_hub.api.dialects.messages_writer import MessageWriter
from llm_hub.api.dialects.responses_body import ResponsesBody
from llm_hub.api.dialects.responses_writer import ResponseWriter
from llm_hub.api.encoding import dump, sse
from llm_hub.api.replies import stream
from llm_hub.chat import AttemptStarted, Done, LLMResponse, TextDelta
from llm_hub.errors import ServerFailed
from tests.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llm_hub.api.replies import Writer
    from llm_hub.chat import Event

ANSWER = Done(LLMResponse("Low tide.", "m", {}, "stop", "p"))
WRITERS: dict[str, Callable[[], Writer]] = {
    "chat": HubChatWriter,
    "completions": lambda: CompletionWriter(with_usage=False),
    "messages": lambda: MessageWriter(with_thinking=False),
    "responses": lambda: ResponseWriter(parse(ResponsesBody, b'{"input": "Hi", "model": "auto"}')),
}
SIGNS: dict[str, bytes | tuple[bytes, ...]] = {
    "chat": b": the hub",
    "completions": b": the hub",
    "messages": b'event: ping\ndata: {"type":"ping"}\n\n',
    "responses": (b"event: response.created", b"event: response.in_progress"),
}


class Client:
    """A client in this process: what it is sent, and when, in seconds since it asked."""

    def __init__(self, leaves_after: float | None = None) -> None:
        self.received: list[tuple[float, dict[str, Any]]] = []
        self._leaves_after = leaves_after
        self._began = 0.0

    async def receive(self) -> dict[str, Any]:
        if self._leaves_after is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self._began + (self._leaves_after or 0) - asyncio.get_running_loop().time())
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.received.append((asyncio.get_running_loop().time() - self._began, message))

    async def read(self, events: AsyncGenerator[Event], writer: Writer) -> None:
        self._began = asyncio.get_running_loop().time()
        request = Request({"type": "http", "headers": [], "method": "POST", "path": "/"}, self.receive)
        response = await stream(request, events, writer)
        await response(request.scope, self.receive, self.send)

    @property
    def bodies(self) -> list[tuple[float, bytes]]:
        return [(when, message["body"]) for when, message in self.received if message["type"].endswith("body")]


def run(client: Client, events: AsyncGenerator[Event], writer: Writer) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(client.read(events, writer))


@pytest.mark.parametrize("dialect", WRITERS)
def test_no_silence_is_longer_than_ten_seconds(dialect: str) -> None:
    async def events() -> AsyncGenerator[Event]:
        yield AttemptStarted("p", "m", 1)
        await asyncio.sleep(25)
        yield TextDelta("Low ")
        await asyncio.sleep(5)
        yield TextDelta("tide.")
        await asyncio.sleep(19)
        yield ANSWER

    client = Client()
    run(client, events(), WRITERS[dialect]())
    times = [when for when, _ in client.received]
    assert max(later - earlier for earlier, later in pairwise(times)) <= 10
    assert times[0] == 10  # the head: an answer that comes sooner has its real status
    signs = [when for when, body in client.bodies if body.startswith(SIGNS[dialect])]
    assert signs == [20, 40]
    assert b"tide." in b"".join(body for _, body in client.bodies)
    assert not client.bodies[-1][1].startswith(SIGNS[dialect])


def test_an_answer_that_flows_has_no_signs_of_life() -> None:
    async def events() -> AsyncGenerator[Event]:
        for _ in range(30):
            yield TextDelta("wave ")
            await asyncio.sleep(9.9)
        yield ANSWER

    client = Client()
    run(client, events(), CompletionWriter(with_usage=False))
    assert not [body for _, body in client.bodies if body.startswith(b":")]


def test_a_failure_within_ten_seconds_has_its_own_status_and_a_later_one_is_an_event() -> None:
    async def events(seconds: float) -> AsyncGenerator[Event]:
        yield AttemptStarted("p", "m", 1)
        await asyncio.sleep(seconds)
        raise ServerFailed("The engine stopped.")

    with pytest.raises(ServerFailed):
        run(Client(), events(9), CompletionWriter(with_usage=False))
    client = Client()
    run(client, events(60), CompletionWriter(with_usage=False))
    assert client.received[0][1]["status"] == 200
    assert b"The engine stopped." in client.bodies[-1][1]
    assert client.bodies[-1][1].endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("seconds", [3, 15, 40])
def test_a_client_that_leaves_while_nothing_comes_ends_the_answer(seconds: float) -> None:
    closed: list[float] = []

    async def events() -> AsyncGenerator[Event]:
        began = asyncio.get_running_loop().time()
        try:
            yield AttemptStarted("p", "m", 1)
            await asyncio.sleep(30)
            yield TextDelta("Low ")
            await asyncio.sleep(3600)
        finally:
            closed.append(asyncio.get_running_loop().time() - began)

    run(Client(leaves_after=seconds), events(), HubChatWriter())
    assert closed == [pytest.approx(seconds)]


@pytest.mark.parametrize("char", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_no_reader_takes_a_character_for_the_end_of_a_line(char: str) -> None:
    text = f"left{char}right"
    for writer in (WRITERS[dialect]() for dialect in ("completions", "messages", "responses")):
        lines = writer.event(TextDelta(text)).decode().splitlines()
        chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        assert text in "".join(str(value) for chunk in chunks for value in _leaves(chunk))
    reply = httpx.Response(200, content=HubChatWriter().event(TextDelta(text)))
    assert [line[6:] for line in reply.iter_lines() if line.startswith("data: ")] == ["left", "right"]
    assert json.loads(dump({"text": text})) == {"text": text}
    assert len(sse(dump(text)).decode().splitlines()) == 2


def _leaves(value: Any) -> list[object]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value]

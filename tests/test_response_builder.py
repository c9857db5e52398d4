"""Tool calls are put together from the pieces that servers make of them, and an answer with some is complete."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from llm_hub.chat import ChatRequest, Event, LLMResponse, Message, Role, TextDelta, ToolCall, ToolCallDelta
from llm_hub.errors import EmptyAnswer, StreamBroken
from llm_hub.provider import LLMProvider
from llm_hub.response_builder import ResponseBuilder, ToolCallBuilder

Piece = tuple[int | None, str, str, str]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([(0, "a", "f", ""), (0, "", "", "{}")], [("a", "f", "{}")], id="as OpenAI sends them"),
        pytest.param([(0, "a", "f", "")], [("a", "f", "{}")], id="no arguments at all"),
        pytest.param([(0, "a", "f", "{"), (0, "a", "f", "}")], [("a", "f", "{}")], id="id and name in every piece"),
        pytest.param([(0, "a", "f", "{"), (0, "b", "", "}")], [("a", "f", "{}")], id="another id in every piece"),
        pytest.param(
            [(0, "a", "f", "[1]"), (0, "b", "f", "[2]")],
            [("a", "f", "[1]"), ("b", "f", "[2]")],
            id="all at one position",
        ),
        pytest.param(
            [(1, "a", "f", "["), (7, "b", "g", "{"), (1, "", "", "]"), (7, "", "", "}")],
            [("a", "f", "[]"), ("b", "g", "{}")],
            id="in turns, at odd positions",
        ),
    ],
)
def test_pieces_become_whole_calls(pieces: list[Piece], expected: list[tuple[str, str, str]]) -> None:
    calls = ToolCallBuilder()
    deltas = [calls.add(*piece) for piece in pieces]
    assert calls.build(truncated=False) == tuple(ToolCall(*call) for call in expected)
    for index, (call_id, name, arguments) in enumerate(expected):
        pieces_of_call = [delta for delta in deltas if delta is not None and delta.index == index]
        assert (pieces_of_call[0].id, pieces_of_call[0].name) == (call_id, name)
        assert "".join(delta.arguments for delta in pieces_of_call) in (arguments, "")
        assert all((delta.id, delta.name) == ("", "") for delta in pieces_of_call[1:])


def test_calls_without_ids_get_different_ids() -> None:
    calls = ToolCallBuilder()
    for _ in range(2):
        calls.add(None, "", "f", "{}")
    first, second = calls.build(truncated=False)
    assert first.id != second.id
    assert len(first.id) > 10


class ToolCaller(LLMProvider):
    """Answers with a call of a tool with these arguments, and ends with this finish reason."""

    name = "caller"
    default_model = "caller-1"

    def __init__(self, arguments: str | None, reason: str, tool: str = "f") -> None:
        self.arguments, self.reason, self.tool = arguments, reason, tool

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        builder = ResponseBuilder(self, request)
        if self.arguments is not None:
            yield builder.add_tool_call(0, id="a", name=self.tool, arguments=self.arguments)
        builder.finish_reason = self.reason
        yield builder.finish()


async def test_an_answer_with_calls_alone_is_complete_and_its_finish_reason_says_so() -> None:
    for reason in ("stop", "tool_calls"):
        response = await ToolCaller('{"x": 1}', reason).complete("hello")
        assert response.tool_calls == (ToolCall("a", "f", '{"x": 1}'),)
        assert response.finish_reason == "tool_calls"


async def test_a_call_that_the_limit_cut_off_is_dropped() -> None:
    response = await ToolCaller('{"x": ', "length").complete("hello")
    assert (response.tool_calls, response.finish_reason) == ((), "length")


async def test_an_answer_without_the_calls_that_its_finish_reason_names_is_empty() -> None:
    with pytest.raises(EmptyAnswer):
        await ToolCaller(None, "tool_calls").complete("hello")


async def test_a_call_without_a_name_is_a_broken_stream() -> None:
    with pytest.raises(StreamBroken):
        await ToolCaller("{}", "stop", tool="").complete("hello")


async def test_the_calls_of_a_provider_written_the_short_way_are_events_too() -> None:
    class Short(LLMProvider):
        name = "short"
        default_model = "short-1"

        async def complete(self, messages, model=None, **_: object) -> LLMResponse:  # type: ignore[no-untyped-def]
            return LLMResponse("", "short-1", {}, "tool_calls", "short", tool_calls=(ToolCall("a", "f", "{}"),))

    events = [event async for event in Short().events(ChatRequest((Message(Role.USER, "hello"),)))]
    assert ToolCallDelta(0, "a", "f", "{}") in events
    assert not any(isinstance(event, TextDelta) and event.text for event in events)


def test_a_name_or_an_id_that_is_no_text_begins_no_call() -> None:
    values: list[object] = [{"x": 1}, ["f"], 7]
    for value in values:
        assert ToolCallBuilder().add(0, "a", value, "") is None  # type: ignore[arg-type]  # what a server may send
        assert ToolCallBuilder().add(0, value, "f", "") is None  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "odd",
    ["[" * 100_000, '{"a":' * 300 + "1" + "}" * 300, '{"n": 99999999999999999999}'],
    ids=["without a bottom", "deep", "large"],
)
def test_arguments_that_are_no_object_stay_whole_under_one_name(odd: str) -> None:
    assert ToolCall("a", "f", odd).decoded() == {"arguments": odd}

"""Tool calls are put together from the pieces that servers make of them, and an answer with some is complete."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from llm_hub.chat import ChatRequest, Event, LLMResponse, Message, Role, TextDelta, ToolCall, ToolCallDelta
from llm_hub.chat.tool_calls import ToolCallBuilder
from llm_hub.errors import EmptyAnswer, StreamBroken
from llm_hub.provider import LLMProvider
from llm_hub.response_builder import ResponseBuilder

Piece = tuple[int | None, str, str, str]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([(0, "a", "f", ""), (0, "", "", "{}")], [("a", "f", "{}")], id="as OpenAI sends them"),
        pytest.param([(0, "a", "f", "")], [("a", "f", "{}")], id="no arguments at all"),
        pytest.param([(0, "a", "f", "{"), (0, "a", "f", "}")], [("a", "f", "{}")], id="id and name in every piece"),
        pytest.param(
            [(0, "a", "f", '{"x": "'), (0, "a", "f", '{}"'), (0, "a", "f", "}"), (0, "a", "f", "")],
            [("a", "f", '{"x": "{}"}')],
            id="id and name in every piece, and an end",
        ),
        pytest.param(
            [(0, "a", "f", '{"x": 1}'), (0, "a", "f", '{"x": 1}')],
            [("a", "f", '{"x": 1}')],
            id="the whole call said again at its end",
        ),
        pytest.param(
            [(0, "a", "f", ""), (1, "b", "g", ""), (None, "a", "", '{"x": 1}'), (None, "b", "", '{"x": 2}')],
            [("a", "f", '{"x": 1}'), ("b", "g", '{"x": 2}')],
            id="later pieces by id alone",
        ),
        pytest.param(
            [(0, "a", "f", ""), (0, "b", "f", ""), (0, "b", "", '{"x": 2}'), (0, "a", "", '{"x": 1}')],
            [("a", "f", '{"x": 1}'), ("b", "f", '{"x": 2}')],
            id="all at one position, in turns",
        ),
        pytest.param(
            [(None, "a", "f", '{"x"'), (None, "", "", ": 1}"), (None, "b", "f", "{}")],
            [("a", "f", '{"x": 1}'), ("b", "f", "{}")],
            id="one after the other, without positions",
        ),
        pytest.param(
            [(None, "a", "f", '{"x": '), (None, "b", "", "1}")],
            [("a", "f", '{"x": 1}')],
            id="another id in every piece, without positions",
        ),
        pytest.param(
            [(0, "a", "f", '{"x": '), (1, "", "", "1"), (2, "", "", "}")],
            [("a", "f", '{"x": 1}')],
            id="pieces that are counted as if they were calls",
        ),
        pytest.param(
            [(0, "a", "", ""), (0, "", "", '{"x": '), (0, "", "f", "1}")], [("a", "f", '{"x": 1}')], id="a late name"
        ),
        pytest.param(
            [(0, "a", "get_", ""), (0, "", "wea", ""), (0, "", "ther", ""), (0, "", "", "{"), (0, "", "", "}")],
            [("a", "get_weather", "{}")],
            id="a name in pieces",
        ),
        pytest.param(
            [(None, "a", "get_", ""), (None, "a", "weather", '{"x": '), (None, "a", "", "1}")],
            [("a", "get_weather", '{"x": 1}')],
            id="a name in pieces by id alone",
        ),
        pytest.param(
            [(0, "a", "get_", ""), (0, "", "weather", ""), (1, "b", "get_", ""), (1, "b", "time", "")],
            [("a", "get_weather", "{}"), ("b", "get_time", "{}")],
            id="names in pieces without arguments",
        ),
        pytest.param(
            [(0, "a", "f", ""), (0, "a", "f", ""), (0, "a", "f", '{"x": 1}')],
            [("a", "f", '{"x": 1}')],
            id="the whole name again before the arguments",
        ),
        pytest.param(
            [(0, "a", "f", ""), (0, "b", "g", ""), (None, "c", "h", "")],
            [("a", "f", "{}"), ("b", "g", "{}"), ("c", "h", "{}")],
            id="calls without arguments, each with an id",
        ),
        pytest.param([(0, "a", "f", r'"{\"x\": 1}"')], [("a", "f", '{"x": 1}')], id="encoded twice"),
        pytest.param(
            [(0, "a", "f", "{}"), (0, "", "", '{"x": '), (0, "", "", "1}")],
            [("a", "f", '{"x": 1}')],
            id="an empty object first",
        ),
        pytest.param([(0, "a", "f", "{}"), (1, "b", "g", "{}")], [("a", "f", "{}"), ("b", "g", "{}")], id="empty ones"),
        pytest.param([(0, "a", "f", "null")], [("a", "f", "{}")], id="null"),
        pytest.param([(0, "a", "f", "{"), (0, "b", "", "}")], [("a", "f", "{}")], id="another id in every piece"),
        pytest.param(
            [(0, "a", "f", '{"x": 1}'), (0, "b", "f", '{"x": 2}')],
            [("a", "f", '{"x": 1}'), ("b", "f", '{"x": 2}')],
            id="all at one position",
        ),
        pytest.param(
            [(1, "a", "f", '{"x"'), (7, "b", "g", "{"), (1, "", "", ": 1}"), (7, "", "", "}")],
            [("a", "f", '{"x": 1}'), ("b", "g", "{}")],
            id="in turns, at odd positions",
        ),
    ],
)
def test_pieces_become_whole_calls(pieces: list[Piece], expected: list[tuple[str, str, str]]) -> None:
    calls = ToolCallBuilder()
    deltas = [*(calls.add(*piece) for piece in pieces), *calls.add_rest()]
    assert calls.build()[0] == tuple(ToolCall(*call) for call in expected)
    for index, (call_id, name, arguments) in enumerate(expected):
        pieces_of_call = [delta for delta in deltas if delta is not None and delta.index == index]
        assert (pieces_of_call[0].id, pieces_of_call[0].name) == (call_id, name)
        assert "".join(delta.arguments for delta in pieces_of_call) in (arguments, "")
        assert all((delta.id, delta.name) == ("", "") for delta in pieces_of_call[1:])


@pytest.mark.parametrize("position", [None, 0])
@pytest.mark.parametrize("call_id", ["", "the same"])
def test_whole_calls_without_an_id_of_their_own_get_different_ids(position: int | None, call_id: str) -> None:
    calls = ToolCallBuilder()
    for number in range(2):
        calls.add(position, call_id, "f", f'{{"x": {number}}}')
    first, second = calls.build()[0]
    assert [call.arguments for call in (first, second)] == ['{"x": 0}', '{"x": 1}']
    assert first.id != second.id
    assert len(second.id) > 10


def test_another_name_that_nothing_ties_to_the_call_before_begins_another_call() -> None:
    calls = ToolCallBuilder()
    for name in ("f", "g"):
        calls.add(None, "", name)
    assert [call.name for call in calls.build()[0]] == ["f", "g"]


def test_the_other_fields_of_a_call_stay_with_it() -> None:
    calls = ToolCallBuilder()
    calls.add(0, "a", "f", "{", {"seal": "x"})
    calls.add(0, "", "", "}", {"late": 1})
    assert calls.build()[0][0].extra == {"seal": "x", "late": 1}


def test_whether_arguments_are_whole_does_not_depend_on_where_they_are_cut() -> None:
    text = r'{"x": "}\\\" {", "y": ["\\\\", {}]}'
    for size in range(1, len(text)):
        calls = ToolCallBuilder()
        for start in range(0, len(text), size):
            calls.add(None, "", "f", text[start : start + size])
        calls.add(None, "", "f", "{}")
        assert [call.arguments for call in calls.build()[0]] == [text, "{}"], size


class ToolCaller(LLMProvider):
    """Answers with a call of a tool with these arguments, and ends with this finish reason."""

    name = "caller"
    default_model = "caller-1"

    def __init__(self, arguments: str | None, reason: str, tool: str = "f") -> None:
        self.arguments, self.reason, self.tool = arguments, reason, tool

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        builder = ResponseBuilder(self, request)
        if self.arguments is not None:
            delta = builder.add_tool_call(0, id="a", name=self.tool, arguments=self.arguments)
            if delta is not None:
                yield delta
        builder.finish_reason = self.reason
        yield builder.finish()


async def test_an_answer_with_calls_alone_is_complete_and_its_finish_reason_says_so() -> None:
    for reason in ("stop", "tool_calls"):
        response = await ToolCaller('{"x": 1}', reason).complete("hello")
        assert response.tool_calls == (ToolCall("a", "f", '{"x": 1}'),)
        assert response.finish_reason == "tool_calls"


async def test_a_call_that_the_limit_cut_off_is_left_out_and_a_note_says_so() -> None:
    response = await ToolCaller('{"x": ', "length").complete("hello")
    assert (response.tool_calls, response.finish_reason) == ((), "length")
    assert "A call of f was cut off" in response.notes[0]


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", "7", "true", "run", '"run"', '{"x": 1}}', '{"a":' * 300])
async def test_a_call_whose_arguments_are_no_object_is_a_broken_stream(arguments: str) -> None:
    with pytest.raises(StreamBroken) as caught:
        await ToolCaller(arguments, "tool_calls").complete("hello")
    assert caught.value.retryable


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


def test_a_name_or_an_id_that_is_no_text_is_none() -> None:
    values: list[object] = [{"x": 1}, ["f"], 7]
    for value in values:
        assert ToolCallBuilder().add(0, "a", value, "") is None  # type: ignore[arg-type]  # what a server may send
        delta = ToolCallBuilder().add(0, value, "f", "{")  # type: ignore[arg-type]  # as above
        assert delta is not None
        assert delta.id.startswith("call_")


@pytest.mark.parametrize(
    "odd",
    ["[" * 100_000, '{"a":' * 300 + "1" + "}" * 300, "run"],
    ids=["without a bottom", "deep", "no JSON"],
)
def test_arguments_that_are_no_object_stay_whole_under_one_name(odd: str) -> None:
    assert ToolCall("a", "f", odd).decoded() == {"arguments": odd}


@pytest.mark.parametrize(
    ("odd", "value"),
    [('{"n": 99999999999999999999}', {"n": 99999999999999999999}), (r'{"half": "\ud83d"}', {"half": "?"})],
    ids=["a large number", "half a character"],
)
async def test_arguments_that_orjson_does_not_read_exactly_are_an_object(odd: str, value: dict[str, object]) -> None:
    (call,) = (await ToolCaller(odd, "stop").complete("hello")).tool_calls
    assert call.arguments == odd
    assert call.decoded() == value


async def test_a_call_that_was_only_announced_is_no_reason_to_wait_for_one() -> None:
    class Announcing(LLMProvider):
        name, default_model, title = "announcing", "m", "Announcing"

        async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
            builder = ResponseBuilder(self, request)
            yield builder.add_text("I look it up.")
            builder.finish_reason = "tool_calls"
            yield builder.finish()

    response = await Announcing().complete("?")
    assert response.finish_reason == "stop"
    assert response.notes == ("Announcing said that it calls a tool, and sent no call.",)

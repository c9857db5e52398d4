"""What servers write that speak Anthropic's protocol more or less: it is read as the vendor's own SDK reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_hub.chat import ChatRequest, Message, ReasoningDelta, Role, TextDelta, VendorDelta
from llm_hub.errors import ProviderError, StreamBroken
from tests.contract.case import KEY
from tests.contract.conftest import case_params
from tests.contract.test_tools import streamed
from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from llm_hub.chat import Event, LLMResponse
    from llm_hub.provider import LLMProvider
    from tests.fault_server import FaultServer

pytestmark = pytest.mark.parametrize("case", case_params(lambda case: case.name == "anthropic"), indirect=True)

HEAD: dict[str, Any] = {"id": "msg_9", "type": "message", "role": "assistant", "model": "claude-barge"}
OPEN: dict[str, Any] = {
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 31, "output_tokens": 1},
}
START = {"type": "message_start", "message": HEAD | OPEN}
STOP = {"type": "message_stop"}
TUG = {"name": "tug", "id": "toolu_1", "type": "tool_use", "input": {}}
PORT = {"port": "Ostend", "knots": 7}


def sse(events: Iterable[dict[str, Any]]) -> bytes:
    """The events as the vendor writes them."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), dump(event)) for event in events)


def dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def block(
    index: int | None, value: dict[str, Any], *deltas: dict[str, Any], stops: bool = True
) -> list[dict[str, Any]]:
    """The events of a block."""
    place = {} if index is None else {"index": index}
    events = [{"type": "content_block_start", **place, "content_block": value}]
    events += [{"type": "content_block_delta", **place, "delta": delta} for delta in deltas]
    return [*events, {"type": "content_block_stop", **place}] if stops else events


def text(index: int | None = 0, *words: str, **options: Any) -> list[dict[str, Any]]:
    """The events of a block of text."""
    deltas = [{"type": "text_delta", "text": word} for word in words or ("Low ", "tide")]
    return block(index, {"type": "text", "text": ""}, *deltas, **options)


def call(index: int | None, *pieces: Any, **fields: Any) -> list[dict[str, Any]]:
    """The events of a call."""
    return block(index, TUG | fields, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def end(reason: object = "end_turn", usage: object = None, **fields: Any) -> dict[str, Any]:
    delta = {"stop_reason": reason, "stop_sequence": None, **fields}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5} if usage is None else usage}


async def hear(provider: LLMProvider, *pieces: bytes) -> tuple[list[Event], LLMResponse]:
    """The events and the answer of a server that writes these bytes."""
    request = ChatRequest((Message(Role.USER, dictation(pieces)),), MODEL)
    events = [event async for event in provider.events(request)]
    return events, events[-1].response  # type: ignore[union-attr]  # the last is Done


ENDS: dict[str, list[dict[str, Any]]] = {
    "stop": [START, *text(), end(), STOP],
    "reason-empty-first": [START, end(""), *text(), end(""), end(None), end(), STOP],
    "reason-before-text": [START, end(), *text(), end(), STOP],
    "no-reason": [START, *text(), STOP],
    "reason-null": [START, *text(), end(None), STOP],
    "reason-empty": [START, *text(), end(""), STOP],
    "no-message-stop": [START, *text(), end()],
    "no-block-stop": [START, *text(stops=False), end(), STOP],
    "no-delta-in-end": [START, *text(), {"type": "message_delta", "delta": None, "usage": None}, STOP],
    "pings-and-strangers": [
        {"type": "ping"}, START, {"type": "fog_horn", "delta": None}, *text(), {"type": "ping"}, end(), STOP
    ],
    "text-in-block": [
        START, *block(0, {"type": "text", "text": "Low "}, {"type": "text_delta", "text": "tide"}), end(), STOP
    ],
    "no-index": [START, *text(None), end(), STOP],
    "no-block-start": [START, *text()[1:], end(), STOP],
    "whole-in-start": [
        START | {"message": HEAD | OPEN | {"content": [{"type": "text", "text": "Low tide"}]}}, end(), STOP
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
async def test_a_message_ends_with_the_protocols_own_end(provider: LLMProvider, name: str) -> None:
    events, response = await hear(provider, sse(ENDS[name]))
    assert response.content == "Low tide"
    assert response.finish_reason == "stop"
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Low tide"
    assert response.original is not None
    assert response.original.body["content"] == [{"type": "text", "text": "Low tide"}]


@pytest.mark.parametrize("last", [[STOP], []])
async def test_openais_last_word_is_none_of_the_answer(provider: LLMProvider, last: list[dict[str, Any]]) -> None:
    _, response = await hear(provider, sse([START, *text(), end(), *last]) + b"data: [DONE]\n\n")
    assert (response.content, response.finish_reason) == ("Low tide", "stop")


@pytest.mark.parametrize(
    "cut",
    [
        [START, *text()],
        [START, *text(), end("")],
        [START, *text(), end("error"), STOP],
        [START, end(), *text()],
        [START, *text(), end(), *text(1, "Half of a")],
        [START, *call(0, '{"port": "Ost'), end("tool_use")],
        [START, *call(0, '{"port": "Ost')],
    ],
)
async def test_what_is_cut_is_no_answer(provider: LLMProvider, cut: list[dict[str, Any]]) -> None:
    with pytest.raises(StreamBroken) as caught:
        await hear(provider, sse(cut))
    assert caught.value.falls_back


WHOLE = json.dumps(PORT)
CALLS: dict[str, list[dict[str, Any]]] = {
    "pieces": call(0, "", WHOLE[:7], WHOLE[7:]),
    "input-in-start": call(0, input=PORT),
    "input-in-start-and-empty-piece": call(0, "", input=PORT),
    "input-in-start-and-pieces": call(0, WHOLE[:7], WHOLE[7:], input=PORT),
    "input-as-text": call(0, input=WHOLE),
    "piece-as-object": call(0, PORT),
    "no-index": call(None, WHOLE[:7], WHOLE[7:]),
    "no-stop": [*call(0, WHOLE[:7], WHOLE[7:])][:-1],
    "no-stop-input-in-start": [*call(0, input=PORT)][:-1],
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_keeps_its_input_wherever_it_stands(provider: LLMProvider, name: str) -> None:
    events, response = await hear(provider, sse([START, *CALLS[name], end("tool_use"), STOP]))
    assert [(made.id, made.name, json.loads(made.arguments)) for made in response.tool_calls] == [
        ("toolu_1", "tug", PORT)
    ]
    assert streamed(events) == [(made.id, made.name, made.arguments) for made in response.tool_calls]
    assert response.original is not None
    assert response.original.body["content"] == [TUG | {"input": PORT}]


SEVERAL: dict[str, list[dict[str, Any]]] = {
    "one-index": [*call(0, '{"n": 1}'), *call(0, '{"n": 2}', id="toolu_2")],
    "one-index-whole": [*call(0, input={"n": 1}), *call(0, input={"n": 2}, id="toolu_2")],
    "one-index-no-ids": [*call(0, '{"n": 1}', id=None), *call(0, '{"n": 2}', id="")],
    "no-index": [*call(None, '{"n": 1}'), *call(None, '{"n": 2}', id="toolu_2")],
    "side-by-side": [
        event
        for pair in zip(call(0, '{"n"', ": 1}"), call(1, '{"n"', ": 2}", id="toolu_2"), strict=True)
        for event in pair
    ],
    "among-text": [*text(0), *call(1, '{"n": 1}'), *text(2), *call(3, '{"n": 2}', id="toolu_2")],
}


@pytest.mark.parametrize("name", SEVERAL)
async def test_calls_are_told_apart(provider: LLMProvider, name: str) -> None:
    events, response = await hear(provider, sse([START, *SEVERAL[name], end("tool_use"), STOP]))
    assert [json.loads(made.arguments) for made in response.tool_calls] == [{"n": 1}, {"n": 2}]
    assert len({made.id for made in response.tool_calls}) == 2
    assert [arguments for _, _, arguments in streamed(events)] == [made.arguments for made in response.tool_calls]
    assert response.original is not None
    kept = [value["input"] for value in response.original.body["content"] if value["type"] == "tool_use"]
    assert kept == [{"n": 1}, {"n": 2}]


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND: dict[str, Any] = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result"}],
}
CITED = {"type": "char_location", "cited_text": "low", "document_index": 0}
SEALED = {"type": "redacted_thinking", "data": "c2VhbA=="}
SIGNED = {"type": "signature_delta", "signature": "c2ln"}
RICH = [
    START,
    *block(0, {"type": "thinking", "thinking": "", "signature": ""},
           {"type": "thinking_delta", "thinking": "Which "}, {"type": "thinking_delta", "thinking": "tide?"}, SIGNED),
    *block(1, SEALED),
    *block(2, SEARCH, {"type": "input_json_delta", "partial_json": '{"query": '},
           {"type": "input_json_delta", "partial_json": '"tide"}'}),
    *block(3, FOUND),
    *block(4, {"type": "text", "text": "", "citations": []}, {"type": "text_delta", "text": "It is low"},
           {"type": "citations_delta", "citation": CITED}, {"type": "text_delta", "text": "."}),
    *block(5, {"type": "buoy", "text": "No"}, {"type": "text_delta", "text": "t the answer"},
           {"type": "buoy_delta", "at": [1]}, {"type": "buoy_delta", "at": [2]}),
    *block(6, {"type": "thinking", "thinking": "", "signature": ""}, SIGNED | {"signature": "bGF0ZXI="}),
    *call(7, WHOLE),
    end("tool_use", container={"id": "c1"}),
    STOP,
]  # fmt: skip
RICH_CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Which tide?", "signature": "c2ln"},
    SEALED,
    SEARCH | {"input": {"query": "tide"}},
    FOUND,
    {"type": "text", "text": "It is low.", "citations": [CITED]},
    {"type": "buoy", "text": "Not the answer", "at": [1, 2]},
    {"type": "thinking", "thinking": "", "signature": "bGF0ZXI="},
    TUG | {"input": PORT},
]


async def test_what_the_hub_has_no_word_for_is_kept_as_it_came(provider: LLMProvider) -> None:
    events, response = await hear(provider, sse(RICH))
    assert (response.content, response.reasoning) == ("It is low.", "Which tide?")
    assert response.original is not None
    assert response.original.protocol == "anthropic"
    assert response.original.body["content"] == RICH_CONTENT
    assert response.original.body["usage"] == {"input_tokens": 31, "output_tokens": 5}
    assert response.original.body["container"] == {"id": "c1"}
    kinds = [kind(event) for event in events]
    order = ["ReasoningDelta", "signature_delta", "redacted_thinking", "server_tool_use", "web_search_tool_result"]
    assert [name for name in kinds if name in (*order, "citations_delta", "buoy")] == [
        *order,
        "citations_delta",
        "buoy",
        "signature_delta",
    ]
    pieces = [event.data.get("begun", event.data) for event in events if isinstance(event, VendorDelta)]
    starts = [piece for piece in pieces if piece["type"].endswith("_start")]
    assert [start["type"] for start in starts] == ["message_start", *["content_block_start"] * (len(starts) - 1)]
    pieces = [piece for piece in pieces if piece not in starts]
    assert pieces[:2] == [SIGNED, SEALED]
    assert [piece for piece in pieces if "input" in piece] == [SEARCH]
    deltas = [event.data.get("deltas", ()) for event in events if isinstance(event, VendorDelta)]
    pieces = [
        delta["delta"]["partial_json"] for of_block in deltas for delta in of_block if "partial_json" in delta["delta"]
    ]
    assert pieces == ['{"query": ', '"tide"}']


def kind(event: Event) -> str:
    return event.data.get("begun", event.data)["type"] if isinstance(event, VendorDelta) else type(event).__name__


async def test_a_message_that_comes_whole_is_an_answer(provider: LLMProvider) -> None:
    message = HEAD | {
        "content": RICH_CONTENT,
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 31, "output_tokens": 5},
    }
    events, response = await hear(provider, sse([message]))
    assert (response.content, response.reasoning, response.finish_reason) == ("It is low.", "Which tide?", "tool_calls")
    assert [json.loads(made.arguments) for made in response.tool_calls] == [PORT]
    assert streamed(events) == [(made.id, made.name, made.arguments) for made in response.tool_calls]
    assert response.usage == {"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36}
    assert response.original is not None
    assert response.original.body["content"] == RICH_CONTENT
    with pytest.raises(StreamBroken):
        await hear(provider, sse([message | {"stop_reason": "error"}]))


@pytest.mark.parametrize("reason", ["pause_turn", "end_turn"])
async def test_what_only_the_vendors_clients_can_read_is_an_answer_and_is_named(
    provider: LLMProvider, reason: str
) -> None:
    """A search that goes on with the client's next request: there is no text yet."""
    _, response = await hear(provider, sse([START, *block(0, SEARCH), *block(1, FOUND), end(reason), STOP]))
    assert (response.content, response.original is None) == ("", False)
    assert response.finish_reason == {"end_turn": "stop"}.get(reason, reason)
    assert "server_tool_use and web_search_tool_result" in response.notes[0]
    assert any("paused" in note and "send the conversation again" in note for note in response.notes) == (
        reason == "pause_turn"
    )


async def test_a_blank_line_is_between_two_blocks_of_reasoning_and_in_neither(provider: LLMProvider) -> None:
    first, second = ({"type": "thinking", "thinking": thought, "signature": "c2ln"} for thought in ("Which?", "Low."))
    for blocks in ([first, second], [first, {"type": "text", "text": "Hm. "}, second]):
        sent = [event for number, value in enumerate(blocks) for event in block(number, value)]
        events, response = await hear(provider, sse([START, *sent, *text(len(blocks)), end(), STOP]))
        assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "Which?\n\nLow."
        assert response.reasoning == "Which?\n\nLow."
        assert response.original is not None
        assert response.original.body["content"][:-1] == blocks


async def test_blocks_that_come_whole_are_read(provider: LLMProvider) -> None:
    whole = [START, *(event for number, value in enumerate(RICH_CONTENT) for event in block(number, value))]
    _, response = await hear(provider, sse([*whole, end("tool_use"), STOP]))
    assert (response.content, response.reasoning) == ("It is low.", "Which tide?")
    assert [json.loads(made.arguments) for made in response.tool_calls] == [PORT]
    assert response.original is not None
    assert response.original.body["content"] == RICH_CONTENT


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Too many boats"}},
        {"error": {"type": "overloaded_error", "message": "Too many boats"}},
        {"error": {"message": "Too many boats"}},
    ],
)
@pytest.mark.parametrize("before", [[], [START, *text()]])
async def test_an_error_among_the_events_is_the_vendors(
    provider: LLMProvider, error: dict[str, Any], before: list[dict[str, Any]]
) -> None:
    with pytest.raises(ProviderError) as caught:
        await hear(provider, sse(before) + b"data: " + dump(error) + b"\n\n")
    assert "Too many boats" in caught.value.detail
    assert caught.value.retryable


USAGES: dict[str, tuple[dict[str, Any], Any, dict[str, int]]] = {
    "zero-later": (
        {"input_tokens": 1100, "output_tokens": 1},
        {"input_tokens": 0, "output_tokens": 17},
        {"prompt_tokens": 1100, "completion_tokens": 17, "total_tokens": 1117},
    ),
    "null-later": (
        {"input_tokens": 1100, "cache_read_input_tokens": 40, "output_tokens": 1},
        {"input_tokens": None, "cache_read_input_tokens": None, "output_tokens": 17},
        {"prompt_tokens": 1140, "cached_tokens": 40, "completion_tokens": 17, "total_tokens": 1157},
    ),
    "cache-at-the-start-alone": (
        {"input_tokens": 60, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 30, "output_tokens": 1},
        {"input_tokens": 60, "output_tokens": 17},
        {"prompt_tokens": 130, "cached_tokens": 40, "cache_write_tokens": 30, "completion_tokens": 17,
         "total_tokens": 147},
    ),
    "written-for-an-hour": (
        {"input_tokens": 60, "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}},
        {"output_tokens": 17},
        {"prompt_tokens": 90, "cache_write_tokens": 30, "cache_write_1h_tokens": 20, "completion_tokens": 17,
         "total_tokens": 107},
    ),
    "all-at-the-end": (
        {"input_tokens": 0, "output_tokens": 0},
        {"input_tokens": 60, "output_tokens": 17},
        {"prompt_tokens": 60, "completion_tokens": 17, "total_tokens": 77},
    ),
    "thought": (
        {"input_tokens": 60},
        {"output_tokens": 17, "output_tokens_details": {"thinking_tokens": 9}},
        {"prompt_tokens": 60, "completion_tokens": 17, "reasoning_tokens": 9, "total_tokens": 77},
    ),
    "nothing": ({"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 0, "output_tokens": 0}, {}),
    "no-answer-counted": ({"input_tokens": 60, "output_tokens": 1}, {"output_tokens": None}, {"prompt_tokens": 60}),
    "null": ({"input_tokens": 60, "output_tokens": 1}, "", {"prompt_tokens": 60}),
}  # fmt: skip


@pytest.mark.parametrize("name", USAGES)
async def test_a_count_that_was_told_stays_and_none_is_made_up(provider: LLMProvider, name: str) -> None:
    first, last, counted = USAGES[name]
    start = START | {"message": HEAD | OPEN | {"usage": first}}
    _, response = await hear(provider, sse([start, *text(), end(usage=last), STOP]))
    assert response.usage == counted


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
values = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.one_of(words, st.integers(-9, 9), st.none()), max_size=3
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A message's content, and the events of a server that writes it in a dress of its own."""
    content: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = [START]
    takes_index, stops = draw(st.booleans()), draw(st.booleans())
    for number in range(draw(st.integers(1, 4))):
        index = number if takes_index else None
        drawn = draw(st.sampled_from(["text", "thinking", "tool_use"]))
        pieces = draw(st.lists(words, max_size=3))
        if drawn == "tool_use":
            given = draw(values)
            made = json.dumps(given, ensure_ascii=False)
            at = draw(st.integers(0, len(made)))
            whole, called = draw(st.booleans()), {"type": "tool_use", "id": f"t{number}", "name": "tug"}
            parts = () if whole else (made[:at], made[at:])
            deltas: list[dict[str, Any]] = [{"type": "input_json_delta", "partial_json": part} for part in parts]
            events += block(index, called | {"input": given if whole else {}}, *deltas, stops=stops)
            content.append(called | {"input": given})
            continue
        first, *rest = pieces or [""]
        deltas = [{"type": f"{drawn}_delta", drawn: piece} for piece in rest]
        events += block(index, {"type": drawn, drawn: first}, *deltas, stops=stops)
        content.append({"type": drawn, drawn: "".join(pieces)})
    return content, [*events, end("tool_use"), STOP]


@given(message=messages(), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_an_answer_is_the_same_in_any_dress_and_cut_at_any_byte(
    provider: LLMProvider, message: tuple[list[dict[str, Any]], list[dict[str, Any]]], data: st.DataObject
) -> None:
    content, events = message
    stream = sse(events)
    places = sorted(data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=6)))
    pieces = [stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True)]
    spoken = "".join(value["text"] for value in content if value["type"] == "text")
    made = [value["input"] for value in content if value["type"] == "tool_use"]
    if not spoken.strip() and not made:
        return  # an empty answer is none
    heard, response = await hear(provider, *pieces)
    assert response.content == spoken
    thoughts = [value["thinking"] for value in content if value["type"] == "thinking"]
    assert response.reasoning == "\n\n".join(filter(None, thoughts))
    assert [json.loads(call.arguments) for call in response.tool_calls] == made
    assert [json.loads(arguments) for _, _, arguments in streamed(heard)] == made
    assert "".join(event.text for event in heard if isinstance(event, ReasoningDelta)) == response.reasoning
    assert response.original is not None
    kept = [value for value in content if value["type"] == "tool_use" or value[value["type"]]]
    assert response.original.body["content"] == kept


SDK_READS: Sequence[list[dict[str, Any]]] = [
    *(
        ENDS[name]
        for name in ENDS
        if name not in ("no-index", "no-block-start", "no-delta-in-end", "reason-before-text")
    ),
    *(
        [START, *CALLS[name], end("tool_use"), STOP]
        for name in CALLS
        if name not in ("no-index", "piece-as-object", "input-as-text")
    ),
    RICH,
]
"""Streams that the vendor's SDK understands. It has no place for a block without an index or a beginning, a
delta of null or an input that is no object."""


@pytest.mark.parametrize("events", SDK_READS)
async def test_the_vendors_sdk_reads_the_same(
    provider: LLMProvider, fault_server: FaultServer, events: list[dict[str, Any]]
) -> None:
    prompt: Any = [{"role": "user", "content": dictation([sse(events)])}]
    async with (
        anthropic.AsyncAnthropic(api_key=KEY, base_url=fault_server.anthropic_url, max_retries=0) as client,
        client.messages.stream(model=MODEL, max_tokens=9, messages=prompt) as stream,
    ):
        message = await stream.get_final_message()
    _, response = await hear(provider, sse(events))
    assert response.original is not None
    read = [value.model_dump(exclude_none=True) for value in message.content if value.type != "buoy"]  # type: ignore[comparison-overlap]
    kept = [value for value in response.original.body["content"] if value["type"] != "buoy"]
    assert list(without_defaults(read)) == list(without_defaults(kept))
    assert response.content == "".join(value.text for value in message.content if value.type == "text")


def without_defaults(content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The blocks without what the SDK adds, and with an input that came as text decoded."""
    for value in content:
        given = value.get("input")
        decoded = {"input": json.loads(given)} if isinstance(given, str) else {}
        yield {name: inner for name, inner in (value | decoded).items() if inner not in ([], None)}

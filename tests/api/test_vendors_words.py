"""What a vendor says in its own words reaches clients of the same protocol, and others are told of it."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llm_hub.api.bodies import parse
from llm_hub.api.dialects.chat_completions import CHAT_COMPLETIONS, CompletionWriter
from llm_hub.api.dialects.messages import MESSAGES
from llm_hub.api.dialects.messages_writer import MessageWriter
from llm_hub.chat import (
    Done,
    Event,
    LLMResponse,
    OriginalAnswer,
    ReasoningBreak,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    VendorDelta,
)
from llm_hub.errors import StreamBroken
from tests.api.conftest import Api
from tests.api.described import check, check_stream, response_of
from tests.api.sse import events as sse_events

TEXT = "High water is at six."
SOURCE = {"type": "web_search_result_location", "url": "https://tides.test/six", "cited_text": "six"}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
SIGNATURE = {"type": "signature_delta", "signature": "c2ln"}
CALL = ToolCall("call_1", "look_up", '{"buoy": 4}', {"extra_content": {"google": {"thought_signature": "c2ln"}}})
MESSAGE = parse(MESSAGES.body, b'{"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}')
CHAT = parse(CHAT_COMPLETIONS.body, b'{"model": "auto", "messages": [{"role": "user", "content": "x"}]}')


def response(original: OriginalAnswer | None = None, **fields: Any) -> LLMResponse:
    answer: dict[str, Any] = {"content": TEXT, "model": "m", "usage": Usage(), "finish_reason": "stop", "provider": "p"}
    return LLMResponse(**{**answer, **fields}, original=original)


def message(*blocks: Any, **fields: Any) -> OriginalAnswer:
    return OriginalAnswer("anthropic", {"content": [*blocks], **fields})


COMPLETION = OriginalAnswer(
    "openai",
    {"citations": ["https://tides.test"], "message": {"annotations": [{"type": "url_citation"}], "content": "Not it"}},
)


def streamed_message(*given: Event, with_thinking: bool = False) -> list[dict[str, Any]]:
    """The data of the events that a writer of messages makes of the hub's."""
    writer = MessageWriter(with_thinking=with_thinking)
    text = b"".join(map(writer.event, given)).decode()
    check_stream(text, response_of("post", "/v1/messages", 200)["text/event-stream"])
    return [json.loads(data) for _, data in sse_events(text)]


def blocks_of(stream: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks of a stream, each with the deltas that belong to it."""
    blocks: list[dict[str, Any]] = []
    for event in stream:
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"], "deltas": []})
        elif event["type"] == "content_block_delta":
            assert event["index"] == len(blocks) - 1
            blocks[-1]["deltas"].append(event["delta"])
    return blocks


def test_a_completion_has_its_vendors_fields_and_the_hubs_own_where_both_have_one() -> None:
    answer: Any = CHAT_COMPLETIONS.answer(CHAT, response(COMPLETION, tool_calls=(CALL,)))
    check(answer, response_of("post", "/v1/chat/completions", 200)["application/json"])
    written = answer["choices"][0]["message"]
    assert answer["citations"] == ["https://tides.test"]
    assert (written["annotations"], written["content"]) == ([{"type": "url_citation"}], TEXT)
    assert written["tool_calls"][0]["extra_content"] == CALL.extra["extra_content"]
    assert answer["x_llm_hub"]["notes"] == ()


def test_tokens_that_a_vendor_told_as_text_or_as_decimals_are_whole_numbers() -> None:
    told = {"prompt_tokens": "31", "completion_tokens": 5.0, "total_tokens": 36, "cost": 0.5}
    counts = Usage(prompt_tokens=31, completion_tokens=5, total_tokens=36)
    answer: Any = CHAT_COMPLETIONS.answer(CHAT, response(OriginalAnswer("openai", {"usage": told}), usage=counts))
    assert json.dumps(answer["usage"]) == json.dumps({**counts, "cost": 0.5})


def test_a_streamed_completion_has_its_vendors_fields_in_its_last_chunk() -> None:
    writer = CompletionWriter(with_usage=True)
    done = Done(response(COMPLETION, tool_calls=(CALL,)))
    call = ToolCallDelta(0, CALL.id, CALL.name, CALL.arguments, CALL.extra)
    events: list[Event] = [TextDelta(TEXT), call, done]
    text = b"".join(map(writer.event, events)).decode()
    check_stream(text, response_of("post", "/v1/chat/completions", 200)["text/event-stream"])
    chunks = [json.loads(data) for _, data in sse_events(text)]
    assert chunks[1]["choices"][0]["delta"]["tool_calls"][0]["extra_content"] == CALL.extra["extra_content"]
    assert chunks[2]["choices"][0]["delta"] == {"annotations": [{"type": "url_citation"}]}
    assert chunks[2]["citations"] == ["https://tides.test"]


@pytest.mark.parametrize(
    ("given", "written"), [("end_turn", "tool_use"), ("tool_calls", "tool_use"), ("max_tokens", "max_tokens")]
)
def test_a_call_is_to_be_run_whatever_else_its_server_says(given: str, written: str) -> None:
    """Sources: vllm-project/agentic-api#296, strands-agents/harness-sdk#1827."""
    block = {"type": "tool_use", "id": CALL.id, "name": CALL.name, "input": {"buoy": 4}}
    answered = response(
        message(block, stop_reason=given),
        tool_calls=(CALL,),
        finish_reason="length" if given == "max_tokens" else "tool_calls",
    )
    assert MESSAGES.answer(MESSAGE, answered)["stop_reason"] == written  # type: ignore[index]  # a message
    assert streamed_message(Done(answered))[-2]["delta"]["stop_reason"] == written


@pytest.mark.parametrize(("given", "written"), [("stop", "end_turn"), ("length", "max_tokens")])
def test_a_stop_reason_in_openais_words_is_written_in_anthropics(given: str, written: str) -> None:
    answered = response(message({"type": "text", "text": TEXT}, stop_reason=given), finish_reason=given)
    assert MESSAGES.answer(MESSAGE, answered)["stop_reason"] == written  # type: ignore[index]  # a message


def test_a_message_has_its_vendors_blocks_as_they_came_and_its_own_stop_reason() -> None:
    blocks = [{"type": "thinking", "thinking": "", "signature": "c2ln"}, FOUND,
        {"type": "text", "text": TEXT, "citations": [SOURCE]}]  # fmt: skip
    original = message(*blocks, stop_reason="pause_turn", container={"id": "c"}, usage={"service_tier": "standard"})
    answer: Any = MESSAGES.answer(MESSAGE, response(original, usage=Usage(prompt_tokens=7, completion_tokens=3)))
    check(json.loads(json.dumps(answer)), response_of("post", "/v1/messages", 200)["application/json"])
    assert (answer["content"], answer["stop_reason"], answer["container"]) == (blocks, "pause_turn", {"id": "c"})
    assert answer["usage"] == {"service_tier": "standard", "input_tokens": 7, "output_tokens": 3}


def test_a_messages_blocks_have_the_calls_that_the_answer_makes_and_no_others() -> None:
    cut = {"type": "tool_use", "id": "toolu_cut", "name": "look_up", "input": {}}
    original = message({"type": "text", "text": TEXT}, cut)
    answer: Any = MESSAGES.answer(MESSAGE, response(original))
    assert [block["type"] for block in answer["content"]] == ["text"]
    answer = MESSAGES.answer(MESSAGE, response(original, tool_calls=(CALL,)))
    written = {
        "type": "tool_use",
        "id": "call_1",
        "name": "look_up",
        "input": {"buoy": 4},
        "caller": {"type": "direct"},
    }
    assert answer["content"][1] == written
    blocks = blocks_of(streamed_message(TextDelta(TEXT), Done(response(original, tool_calls=(CALL,)))))
    assert [block.get("id") for block in blocks] == [None, "call_1"]


@pytest.mark.parametrize("with_thinking", [True, False])
def test_signed_reasoning_is_streamed_whether_or_not_it_was_asked_for(with_thinking: bool) -> None:
    given = (ReasoningDelta("Six"), ReasoningDelta(" or"), VendorDelta("anthropic", SIGNATURE), TextDelta(TEXT))
    thinking, text = blocks_of(streamed_message(*given, Done(response()), with_thinking=with_thinking))
    assert "".join(delta.get("thinking", "") for delta in thinking["deltas"]) == "Six or"
    assert thinking["deltas"][-1] == SIGNATURE
    assert text["deltas"] == [{"type": "text_delta", "text": TEXT}]


def test_each_block_of_reasoning_stays_as_it_was_signed() -> None:
    signed = VendorDelta("anthropic", SIGNATURE)
    given: list[Event] = [ReasoningDelta("Six"), signed, ReasoningBreak(), ReasoningDelta("Or seven"), signed]
    for with_thinking in (True, False):
        blocks = blocks_of(streamed_message(*given, Done(response()), with_thinking=with_thinking))
        thoughts = ["".join(delta.get("thinking", "") for delta in block["deltas"]) for block in blocks]
        assert thoughts == ["Six", "Or seven"]
    unsigned = (ReasoningDelta("Six"), ReasoningBreak(), ReasoningDelta("Or seven"), Done(response()))
    (block,) = blocks_of(streamed_message(*unsigned, with_thinking=True))
    assert "".join(delta["thinking"] for delta in block["deltas"]) == "Six\n\nOr seven"


def test_reasoning_that_nobody_signs_is_not_streamed_to_a_client_that_did_not_ask() -> None:
    blocks = blocks_of(streamed_message(ReasoningDelta("Six"), TextDelta(TEXT), Done(response())))
    assert [block["type"] for block in blocks] == ["text"]


def test_whole_blocks_and_citations_are_streamed_in_their_place() -> None:
    whole = {"type": "whole_block", "begun": FOUND, "deltas": [], "events": {}}
    given = (VendorDelta("anthropic", whole), TextDelta(TEXT),
        VendorDelta("anthropic", {"type": "citations_delta", "citation": SOURCE}), TextDelta(" Or seven."))  # fmt: skip
    stream = streamed_message(*given, Done(response(message(FOUND, stop_reason="end_turn"))))
    found, text = blocks_of(stream)
    assert {name: found[name] for name in FOUND} == FOUND
    assert [delta["type"] for delta in text["deltas"]] == ["text_delta", "citations_delta", "text_delta"]
    assert [event["type"] for event in stream][:3] == ["message_start", "content_block_start", "content_block_stop"]


@pytest.mark.parametrize("arguments", ['{"buoy": 4', "[4]", '"buoy"', "buoy 4"])
def test_a_call_whose_arguments_are_no_object_is_a_failure_for_anthropics_clients(arguments: str) -> None:
    broken = response(tool_calls=(ToolCall("call_1", "look_up", arguments),))
    with pytest.raises(StreamBroken, match="look_up with arguments that are no JSON object"):
        MESSAGES.answer(MESSAGE, broken)
    with pytest.raises(StreamBroken):
        streamed_message(TextDelta(TEXT), Done(broken))


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (Usage(prompt_tokens=9, completion_tokens=2), {}),
        (Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=0), {"cache_read_input_tokens": 0}),
        (
            Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=3, cache_write_tokens=4, reasoning_tokens=1),
            {
                "cache_read_input_tokens": 3,
                "cache_creation_input_tokens": 4,
                "output_tokens_details": {"thinking_tokens": 1},
            },
        ),
    ],
)  # fmt: skip
def test_a_message_tells_counts_that_were_told_and_none_twice(usage: Usage, told: dict[str, Any]) -> None:
    answer: Any = MESSAGES.answer(MESSAGE, response(usage=usage))
    uncached = 9 - usage.get("cached_tokens", 0) - usage.get("cache_write_tokens", 0)
    counts = {name: count for name, count in answer["usage"].items() if count is not None}
    assert counts == {"input_tokens": uncached, "output_tokens": 2, **told}


def test_a_completion_tells_details_of_tokens_only_where_they_were_told() -> None:
    answer: Any = CHAT_COMPLETIONS.answer(CHAT, response(usage=Usage(prompt_tokens=9, completion_tokens=2)))
    assert answer["usage"] == {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    told = Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=3, cache_write_tokens=4, reasoning_tokens=1)
    answer = CHAT_COMPLETIONS.answer(CHAT, response(usage=told))
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 3, "cache_write_tokens": 4}
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 1}


@pytest.mark.parametrize(
    ("usage", "unknown"),
    [
        (Usage(prompt_tokens=9), "the answer"),
        (Usage(completion_tokens=2), "the prompt"),
        (Usage(total_tokens=11), "the prompt and the answer"),
        (Usage(), ""),
    ],
)
def test_a_count_that_is_unknown_is_no_0(usage: Usage, unknown: str) -> None:
    notes = (f"The provider did not count the tokens of {unknown}.",) if unknown else ()
    answer: Any = CHAT_COMPLETIONS.answer(CHAT, response(usage=usage))
    check(answer, response_of("post", "/v1/chat/completions", 200)["application/json"])
    assert (ChatCompletion.model_validate(answer).usage, answer["x_llm_hub"]["notes"]) == (None, notes)
    text = CompletionWriter(with_usage=True).event(Done(response(usage=usage))).decode()
    last, tokens = (ChatCompletionChunk.model_validate_json(data) for _, data in sse_events(text))
    assert (tokens.usage, last.model_extra["x_llm_hub"]["notes"]) == (None, list(notes))  # type: ignore[index]  # as above


def test_a_client_of_another_protocol_is_told_what_could_not_be_written() -> None:
    part_of_document = {"type": "char_location", "cited_text": "six", "document_index": 0}
    cited = message(FOUND, {"type": "text", "text": TEXT, "citations": [SOURCE, part_of_document]})
    answer: Any = CHAT_COMPLETIONS.answer(CHAT, response(cited))
    assert answer["x_llm_hub"]["notes"][0].endswith("protocol: citations.")
    assert answer["choices"][0]["message"]["annotations"] == []
    answer = MESSAGES.answer(MESSAGE, response(COMPLETION))
    assert answer["x_llm_hub"]["notes"][0].endswith("protocol: annotations, citations.")
    assert answer["content"] == [{"type": "text", "text": TEXT, "citations": None}]


async def test_a_thread_is_refused_with_the_code_on_which_sdks_send_everything_again(api: Api) -> None:
    body = {"model": "anthropic/ok", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    reply = await api.client.post("/v1/messages", json={**body, "thread": {"type": "create"}})
    details = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    assert (reply.status_code, reply.json()["error"]["details"]) == (400, details)


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": "High"}],
        [{"role": "system", "content": "Tell me of the tide."}],
    ],
)
async def test_an_assistants_turn_or_the_systems_may_come_last_for_its_own_protocol_alone(api: Api, turns: Any) -> None:
    async with openai.AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client:
        assert await client.chat.completions.create(model="openai/ok", messages=turns)
        with pytest.raises(openai.BadRequestError, match="nothing to answer"):
            await client.chat.completions.create(model="ollama/ok", messages=turns)

"""Between a client and a provider that both speak Anthropic's messages, nothing is lost in either direction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import AsyncAnthropic

from tests.api.identity.claude_answers import ANSWERS, MODEL, stream_of
from tests.api.identity.claude_bodies import AGENT, BODIES, HEADERS
from tests.fault_server.dictated import dictation

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

FAULT = "ok?accept=any"
"""A model of the fault server that takes every field."""


def without_hub(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what the hub adds to it, and without the model's name, which has the provider's before it."""
    return {name: value for name, value in answer.items() if name not in ("x_llm_hub", "model")}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_reaches_the_vendor_as_its_client_sent_it(
    api: Api, fault_server: FaultServer, name: str, stream: bool
) -> None:
    body = BODIES[name] | {"model": f"anthropic/{FAULT}", "stream": stream}
    reply = await api.client.post("/v1/messages?beta=true", json=body, headers=HEADERS)
    assert reply.status_code == 200, reply.text
    (exchange,) = fault_server.exchanges
    # The hub always has the vendor stream, so that it hears whether it is at work.
    assert exchange.body == body | {"model": FAULT, "stream": True}
    assert {name: exchange.headers.get(name) for name in HEADERS} == HEADERS
    assert exchange.query == "beta=true"
    if not stream:
        assert reply.json()["x_llm_hub"]["ignored"] == []


async def test_a_key_in_the_url_goes_to_nobody(api: Api, fault_server: FaultServer) -> None:
    body = AGENT | {"model": f"anthropic/{FAULT}"}
    await api.client.post("/v1/messages?key=sk-someones-0123456789", json=body, headers=HEADERS)
    assert fault_server.exchanges[0].query == ""


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_reaches_its_client_as_the_vendor_wrote_it(
    api: Api, fault_server: FaultServer, name: str
) -> None:
    prompt: Any = [{"role": "user", "content": dictation(stream_of(ANSWERS[name]))}]
    asked: Any = {"max_tokens": 900, "messages": prompt}
    async with (
        AsyncAnthropic(api_key="any", base_url=fault_server.anthropic_url, max_retries=0) as direct,
        AsyncAnthropic(api_key="any", base_url=api.url, max_retries=0) as client,
    ):
        async with direct.beta.messages.stream(model=MODEL, **asked) as stream:
            expected = (await stream.get_final_message()).to_dict(mode="json", exclude_unset=False)
        async with client.beta.messages.stream(model=f"anthropic/{MODEL}", **asked) as stream:
            streamed = (await stream.get_final_message()).to_dict(mode="json", exclude_unset=False)
    assert without_hub(streamed) == without_hub(expected)
    reply = await api.client.post("/v1/messages", json=asked | {"model": f"anthropic/{MODEL}"})
    assert without_hub(reply.json()) == ANSWERS[name].whole
    assert json.loads(reply.content)["model"] == "anthropic/claude-tug"


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_stream_has_the_vendors_blocks_one_by_one(api: Api, name: str) -> None:
    """Block by block, with the same beginnings; what is in pieces may come in others."""
    prompt = dictation(stream_of(ANSWERS[name]))
    body = {"model": f"anthropic/{MODEL}", "max_tokens": 900, "messages": [{"role": "user", "content": prompt}]}
    reply = await api.client.post("/v1/messages", json=body | {"stream": True})
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    begun = next(event["message"] for event in events if event["type"] == "message_start")
    given = ANSWERS[name].events[0]["message"]
    assert without_hub(begun) == without_hub(given)
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert [start["type"] for start in starts] == [block["type"] for block in ANSWERS[name].whole["content"]]


async def test_events_and_fields_that_the_hub_does_not_know_reach_their_client_in_their_places(api: Api) -> None:
    head: dict[str, Any] = {"id": "msg_012", "type": "message", "role": "assistant", "model": "claude-tug",
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1}}  # fmt: skip
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    ping = {"type": "ping"}
    given: list[dict[str, Any]] = [
        {"type": "message_start", "message": head, "trace": "t1"},
        ping,
        {"type": "tide_report", "height": 3},
        {"type": "content_block_start", "index": 0, "content_block": thought, "trace": "t2"},
        ping,
        {"type": "content_block_delta", "index": 0, "trace": "t3",
            "delta": {"type": "thinking_delta", "thinking": "Hm.", "estimated_tokens": 7}},
        {"type": "content_block_delta", "index": 0, "trace": "t4",
            "delta": {"type": "signature_delta", "signature": "c2ln", "key": 2}},
        {"type": "content_block_stop", "index": 0, "trace": "t5"},
        ping,
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        ping,
        {"type": "fog_report", "height": 1},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "At ", "tone": "dry"}},
        {"type": "tide_report", "height": 4},
        {"type": "ping", "cost": "0.01"},
        ping,
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "noon.", "tone": "wet"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": " "}, "logged": False},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "", "tone": "mute"}},
        {"type": "content_block_delta", "index": 1, "trace": "t6",
            "delta": {"type": "citations_delta", "citation": {"type": "page_location"}, "rank": 1}},
        {"type": "content_block_stop", "index": 1, "trace": None},
        ping,
        {"type": "fog_report", "height": 2},
        {"type": "content_block_start", "index": 2, "trace": "t7", "content_block": thought},
        {"type": "content_block_delta", "index": 2,
            "delta": {"type": "signature_delta", "signature": "aGlk", "key": 3}},
        {"type": "content_block_stop", "index": 2, "trace": "t8"},
        {"type": "content_block_start", "index": 3, "trace": "t9", "content_block": {"type": "tide_table", "to": 2}},
        {"type": "content_block_stop", "index": 3, "trace": "t10"},
        {"type": "content_block_start", "index": 4, "content_block": {"type": "server_tool_use", "id": "srvtoolu_1",
            "name": "web_search", "input": {}}},
        {"type": "content_block_delta", "index": 4, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": "content_block_delta", "index": 4, "trace": "t22",
            "delta": {"type": "input_json_delta", "partial_json": '{"query":', "tone": "dry"}},
        {"type": "content_block_delta", "index": 4, "delta": {"type": "input_json_delta", "partial_json": '"tide"}'}},
        {"type": "content_block_stop", "index": 4},
        {"type": "content_block_start", "index": 5, "trace": "t11",
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}},
        {"type": "content_block_delta", "index": 5, "trace": "t12",
            "delta": {"type": "input_json_delta", "partial_json": '{"at":6}', "tone": "dry"}},
        {"type": "content_block_stop", "index": 5, "trace": "t13"},
        {"type": "tide_report", "height": 5},
        ping,
        {"type": "content_block_start", "index": 6, "trace": "t14", "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 6, "delta": {"type": "text_delta", "text": "Late.", "tone": "wet"}},
        {"type": "content_block_delta", "index": 6, "delta": {"type": "tide_delta", "height": 6}, "trace": "t23"},
        {"type": "content_block_stop", "index": 6, "trace": "t15"},
        {"type": "content_block_start", "index": 7, "trace": "t16", "content_block": thought},
        {"type": "content_block_delta", "index": 7, "trace": "t17",
            "delta": {"type": "thinking_delta", "thinking": "So."}},
        {"type": "content_block_delta", "index": 7,
            "delta": {"type": "signature_delta", "signature": "c28=", "key": 4}},
        {"type": "content_block_stop", "index": 7, "trace": "t18"},
        {"type": "content_block_start", "index": 8, "trace": "t19", "content_block": {"type": "tide_table", "to": 3}},
        {"type": "content_block_delta", "index": 8, "delta": {"type": "tide_delta", "from": 1}},
        {"type": "content_block_stop", "index": 8, "trace": "t20"},
        {"type": "tide_report", "height": 7},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None, "mood": "calm"},
            "usage": {"output_tokens": 9}, "trace": "t21"},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}},
    ]  # fmt: skip
    prompt = dictation(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in given)
    body = {"model": f"anthropic/{MODEL}", "max_tokens": 900, "stream": True, "thinking": {"type": "adaptive"},
        "messages": [{"role": "user", "content": prompt}]}  # fmt: skip
    reply = await api.client.post("/v1/messages", json=body)
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert without_hub(events[0].pop("message")) == without_hub(given[0].pop("message"))
    end = next(event for event in events if event["type"] == "message_delta")
    del end["x_llm_hub"]
    end["usage"] = given[-2]["usage"]  # the vendor's, with those of its beginning
    assert events == given
    whole = (await api.client.post("/v1/messages", json=body | {"stream": False})).json()
    blocks = [event["content_block"]["type"] for event in given if event["type"] == "content_block_start"]
    assert [block["type"] for block in whole["content"]] == blocks
    assert whole.keys() == head.keys() | {"x_llm_hub", "trace", "mood"}


async def test_a_ping_inside_of_a_call_that_is_held_back_follows_it(api: Api) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"at"', ":6}")]
    given: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": call},
        *({"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    with_ping = [*given[:3], {"type": "ping"}, *given[3:]]
    prompt = dictation(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in with_ping)
    body = {"model": f"anthropic/{MODEL}", "max_tokens": 900, "messages": [{"role": "user", "content": prompt}]}
    reply = await api.client.post("/v1/messages", json=body | {"stream": True})
    events = [json.loads(line[6:])["type"] for line in reply.text.splitlines() if line.startswith("data: ")]
    of_block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert events == ["message_start", *of_block, "ping", "message_delta", "message_stop"]


async def test_a_model_may_have_nothing_to_say_to_results_of_tools(api: Api) -> None:
    head: dict[str, Any] = {"id": "msg_014", "type": "message", "role": "assistant", "model": "claude-tug"}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    begun = {**head, "content": [], **end, "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
    given: list[dict[str, Any]] = [{"type": "message_start", "message": begun},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 2}}, {"type": "message_stop"}]  # fmt: skip
    prompt = dictation(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in given)
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"},
            {"type": "text", "text": prompt}]},
    ]  # fmt: skip
    body = {"model": f"anthropic/{MODEL}", "max_tokens": 900, "messages": turns}
    reply = await api.client.post("/v1/messages", json=body)
    assert without_hub(reply.json()) == {**without_hub(begun), **end, "usage": {"input_tokens": 3, "output_tokens": 2}}
    reply = await api.client.post("/v1/messages", json=body | {"stream": True})
    events = [json.loads(line[6:])["type"] for line in reply.text.splitlines() if line.startswith("data: ")]
    assert events == [event["type"] for event in given]
    asked = [{"role": "user", "content": prompt}]
    reply = await api.client.post("/v1/messages", json=body | {"messages": asked})
    assert (reply.status_code, reply.json()["error"]["attempts"][0]["outcome"]) == (500, "empty_answer")


async def test_a_message_of_calls_alone_begins_as_its_vendor_began_it(api: Api) -> None:
    head: dict[str, Any] = {"id": "msg_013", "type": "message", "role": "assistant", "model": "claude-tug",
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1}}  # fmt: skip
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    given: list[dict[str, Any]] = [
        {"type": "message_start", "message": head, "trace": "t1"},
        {"type": "content_block_start", "index": 0, "content_block": call},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 2, "tide_tokens": 1}}},
        {"type": "message_stop"},
    ]  # fmt: skip
    prompt = dictation(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in given)
    body = {"model": f"anthropic/{MODEL}", "max_tokens": 900, "messages": [{"role": "user", "content": prompt}]}
    reply = await api.client.post("/v1/messages", json=body | {"stream": True})
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert without_hub(events[0].pop("message")) == without_hub(given[0].pop("message"))
    assert events[0] == given[0]
    assert events[-2]["usage"] == {**head["usage"], **given[-2]["usage"]}
    whole = (await api.client.post("/v1/messages", json=body)).json()
    assert whole["usage"] == events[-2]["usage"]


async def test_a_prompt_can_be_written_to_the_cache_without_an_answer(api: Api, fault_server: FaultServer) -> None:
    """With `max_tokens: 0`, which no other protocol has. Source: the description of `max_tokens` in Anthropic's SDK."""
    head = {"id": "msg_011", "type": "message", "role": "assistant", "model": "claude-tug", "content": []}
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 900, "cache_read_input_tokens": 0, "output_tokens": 0}
    end = {"stop_reason": "max_tokens", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 0}},
        {"type": "message_stop"},
    ]
    prompt = dictation(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)
    body = {"model": f"anthropic/{MODEL}", "max_tokens": 0, "messages": [{"role": "user", "content": prompt}]}
    reply = await api.client.post("/v1/messages", json=body)
    assert reply.status_code == 200, reply.text
    assert fault_server.exchanges[0].body["max_tokens"] == 0
    assert without_hub(reply.json()) == without_hub({**head, **end, "usage": usage})
    reply = await api.client.post("/v1/messages", json=body | {"model": "openai/ok"})
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith("max_tokens: ")

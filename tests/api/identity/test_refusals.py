"""A model's refusal, and the end that a filter puts to an answer, reach clients of the same protocol as they came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.api.identity.test_messages import without_hub
from tests.api.identity.test_responses import told
from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

TURNS = [{"role": "user", "content": "When?"}]
VERSION = {"anthropic-version": "2023-06-01", "x-api-key": "any", "authorization": "Bearer any"}


async def both(api: Api, fault_server: FaultServer, path: str, body: dict[str, Any]) -> tuple[str, str]:
    """What a vendor answers, and what a client of the hub is sent of the same."""
    async with httpx2.AsyncClient() as client:
        direct = await client.post(f"{fault_server.anthropic_url}/v1/{path}", json=body, headers=VERSION)
    provider = "anthropic" if path == "messages" else "openai"
    reply = await api.client.post(f"/v1/{path}", json={**body, "model": f"{provider}/{body['model']}"})
    assert (direct.status_code, reply.status_code) == (200, 200), reply.text
    return direct.text, reply.text


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize("fault", ["refusal", "content-filter"])
async def test_chat_completions_have_it_whole(api: Api, fault_server: FaultServer, fault: str) -> None:
    body = {"model": fault, "messages": TURNS}
    direct, reply = await both(api, fault_server, "chat/completions", body)
    assert json.loads(reply)["choices"] == json.loads(direct)["choices"]


@pytest.mark.parametrize("reason", ["stop", "content_filter"])
async def test_chat_completions_stream_it_with_a_role_and_nothing_else(api: Api, reason: str) -> None:
    refusal = {"refusal": "I can't."} if reason == "stop" else {}
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"role": "assistant", "content": None, **refusal}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": reason},
    ]
    prompt = dictation(f"data: {json.dumps({'model': MODEL, 'choices': [choice]})}\n\n".encode() for choice in choices)
    turns = [{"role": "user", "content": prompt}]
    body = {"model": f"openai/{MODEL}", "messages": turns, "stream": True}
    reply = await api.client.post("/v1/chat/completions", json=body)
    (choice,) = [event["choices"][0] for event in events_of(reply.text)]
    assert choice == {"index": 0, "delta": choices[0]["delta"], "logprobs": None, "finish_reason": reason}


@pytest.mark.parametrize("fault", ["refusal", "content-filter"])
async def test_messages_have_it_whole(api: Api, fault_server: FaultServer, fault: str) -> None:
    direct, reply = await both(api, fault_server, "messages", {"model": fault, "max_tokens": 9, "messages": TURNS})
    assert json.loads(reply)["stop_reason"] == "refusal"
    told_by_hub = without_hub(json.loads(reply))
    assert told_by_hub == told_by_hub | without_hub(json.loads(direct))


async def test_messages_stream_it_without_a_block(api: Api) -> None:
    end = {"stop_reason": "refusal", "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "No."}}  # fmt: skip
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": MODEL, "usage": {}}
    given: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    prompt = dictation(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in given)
    turns = [{"role": "user", "content": prompt}]
    body = {"model": f"anthropic/{MODEL}", "max_tokens": 9, "messages": turns, "stream": True}
    events = events_of((await api.client.post("/v1/messages", json=body)).text)
    assert [event["type"] for event in events] == [event["type"] for event in given]
    assert events[1]["delta"] == end


@pytest.mark.parametrize("fault", ["refusal", "content-filter"])
@pytest.mark.parametrize("stream", [True, False])
async def test_responses_have_it_whole(api: Api, fault_server: FaultServer, fault: str, stream: bool) -> None:
    body = {"model": fault, "input": "When?", "stream": stream}
    direct, reply = await both(api, fault_server, "responses", body)
    if stream:
        expected, events = events_of(direct), events_of(reply)
        assert [event["type"] for event in told(events)] == [event["type"] for event in told(expected)]
        assert fault != "refusal" or told(events) == told(expected)
        whole, given = events[-1]["response"], expected[-1]["response"]
        assert events[-1]["type"] == expected[-1]["type"]
    else:
        whole, given = json.loads(reply), json.loads(direct)
    for name in ("output", "status", "incomplete_details"):
        assert whole[name] == given[name]

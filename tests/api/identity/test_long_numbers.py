"""Whole numbers of more than 64 bits are the same behind the hub, in calls of tools and everywhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fault_server.dictated import FOR_ANY_MODEL, dictation

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

NUMBER = 2**70 + 1
BERTH = {"ship": NUMBER, "at": [-NUMBER, 0.5, 2**63]}
SCHEMA = {"type": "object", "properties": {"ship": {"type": "integer", "maximum": 2**80 + 1}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "moor", "arguments": json.dumps(BERTH)}}
USE = {"type": "tool_use", "id": "call_1", "name": "moor", "input": BERTH}
FUNCTION = {"type": "function", "function": {"name": "moor", "parameters": SCHEMA}}
CHAT: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Moor her."},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Moored."},
    ],
    "tools": [FUNCTION],
}
MESSAGES: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Moor her."},
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "Moored."}]},
    ],
    "tools": [{"name": "moor", "input_schema": SCHEMA}],
    "max_tokens": 50,
}


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/messages", MESSAGES)])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
async def test_a_long_number_reaches_every_vendor(
    api: Api, fault_server: FaultServer, path: str, body: dict[str, Any], provider: str
) -> None:
    reply = await api.client.post(path, json=body | {"model": f"{provider}/ok?accept=any"})
    assert reply.status_code == 200, reply.text
    sent = json.loads(next(exchange.raw for exchange in fault_server.exchanges if exchange.raw))
    turns, (tool,) = sent["messages"], sent["tools"]
    assert (tool.get("function") or tool).get("parameters", tool.get("input_schema")) == SCHEMA
    (call,) = turns[1].get("tool_calls") or turns[1]["content"]
    arguments = call["function"]["arguments"] if "function" in call else call["input"]
    assert (json.loads(arguments) if isinstance(arguments, str) else arguments) == BERTH


def events(*written: dict[str, Any]) -> list[bytes]:
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in written]


def answer(provider: str) -> list[bytes]:
    """The vendor's stream that calls the tool."""
    text = json.dumps(BERTH)
    match provider:
        case "openai":
            chunks = [
                {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **CALL}]}, "finish_reason": None}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            ]
            return [*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n"]
        case "ollama":
            message = {"role": "assistant", "content": "", "tool_calls": [
                {"id": "call_1", "function": {"name": "moor", "arguments": BERTH}}]}  # fmt: skip
            lines = [{"message": message, "done": False}, {"message": {"content": ""}, "done": True}]
            return [json.dumps(line).encode() + b"\n" for line in lines]
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    return events(
        {"type": "message_start", "message": head},
        {"type": "content_block_start", "index": 0, "content_block": USE | {"input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text[:30]}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text[30:]}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )


def whole_answer(wire: str) -> list[bytes]:
    """The same call, from a server of Anthropic's protocol that gives its input at once, or that does not stream."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    end = {"stop_reason": "tool_use", "usage": {"output_tokens": 3}}
    if wire == "whole":
        return [json.dumps(head | end | {"content": [USE]}, indent=1).encode()]
    return events(
        {"type": "message_start", "message": head | {"content": [], "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": USE},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )


@pytest.mark.parametrize("wire", ["whole", "input-at-once"])
async def test_a_long_number_in_an_input_that_comes_at_once_reaches_every_client(api: Api, wire: str) -> None:
    prompt = [{"role": "user", "content": FOR_ANY_MODEL + dictation(whole_answer(wire))}]
    body = {"model": "anthropic/ok", "messages": prompt}
    chat = await api.client.post("/v1/chat/completions", json=body | {"tools": [FUNCTION]})
    (call,) = chat.json()["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == BERTH
    said = await api.client.post("/v1/messages", json=body | {"tools": MESSAGES["tools"], "max_tokens": 50})
    assert said.json()["content"][0]["input"] == BERTH


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_long_number_in_a_call_reaches_every_client(api: Api, provider: str, stream: bool) -> None:
    prompt = [{"role": "user", "content": FOR_ANY_MODEL + dictation(answer(provider))}]
    body = {"model": f"{provider}/ok", "messages": prompt, "stream": stream}
    chat = await api.client.post("/v1/chat/completions", json=body | {"tools": [FUNCTION]})
    said = await api.client.post("/v1/messages", json=body | {"tools": MESSAGES["tools"], "max_tokens": 50})
    if not stream:
        (call,) = chat.json()["choices"][0]["message"]["tool_calls"]
        assert json.loads(call["function"]["arguments"]) == BERTH
        assert said.json()["content"][0]["input"] == BERTH
        return
    pieces = [json.loads(line[6:]) for line in chat.text.splitlines() if line.startswith("data: {")]
    calls = [call for piece in pieces for choice in piece["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == BERTH
    deltas = [json.loads(line[6:]).get("delta", {}) for line in said.text.splitlines() if line.startswith("data: {")]
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == BERTH

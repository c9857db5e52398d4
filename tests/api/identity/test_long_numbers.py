"""Whole numbers of more than 64 bits are the same behind the hub, in calls of tools and everywhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat.exact_json import dump_exactly, has_long_number, load_exactly
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


DIGITS = "0.12345678901234567890123"
BODIES: dict[str, tuple[str, str]] = {
    "/v1/chat/completions": ("openai", '"messages": [{"role": "user", "content": "Moor her."}]'),
    "/v1/messages": ("anthropic", '"max_tokens": 50, "messages": [{"role": "user", "content": "Moor her."}]'),
    "/v1/responses": ("openai", '"input": "Moor her."'),
}


@pytest.mark.parametrize("path", BODIES)
async def test_a_decimal_keeps_its_digits_on_the_way_to_its_vendor(
    api: Api, fault_server: FaultServer, path: str
) -> None:
    provider, said = BODIES[path]
    body = f'{{"model": "{provider}/ok?accept=any", {said}, "temperature": {DIGITS}, "drift": [{DIGITS}, {NUMBER}]}}'
    reply = await api.client.post(path, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 200, reply.text
    raw = next(exchange.raw for exchange in fault_server.exchanges if exchange.raw).decode()
    assert (raw.count(DIGITS), raw.count(str(NUMBER))) == (2, 1)


def priced_answer(path: str) -> list[bytes]:
    """A vendor's answer whose usage has a price of many digits."""
    usage: dict[str, Any] = {"input_tokens": 3, "output_tokens": 3, "cost": 7.5}
    match path:
        case "/v1/chat/completions":
            usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6, "cost": 7.5}
            choice = {"index": 0, "delta": {"content": "Moored."}, "finish_reason": "stop"}
            stream = [f"data: {json.dumps({'choices': [choice], 'usage': usage})}\n\n".encode()]
        case "/v1/messages":
            head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
            stream = events(
                {"type": "message_start", "message": head},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Moored."}},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
                {"type": "message_stop"},
            )
        case _:
            said = {"type": "output_text", "text": "Moored.", "annotations": []}
            item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [said]}
            response = {"id": "r", "object": "response", "status": "completed", "output": [item], "usage": usage}
            stream = events({"type": "response.completed", "response": response})
    return [piece.replace(b"7.5", DIGITS.encode()) for piece in stream]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_decimal_keeps_its_digits_on_the_way_to_its_client(api: Api, path: str, stream: bool) -> None:
    provider, said = BODIES[path]
    prompt = FOR_ANY_MODEL + dictation(priced_answer(path))
    body = json.loads(f"{{{said}}}".replace("Moor her.", "PROMPT"))
    asked = json.loads(json.dumps(body).replace('"PROMPT"', json.dumps(prompt)))
    options = {"stream_options": {"include_usage": True}} if stream and path == "/v1/chat/completions" else {}
    reply = await api.client.post(path, json={"model": f"{provider}/ok", "stream": stream, **asked, **options})
    assert f'"cost":{DIGITS}' in reply.text, reply.text


@pytest.mark.parametrize(
    "text", [DIGITS, "-123456789.123456789", "1.234567890123456789e-5", "9" * 40, f"-{'9' * 19}", "0.5", "true"]
)
def test_a_number_is_written_as_it_was_read(text: str) -> None:
    for before in range(9):  # only some of the bytes are looked at
        raw = f'{{"{"x" * before}":[{text}]}}'.encode()
        assert dump_exactly(load_exactly(raw)) == raw


def test_a_decimal_that_a_float_holds_is_one() -> None:
    assert not has_long_number(
        b'{"logprob":-0.0006268513202667236,"price":0.00012345678901234567,"id":123456789012345678}'
    )

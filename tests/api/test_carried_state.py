"""What a vendor wants back with its calls of tools travels through clients of every protocol, to that vendor alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from llm_hub.chat import ChatRequest, Message, Role, Tool, ToolCall, ToolResult, VendorState
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.providers.openai import OpenAIProvider
from tests.fault_server import answer_text
from tests.fault_server.dictated import MODEL, dictation
from tests.fault_server.responses import ENCRYPTED

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer


@pytest.fixture(autouse=True)
def _compatible_server(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of OpenAI's chat completions that has no Responses."""
    monkeypatch.setenv("LLM_HUB_SERVERS", f"compat={fault_server.openai_url}")


TIDE: dict[str, Any] = {"type": "object", "properties": {"port": {"type": "string"}}}
SEAL = {"google": {"thought_signature": "c2VhbA=="}}
DETAILS = [{"type": "reasoning.encrypted", "data": "c2VjcmV0", "index": 0}]
SIGNED = [
    {"type": "thinking", "thinking": "Low water?", "signature": "c2lnbg=="},
    {"type": "redacted_thinking", "data": "cmVk"},
]


def _chunks(**fields: Any) -> list[bytes]:
    call: dict[str, Any] = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "tide", "arguments": '{"port": "Ystad"}'},
    }
    extra = {"extra_content": fields.pop("extra_content")} if "extra_content" in fields else {}
    deltas: list[dict[str, Any]] = [{"role": "assistant", **fields}, {"tool_calls": [{**call, **extra}]}]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


def _blocks() -> list[bytes]:
    use = {"type": "tool_use", "id": "toolu_1", "name": "tide", "input": {"port": "Ystad"}}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-tug", "content": [*SIGNED, use],
        "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4}}  # fmt: skip
    return [f"event: message\ndata: {json.dumps(message)}\n\n".encode()]


def _lines() -> list[bytes]:
    message = {"role": "assistant", "content": "", "thinking": "Low water?",
        "tool_calls": [{"function": {"name": "tide", "arguments": {"port": "Ystad"}}}]}  # fmt: skip
    return [json.dumps({"model": "m", "message": message, "done": True, "done_reason": "stop"}).encode() + b"\n"]


ANSWERS: dict[str, tuple[str, list[bytes]]] = {
    "a text": ("compat", _chunks(reasoning_content="Low water?")),
    "a field of OpenRouter's": ("compat", _chunks(reasoning="Low water?", reasoning_details=DETAILS)),
    "a signature of a call": ("compat", _chunks(extra_content=SEAL)),
    "signed blocks": ("anthropic", _blocks()),
    "Ollama's": ("ollama", _lines()),
    "encrypted items": ("openai", []),
}
"""By what a vendor gives: the provider that gives it, and its stream. The last one's model writes its own."""


def state_in(body: dict[str, Any]) -> dict[str, Any]:
    """The state in a request that reached a vendor, by the field that has it."""
    if "input" in body:
        items = [item for item in body["input"] if item.get("type") == "reasoning"]
        return {"encrypted_content": items[0]["encrypted_content"]} if items else {}
    turn = next(turn for turn in body["messages"] if turn["role"] == "assistant")
    if isinstance(turn.get("content"), list):
        blocks = [block for block in turn["content"] if "thinking" in block["type"]]
        return {"blocks": blocks} if blocks else {}
    names = ("reasoning_content", "reasoning", "reasoning_details", "thinking")
    call = {"extra_content": turn["tool_calls"][0].get("extra_content")}
    return {name: value for name, value in ({name: turn.get(name) for name in names} | call).items() if value}


EXPECTED: dict[str, dict[str, Any]] = {
    "a text": {"reasoning_content": "Low water?"},
    "a field of OpenRouter's": {"reasoning_details": DETAILS},
    "a signature of a call": {"extra_content": SEAL},
    "signed blocks": {"blocks": SIGNED},
    "Ollama's": {"thinking": "Low water?"},
    "encrypted items": {"encrypted_content": ENCRYPTED},
}


async def _messages(api: Api, model: str, turns: list[Any], thinking: Any) -> tuple[list[Any], dict[str, Any]]:
    """What Anthropic's SDK makes of the stream: the conversation with results, and the hub's report."""
    tools: Any = [{"name": "tide", "input_schema": TIDE}]
    async with AsyncAnthropic(api_key="any", base_url=api.url, max_retries=0) as client:
        request: dict[str, Any] = {"model": model, "max_tokens": 500, "messages": turns, "tools": tools}
        async with client.messages.stream(**request, **({"thinking": thinking} if thinking else {})) as stream:
            async for event in stream:
                if event.type == "message_delta":
                    report: dict[str, Any] = event.to_dict()["x_llm_hub"]  # type: ignore[assignment]
            message = await stream.get_final_message()
    content = [block.to_dict() for block in message.content]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "noon"}
        for block in content
        if block["type"] == "tool_use"
    ]
    return [*turns, {"role": "assistant", "content": content}, {"role": "user", "content": results}], report


async def _completions(api: Api, model: str, turns: list[Any], thinking: Any) -> tuple[list[Any], dict[str, Any]]:
    tools = [{"type": "function", "function": {"name": "tide", "parameters": TIDE}}]
    reply = await api.client.post("/v1/chat/completions", json={"model": model, "messages": turns, "tools": tools})
    answer = reply.json()
    message = answer["choices"][0]["message"]
    calls = message.get("tool_calls") or ()
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "noon"} for call in calls]
    return [*turns, message, *results], answer["x_llm_hub"]


async def _responses(api: Api, model: str, turns: list[Any], thinking: Any) -> tuple[list[Any], dict[str, Any]]:
    """As Codex does it: the items of the stream go back without their ids."""
    tools: Any = [{"type": "function", "name": "tide", "parameters": TIDE, "strict": False}]
    async with (
        AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client,
        client.responses.stream(
            model=model, input=turns, tools=tools, store=False, include=["reasoning.encrypted_content"]
        ) as stream,
    ):
        answer = (await stream.get_final_response()).to_dict()
    items = [{name: item[name] for name in item if name != "id"} for item in answer["output"]]  # type: ignore[attr-defined]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "noon"}
        for item in items
        if item["type"] == "function_call"
    ]
    return [*turns, *items, *results], answer["x_llm_hub"]  # type: ignore[return-value]


def _chats(fault_server: FaultServer) -> list[dict[str, Any]]:
    return [exchange.body for exchange in fault_server.exchanges if exchange.body]


SAME_PROTOCOL = (("messages", "anthropic"), ("completions", "compat"))
"""Clients that get a vendor's state in its own form. Such state is named as it always was."""
CLIENTS = {"messages": _messages, "completions": _completions, "responses": _responses}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    ("client", "thinking"),
    [("messages", None), ("messages", {"type": "adaptive"}), ("completions", None), ("responses", None)],
    ids=["messages", "messages that show reasoning", "completions", "responses"],
)
async def test_state_goes_back_to_the_vendor_that_gave_it_and_to_no_other(
    api: Api, fault_server: FaultServer, kind: str, client: str, thinking: Any
) -> None:
    ask = CLIENTS[client]
    provider, stream = ANSWERS[kind]
    own = f"{provider}/{MODEL}" if stream else "openai/gpt-6.2-sol?thinks=1&calls=1"
    turns, _ = await ask(api, own, [{"role": "user", "content": dictation(stream)}], thinking)
    _, report = await ask(api, f"{provider}/ok" if stream else own, turns, thinking)
    assert EXPECTED[kind].items() <= state_in(_chats(fault_server)[1]).items()
    assert not any("reasoning of" in name or "extra_content" in name for name in report["ignored"])
    for other in {"compat", "anthropic", "ollama"} - {provider}:
        _, report = await ask(api, f"{other}/ok", turns, thinking)
        sent = _chats(fault_server)[-1]
        assert state_in(sent) == {}
        assert "llm-hub" not in json.dumps(sent)
        if stream if client == "responses" else (client, provider) not in SAME_PROTOCOL:
            assert f"reasoning of {provider}" in report["ignored"]


CALL = ToolCall("call_1", "tide", "{}")


def _asked(*calls: ToolCall) -> ChatRequest:
    turns = (
        Message(Role.USER, "When?"),
        Message(Role.ASSISTANT, calls),
        Message(Role.TOOL, tuple(ToolResult(call.id, "noon") for call in calls)),
    )
    return ChatRequest(turns, "ok", tools=(Tool("tide"),))


async def _sent(fault_server: FaultServer, name: str, request: ChatRequest) -> dict[str, Any]:
    provider = OpenAIProvider("sk-0", base_url=fault_server.openai_url, name=name, **PROVIDERS[name].options)
    try:
        response = [event async for event in provider.events(request)][-1].response  # type: ignore[union-attr]
    finally:
        await provider.aclose()
    assert response.content == answer_text()
    turn: dict[str, Any] = fault_server.exchanges[-1].body["messages"][1]
    return turn


@pytest.mark.parametrize(
    ("name", "fields", "of_call"),
    [
        ("deepseek", {"reasoning_content": ""}, {}),
        ("gemini", {}, {"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}}),
        ("groq", {}, {}),
    ],
)
async def test_a_vendor_that_wants_state_takes_the_calls_of_other_models(
    fault_server: FaultServer, name: str, fields: dict[str, Any], of_call: dict[str, Any]
) -> None:
    turn = await _sent(fault_server, name, _asked(CALL))
    call = turn.pop("tool_calls")[0]
    assert {name: call[name] for name in call.keys() - {"id", "type", "function"}} == of_call
    assert {name: turn[name] for name in turn.keys() - {"role", "content"}} == fields


async def test_what_a_client_made_up_as_state_changes_nothing_else(fault_server: FaultServer) -> None:
    made_up = {"message": {"role": "system", "content": "x", "reasoning_content": "y"}, "call": {"id": "other"}}
    state = VendorState("deepseek", "openai", made_up)
    turn = await _sent(fault_server, "deepseek", _asked(ToolCall("call_1", "tide", "{}", state=state)))
    assert (turn["role"], turn["content"], turn["reasoning_content"]) == ("assistant", None, "y")
    assert turn["tool_calls"][0]["id"] == "call_1"
    state = VendorState("deepseek", "openai", {"message": [1], "call": "x"})
    await _sent(fault_server, "deepseek", _asked(ToolCall("call_1", "tide", "{}", state=state)))


@pytest.mark.parametrize("data", ["llm-hub:", "llm-hub:[1]", 'llm-hub:{"call": 1, "data": {}}', "llm-hub:{" * 2000])
async def test_state_that_was_changed_on_the_way_is_none(api: Api, fault_server: FaultServer, data: str) -> None:
    content = [{"type": "redacted_thinking", "data": data}, {"type": "text", "text": "At noon."}]
    turns = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": content},
        {"role": "user", "content": "Why?"}]  # fmt: skip
    for provider in ("openai", "anthropic"):
        body = {"model": f"{provider}/ok", "max_tokens": 50, "messages": turns}
        assert (await api.client.post("/v1/messages", json=body)).status_code == 200
        assert "llm-hub" not in json.dumps(fault_server.exchanges[-1].body)

"""OpenAI's newer models need its newer protocol for tools: clients of every dialect reach them without knowing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fault_server import REASONING, answer_text
from tests.fault_server.responses import ENCRYPTED

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

MODEL = "openai/gpt-6.2-sol?calls=2&thinks=1"
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"type": "function", "function": {"name": "weather", "parameters": PLACE}}


async def test_a_client_of_chat_completions_uses_tools_and_brings_the_reasoning_back(
    api: Api, fault_server: FaultServer
) -> None:
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello?"}],
        "tools": [FUNCTION],
        "prompt_cache_key": "k",
    }
    answer = (await api.client.post("/v1/chat/completions", json=body)).json()
    message = answer["choices"][0]["message"]
    assert message["reasoning_content"] == "".join(REASONING)
    assert len(message["tool_calls"]) == 2
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "rain"} for call in message["tool_calls"]]
    body["messages"] += [message, *results]
    answer = (await api.client.post("/v1/chat/completions", json=body)).json()
    assert answer["choices"][0]["message"]["content"] == answer_text()
    assert [exchange.path for exchange in fault_server.exchanges] == ["/v1/responses"] * 2
    sent = fault_server.exchanges[1].body
    assert [item["encrypted_content"] for item in sent["input"] if item.get("type") == "reasoning"] == [ENCRYPTED]
    assert sent["prompt_cache_key"] == "k"
    assert "extra_content" not in str(answer.get("x_llm_hub", {}).get("ignored"))


async def test_a_client_of_messages_uses_tools(api: Api, fault_server: FaultServer) -> None:
    turns: list[dict[str, Any]] = [{"role": "user", "content": "Hello?"}]
    body = {"model": MODEL, "max_tokens": 500, "messages": turns, "tools": [{"name": "weather", "input_schema": PLACE}]}
    answer = (await api.client.post("/v1/messages", json=body)).json()
    uses = [block for block in answer["content"] if block["type"] == "tool_use"]
    assert (len(uses), answer["stop_reason"]) == (2, "tool_use")
    results = [{"type": "tool_result", "tool_use_id": block["id"], "content": "rain"} for block in uses]
    turns += [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    answer = (await api.client.post("/v1/messages", json=body)).json()
    assert answer["content"][-1]["text"] == answer_text()
    assert [exchange.path for exchange in fault_server.exchanges] == ["/v1/responses"] * 2
    assert fault_server.exchanges[1].body["max_output_tokens"] == 500

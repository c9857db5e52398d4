"""Text that a model writes after calls of tools stays behind them, for clients whose protocol tells the order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.api.test_carried_state import TIDE
from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.conftest import Api

SOURCE = {"type": "char_location", "cited_text": "noon", "document_index": 0, "document_title": None,
    "start_char_index": 0, "end_char_index": 4, "file_id": None}  # fmt: skip
ORDER = [("text", "First: "), ("call", "a"), ("text", "then, "), ("call", "b"), ("text", "noon.")]
"""What a model wrote."""


def _anthropics() -> Iterator[dict[str, Any]]:
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-tug", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
    }  # fmt: skip
    yield {"type": "message_start", "message": message}
    for index, (kind, value) in enumerate(ORDER):
        use = {"type": "tool_use", "id": f"toolu_{value}", "name": "tide", "input": {}}
        block: dict[str, Any] = {"type": "text", "text": "", "citations": None} if kind == "text" else use
        deltas = [{"type": "text_delta", "text": value[:3]}, {"type": "text_delta", "text": value[3:]}]
        if kind == "call":
            deltas = [{"type": "input_json_delta", "partial_json": ""}]
        elif index == len(ORDER) - 1:
            block["citations"] = []
            deltas.append({"type": "citations_delta", "citation": SOURCE})  # type: ignore[dict-item]
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield from ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}


def _openais() -> Iterator[dict[str, Any]]:
    output = []
    yield {"type": "response.created", "response": {"id": "resp_1", "object": "response", "output": []}}
    for place, (kind, value) in enumerate(ORDER):
        item: dict[str, Any] = {"id": f"item_{place}", "type": "message", "role": "assistant", "status": "in_progress"}
        begun = {**item, "content": []}
        part = {"type": "output_text", "text": value, "annotations": [], "logprobs": []}
        done = {**item, "status": "completed", "content": [part]}
        if kind == "call":
            item |= {"type": "function_call", "call_id": f"toolu_{value}", "name": "tide"}
            begun, done = {**item, "arguments": ""}, {**item, "arguments": "{}", "status": "completed"}
        yield {"type": "response.output_item.added", "output_index": place, "item": begun}
        pieces = (value[:3], value[3:]) if kind == "text" else ()
        for piece in pieces:
            yield {"type": "response.output_text.delta", "output_index": place, "item_id": item["id"],
                "content_index": 0, "delta": piece, "logprobs": []}  # fmt: skip
        yield {"type": "response.output_item.done", "output_index": place, "item": done}
        output.append(done)
    response = {"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-tug", "output": output}
    yield {"type": "response.completed", "response": response}


STREAMS = {
    f"anthropic/{MODEL}": [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in _anthropics()],
    f"openai/{MODEL.replace('ok', 'gpt-6.2-sol')}": [f"data: {json.dumps(event)}\n\n".encode() for event in _openais()],
}


async def _content(api: Api, body: dict[str, Any], *, streams: bool) -> list[Any]:
    """The blocks of an answer to one of Anthropic's clients."""
    if not streams:
        content: list[Any] = (await api.client.post("/v1/messages", json=body)).json()["content"]
        return content
    async with (
        AsyncAnthropic(api_key="any", base_url=api.url, max_retries=0) as client,
        client.messages.stream(**body) as stream,
    ):
        return [block.to_dict() for block in (await stream.get_final_message()).content]


async def _messages(api: Api, model: str, prompt: str, *, streams: bool) -> list[tuple[str, str]]:
    tools: Any = [{"name": "tide", "input_schema": TIDE}]
    body: dict[str, Any] = {"model": model, "max_tokens": 99, "tools": tools}
    body["messages"] = [{"role": "user", "content": prompt}]
    content = await _content(api, body, streams=streams)
    if model.startswith("anthropic"):
        assert content[-1]["citations"] == [SOURCE]
    return [("text", b["text"]) if b["type"] == "text" else ("call", b["id"][-1]) for b in content]


async def _responses(api: Api, model: str, prompt: str, *, streams: bool) -> list[tuple[str, str]]:
    tools: Any = [{"type": "function", "name": "tide", "parameters": TIDE, "strict": False}]
    body: dict[str, Any] = {"model": model, "input": prompt, "tools": tools}
    if streams:
        async with (
            AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client,
            client.responses.stream(**body) as stream,
        ):
            pieces = [event.delta async for event in stream if event.type == "response.output_text.delta"]
            output: list[Any] = (await stream.get_final_response()).to_dict()["output"]  # type: ignore[assignment]
        assert "".join(pieces) == "First: then, noon."
    else:
        output = (await api.client.post("/v1/responses", json=body)).json()["output"]
    return [
        ("text", item["content"][0]["text"]) if item["type"] == "message" else ("call", item["call_id"][-1])
        for item in output
    ]


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("ask", [_messages, _responses])
@pytest.mark.parametrize("model", STREAMS)
async def test_text_and_calls_come_in_the_vendors_order(api: Api, model: str, ask: Any, streams: bool) -> None:
    assert await ask(api, model, dictation(STREAMS[model]), streams=streams) == ORDER


@pytest.mark.parametrize("model", STREAMS)
async def test_other_clients_read_all_of_the_text(api: Api, model: str) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": dictation(STREAMS[model])}],
        "tools": [{"type": "function", "function": {"name": "tide", "parameters": TIDE}}]}  # fmt: skip
    message = (await api.client.post("/v1/chat/completions", json=body)).json()["choices"][0]["message"]
    assert message["content"] == "First: then, noon."
    assert [call["id"] for call in message["tool_calls"]] == ["toolu_a", "toolu_b"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
async def test_text_after_a_call_is_not_lost_when_another_model_goes_on(api: Api, path: str) -> None:
    """The first model breaks off in the text behind its call, which nobody has been told of."""
    model = f"anthropic/{MODEL}"
    cut = STREAMS[model][: next(n for n, e in enumerate(STREAMS[model]) if b'"noo"' in e) + 1]
    prompt = dictation(cut)
    body: dict[str, Any] = {"model": model, "models": ["openai/ok"], "stream": True}
    body |= {"input": prompt} if path == "/v1/responses" else {
        "messages": [{"role": "user", "content": prompt}], "max_tokens": 99}  # fmt: skip
    text = (await api.client.post(path, json=body)).text
    field = "delta" if path == "/v1/responses" else "text"
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    deltas = [event.get("delta") for event in events]
    pieces = [d if isinstance(d, str) else (d or {}).get(field) for d in deltas]
    written = "".join(piece for piece in pieces if isinstance(piece, str))
    assert written.startswith("First: then, noo")
    assert len(written) > len("First: then, noo")


THOUGHTS = [("thought", "s1"), ("call", "a"), ("thought", "s2"), ("call", "b"), ("search", "s3"), ("text", "noon.")]
"""What a model wrote and thought: each vendor refuses its signed reasoning in another order than its own."""


def _anthropics_block(kind: str, value: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it begins, and its deltas."""
    match kind:
        case "thought":
            deltas = [
                {"type": "thinking_delta", "thinking": f"On {value}."},
                {"type": "signature_delta", "signature": value},
            ]
            return {"type": "thinking", "thinking": "", "signature": ""}, deltas
        case "call":
            return {"type": "tool_use", "id": f"toolu_{value}", "name": "tide", "input": {}}, []
        case "search":
            return {"type": "redacted_thinking", "data": value}, []
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": value}]


def _openais_item(kind: str, value: str) -> dict[str, Any]:
    match kind:
        case "thought":
            summary = [{"type": "summary_text", "text": f"On {value}."}]
            return {"id": f"rs_{value}", "type": "reasoning", "summary": summary, "encrypted_content": value}
        case "call":
            return {"id": f"fc_{value}", "type": "function_call", "call_id": f"toolu_{value}", "name": "tide",
                "arguments": "{}", "status": "completed"}  # fmt: skip
        case "search":
            return {"id": f"ws_{value}", "type": "web_search_call", "status": "completed"}
    part = {"type": "output_text", "text": value, "annotations": [], "logprobs": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])
async def test_anthropics_reasoning_stays_between_its_calls(api: Api, streams: bool) -> None:
    events = [next(_anthropics())]
    for index, (kind, value) in enumerate(THOUGHTS):
        start, deltas = _anthropics_block(kind, value)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": end, "usage": {"output_tokens": 9}}, {"type": "message_stop"}]
    prompt = dictation(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)
    body: Any = {"model": f"anthropic/{MODEL}", "max_tokens": 99, "messages": [{"role": "user", "content": prompt}],
        "tools": [{"name": "tide", "input_schema": TIDE}]}  # fmt: skip
    content = await _content(api, body, streams=streams)
    kinds = {"thinking": "signature", "tool_use": "id", "redacted_thinking": "data", "text": "text"}
    values = [block[kinds[block["type"]]].removeprefix("toolu_") for block in content]
    assert values == [value for _, value in THOUGHTS]
    assert [block["thinking"] for block in content if block["type"] == "thinking"] == ["On s1.", "On s2."]


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])
async def test_openais_reasoning_stays_between_its_calls(api: Api, streams: bool) -> None:
    """What an agent keeps are the items as each ends, in their order."""
    items = [_openais_item(kind, value) for kind, value in THOUGHTS]
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": "r", "output": []}}]
    for place, item in enumerate(items):
        begun = item | {"arguments": ""} if item["type"] == "function_call" else item
        if item["type"] == "reasoning":
            begun = item | {"summary": []}
        events.append({"type": "response.output_item.added", "output_index": place, "item": begun})
        if item["type"] == "reasoning":
            events.append({"type": "response.reasoning_summary_text.delta", "output_index": place,
                "item_id": item["id"], "summary_index": 0, "delta": item["summary"][0]["text"]})  # fmt: skip
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    response = {"id": "r", "object": "response", "status": "completed", "model": "gpt-tug", "output": items}
    events.append({"type": "response.completed", "response": response})
    prompt = dictation(f"data: {json.dumps(event)}\n\n".encode() for event in events)
    tools = [{"type": "function", "name": "tide", "parameters": TIDE, "strict": False}]
    body = {"model": f"openai/{MODEL.replace('ok', 'gpt-6.2-sol')}", "input": prompt, "tools": tools, "stream": streams}
    reply = await api.client.post("/v1/responses", json=body)
    if not streams:
        assert reply.json()["output"] == items
        return
    written = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    assert [event["item"] for event in written if event["type"] == "response.output_item.done"] == items
    assert written[-1]["response"]["output"] == items

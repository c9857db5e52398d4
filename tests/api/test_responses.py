"""Clients of OpenAI's Responses API: its own SDK, whose classes judge every event, tools, state and errors."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any, Literal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from llm_hub.api.bodies import parse
from llm_hub.api.dialects.responses import RESPONSES
from llm_hub.api.dialects.responses_body import ResponsesBody
from llm_hub.api.dialects.responses_writer import ResponseWriter
from llm_hub.chat import (
    AttemptStarted,
    Done,
    LLMResponse,
    OriginalAnswer,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    VendorDelta,
)
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.usage.quotas import Quota
from tests.api.conftest import Api, served
from tests.api.metered import metered
from tests.api.sse import events
from tests.fault_server import FaultServer, answer_text
from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from llm_hub.chat import Event
    from tests.ui.site import Site

JSONObject = dict[str, Any]

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
PARAMETERS: JSONObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: JSONObject = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}
PATCH: JSONObject = {
    "type": "custom", "name": "patch", "description": "Changes files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "x"'},
}  # fmt: skip
SEA: JSONObject = {"type": "namespace", "name": "sea", "description": "All of the sea.", "tools": [WEATHER, PATCH]}
SEARCH: JSONObject = {"type": "web_search"}
PIXEL = "data:image/png;base64,aGVsbG8="


@pytest.fixture
async def client(api: Api) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{api.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def chat_alone(fault_server: FaultServer) -> FaultServer:
    """The fault server as one that has no Responses: the hub's OpenAI adapter then speaks chat completions."""
    fault_server.lacking = frozenset({"/v1/responses"})
    return fault_server


def message(content: object, role: str = "user") -> JSONObject:
    return {"type": "message", "role": role, "content": content}


async def streamed(api: Api, **body: Any) -> list[JSONObject]:
    """The events of a stream. Each is numbered, has the name of its type, and is as the SDK's class has it."""
    reply = await api.client.post("/v1/responses", json={"stream": True, "models": [], **body})
    assert reply.status_code == 200, reply.text
    stream = [(name, json.loads(data)) for name, data in events(reply.text)]
    assert [event["sequence_number"] for _, event in stream] == list(range(len(stream)))
    for name, event in stream:
        assert name == event["type"]
        EVENT.validate_python(event)
    return [event for _, event in stream]


def check_items(stream: list[JSONObject]) -> list[JSONObject]:
    """The output of a stream, whose items have the same ids and places throughout."""
    output: list[JSONObject] = stream[-1]["response"]["output"]
    for kind in ("added", "done"):
        written = [event for event in stream if event["type"] == f"response.output_item.{kind}"]
        assert [event["output_index"] for event in written] == list(range(len(output)))
        assert [event["item"]["id"] for event in written] == [item["id"] for item in output]
    assert [event["item"] for event in stream if event["type"] == "response.output_item.done"] == output
    for event in stream:
        if "item_id" in event:
            assert event["item_id"] == output[event["output_index"]]["id"]
    return output


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
async def test_the_sdk_gets_an_answer(client: AsyncOpenAI, provider: str) -> None:
    answer = await client.responses.create(
        model=f"{provider}/ok?tokens=5", input="Which tide is it?", metadata={"boat": "Ada"}, max_output_tokens=100
    )
    Response.model_validate(answer.to_dict())
    assert (answer.output_text, answer.status, answer.metadata) == (answer_text(5), "completed", {"boat": "Ada"})
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert answer.model_extra is not None
    assert [attempt["outcome"] for attempt in answer.model_extra["x_llm_hub"]["attempts"]] == ["answered"]


def test_the_sdk_that_blocks_streams_an_answer(site: Site) -> None:
    with OpenAI(base_url=f"{site.url}/v1", api_key="any", max_retries=0) as client:
        stream = client.responses.create(model="openai/ok?tokens=5", input="Hello", stream=True)
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        with client.responses.stream(model="openai/ok?tokens=5", input="Hello") as manager:
            final = manager.get_final_response()
    assert "".join(pieces) == final.output_text == answer_text(5)


async def test_text_streams_as_the_events_that_clients_wait_for(api: Api) -> None:
    stream = await streamed(api, model="anthropic/ok?tokens=5", input=[message("Hello")])
    kinds = [event["type"].removeprefix("response.") for event in stream]
    deltas = kinds.count("output_text.delta")
    assert kinds == [
        "created", "in_progress", "output_item.added", "content_part.added", *["output_text.delta"] * deltas,
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    (item,) = check_items(stream)
    assert item["content"][0]["text"] == answer_text(5)
    assert "".join(event["delta"] for event in stream if event["type"].endswith("text.delta")) == answer_text(5)
    assert {event["response"]["id"] for event in stream if "response" in event} == {stream[0]["response"]["id"]}
    assert stream[-1]["response"]["model"] == "anthropic/ok?tokens=5"
    assert stream[-1]["response"]["x_llm_hub"]["provider"] == "anthropic"


async def test_reasoning_is_an_item_of_its_own_before_the_text(api: Api, chat_alone: FaultServer) -> None:
    stream = await streamed(api, model="openai/reasoning", input="Hello")
    kinds = [event["type"].removeprefix("response.") for event in stream]
    assert [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before][2:9] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done", "output_item.added",
    ]  # fmt: skip
    reasoning, text = check_items(stream)
    assert reasoning["summary"][0]["text"]
    whole = (await api.client.post("/v1/responses", json={"model": "openai/reasoning", "input": "Hello"})).json()
    assert whole["output"][0]["summary"] == reasoning["summary"]
    again = [message("Hello"), reasoning, text, message("And now?")]
    answer = (await api.client.post("/v1/responses", json={"model": "openai/ok", "input": again})).json()
    assert answer["x_llm_hub"]["ignored"] == ["input.reasoning"]
    assert [turn["role"] for turn in chat_alone.exchanges[-1].body["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
async def test_calls_of_tools_come_back_under_the_clients_names(
    api: Api, chat_alone: FaultServer, provider: str
) -> None:
    stream = await streamed(
        api, model=f"{provider}/ok?calls=3", input=[message("Hello")], tools=[WEATHER, SEA, SEARCH], tool_choice="auto"
    )
    calls = check_items(stream)
    assert [(call["type"], call.get("namespace"), call["name"]) for call in calls] == [
        ("function_call", None, "weather"), ("function_call", "sea", "weather"), ("custom_tool_call", "sea", "patch"),
    ]  # fmt: skip
    assert json.loads(calls[0]["arguments"]) == {"city": calls[2]["input"]}
    assert stream[-1]["response"]["x_llm_hub"]["ignored"] == ["tools.web_search"]
    pieces = [event for event in stream if event["type"] == "response.function_call_arguments.delta"]
    assert "".join(piece["delta"] for piece in pieces) == calls[0]["arguments"] + calls[1]["arguments"]
    added = [event["item"] for event in stream if event["type"] == "response.output_item.added"]
    assert [item.get("arguments", item.get("input")) for item in added] == ["", "", ""]
    whole = (
        await api.client.post(
            "/v1/responses", json={"model": f"{provider}/ok?calls=3", "input": "Hello", "tools": [WEATHER, SEA]}
        )
    ).json()
    for item, call in zip(whole["output"], calls, strict=True):
        assert {**item, "id": "", "call_id": ""} == {**call, "id": "", "call_id": ""}
    described = json.dumps(chat_alone.exchanges[-1].body["tools"])
    assert "All of the sea." in described
    assert "lark grammar" in described


async def test_calls_and_outputs_of_a_history_are_turns_for_every_provider(api: Api, chat_alone: FaultServer) -> None:
    history: list[JSONObject] = [
        message([{"type": "input_text", "text": "Change it."}]),
        message([{"type": "output_text", "text": "I look.", "annotations": []}], "assistant"),
        {"type": "function_call", "call_id": "c1", "namespace": "sea", "name": "weather", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "x"},
        {"type": "function_call_output", "call_id": "c1", "output": "Fog"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [
            {"type": "input_text", "text": "Done"}, {"type": "input_image", "image_url": PIXEL}]},
        message("And?", "developer"),
    ]  # fmt: skip
    body = {"model": "openai/ok", "input": history, "instructions": "Be brief.", "tools": [SEA, PATCH]}
    reply = await api.client.post("/v1/responses", json=body)
    assert reply.status_code == 200, reply.text
    turns = chat_alone.exchanges[-1].body["messages"]
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "tool", "tool", "user", "system"]
    assert [call["function"] for call in turns[2]["tool_calls"]] == [
        {"name": "sea__weather", "arguments": "{}"}, {"name": "patch", "arguments": '{"input":"x"}'},
    ]  # fmt: skip
    assert [turns[3]["content"], turns[4]["content"]] == ["Fog", "Done\n\n(The image is shown below.)"]
    assert turns[5]["content"] == [{"type": "image_url", "image_url": {"url": PIXEL}}]
    for model in ("anthropic/ok", "ollama/ok"):
        assert (await api.client.post("/v1/responses", json={**body, "model": model})).status_code == 200


async def test_a_round_of_tools_with_the_sdk(client: AsyncOpenAI, fault_server: FaultServer) -> None:
    conversation: list[Any] = [message("What is the weather?")]
    answer = await client.responses.create(model="anthropic/ok?calls=2", input=conversation, tools=[WEATHER])  # type: ignore[list-item]
    calls = [item for item in answer.output if item.type == "function_call"]
    assert len(calls) == 2
    conversation += [item.to_dict() for item in answer.output]
    conversation += [{"type": "function_call_output", "call_id": call.call_id, "output": "Fog"} for call in calls]
    more = await client.responses.create(model="anthropic/ok?calls=2", input=conversation, tools=[WEATHER])  # type: ignore[list-item]
    assert more.output_text == answer_text(20)
    results = fault_server.exchanges[-1].body["messages"][-1]["content"]
    assert [block["tool_use_id"] for block in results] == [call.call_id for call in calls]


ASKED: JSONObject = {
    "model": "openai/ok?calls=1&tokens=3&finish=stop", "store": False, "include": ["reasoning.encrypted_content"],
    "instructions": "Be brief.", "tools": [WEATHER, SEA, PATCH, SEARCH], "tool_choice": "auto",
    "parallel_tool_calls": False, "reasoning": {"effort": "low", "summary": "auto"}, "prompt_cache_key": "k",
    "text": {"verbosity": "low", "format": {"type": "text"}}, "client_metadata": {"a": "b"}, "max_output_tokens": 900,
    "metadata": {"boat": "Ada"}, "truncation": "auto", "top_logprobs": 0, "input": [
        {**message([{"type": "input_text", "text": "Look."}], "developer"), "internal": {"turn": 1}},
        message([{"type": "input_text", "text": "Which tide?", "prompt_cache_breakpoint": {"mode": "explicit"}},
                 {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
                 {"type": "input_file", "file_id": "file_1"}]),
        {"type": "reasoning", "id": "rs_7", "summary": [], "encrypted_content": "gAAAAB", "status": None},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "t"}},
        {**message([{"type": "output_text", "text": "I ask.", "annotations": []}], "assistant"), "id": "msg_7",
         "phase": "commentary"},
        {"type": "function_call", "id": "fc_7", "call_id": "c1", "namespace": "sea", "name": "weather",
         "arguments": "{}"},
        {"type": "custom_tool_call", "id": "ctc_7", "call_id": "c2", "name": "patch", "input": "x"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "Fog"}]},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "Done"},
    ],
}  # fmt: skip
"""A request as agents send it, with all that they may send."""


@pytest.mark.parametrize(("stream", "limit"), [(True, 900), (False, 900), (True, 0), (False, -1)])
async def test_a_request_reaches_its_own_protocol_as_it_was_written(
    api: Api, fault_server: FaultServer, stream: bool, limit: int
) -> None:
    asked = {**ASKED, "max_output_tokens": limit}
    reply = await api.client.post("/v1/responses", json={**asked, "models": [], "stream": stream})
    assert reply.status_code == 200, reply.text
    exchange = fault_server.exchanges[-1]
    assert exchange.path == "/v1/responses"
    assert exchange.body == {**asked, "model": exchange.model, "stream": True}


async def test_a_message_of_an_unknown_role_reaches_its_own_protocol(api: Api, fault_server: FaultServer) -> None:
    turns = [{"role": "latest_reminder", "content": [{"type": "note"}], "of": 7}, message("Well?")]
    reply = await api.client.post("/v1/responses", json={"model": "openai/ok?accept=any", "input": turns})
    assert (reply.status_code, reply.json()["x_llm_hub"]["ignored"]) == (200, []), reply.text
    assert fault_server.exchanges[-1].body["input"] == turns


async def test_an_answer_of_its_own_protocol_comes_back_as_it_was_written(api: Api) -> None:
    body = {**ASKED, "model": "openai/reasoning?calls=1", "models": []}
    stream = await streamed(api, **body)
    output = check_items(stream)
    assert [item["id"] for item in output] == ["rs_1", "msg_1"]
    assert output[0]["encrypted_content"].startswith("gAAAA")
    whole = (await api.client.post("/v1/responses", json=body)).json()
    assert whole["output"] == output
    assert whole["usage"] == stream[-1]["response"]["usage"]
    again = {**body, "input": [*ASKED["input"], *output, message("And now?")]}
    assert (await api.client.post("/v1/responses", json=again)).json()["x_llm_hub"]["ignored"] == []


async def test_reasoning_of_another_vendor_is_not_sent_to_openai(api: Api, fault_server: FaultServer) -> None:
    first = (await api.client.post("/v1/responses", json={"model": "ollama/reasoning", "input": "Hello"})).json()
    thought, text = first["output"]
    assert thought["type"] == "reasoning"
    said = [message("Hello"), thought, text, message("And now?")]
    assert (await api.client.post("/v1/responses", json={"model": "openai/ok", "input": said})).status_code == 200
    assert fault_server.exchanges[-1].body["input"] == [said[0], said[2], said[3]]


async def test_earlier_answers_are_whole_for_openai(api: Api, fault_server: FaultServer) -> None:
    body = {"model": "openai/ok?tokens=2", "input": "One"}
    first = (await api.client.post("/v1/responses", json=body)).json()
    more = {"model": "openai/ok", "input": "Two", "previous_response_id": first["id"]}
    assert (await api.client.post("/v1/responses", json=more)).status_code == 200
    sent = fault_server.exchanges[-1].body
    assert "previous_response_id" not in sent
    assert sent["input"] == [message("One"), *first["output"], message("Two")]


class Verdict(BaseModel):
    good: bool
    why: str
    sea: Literal["calm", "rough"]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
async def test_an_answer_of_a_schema_is_parsed(client: AsyncOpenAI, provider: str) -> None:
    answer = await client.responses.parse(model=f"{provider}/ok", input="Is it calm?", text_format=Verdict)
    assert isinstance(answer.output_parsed, Verdict)


async def test_images_and_files_of_text_are_read(api: Api, fault_server: FaultServer) -> None:
    file = base64.b64encode(b"Ebbe um sechs").decode()
    content = [
        {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
        {"type": "input_file", "filename": "tides.txt", "file_data": f"data:text/plain;base64,{file}"},
    ]
    reply = await api.client.post("/v1/responses", json={"model": "anthropic/ok", "input": [message(content)]})
    assert reply.status_code == 200, reply.text
    image, text = fault_server.exchanges[-1].body["messages"][0]["content"]
    assert (image["type"], text["text"]) == ("image", "tides.txt\n\nEbbe um sechs")


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"input": [message([{"type": "input_file", "file_id": "file_1"}])]}, "input.0.content.0"),
        ({"input": [message([{"type": "input_image", "file_id": "file_1"}])]}, "input.0.content.0"),
        ({"input": [message("x"), {"type": "compaction", "encrypted_content": "x"}, message("y")]}, "input.1"),
        ({"tools": [SEARCH], "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"tools": [WEATHER, WEATHER]}, "tools.1.name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "tide"}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"input": [message([{"type": "input_image", "image_url": "data:image/png;base64,%"}])]}, "input.0.content.0"),
    ],
)
async def test_what_cannot_be_asked_of_another_protocol_is_refused_by_name(
    api: Api, fault_server: FaultServer, extra: JSONObject, field: str
) -> None:
    reply = await api.client.post("/v1/responses", json={"model": "anthropic/ok", "input": "x", **extra})
    assert reply.status_code == 400
    assert set(reply.json()["error"]) - {"attempts"} == {"message", "type", "param", "code"}
    assert reply.json()["error"]["message"].startswith(field)
    assert not fault_server.exchanges


async def test_what_an_answer_is_good_without_is_named(api: Api) -> None:
    body = {
        "model": "anthropic/ok", "input": [{**message("Hi"), "phase": "commentary"}], "store": False,
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "client_metadata": {"a": "b"},
        "reasoning": {"effort": "low", "summary": "auto"}, "text": {"verbosity": "low"}, "truncation": "auto",
        "service_tier": "auto", "parallel_tool_calls": True,
        "tools": [{"type": "web_search_preview_2025_03_11"}, {"type": "tool_search", "execution": "client"}],
    }  # fmt: skip
    answer = (await api.client.post("/v1/responses", json=body)).json()
    assert set(answer["x_llm_hub"]["ignored"]) == {
        "prompt_cache_key", "client_metadata", "text.verbosity", "truncation", "input.phase",
        "tools.web_search_preview_2025_03_11", "tools.tool_search",
    }  # fmt: skip


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation"},
        {"type": "mcp", "server_label": "tides", "server_url": "https://tides.test"},
        {"type": "computer_use_preview", "display_width": 9, "display_height": 9, "environment": "linux"},
        {"type": "local_shell"},
        {"type": "shell"},
        {"type": "tide_tables"},
        {"type": "namespace", "name": "sea", "tools": [{"type": "mcp", "server_label": "tides"}]},
    ],
)
@pytest.mark.parametrize("added", [False, True])
async def test_tools_that_only_openais_server_runs_are_for_openai_alone(
    api: Api, fault_server: FaultServer, tool: JSONObject, added: bool
) -> None:
    given = {"type": "additional_tools", "role": "developer", "tools": [WEATHER, tool]}
    tools = {"input": [given, message("Hello")]} if added else {"input": "Hello", "tools": [WEATHER, tool]}
    refused = await api.client.post("/v1/responses", json={"model": "anthropic/ok", "models": [], **tools})
    place = f"{'input.0.' if added else ''}tools.1{'.tools.0' if tool['type'] == 'namespace' else ''}"
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, place)
    assert refused.json()["error"]["message"].startswith(f"{place}: Anthropic cannot be asked for this")
    assert "choose another provider" in refused.json()["error"]["message"]
    assert not fault_server.exchanges
    body = {"model": "anthropic/ok", "models": ["ollama/ok", "openai/ok"], **tools}
    answer = (await api.client.post("/v1/responses", json=body)).json()
    outcomes = [attempt["outcome"] for attempt in answer["x_llm_hub"]["attempts"]]
    assert outcomes == ["not_offered", "not_offered", "answered"]
    sent = fault_server.exchanges[-1].body
    assert (sent["input"][0]["tools"] if added else sent["tools"]) == [WEATHER, tool]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
async def test_tools_that_come_with_the_conversation_are_called_like_all_others(
    api: Api, chat_alone: FaultServer, provider: str
) -> None:
    """Codex gives its tools so to OpenAI's newest models, and finds more by a search that it makes itself."""
    conversation = [
        {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": [SEA, SEARCH]},
        message("Hello"),
        {"type": "tool_search_call", "call_id": "c0", "execution": "client", "arguments": {"query": "weather"}},
        {"type": "tool_search_output", "call_id": "c0", "execution": "client", "tools": [WEATHER, SEA]},
        {"type": "custom_tool_call", "call_id": "c1", "namespace": "sea", "name": "patch", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."},
        message("It is patched.", "assistant"),
        message("And now all of them?"),
    ]
    stream = await streamed(api, model=f"{provider}/ok?calls=3", input=conversation, tool_choice="auto")
    assert [(call["type"], call.get("namespace"), call["name"]) for call in check_items(stream)] == [
        ("function_call", "sea", "weather"), ("custom_tool_call", "sea", "patch"), ("function_call", None, "weather"),
    ]  # fmt: skip
    assert stream[-1]["response"]["x_llm_hub"]["ignored"] == ["input.tools.web_search", "input.tool_search_call"]


@pytest.mark.parametrize("choice", ["required", {"type": "allowed_tools", "mode": "required", "tools": [SEARCH]}])
async def test_a_search_of_the_web_that_must_be_made_is_for_openai_alone(
    api: Api, fault_server: FaultServer, choice: str | JSONObject
) -> None:
    tools = [SEARCH] if choice == "required" else [WEATHER, SEARCH]
    body = {"input": "Hello", "tools": tools, "tool_choice": choice}
    refused = await api.client.post("/v1/responses", json={"model": "anthropic/ok", "models": [], **body})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tool_choice")
    assert not fault_server.exchanges
    assert (await api.client.post("/v1/responses", json={"model": "openai/ok", **body})).status_code == 200
    sent = fault_server.exchanges[-1].body
    assert (sent["tools"], sent["tool_choice"]) == (tools, choice)


async def test_no_tool_is_called_where_only_searches_of_the_web_are_allowed(api: Api, chat_alone: FaultServer) -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [SEARCH]}
    body = {"model": "anthropic/ok", "input": "Hello", "tools": [WEATHER, SEARCH], "tool_choice": choice}
    answer = (await api.client.post("/v1/responses", json=body)).json()
    assert answer["x_llm_hub"]["ignored"] == ["tools.web_search", "tool_choice.tools.web_search"]
    assert "tools" not in chat_alone.exchanges[-1].body


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("openai/status-503", 503, None), ("openai/unknown", 404, "model_not_found"), ("nobody/x", 404, "model_not_found"),
     ("openai/context", 400, "context_length_exceeded"), ("openai/status-429", 429, "rate_limit_exceeded")],
)  # fmt: skip
@pytest.mark.parametrize("stream", [True, False])
async def test_an_early_failure_has_its_status_and_openais_body(
    client: AsyncOpenAI, model: str, status: int, code: str | None, stream: bool
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await client.responses.create(model=model, input="Hello", stream=stream)
    assert (caught.value.status_code, caught.value.code if code else None) == (status, code)


async def test_a_late_failure_ends_with_the_event_that_says_so(api: Api) -> None:
    stream = await streamed(api, model="openai/cut@mid", input="Hello")
    assert stream[-1]["type"] == "response.failed"
    assert stream[-1]["response"]["output"] == []
    assert "response.output_item.done" not in {event["type"] for event in stream}  # it is no part of the conversation
    assert stream[-1]["response"]["error"]["code"] == "server_error"
    assert [attempt["outcome"] for attempt in stream[-1]["response"]["error"]["attempts"]] == ["stream_broken"] * 2


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
async def test_a_conversation_that_ends_with_the_model_is_gone_on_with(
    api: Api, chat_alone: FaultServer, provider: str
) -> None:
    said = [message("Hello"), message("I look", "assistant"), message("Be brief", "developer")]
    reply = await api.client.post("/v1/responses", json={"model": f"{provider}/ok", "input": said})
    assert reply.status_code == 200
    last = chat_alone.exchanges[-1].body["messages"][-1]
    assert (last["role"], "Go on." in json.dumps(last["content"])) == ("user", True)


async def test_text_that_breaks_off_is_gone_on_with_in_the_same_item(api: Api) -> None:
    stream = await streamed(api, model="openai/cut@mid", input="Hello", models=["anthropic/ok"])
    (item,) = check_items(stream)
    assert item["content"][0]["text"].startswith(answer_text(9))
    response = stream[-1]["response"]
    assert (stream[-1]["type"], response["model"]) == ("response.completed", "anthropic/ok")
    assert [attempt["outcome"] for attempt in response["x_llm_hub"]["attempts"]] == ["stream_broken", "answered"]


def test_reasoning_of_an_attempt_that_failed_ends_before_the_next_one() -> None:
    stream = written(
        AttemptStarted("a", "m", 1), ReasoningDelta("Hm"), AttemptStarted("b", "m", 2), ReasoningDelta("Well"),
        TextDelta("Ebb."), Done(LLMResponse("Ebb.", "m", {}, "stop", "b", "Well")),
    )  # fmt: skip
    output = check_items(stream)
    assert [item.get("summary", [{}])[0].get("text") for item in output] == ["Hm", "Well", None]
    assert stream[-1]["response"]["model"] == "b/m"


THOUGHT: JSONObject = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
FOUND: JSONObject = {
    "id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "tide"},
}  # fmt: skip
SAID: JSONObject = {
    "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "phase": "final_answer",
    "content": [{"type": "output_text", "text": "Ebb.", "annotations": [], "logprobs": []}],
}  # fmt: skip
CALLED: JSONObject = {
    "id": "fc_1", "type": "function_call", "status": "completed", "call_id": "c", "name": "weather", "arguments": "{}",
}  # fmt: skip


def vendors(kind: str, item: JSONObject) -> VendorDelta:
    return VendorDelta("responses", {"type": f"response.output_item.{kind}", "output_index": 9, "item": item})


def test_items_of_the_vendors_own_are_passed_on_as_they_came() -> None:
    output = [THOUGHT, FOUND, SAID, CALLED]
    original = OriginalAnswer("responses", {"id": "resp_v", "output": output, "service_tier": "flex"})
    call = ToolCall("c", "weather", "{}")
    response = LLMResponse("Ebb.", "m", {}, "tool_calls", "openai", tool_calls=(call,), original=original)
    searching = {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 9}
    stream = written(
        AttemptStarted("openai", "m", 1),
        vendors("added", {**THOUGHT, "encrypted_content": ""}), vendors("done", THOUGHT),
        vendors("added", {**FOUND, "status": "searching"}), VendorDelta("responses", searching),
        vendors("done", FOUND),
        vendors("added", {**SAID, "content": [], "status": "in_progress"}), TextDelta("Ebb."), vendors("done", SAID),
        ToolCallDelta(0, "c", "weather", "{}"), Done(response),
    )  # fmt: skip
    assert check_items(stream) == output
    assert stream[-1]["response"]["service_tier"] == "flex"
    assert stream[-1]["response"]["id"] != "resp_v"
    assert RESPONSES.answer(parse(ResponsesBody, b'{"input": "Hi", "model": "auto"}'), response)["output"] == output  # type: ignore[index]


def written(*events_: Event) -> list[JSONObject]:
    """The events that a client is sent, each as the SDK's class has it."""
    writer = ResponseWriter(parse(ResponsesBody, b'{"input": "Hi", "model": "auto"}'))
    stream = [json.loads(data) for _, data in events(b"".join(map(writer.event, events_)).decode())]
    for number, event in enumerate(stream):
        EVENT.validate_python(event)
        assert event["sequence_number"] == number
    return stream


async def test_an_answer_that_the_limit_cut_off_is_incomplete(api: Api) -> None:
    stream = await streamed(api, model="openai/length", input="Hello")
    response = stream[-1]["response"]
    assert (stream[-1]["type"], response["status"]) == ("response.incomplete", "incomplete")
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert check_items(stream)[-1]["status"] == "incomplete"


async def test_a_conversation_goes_on_from_an_earlier_answer(client: AsyncOpenAI, fault_server: FaultServer) -> None:
    first = await client.responses.create(model="openai/ok?tokens=2", input="One", instructions="Be brief.")
    second = await client.responses.create(model="openai/ok?tokens=3", input="Two", previous_response_id=first.id)
    request: Any = {"model": "anthropic/ok", "input": [message("Three")], "previous_response_id": second.id}
    async with client.responses.stream(**request) as stream:
        await stream.until_done()
    turns = fault_server.exchanges[-1].body["messages"]
    texts = [turn["content"] if isinstance(turn["content"], str) else turn["content"][0]["text"] for turn in turns]
    assert texts == ["One", answer_text(2), "Two", answer_text(3), "Three"]
    assert second.previous_response_id == first.id


async def test_items_of_earlier_answers_can_be_referred_to(api: Api, chat_alone: FaultServer) -> None:
    body = {"model": "openai/ok?calls=1", "input": "Hello", "tools": [WEATHER]}
    first = (await api.client.post("/v1/responses", json=body)).json()
    references = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
    output = {"type": "function_call_output", "call_id": first["output"][-1]["call_id"], "output": "Fog"}
    again = await api.client.post("/v1/responses", json={**body, "input": [message("Hello"), *references, output]})
    assert again.status_code == 200, again.text
    turns = chat_alone.exchanges[-1].body["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool"]
    untyped = [{"id": reference["id"]} for reference in references]
    again = await api.client.post("/v1/responses", json={**body, "input": [message("Hello"), *untyped, output]})
    assert (again.status_code, chat_alone.exchanges[-1].body["messages"]) == (200, turns)
    unknown = await api.client.post("/v1/responses", json={**body, "input": [{"type": "item_reference", "id": "m"}]})
    assert unknown.status_code == 404
    assert "Item with id 'm' not found" in unknown.json()["error"]["message"]


async def test_an_output_without_the_id_of_its_call_is_for_the_vendor(api: Api, fault_server: FaultServer) -> None:
    output = {"type": "function_call_output", "name": "tide", "output": "High."}
    body = {"model": "openai/ok?accept=any", "input": [message("Hello"), output]}
    reply = await api.client.post("/v1/responses", json=body)
    assert (reply.status_code, fault_server.exchanges[-1].body["input"]) == (200, body["input"])
    refused = await api.client.post("/v1/responses", json={**body, "model": "anthropic/ok"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input.1")


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_is_read_and_deleted_by_its_id(client: AsyncOpenAI, stream: bool) -> None:
    answer: Any = await client.responses.create(model="openai/ok", input="Hello", stream=stream)
    if stream:
        answer = [event async for event in answer][-1].response
    assert (await client.responses.retrieve(answer.id)).to_dict() == answer.to_dict()
    await client.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(answer.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.delete(answer.id)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="openai/ok", input="Hello", previous_response_id=answer.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


async def test_an_answer_that_is_not_to_be_stored_is_not(client: AsyncOpenAI) -> None:
    answer = await client.responses.create(model="openai/ok", input="Hello", store=False)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(answer.id)


async def test_answers_belong_to_the_key_that_asked(locked: Api) -> None:
    def client_of(name: str) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{locked.url}/v1", api_key=f"{name}-0123456789abcdef", max_retries=0)

    async with client_of("alice") as alice, client_of("bob") as bob:
        answer = await alice.responses.create(model="openai/ok", input="Hello")
        with pytest.raises(openai.NotFoundError):
            await bob.responses.retrieve(answer.id)
        with pytest.raises(openai.NotFoundError):
            await bob.responses.delete(answer.id)
        assert (await alice.responses.retrieve(answer.id)).id == answer.id
    assert (await locked.client.get(f"/v1/responses/{answer.id}")).status_code == 401


async def test_a_client_that_leaves_ends_the_request_to_the_provider(
    client: AsyncOpenAI, fault_server: FaultServer
) -> None:
    stream = await client.responses.create(model="openai/stall@mid", input="Hello", stream=True)
    async for event in stream:
        if event.type == "response.output_text.delta":
            break
    await stream.close()
    await asyncio.wait_for(fault_server.exchanges[0].ended(), 10)
    assert fault_server.exchanges[0].client_left


async def test_tools_of_the_vendors_server_are_refused_where_there_is_a_limit(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path, Quota(tokens=100_000)) as api:
        reply = await api.ask("openai/ok", path="/v1/responses", tools=[WEATHER, SEARCH])
        assert reply.status_code == 400
        assert reply.json()["error"]["message"].startswith("tools.1")
        assert (await api.ask("openai/ok", path="/v1/responses", tools=[WEATHER])).status_code == 200


async def test_tools_of_the_vendors_server_pass_where_only_requests_are_limited(
    hub: Hub, tmp_path: Path, fault_server: FaultServer
) -> None:
    async with metered(hub, tmp_path, Quota(requests=100)) as api:
        assert (await api.ask("openai/ok", path="/v1/responses", tools=[WEATHER, SEARCH])).status_code == 200
    assert [tool["type"] for tool in fault_server.exchanges[-1].body["tools"]] == ["function", "web_search"]


async def test_tools_of_the_vendors_server_are_left_out_within_a_limit_where_another_vendor_answers(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\n"
        f"ANTHROPIC_API_KEY=sk-ant-secret-123\nANTHROPIC_BASE_URL={fault_server.anthropic_url}\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    async with metered(hub, tmp_path, Quota(tokens=100_000)) as api:
        for model in ("anthropic/ok", "auto"):
            reply = await api.ask(model, path="/v1/responses", tools=[WEATHER, SEARCH])
            assert reply.status_code == 200, reply.text
            assert reply.json()["x_llm_hub"]["ignored"] == ["tools.web_search"]
        reply = await api.ask("anthropic/ok", path="/v1/responses", tools=[WEATHER, SEARCH], models=["openai/ok"])
        assert reply.json()["error"]["message"].startswith("tools.1: may make the answer of openai/ok dearer")
    assert {exchange.protocol for exchange in fault_server.exchanges} == {"anthropic"}
    await hub.aclose()


@pytest.mark.parametrize(("model", "protocol"), [("ok", "openai"), ("gpt-5-pro", "responses")])
async def test_tools_of_a_server_are_left_out_within_a_limit_where_chat_completions_are_tried_first(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, model: str, protocol: str
) -> None:
    monkeypatch.setenv("LLM_HUB_SERVERS", f"mine={fault_server.openai_url}")
    hub = Hub(Settings.load(tmp_path / ".env"))
    async with metered(hub, tmp_path, Quota(tokens=100_000)) as api:
        reply = await api.ask(f"mine/{model}", path="/v1/responses", tools=[WEATHER, SEARCH])
    assert (reply.status_code, reply.json()["x_llm_hub"]["ignored"]) == (200, ["tools.web_search"])
    answered = fault_server.exchanges[-1]
    assert (answered.protocol, [tool["type"] for tool in answered.body["tools"]]) == (protocol, ["function"])
    await hub.aclose()


@pytest.mark.parametrize("model", ["param-tools?shape=no-code", "status-501"])
async def test_a_tool_that_one_server_refuses_is_run_by_the_next(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("LLM_HUB_SERVERS", f"mine={fault_server.openai_url}")
    monkeypatch.setenv("OPENAI_BASE_URL", fault_server.openai_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-owner-secret-123")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret-123")
    hub = Hub(Settings.load(tmp_path / ".env"))
    search = {"type": "file_search", "vector_store_ids": ["vs_1"]}
    async with served(hub, {}) as api:
        body = {"model": f"mine/{model}", "input": "Hello?", "tools": [search]}
        for _ in range(3):
            reply = await api.client.post("/v1/responses", json={**body, "models": ["openai/gpt-6-luna"]})
            assert (reply.status_code, reply.json()["model"]) == (200, "openai/gpt-6-luna")
        assert [exchange.path for exchange in fault_server.exchanges] == ["/v1/responses"] * 6
        reply = await api.client.post("/v1/responses", json={**body, "models": ["anthropic/ok"]})
        assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")
    await hub.aclose()


async def test_figures_that_only_the_vendor_knows_come_back(api: Api) -> None:
    usage = {
        "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0, "audio_tokens": 1},
        "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1, "accepted_prediction_tokens": 1},
        "total_tokens": 11, "cost": 0.5,
    }  # fmt: skip
    part = {"type": "output_text", "text": "Noon.", "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    response = {"id": "r", "status": "completed", "model": "gpt-tug", "output": [item], "usage": usage}
    event = {"type": "response.completed", "response": response}
    prompt = dictation([f"data: {json.dumps(event)}\n\n".encode()])
    model = f"openai/{MODEL.replace('ok', 'gpt-6.2-sol')}"
    reply = await api.client.post("/v1/responses", json={"model": model, "input": prompt})
    assert reply.json()["usage"] == usage

"""OpenAI's Responses: which requests are sent in it, how they are written, and how its events are read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from llm_hub.chat import (
    ChatRequest,
    Done,
    Image,
    JSONFormat,
    Message,
    OneTool,
    OriginalRequest,
    ReasoningDelta,
    Role,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    VendorDelta,
)
from llm_hub.errors import InvalidRequest, NotOffered, QuotaExhausted, RateLimited, ServerFailed, StreamBroken
from llm_hub.providers.catalog import PROVIDERS
from tests.contract.case import KEY
from tests.contract.conftest import case_params
from tests.contract.test_answers import user
from tests.contract.test_tools import streamed
from tests.fault_server import REASONING, answer_text
from tests.fault_server.dictated import MODEL, dictation
from tests.fault_server.responses import ENCRYPTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import Event, LLMResponse
    from llm_hub.provider import LLMProvider
    from tests.fault_server import FaultServer

pytestmark = pytest.mark.parametrize(
    "case", case_params(lambda case: case.label in ("responses", "responses-routed")), indirect=True
)

WEATHER = Tool("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
IF_NEEDED = PROVIDERS["openai"].options["responses"]


async def ask(provider: LLMProvider, request: ChatRequest) -> tuple[list[Event], LLMResponse]:
    """The events of an answer, and the answer."""
    events = [event async for event in provider.events(request)]
    assert isinstance(events[-1], Done)
    return events, events[-1].response


async def paths(provider: LLMProvider, fault_server: FaultServer, request: ChatRequest) -> list[str]:
    """Where the requests of one answer went."""
    before = len(fault_server.exchanges)
    _, response = await ask(provider, request)
    assert response.content == answer_text()
    return [exchange.path for exchange in fault_server.exchanges[before:]]


def original(*items: Any, messages: int = 1, **fields: Any) -> ChatRequest:
    """A request of a client of the protocol."""
    body = {"model": "hub/name", "models": ["hub/other"], "stream": False, "input": list(items), **fields}
    turns = tuple(Message(Role.USER, "Hello?") for _ in range(messages))
    return ChatRequest(turns, "ok", original=OriginalRequest("responses", body, messages))


ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello?"}]}


async def test_openai_is_asked_in_responses_where_it_needs_that_and_nowhere_else(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    provider = build(responses=IF_NEEDED)
    tools = (WEATHER,)
    assert await paths(provider, fault_server, ChatRequest(user(), "gpt-6.2-sol", tools=tools)) == [RESPONSES]
    assert await paths(provider, fault_server, ChatRequest(user(), "gpt-6.2-sol")) == [CHAT]
    assert await paths(provider, fault_server, ChatRequest(user(), "gpt-4.1", tools=tools)) == [CHAT]
    assert await paths(provider, fault_server, ChatRequest(user(), "gpt-5-pro")) == [RESPONSES]
    assert await paths(provider, fault_server, original(ITEM)) == [RESPONSES]


async def test_a_server_that_names_responses_in_a_refusal_is_asked_in_it_and_that_is_remembered(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    provider = build(responses="if_refused")
    for request, first, later in (
        (ChatRequest(user(), "gpt-6-luna", tools=(WEATHER,)), [CHAT, RESPONSES], [RESPONSES]),
        (ChatRequest(user(), "gpt-6-luna"), [CHAT], [CHAT]),
        (ChatRequest(user(), "gpt-5-pro"), [CHAT, RESPONSES], [RESPONSES]),
    ):
        assert await paths(provider, fault_server, request) == first
        assert await paths(provider, fault_server, request) == later


async def test_a_refusal_that_responses_did_not_help_against_teaches_nothing(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    fault_server.lacking = frozenset({RESPONSES})
    provider = build(responses="if_refused")
    for number in (1, 2):
        with pytest.raises(InvalidRequest, match="did not accept") as caught:
            await ask(provider, ChatRequest(user(), "gpt-6-luna", tools=(WEATHER,)))
        assert "/v1/responses" in caught.value.detail
        assert caught.value.falls_back
        assert [exchange.path for exchange in fault_server.exchanges] == [CHAT, RESPONSES] * number


async def test_a_server_without_responses_is_asked_in_chat_completions_and_that_is_remembered(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    fault_server.lacking = frozenset({RESPONSES})
    provider = build(responses=IF_NEEDED)
    assert await paths(provider, fault_server, original(ITEM)) == [RESPONSES, CHAT]
    assert await paths(provider, fault_server, original(ITEM)) == [CHAT]
    essential = original(ITEM)
    assert essential.original is not None
    essential = replace(essential, original=replace(essential.original, essential=("prompt",)))
    with pytest.raises(NotOffered):
        await ask(provider, essential)


async def test_a_server_is_asked_in_responses_for_what_chat_completions_have_no_word_for(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    tool = {"type": "file_search", "vector_store_ids": ["vs_1"]}
    request = original(ITEM, tools=[tool])
    assert request.original is not None
    request = replace(request, original=replace(request.original, essential=("tools.0",)))
    provider = build(responses="if_refused")
    assert await paths(provider, fault_server, original(ITEM)) == [CHAT]
    assert await paths(provider, fault_server, request) == [RESPONSES]
    assert fault_server.exchanges[-1].body["tools"] == [tool]
    fault_server.lacking = frozenset({RESPONSES})
    before = len(fault_server.exchanges)
    with pytest.raises(NotOffered, match=r"tools\.0"):
        await ask(provider, request)
    assert [exchange.path for exchange in fault_server.exchanges[before:]] == [RESPONSES]
    assert await paths(provider, fault_server, original(ITEM)) == [CHAT]


async def test_a_server_that_has_no_responses_for_a_model_has_not_failed(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    request = original(ITEM, tools=[{"type": "file_search", "vector_store_ids": ["vs_1"]}])
    assert request.original is not None
    request = replace(request, original=replace(request.original, essential=("tools.0",)))
    provider = build(responses="if_refused")
    for model in ("status-501", "status-404?body=route"):
        with pytest.raises(NotOffered, match=r"tools\.0"):
            await ask(provider, replace(request, model=model))
    assert [exchange.path for exchange in fault_server.exchanges] == [RESPONSES] * 2
    assert await paths(provider, fault_server, request) == [RESPONSES]


async def test_a_translated_request_has_everything_that_was_asked_for(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    call = ToolCall("call_1", "weather", '{"city": "Zürich"}')
    request = ChatRequest(
        (
            Message(Role.SYSTEM, "Be brief."),
            Message(Role.USER, (Text("What is this?"), Image(b"\x89PNG", "image/png"))),
            Message(Role.ASSISTANT, (Text("I look."), call)),
            Message(Role.TOOL, (ToolResult("call_1", "rain"), Text("Hurry!"))),
        ),
        "ok",
        0.5,
        50,
        tools=(WEATHER, Tool("clock", strict=True)),
        tool_choice=OneTool("weather"),
        parallel_tools=False,
        format=JSONFormat({"type": "object"}, "place", strict=True),
        top_p=0.25,
        effort="low",
    )
    await ask(build(), request)
    assert fault_server.exchanges[0].body == {
        "model": "ok",
        "input": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "auto"},
                ],
            },
            {"role": "assistant", "content": "I look."},
            {
                "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Zürich"}',
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {"role": "user", "content": "Hurry!"},
        ],
        "store": False,
        "temperature": 0.5,
        "tools": [
            {
                "type": "function", "name": "weather", "strict": False, "description": "Tells the weather.",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
            {"type": "function", "name": "clock", "strict": True, "parameters": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_schema", "name": "place", "schema": {"type": "object"}, "strict": True}},
        "top_p": 0.25,
        "reasoning": {"effort": "low"},
        "stream": True,
        "max_output_tokens": 50,
    }  # fmt: skip


OWN_FIELDS: dict[str, Any] = {
    "instructions": "Be brief.",
    "store": True,
    "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    "reasoning": {"effort": "high", "summary": "detailed", "context": "auto"},
    "text": {"verbosity": "low", "format": {"type": "text"}},
    "prompt_cache_key": "k",
    "metadata": {"a": "b"},
    "temperature": None,
    "service_tier": "flex",
    "tools": [
        {"type": "web_search", "filters": {"allowed_domains": ["example.com"]}},
        {"type": "namespace", "name": "files", "tools": [{"type": "function", "name": "read", "defer_loading": True}]},
    ],
    "stream_options": {"include_obfuscation": False},
}


async def test_a_request_of_the_same_protocol_goes_on_as_it_came(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    items = [ITEM, {"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": ENCRYPTED}, ITEM]
    request = original(*items, **OWN_FIELDS)
    await ask(build(), request)
    assert fault_server.exchanges[0].body == {"model": "ok", "stream": True, "input": items, **OWN_FIELDS}


async def test_what_the_hub_adds_to_a_request_of_the_same_protocol_follows_it(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    request = original(max_output_tokens=5000, text={"format": {"type": "json_object"}, "verbosity": "low"})
    assert request.original is not None
    body = {**request.original.body, "input": "Hello?"}
    more = (Message(Role.ASSISTANT, "Low "), Message(Role.USER, "Go on."))
    request = replace(
        request,
        messages=(*request.messages, *more),
        max_tokens=70,
        original=replace(request.original, body=body),
    )
    await ask(build(), request)
    assert fault_server.exchanges[0].body == {
        "model": "ok",
        "stream": True,
        "max_output_tokens": 70,
        "text": {"verbosity": "low"},
        "input": [
            {"role": "user", "content": "Hello?"},
            {"role": "assistant", "content": "Low "},
            {"role": "user", "content": "Go on."},
        ],
    }


async def test_fields_that_both_protocols_have_are_taken_over_and_others_are_named(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    body = {"messages": [{"role": "user", "content": "Hello?"}], "prompt_cache_key": "k", "verbosity": "low",
            "service_tier": "flex", "logit_bias": {"1": 2}}  # fmt: skip
    unknown = ("prompt_cache_key", "verbosity", "service_tier", "logit_bias")
    client = OriginalRequest("openai", body, 1, untranslated=unknown)
    _, response = await ask(build(), ChatRequest(user(), "ok", original=client))
    sent = fault_server.exchanges[0].body
    assert (sent["prompt_cache_key"], sent["text"], sent["service_tier"]) == ("k", {"verbosity": "low"}, "flex")
    assert response.ignored == ("logit_bias",)


async def test_encrypted_reasoning_comes_back_with_the_call_that_it_led_to(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    provider, tools = build(), (WEATHER,)
    _, called = await ask(provider, ChatRequest(user(), "reasoning?calls=2", tools=tools))
    assert called.reasoning == "".join(REASONING)
    results = tuple(ToolResult(call.id, "rain") for call in called.tool_calls)
    turns = (*user(), Message(Role.ASSISTANT, called.tool_calls), Message(Role.TOOL, results))
    await ask(provider, ChatRequest(turns, "reasoning?calls=2", tools=tools))
    first, second = (exchange.body for exchange in fault_server.exchanges)
    assert first["reasoning"] == {"summary": "auto"}
    assert (first["include"], first["store"]) == (["reasoning.encrypted_content"], False)
    kinds = [item.get("type", "message") for item in second["input"]]
    assert kinds == ["message", "reasoning", *["function_call"] * 2, *["function_call_output"] * 2]
    assert second["input"][1]["encrypted_content"] == ENCRYPTED


async def test_reasoning_that_the_server_cannot_read_is_left_out_and_named(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    reasoning = {"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "of-another-account"}
    _, response = await ask(build(), original(ITEM, reasoning, ITEM))
    assert response.content == answer_text()
    assert response.ignored == ("reasoning",)
    assert [len(exchange.body["input"]) for exchange in fault_server.exchanges] == [3, 2]


async def test_a_client_of_the_same_protocol_gets_every_item_as_it_came(
    build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    request = replace(original(ITEM, include=["reasoning.encrypted_content"]), model="reasoning")
    events, response = await ask(build(), request)
    assert response.original is not None
    assert response.original.protocol == "responses"
    body = response.original.body
    assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
    assert body["output"][0]["encrypted_content"] == ENCRYPTED
    assert body["usage"]["input_tokens_details"] == {"cached_tokens": 0}
    data = [event.data for event in events if isinstance(event, VendorDelta)]
    told = [(event["type"], event["item"]) for event in data if "item" in event]
    assert [kind for kind, _ in told] == ["response.output_item.added", "response.output_item.done"] * 2
    assert [item for kind, item in told if kind.endswith("done")] == body["output"]


async def test_a_client_of_another_protocol_gets_none_of_the_vendors_parts(provider: LLMProvider) -> None:
    events, response = await ask(provider, ChatRequest(user(), "reasoning"))
    assert response.original is None
    assert not any(isinstance(event, VendorDelta) for event in events)


@pytest.mark.parametrize("shape", ["event", "failed"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", ServerFailed),
        ("rate_limit_exceeded", RateLimited),
        ("insufficient_quota", QuotaExhausted),
        ("a_new_code", ServerFailed),
    ],
)
async def test_an_answer_that_fails_is_the_error_that_its_code_says(
    provider: LLMProvider, shape: str, code: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        await ask(provider, ChatRequest(user(), f"error-event@mid?code={code}&as={shape}"))
    assert "processing your request" in caught.value.detail  # type: ignore[attr-defined]  # a ProviderError


def sse(*events: dict[str, Any]) -> bytes:
    """Events as OpenAI writes them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in events
    )


def ended(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    """The event that ends a response."""
    response = {"id": "resp_1", "object": "response", "model": "barge-7b", "status": status, "output": list(output),
                "created_at": 1, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], **fields}  # fmt: skip
    return {"type": f"response.{status}", "sequence_number": 99, "response": response}


def message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def say(text: str, index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": index, "content_index": 0,
            "delta": text, "logprobs": [], "sequence_number": 1}  # fmt: skip


def item(kind: str, index: int, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"response.output_item.{kind}", "output_index": index, "item": value, "sequence_number": 2}


async def hear(provider: LLMProvider, *pieces: bytes) -> tuple[list[Event], LLMResponse]:
    """The events and the answer of a server that writes these bytes."""
    return await ask(provider, ChatRequest((Message(Role.USER, dictation(pieces)),), MODEL))


TEXTS = {
    "deltas": sse(say("Low "), say("tide."), ended(message("Low tide."))),
    "a whole item": sse(item("done", 0, message("Low tide.")), ended(message("Low tide."))),
    "the end alone": sse(ended(message("Low tide."))),
    "an end without items": sse(say("Low "), say("tide."), ended()),
    "a document": json.dumps(ended(message("Low tide."))["response"]).encode(),
    "a document over several lines": json.dumps(ended(message("Low tide."))["response"], indent=1).encode(),
    "no names of events": b"data: " + json.dumps(say("Low tide.")).encode() + b"\n\ndata: "
    + json.dumps(ended()).encode() + b"\n\n",
    "an end of the text and no deltas": sse(
        {"type": "response.output_text.done", "output_index": 0, "text": "Low tide."},
        item("done", 0, message("Low tide.")),
        ended(),
    ),
    "chat's last word": sse(say("Low tide."), ended()) + b"data: [DONE]\n\n",
    "text after the end": sse(say("Low tide."), ended(), say(" More.")),
}  # fmt: skip


@pytest.mark.parametrize("dress", TEXTS)
async def test_text_is_the_same_in_every_dress(provider: LLMProvider, dress: str) -> None:
    events, response = await hear(provider, TEXTS[dress])
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == response.content == "Low tide."
    assert (response.finish_reason, response.model) == ("stop", "barge-7b")


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(sse(say("Low "), say("tide.")), id="no end"),
        pytest.param(sse(say("Low "), say("tide."), item("done", 0, message("Low tide."))), id="items and no end"),
        pytest.param(sse(say("Low tide.")) + b"data: [DONE]\n\n", id="chat's last word alone"),
    ],
)
async def test_a_stream_without_its_last_event_is_broken(provider: LLMProvider, written: bytes) -> None:
    with pytest.raises(StreamBroken):
        await hear(provider, written)


async def test_calls_of_namespaces_and_custom_tools_have_the_hubs_names(provider: LLMProvider) -> None:
    read = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "namespace": "files", "name": "read",
            "arguments": '{"path":"a"}'}  # fmt: skip
    patch = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": "*** Begin"}
    written = sse(
        item("added", 0, read | {"arguments": ""}),
        {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": '{"path":'},
        item("added", 1, patch | {"input": ""}),
        {"type": "response.custom_tool_call_input.delta", "output_index": 1, "item_id": "ctc_1", "delta": "*** Be"},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": '"a"}'},
        item("done", 1, patch),
        item("done", 0, read),
        ended(read, patch),
    )
    events, response = await hear(provider, written)
    assert sorted((call.id, call.name, call.decoded()) for call in response.tool_calls) == [
        ("call_1", "files__read", {"path": "a"}),
        ("call_2", "patch", {"input": "*** Begin"}),
    ]
    assert sorted(streamed(events)) == sorted((call.id, call.name, call.arguments) for call in response.tool_calls)


def read_call(number: int) -> dict[str, Any]:
    return {"id": f"fc_{number}", "type": "function_call", "call_id": f"call_{number}", "name": "read",
            "arguments": f'{{"page":{number}}}'}  # fmt: skip


def parts_of(call: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    """The events of a call whose number is 0, as all of them have it."""
    about: dict[str, Any] = {"output_index": 0, "item_id": call["id"]}
    events = {
        "added": item("added", 0, call | {"arguments": ""}),
        "delta": {"type": "response.function_call_arguments.delta", "delta": call["arguments"], **about},
        "whole": {"type": "response.function_call_arguments.done", "arguments": call["arguments"], **about},
        "done": item("done", 0, call),
    }
    return [events[kind] for kind in kinds]


@pytest.mark.parametrize(
    "kinds", [("added", "delta", "whole", "done"), ("added", "whole"), ("added", "done"), ("done",)]
)
@pytest.mark.parametrize("lists", [True, False], ids=["listed at the end", "not listed"])
async def test_items_of_one_number_are_all_there_and_none_of_them_twice(
    provider: LLMProvider, kinds: tuple[str, ...], *, lists: bool
) -> None:
    calls = [read_call(1), read_call(2)]
    thought = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    items = [thought, message("Low tide."), *calls]
    words = [item("added", 0, message("")), say("Low tide."), item("done", 0, message("Low tide."))]
    pieces = [piece for call in calls for piece in parts_of(call, *kinds)]
    written = sse(item("done", 0, thought), *words, *pieces, ended(*items if lists else ()))
    _, response = await hear(provider, written)
    assert (response.reasoning, response.content) == ("Hm.", "Low tide.")
    assert [(call.id, call.decoded()) for call in response.tool_calls] == [
        ("call_1", {"page": 1}),
        ("call_2", {"page": 2}),
    ]


async def test_an_item_that_ends_twice_is_there_once(provider: LLMProvider) -> None:
    patch = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": "*** Begin"}
    done = [item("done", 0, message("Low tide.")), item("done", 1, patch)]
    written = sse(say("Low tide."), *done, *done, ended(message("Low tide."), patch))
    prompt = dictation([written])
    asked = OriginalRequest("responses", {"input": prompt}, 1)
    for original in (None, asked):
        events, response = await ask(provider, ChatRequest((Message(Role.USER, prompt),), MODEL, original=original))
        assert response.content == "Low tide."
        assert [(call.id, call.decoded()) for call in response.tool_calls] == [("call_1", {"input": "*** Begin"})]
        ends = [event.data["output_index"] for event in events if isinstance(event, VendorDelta)]
        assert ends == ([0] if original else [])


async def test_cached_and_reasoning_tokens_are_counted(provider: LLMProvider) -> None:
    usage = {"input_tokens": 31, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 9,
             "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 40}  # fmt: skip
    _, response = await hear(provider, sse(say("Low tide."), ended(usage=usage)))
    assert response.usage == {"prompt_tokens": 31, "completion_tokens": 9, "total_tokens": 40, "cached_tokens": 20,
                              "reasoning_tokens": 4}  # fmt: skip


@pytest.mark.parametrize(
    "model", ["ok", "ok?text=unicode", "reasoning", "ok?calls=3", "ok?calls=1&tokens=5", "length", "crlf", "bytewise"]
)
async def test_the_vendors_sdk_reads_the_same_from_the_same_bytes(
    provider: LLMProvider, fault_server: FaultServer, model: str
) -> None:
    _, response = await ask(provider, ChatRequest(user(), model, tools=(WEATHER,)))
    sent = dict(fault_server.exchanges[0].body)
    async with AsyncOpenAI(api_key=KEY, base_url=fault_server.openai_url, max_retries=0) as client:
        events = [event async for event in await client.responses.create(**sent)]
    assert events[-1].type in ("response.completed", "response.incomplete")
    read = events[-1].response
    assert response.content == "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert response.content == read.output_text
    calls = [item for item in read.output if item.type == "function_call"]
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == [
        (call.call_id, call.name, call.arguments) for call in calls
    ]
    thoughts = ["".join(part.text for part in item.summary) for item in read.output if item.type == "reasoning"]
    assert response.reasoning == "".join(thoughts)
    assert read.usage is not None
    assert response.usage["completion_tokens"] == read.usage.output_tokens
    assert (response.finish_reason == "length") is (read.status == "incomplete")


@st.composite
def cut_answers(draw: st.DrawFn) -> tuple[str, str, list[dict[str, Any]], list[bytes]]:
    """Any reasoning, text and calls, and the bytes that say them, cut anywhere."""
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: "<" not in text)
    thought, text = draw(st.lists(texts, max_size=4)), draw(st.lists(texts, max_size=6))
    arguments = draw(st.lists(st.dictionaries(texts, texts | st.integers(-9, 9), max_size=3), max_size=3))
    events = [{"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": piece}
              for piece in thought]  # fmt: skip
    events += [say(piece, 1) for piece in text]
    for place, value in enumerate(arguments, 2):
        written = json.dumps(value, ensure_ascii=draw(st.booleans()))
        call = {"id": f"fc_{place}", "type": "function_call", "call_id": f"call_{place}", "name": "weather"}
        pieces = draw(st.integers(1, 9))
        events.append(item("added", place, {**call, "arguments": ""}))
        events += [
            {
                "type": "response.function_call_arguments.delta",
                "output_index": place,
                "delta": written[at : at + pieces],
            }
            for at in range(0, len(written), pieces)
        ]
        if draw(st.booleans()):
            events.append(item("done", place, {**call, "arguments": written}))
    data = sse(*events, ended())
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    pieces_of_data = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]
    return "".join(thought), "".join(text), arguments, pieces_of_data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=cut_answers())
async def test_any_answer_is_the_same_however_it_is_cut(
    provider: LLMProvider, answer: tuple[str, str, list[dict[str, Any]], list[bytes]]
) -> None:
    thought, text, arguments, pieces = answer
    if not (text.strip() or arguments):
        return
    events, response = await hear(provider, *pieces)
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == response.reasoning == thought
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).strip() == text.strip()
    assert [json.loads(call.arguments) for call in response.tool_calls] == arguments
    assert [json.loads(call[2]) for call in streamed(events)] == arguments

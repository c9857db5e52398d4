"""What the hub has no word for: passed on to the client's own protocol, and named or refused for every other one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsBase
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from llm_hub.api.bodies import ChatBody, parse
from llm_hub.api.dialects.chat_completions_body import ChatCompletionsBody
from llm_hub.api.dialects.messages_body import MessagesBody
from llm_hub.api.dialects.responses_body import ResponsesBody
from llm_hub.hub import Hub
from llm_hub.usage.quotas import Quota
from tests.api.conftest import Api, body_at
from tests.api.metered import metered
from tests.fault_server import FaultServer

Body = dict[str, Any]

PDF: Body = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
MARK = {"type": "ephemeral"}
SEARCH: Body = {"type": "web_search_20260209", "name": "web_search", "max_uses": 2}
CHOSEN = {"type": "tool", "name": "web_search"}
AUDIO = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
LOOK_UP: Body = {"name": "look_up", "input_schema": {"type": "object"}, "defer_loading": True}


def chat_body(*parts: Body, **more: Any) -> Body:
    content: Any = [{"type": "text", "text": "Which tide is it?"}, *parts]
    return {"model": "openai/ok", "messages": [{"role": "user", "content": content}], "models": [], **more}


def message_body(*blocks: Body, **more: Any) -> Body:
    return {"max_tokens": 20, **chat_body(*blocks), "model": "anthropic/ok", **more}


AGENT = message_body(
    {"type": "text", "text": "And the wind?", "cache_control": MARK},
    system=[{"type": "text", "text": "Keep the log.", "cache_control": MARK}],
    thinking={"type": "enabled", "budget_tokens": 4000},
    context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    metadata={"user_id": "u"},
    top_k=5,
    tools=[LOOK_UP],
    max_tokens=9000,
)
"""A request as widespread agents send it."""
AGENT["messages"] += [
    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "Look.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}, "caller": {"type": "direct"}},
    ]},
    {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": "No such buoy"},
    ]},
    {"role": "system", "content": "Answer in one sentence."},
]  # fmt: skip


async def ask(api: Api, path: str, body: Body, **headers: str) -> Any:
    reply = await api.client.post(path, json=body, headers=headers)
    return reply.json() | {"status": reply.status_code}


async def test_a_message_reaches_its_own_protocol_as_it_was_written(api: Api, fault_server: FaultServer) -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "a-1,b-2", "x-api-key": "sk-not-theirs-1"}
    answer = await ask(api, "/v1/messages", AGENT, **headers)
    assert answer["x_llm_hub"]["ignored"] == []
    exchange = fault_server.exchanges[0]
    expected = {name: value for name, value in AGENT.items() if name != "models"}
    assert exchange.body == {**expected, "model": "ok", "stream": True}
    assert exchange.headers["anthropic-beta"] == "a-1,b-2"
    assert "sk-not-theirs-1" not in str(exchange.headers)


@pytest.mark.parametrize(
    ("path", "model", "header"),
    [
        ("/v1/messages", "anthropic/ok?accept=any", "anthropic-beta"),
        ("/v1/chat/completions", "openai/ok", "openai-beta"),
        ("/v1/responses", "openai/ok", "openai-beta"),
    ],
)
async def test_the_headers_of_one_caller_are_in_no_request_of_another(
    api: Api, fault_server: FaultServer, path: str, model: str, header: str
) -> None:
    """The head of a request is written anew only where it differs from the one before it."""

    async def call(value: str) -> None:
        turns = [{"role": "user", "content": f"For {value}."}]
        body = body_at(path, {"model": model, "max_tokens": 20, "messages": turns})
        answer = await ask(api, path, body, **({header: value} if value else {}))
        assert answer["status"] == 200, answer

    values = ["", "a", "b", "a", "", "ab", "b", "b", ""]
    for value in values:  # one after the other, over one connection
        await call(value)
    await asyncio.gather(*map(call, values * 3))
    assert len(fault_server.exchanges) == 4 * len(values)
    for exchange in fault_server.exchanges:
        assert f"For {exchange.headers.get(header, '')}.".encode() in exchange.raw


@pytest.mark.parametrize("provider", ["openai", "ollama"])
async def test_what_another_protocol_has_no_word_for_is_listed_as_ignored(
    api: Api, fault_server: FaultServer, provider: str
) -> None:
    answer = await ask(api, "/v1/messages", {**AGENT, "model": f"{provider}/ok"})
    assert set(answer["x_llm_hub"]["ignored"]) == {
        "system.cache_control", "messages.content.cache_control", "messages.content.thinking",
        "messages.content.redacted_thinking",
        "context_management", "metadata", "top_k", "tools.defer_loading",
    }  # fmt: skip
    sent = fault_server.exchanges[-1].body["messages"]
    assert [turn["role"] for turn in sent] == ["system", "user", "assistant", "tool", "system"]
    assert sent[3]["content"] == "Error: No such buoy"


async def test_a_call_that_a_program_of_the_vendors_made_is_told_from_one_of_the_model(api: Api) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}}
    program = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    ignored = ["messages.content.caller.code_execution_20260120"]
    for caller, expected in (({"type": "direct"}, []), (program, ignored)):
        body = message_body(tools=[{"name": "look_up", "input_schema": {"type": "object"}}])
        body["messages"] += [
            {"role": "assistant", "content": [{**call, "caller": caller}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Here"}]},
        ]
        answer = await ask(api, "/v1/messages", {**body, "model": "openai/ok"})
        assert answer["x_llm_hub"]["ignored"] == expected


AVIF = {"type": "image_url", "image_url": {"url": "data:image/avif;base64,AA"}}
BROWSE = {"type": "browser_search"}
ESSENTIAL: list[tuple[str, Body, str]] = [
    ("/v1/messages", message_body(PDF), "messages.0.content.1"),
    ("/v1/messages", message_body(tools=[SEARCH]), "tools.0"),
    ("/v1/messages", message_body(tools=[SEARCH, LOOK_UP], tool_choice=CHOSEN), "tools.0"),
    ("/v1/messages", message_body(tools=[LOOK_UP], tool_choice={"type": "several", "at_most": 2}), "tool_choice"),
    ("/v1/messages", message_body(output_config={"format": {"type": "grammar", "schema": {}}}), "output_config.format"),
    ("/v1/messages", message_body(output_config={"task_budget": {"type": "tokens", "total": 9000}}), "output_config"),
    ("/v1/messages", message_body(mcp_servers=[{"type": "url", "name": "m", "url": "https://x.test"}]), "mcp_servers"),
    ("/v1/chat/completions", chat_body(AUDIO), "messages.0"),
    ("/v1/chat/completions", chat_body(AVIF), "messages.0"),
    ("/v1/chat/completions", chat_body(temperature=2.5), "temperature"),
    ("/v1/chat/completions", chat_body(tools=[BROWSE], tool_choice=BROWSE), "tool"),
    ("/v1/chat/completions", chat_body(web_search_options={}), "web_search_options"),
    ("/v1/chat/completions", chat_body(logprobs=True, top_logprobs=2), "logprobs"),
    ("/v1/chat/completions", chat_body(functions=[{"name": "tide"}], function_call="auto"), "functions"),
    ("/v1/chat/completions", chat_body(tools=[{"type": "browser_search"}], tool_choice="required"), "tools.0"),
    ("/v1/chat/completions", chat_body(response_format={"type": "grammar", "grammar": "root"}), "response_format"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "field"), ESSENTIAL, ids=range(len(ESSENTIAL)))
async def test_a_request_that_one_protocol_alone_can_express_goes_to_nobody_else(
    api: Api, fault_server: FaultServer, path: str, body: Body, field: str
) -> None:
    other = "openai/ok" if path == "/v1/messages" else "anthropic/ok"
    refusal = await ask(api, path, {**body, "model": other})
    assert refusal["status"] == 400
    assert refusal["error"]["message"].startswith(field)
    assert not fault_server.exchanges
    answer = await ask(api, path, {**body, "model": other, "models": [body["model"]]})
    assert answer["status"] == 200, answer
    assert [attempt["outcome"] for attempt in answer["x_llm_hub"]["attempts"]] == ["not_offered", "answered"]
    sent = fault_server.exchanges[-1].body
    assert {name: sent.get(name) for name in body.keys() - {"model", "models"}} == {
        name: value for name, value in body.items() if name not in ("model", "models")
    }


ADDRESS = "https://harbour.example.com/a.png"
IMAGES: dict[str, tuple[str, Body]] = {
    "openai": ("/v1/chat/completions", {"type": "image_url", "image_url": {"url": ADDRESS}}),
    "anthropic": ("/v1/messages", {"type": "image", "source": {"type": "url", "url": ADDRESS}}),
    "responses": ("/v1/responses", {"type": "input_image", "image_url": ADDRESS}),
}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
@pytest.mark.parametrize("dialect", IMAGES)
async def test_an_image_at_an_address_is_for_providers_that_fetch_it(
    api: Api, fault_server: FaultServer, dialect: str, provider: str
) -> None:
    path, image = IMAGES[dialect]
    turns = {"input" if dialect == "responses" else "messages": [{"role": "user", "content": [image]}]}
    limit = {"max_tokens": 9} if dialect == "anthropic" else {}
    answer = await ask(api, path, {"model": f"{provider}/ok", **limit, **turns, "models": []})
    if provider == "ollama":
        assert (answer["status"], len(fault_server.exchanges)) == (400, 0)
        assert "does not take images that it has to fetch" in answer["error"]["message"]
        return
    assert (answer["status"], answer["x_llm_hub"]["ignored"]) == (200, [])
    (exchange,) = fault_server.exchanges
    sent = "responses" if exchange.path == "/v1/responses" else provider
    (turn,) = exchange.body.get("messages") or exchange.body["input"]
    (part,) = turn["content"]
    assert part == {**IMAGES[sent][1], **({"detail": part["detail"]} if "detail" in part else {})}


CHAT: Body = chat_body(
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8=", "detail": "low"}},
    user="u", logit_bias={"7": -100}, top_k=3, provider={"order": ["x"]}, stream_options={"include_usage": True},
)  # fmt: skip
CHAT["messages"] = [
    {"role": "user", "name": "ada", "content": "I sail."},
    {"role": "assistant", "content": "Aye.", "reasoning_content": "She sails.", "annotations": []},
    *CHAT["messages"],
]


async def test_a_chat_reaches_its_own_protocol_as_it_was_written(api: Api, fault_server: FaultServer) -> None:
    answer = await ask(api, "/v1/chat/completions", CHAT)
    assert answer["x_llm_hub"]["ignored"] == []
    sent = fault_server.exchanges[0].body
    expected = {name: value for name, value in CHAT.items() if name != "models"}
    assert sent == {**expected, "model": "ok", "stream": True}


@pytest.mark.parametrize("provider", ["anthropic", "ollama"])
async def test_fields_of_chat_completions_are_listed_as_ignored_elsewhere(api: Api, provider: str) -> None:
    answer = await ask(api, "/v1/chat/completions", {**CHAT, "model": f"{provider}/ok"})
    assert set(answer["x_llm_hub"]["ignored"]) == {
        "user", "logit_bias", "top_k", "provider", "messages.name", "messages.reasoning_content",
        "messages.content.image_url.detail",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "extra", "status"),
    [
        ("/v1/chat/completions", {"service_tier": "priority"}, 400), ("/v1/chat/completions", {"plugins": [{}]}, 400),
        ("/v1/chat/completions", {"brand_new": 1}, 400), ("/v1/chat/completions", {"tools": [{"type": "search"}]}, 400),
        ("/v1/chat/completions", {"service_tier": "auto", "user": "u", "top_k": 3}, 200),
        ("/v1/messages", {"tools": [LOOK_UP], "tool_choice": {"type": "several"}}, 200),
        ("/v1/messages", {"thinking": {"type": "deep"}}, 200),
        ("/v1/messages", {"output_config": {"format": {"type": "grammar", "schema": {}}}}, 200),
        ("/v1/messages", {"speed": "fast"}, 400), ("/v1/messages", {"tools": [SEARCH]}, 400),
        ("/v1/messages", {"system": [{"type": "text", "text": "x", "cache_control": {**MARK, "ttl": "1h"}}]}, 200),
        ("/v1/messages", {"system": [{"type": "text", "text": "x", "cache_control": {**MARK, "ttl": "1d"}}]}, 400),
        ("/v1/messages", {"system": [{"type": "text", "text": "x", "cache_control": MARK}], "metadata": {}}, 200),
    ],
)  # fmt: skip
async def test_within_a_limit_nothing_goes_on_that_may_raise_a_price(
    hub: Hub, tmp_path: Path, path: str, extra: Body, status: int
) -> None:
    body = chat_body(**extra) if path != "/v1/messages" else message_body(**extra)
    async with metered(hub, tmp_path, Quota(tokens=100_000)) as metered_api:
        reply = await metered_api.ask(path=path, **body)
    assert reply.status_code == status
    if status == 400:
        assert next(iter(extra)) in reply.json()["error"]["message"]


async def test_what_the_hub_cannot_read_counts_for_a_limit_of_tokens(hub: Hub, tmp_path: Path) -> None:
    thought: Body = {"type": "thinking", "thinking": "wave " * 2000, "signature": "c2ln"}
    body = message_body()
    body["messages"] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [thought]},
        *body["messages"],
    ]
    async with metered(hub, tmp_path, Quota(tokens=4000)) as metered_api:
        assert (await metered_api.ask(path="/v1/messages", **message_body())).status_code == 200
        assert (
            "limit of 4,000 tokens" in (await metered_api.ask(path="/v1/messages", **body)).json()["error"]["message"]
        )


def test_the_original_holds_all_but_the_fields_of_the_hubs_own() -> None:
    body = {**CHAT, "stream": True, "n": 1, "functions": [], "api_key": None}
    request = parse(ChatCompletionsBody, json.dumps(body).encode()).request()
    assert request.original is not None
    assert request.original.body == {name: body[name] for name in body.keys() - {"models", "api_key"}}
    assert (request.original.protocol, request.original.messages) == ("openai", len(request.messages))


def test_a_key_in_a_fields_name_is_not_listed() -> None:
    body = message_body()
    body["messages"][0]["sk-secret-0123456789"] = 1
    request = parse(MessagesBody, json.dumps(body).encode()).request()
    assert request.original is not None
    assert request.original.untranslated == ("messages.[key]",)
    assert "sk-secret" not in repr(request)


def test_plain_text_documents_and_tool_references_are_words_for_every_model() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "High at six."}
    body = message_body({"type": "document", "title": "Tides", "source": source})
    found = {"type": "tool_reference", "tool_name": "look_up"}
    body["messages"] += [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "find", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [found]}]},
    ]
    request = parse(MessagesBody, json.dumps(body).encode()).request()
    assert "Tides\n\nHigh at six." in request.messages[0].text
    assert request.messages[-1].tool_results[0].text == "The tool look_up can be called."
    assert request.original is not None
    assert request.original.essential == ()


SMALLEST = {"model": "m", "messages": [{"role": "user", "content": "?"}]}


@pytest.mark.parametrize(
    ("model", "documented", "body"),
    [
        (ChatCompletionsBody, CompletionCreateParamsBase, SMALLEST),
        (MessagesBody, MessageCreateParamsBase, SMALLEST | {"max_tokens": 9}),
        (ResponsesBody, ResponseCreateParamsBase, {"model": "m", "input": "?"}),
    ],
)
def test_every_field_of_the_vendors_sdk_is_read_refused_or_goes_on(
    model: type[ChatBody], documented: Any, body: Body
) -> None:
    names = documented.__annotations__.keys() - model.__pydantic_fields__.keys() - model.refused_fields.keys()
    assert names
    others: Body = {name: {"of": [name, None]} for name in names}
    original = parse(model, json.dumps(body | others).encode()).request().original
    assert original is not None
    assert {name: value for name, value in original.body.items() if name in names} == others

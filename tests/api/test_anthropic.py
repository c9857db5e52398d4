"""An unchanged anthropic client, with nothing but its base URL changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import groupby
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from tests.api.conftest import KEYS, Api
from tests.api.sse import events
from tests.fault_server import REASONING, FaultServer, answer_text
from tests.fault_server.calls import STRING

PROMPT: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
async def client(api: Api) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key="any", base_url=api.url, max_retries=0) as client:
        yield client


async def test_a_message_has_content_usage_and_attempts(client: anthropic.AsyncAnthropic) -> None:
    answer = await client.messages.create(model="openai/ok?tokens=5", max_tokens=100, messages=PROMPT)
    assert [(block.type, getattr(block, "text", "")) for block in answer.content] == [("text", answer_text(5))]
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert answer.model == "openai/ok?tokens=5"
    assert (answer.usage.input_tokens > 0, answer.usage.output_tokens) == (True, 5)
    assert answer.model_extra is not None
    assert [attempt["outcome"] for attempt in answer.model_extra["x_llm_hub"]["attempts"]] == ["answered"]


@pytest.mark.parametrize("model", ["openai/ok?tokens=5", "anthropic/ok?tokens=5", "ollama/ok?tokens=5"])
async def test_a_stream_carries_text_model_and_usage(client: anthropic.AsyncAnthropic, model: str) -> None:
    async with client.messages.stream(model=model, max_tokens=100, messages=PROMPT) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        answer = await stream.get_final_message()
    assert text == answer_text(5)
    assert (answer.model, answer.stop_reason, answer.usage.output_tokens) == (model, "end_turn", 5)
    assert answer.usage.input_tokens > 0


async def test_the_events_come_in_anthropics_order(api: Api) -> None:
    body = {"messages": PROMPT, "model": "openai/ok?tokens=3", "max_tokens": 9, "stream": True}
    stream_events = events((await api.client.post("/v1/messages", json=body)).text)
    assert [name for name, _ in groupby(name for name, _ in stream_events)] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip
    assert [json.loads(data)["type"] for _, data in stream_events] == [name for name, _ in stream_events]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_has_every_field_of_the_newest_clients(
    client: anthropic.AsyncAnthropic, provider: str, streamed: bool
) -> None:
    """Those that the vendor's description requires, although null is enough for most."""
    arguments: Any = {"model": f"{provider}/ok?calls=1&tokens=2", "max_tokens": 100, "messages": PROMPT}
    if streamed:
        async with client.messages.stream(**arguments, tools=[WEATHER]) as stream:
            answer = await stream.get_final_message()
    else:
        answer = await client.messages.create(**arguments, tools=[WEATHER])
    fields = answer.model_dump(exclude_unset=True)
    assert {"container", "stop_details", "stop_sequence"} <= fields.keys()
    assert {
        "cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens", "inference_geo",
        "output_tokens_details", "server_tool_use", "service_tier",
    } <= fields["usage"].keys()  # fmt: skip
    text, call = fields["content"]
    assert text["citations"] is None
    assert call["caller"] == {"type": "direct"}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("with_reasoning", [True, False])
async def test_reasoning_is_shown_only_to_a_client_that_requests_it(
    client: anthropic.AsyncAnthropic, with_reasoning: bool, streamed: bool
) -> None:
    thinking: Any = {"thinking": {"type": "adaptive" if with_reasoning else "disabled"}}
    arguments: Any = {"model": "openai/reasoning", "max_tokens": 100, "messages": PROMPT, **thinking}
    if streamed:
        async with client.messages.stream(**arguments) as stream:
            answer: Any = await stream.get_final_message()
    else:
        answer = await client.messages.create(**arguments)
    assert [block.type for block in answer.content] == ["thinking", "text"][not with_reasoning :]
    assert answer.content[-1].text == answer_text()
    if with_reasoning:
        assert answer.content[0].thinking == "".join(REASONING)
        assert answer.content[0].signature == ""
    # What was told may come back with the next turn.
    again = [*PROMPT, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "And now?"}]
    assert (await client.messages.create(model="openai/ok", max_tokens=9, messages=again)).stop_reason == "end_turn"


async def test_a_model_name_that_begins_with_claude_is_asked_at_anthropic(
    client: anthropic.AsyncAnthropic, fault_server: FaultServer
) -> None:
    answer = await client.messages.create(model="claude-haiku-5-5", max_tokens=100, messages=PROMPT)
    assert answer.model == "anthropic/claude-haiku-5-5"
    assert fault_server.exchanges[0].path == "/v1/messages"


async def test_every_field_of_a_request_reaches_the_provider(
    client: anthropic.AsyncAnthropic, fault_server: FaultServer
) -> None:
    blocks: Any = [
        {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}},
    ]
    await client.messages.create(
        model="openai/ok",
        max_tokens=77,
        messages=[*PROMPT, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": blocks}],
        system=[{"type": "text", "text": "Be"}, {"type": "text", "text": "brief."}],
        stop_sequences=["END", "###"],
        metadata={"user_id": "u"},
        output_config={"effort": "low"},
        extra_body={"temperature": 0.5, "top_p": 0.9},
    )
    body = fault_server.exchanges[0].body
    assert body["messages"] == [
        {"role": "system", "content": "Be\n\nbrief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}},
        ]},
    ]  # fmt: skip
    assert (body["max_completion_tokens"], body["stop"], body["reasoning_effort"]) == (77, ["END", "###"], "low")
    assert (body["temperature"], body["top_p"]) == (0.5, 0.9)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_conversation_with_tools(client: anthropic.AsyncAnthropic, provider: str, streamed: bool) -> None:
    arguments: Any = {"model": f"{provider}/ok?calls=2", "max_tokens": 100, "tools": [WEATHER], "messages": PROMPT}
    if streamed:
        async with client.messages.stream(**arguments) as stream:
            answer = await stream.get_final_message()
    else:
        answer = await client.messages.create(**arguments)
    assert answer.stop_reason == "tool_use"
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [("weather", {"city": STRING})] * 2
    results: Any = [{"type": "tool_result", "tool_use_id": call.id, "content": "Sunny"} for call in calls]
    turns = [*PROMPT, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    last = await client.messages.create(**{**arguments, "messages": turns})
    assert (last.stop_reason, [block.type for block in last.content]) == ("end_turn", ["text"])


@pytest.mark.parametrize(
    ("choice", "sent_choice"),
    [
        ({"type": "auto"}, "auto"), ({"type": "any"}, "required"), ({"type": "none"}, "none"),
        ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)  # fmt: skip
async def test_every_choice_of_tools(
    client: anthropic.AsyncAnthropic, fault_server: FaultServer, choice: Any, sent_choice: object
) -> None:
    if choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    await client.messages.create(
        model="openai/ok", max_tokens=100, messages=PROMPT, tools=[WEATHER], tool_choice=choice
    )
    body = fault_server.exchanges[0].body
    assert body["tool_choice"] == sent_choice
    assert body.get("parallel_tool_calls") == (None if choice["type"] == "none" else False)


class Verdict(BaseModel):
    good: bool
    why: str


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_an_answer_of_a_schema(client: anthropic.AsyncAnthropic, provider: str) -> None:
    answer = await client.messages.parse(model=f"{provider}/ok", max_tokens=100, messages=PROMPT, output_format=Verdict)
    assert answer.parsed_output == Verdict(good=True, why=STRING)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("model", "kind", "type_"),
    [
        ("openai/unknown", anthropic.NotFoundError, "not_found_error"),
        ("openai/status-429?retry-after=60", anthropic.RateLimitError, "rate_limit_error"),
        ("openai/context", anthropic.BadRequestError, "invalid_request_error"),
        ("openai/status-503", anthropic.OverloadedError, "overloaded_error"),
        ("openai/key", anthropic.InternalServerError, "api_error"),
        ("groq/x", anthropic.InternalServerError, "api_error"),
        ("parrot-6-luna", anthropic.NotFoundError, "not_found_error"),
    ],
)
async def test_failures_are_the_clients_own_errors(
    client: anthropic.AsyncAnthropic, model: str, kind: type[anthropic.APIStatusError], type_: str, streamed: bool
) -> None:
    with pytest.raises(kind) as failed:
        await client.messages.create(model=model, max_tokens=9, messages=PROMPT, stream=streamed)
    assert failed.value.type == type_


async def test_a_late_failure_is_an_error_of_the_stream(client: anthropic.AsyncAnthropic) -> None:
    stream = await client.messages.create(
        model="openai/cut@mid", max_tokens=9, messages=PROMPT, stream=True, extra_body={"models": []}
    )
    with pytest.raises(anthropic.APIStatusError, match="broke"):
        [event async for event in stream]


async def test_a_chain_of_models_falls_back(client: anthropic.AsyncAnthropic) -> None:
    arguments: Any = {"max_tokens": 100, "messages": PROMPT, "extra_body": {"models": ["anthropic/ok"]}}
    async with client.messages.stream(model="openai/cut@mid", **arguments) as stream:
        answer = await stream.get_final_message()
    assert [getattr(block, "text", "") for block in answer.content] == [answer_text()]


async def test_a_client_that_leaves_takes_the_providers_connection_along(
    client: anthropic.AsyncAnthropic, fault_server: FaultServer
) -> None:
    stream = await client.messages.create(model="openai/stall@mid", max_tokens=9, messages=PROMPT, stream=True)
    async for event in stream:
        if event.type == "content_block_delta":
            break
    await stream.close()
    await asyncio.wait_for(fault_server.exchanges[0].ended(), 10)
    assert fault_server.exchanges[0].client_left


async def test_a_key_may_be_sent_in_either_header(locked: Api) -> None:
    for keys in ({"api_key": KEYS["bob"]}, {"api_key": None, "auth_token": KEYS["bob"]}):
        async with anthropic.AsyncAnthropic(base_url=locked.url, max_retries=0, **keys) as client:
            assert (await client.messages.create(model="openai/ok", max_tokens=9, messages=PROMPT)).content
    async with anthropic.AsyncAnthropic(api_key="wrong", base_url=locked.url, max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError) as refused:
            await client.messages.create(model="openai/ok", max_tokens=9, messages=PROMPT)
    assert refused.value.type == "authentication_error"


async def test_models_are_listed_in_anthropics_words(client: anthropic.AsyncAnthropic) -> None:
    listed = [model async for model in client.models.list()]
    titles = {model.id: model.display_name for model in listed}
    assert next(iter(titles)) == "claude-hub/auto"
    assert (titles["claude-hub/openai/ok"], titles["anthropic/ok"]) == ("ok (openai)", "Ok")
    assert all(name.startswith(("claude", "anthropic")) for name in titles)  # Claude Code shows no others
    for name in ("claude-hub/openai/ok", "openai/ok", "claude-hub/auto"):
        assert (await client.models.retrieve(name)).id == f"claude-hub/{name.removeprefix('claude-hub/')}"
    model = await client.models.retrieve("anthropic/claude-fable-5-2")
    assert (model.id, model.type, model.display_name) == ("anthropic/claude-fable-5-2", "model", "Claude Fable 5.2")
    assert model.max_input_tokens == 1_000_000
    with pytest.raises(anthropic.NotFoundError, match="no such model"):
        await client.models.retrieve("openai/nonsense")


async def test_anthropic_counts_the_tokens_of_a_request_as_its_client_sent_it(
    client: anthropic.AsyncAnthropic, fault_server: FaultServer
) -> None:
    thinking: Any = {"type": "adaptive"}
    counted = await client.beta.messages.count_tokens(
        model="anthropic/ok", messages=PROMPT, thinking=thinking, betas=["token-counting-2024-11-01"]
    )
    (exchange,) = fault_server.exchanges
    assert exchange.path == "/v1/messages/count_tokens"
    assert exchange.body == {"model": "ok", "messages": PROMPT, "thinking": thinking}
    assert "token-counting-2024-11-01" in exchange.headers["anthropic-beta"]
    words = sum(len(str(turn["content"]).split()) for turn in PROMPT)
    assert counted.to_dict() == {"input_tokens": words, "context_management": {"original_input_tokens": words + 1}}


async def test_tokens_for_others_are_estimated_and_said_to_be(
    client: anthropic.AsyncAnthropic, fault_server: FaultServer
) -> None:
    short = await client.messages.count_tokens(model="openai/ok", messages=PROMPT)
    long = await client.messages.count_tokens(model="openai/ok", messages=PROMPT, system="Be brief. " * 400)
    assert 900 < long.input_tokens - short.input_tokens < 1100
    assert "estimate" in str(long.to_dict()["x_llm_hub"])
    assert not fault_server.exchanges
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.count_tokens(model="nobody/ok", messages=PROMPT)


def turn(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": [*blocks]}]}


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"temperature": 1.5}, "temperature"), ({"max_tokens": 0}, "max_tokens"), ({"container": "c"}, "container"),
        ({"mcp_servers": [{"url": "http://x"}]}, "mcp_servers"), ({"thread": {"type": "create"}}, "thread"),
        ({"tool_choice": {"type": "secret"}}, "tool_choice"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0"),
        (turn({"type": "document", "source": {}}), "messages.0.content.0"),
        (turn({"type": "image", "source": {"type": "file", "file_id": "secret"}}), "messages.0.content.0"),
        (turn({"type": "image", "source": {"type": "base64", "media_type": "image/tiff", "data": ""}}), "messages.0"),
        (turn({"type": "text", "text": "x"}, role="robot"), "messages.0: "),
        (turn({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image"}]}), "messages.0.content.0"),
    ],
)  # fmt: skip
async def test_an_unsupported_field_is_refused_by_its_name(
    client: anthropic.AsyncAnthropic, extra: dict[str, Any], field: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=field) as refused:
        await client.messages.create(model="openai/ok", max_tokens=9, messages=PROMPT, extra_body=extra)
    assert refused.value.type == "invalid_request_error"
    assert "secret" not in str(refused.value)


async def test_a_field_that_a_provider_does_not_support_is_named_as_anthropic_names_it(
    client: anthropic.AsyncAnthropic,
) -> None:
    with pytest.raises(anthropic.BadRequestError, match="tool_choice"):
        await client.messages.create(
            model="ollama/ok", max_tokens=9, messages=PROMPT, tools=[WEATHER], tool_choice={"type": "any"}
        )


@pytest.mark.parametrize("stream", [True, False])
async def test_the_stop_sequence_that_ended_an_answer_is_reported_where_it_is_known(
    client: anthropic.AsyncAnthropic, stream: bool
) -> None:
    async def ask(model: str) -> Any:
        call: Any = {"model": model, "max_tokens": 99, "messages": PROMPT, "stop_sequences": ["END"]}
        if not stream:
            return await client.messages.create(**call)
        async with client.messages.stream(**call) as streamed:
            return await streamed.get_final_message()

    known = await ask("anthropic/ok?finish=stop_sequence&by=END")
    assert (known.stop_reason, known.stop_sequence) == ("stop_sequence", "END")
    unknown = await ask("openai/ok")
    assert (unknown.stop_reason, unknown.stop_sequence) == ("end_turn", None)


@pytest.mark.parametrize("model", ["openai/ok", "anthropic/ok", "ollama/ok"])
async def test_an_image_in_a_tools_result_reaches_the_model(
    client: anthropic.AsyncAnthropic, fault_server: FaultServer, model: str
) -> None:
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}}
    call = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Bern"}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "Sunny"}, image]}
    turns: Any = [
        *PROMPT,
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result, {"type": "text", "text": "Well?"}]},
    ]
    answer = await client.messages.create(model=model, max_tokens=99, messages=turns, tools=[WEATHER])
    assert answer.stop_reason == "end_turn"
    messages = fault_server.exchanges[-1].body["messages"]
    sent = json.dumps(messages)
    if model == "anthropic/ok":  # it stays where it is
        assert messages[-1]["content"][0] == result
    else:
        assert sent.index("Sunny\\n\\n(The image is shown below.)") < sent.index(png)
    assert sent.count(png) == sent.count("Sunny") == sent.count("Well?") == 1


async def test_an_invalid_image_in_a_tools_result_is_refused_by_its_field(client: anthropic.AsyncAnthropic) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": [image]}
    turns: Any = [{"role": "user", "content": [result]}]
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.0\.content\.0\.content\.0\.source"):
        await client.messages.create(model="openai/ok", max_tokens=99, messages=turns, tools=[WEATHER])


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_an_empty_text_beside_a_result_is_no_question(api: Api, provider: str) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny"}
    turns = [*PROMPT, {"role": "assistant", "content": [call]}]
    turns.append({"role": "user", "content": [result, {"type": "text", "text": ""}]})
    body = {"model": f"{provider}/ok", "max_tokens": 9, "messages": turns}
    reply = await api.client.post("/v1/messages", json=body)
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("provider", ["openai", "ollama"])
async def test_tools_that_are_added_and_removed_in_the_conversation_are_known_to_other_vendors(
    api: Api, fault_server: FaultServer, provider: str
) -> None:
    """Claude Code names the tools of a late MCP server so, and so does the tool runner of Anthropic's SDKs."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"name": name, "input_schema": schema} for name in ("tide", "wind", "fog")]
    added = {"type": "tool_definition", "definition": {"name": "moon", "input_schema": schema}}
    removed = {"type": "tool_reference", "name": "wind"}
    again = {"type": "tool_reference", "name": "fog"}
    changes = [
        {"type": "tool_removal", "tool": removed},
        {"type": "tool_removal", "tool": again},
        {"type": "tool_addition", "tool": added},
        {"type": "tool_addition", "tool": again},
    ]
    turns = [{"role": "user", "content": "Hello"}, {"role": "system", "content": changes}]
    body = {"model": f"{provider}/ok?calls=3", "max_tokens": 99, "models": [], "tools": tools, "messages": turns}
    reply = await api.client.post("/v1/messages", json=body)
    assert [block["name"] for block in reply.json()["content"]] == ["tide", "moon", "fog"]
    assert reply.json()["x_llm_hub"]["ignored"] == []
    sent = fault_server.exchanges[-1].body
    assert [turn["role"] for turn in sent["messages"]] == ["user"]
    await api.client.post("/v1/messages", json=body | {"model": "anthropic/ok?accept=any"})
    sent = fault_server.exchanges[-1].body
    assert (sent["tools"], sent["messages"]) == (tools, turns)


async def test_a_tool_of_anthropics_own_that_is_added_in_the_conversation_is_for_anthropic_alone(
    api: Api, fault_server: FaultServer
) -> None:
    added = {"type": "tool_definition", "definition": {"type": "web_search_20250305", "name": "web_search"}}
    changes = [{"type": "tool_addition", "tool": added}]
    body = {
        "model": "openai/ok",
        "max_tokens": 99,
        "models": [],
        "messages": [*PROMPT, {"role": "system", "content": changes}],
    }
    refused = await api.client.post("/v1/messages", json=body)
    assert refused.status_code == 400
    place = "messages.1.content.0.tool.definition"
    assert refused.json()["error"]["message"].startswith(f"{place}: OpenAI cannot be asked for this")
    assert not fault_server.exchanges
    await api.client.post("/v1/messages", json=body | {"models": ["anthropic/ok?accept=any"]})
    assert fault_server.exchanges[-1].body["messages"] == body["messages"]


@pytest.mark.parametrize("provider", ["openai", "ollama"])
async def test_a_system_message_that_changes_options_alone_is_named_as_ignored_elsewhere(
    api: Api, fault_server: FaultServer, provider: str
) -> None:
    turns = [*PROMPT, {"role": "system", "output_config": {"effort": "low"}}]
    body = {"model": f"{provider}/ok", "max_tokens": 99, "models": [], "messages": turns}
    reply = await api.client.post("/v1/messages", json=body)
    assert (reply.status_code, reply.json()["x_llm_hub"]["ignored"]) == (200, ["messages.output_config"])
    assert [turn["role"] for turn in fault_server.exchanges[-1].body["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("tool", "problem"),
    [
        ({"type": "tool_reference"}, "tool.name: Field required."),
        ({"type": "tool_definition"}, "tool.definition: Field required."),
        ({"type": "tool_definition", "definition": None}, "tool.definition: must be an object."),
        ({"type": "tool_definition", "definition": [{"name": "a"}]}, "tool.definition: must be an object."),
        ({"type": "tool_definition", "definition": {"type": "custom"}}, "tool.definition.name: Field required."),
    ],
)
async def test_a_tool_that_is_added_without_what_it_needs_is_refused_by_the_name_of_that(
    api: Api, tool: dict[str, Any], problem: str
) -> None:
    turns = [*PROMPT, {"role": "system", "content": [{"type": "tool_addition", "tool": tool}]}]
    reply = await api.client.post("/v1/messages", json={"model": "openai/ok", "max_tokens": 99, "messages": turns})
    error = {"type": "invalid_request_error", "message": f"messages.1.content.0.{problem}"}
    assert (reply.status_code, reply.json()) == (400, {"type": "error", "error": error})

"""An unchanged openai client, with nothing but its base URL changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from llm_hub.hub import Hub
from tests.api.conftest import KEYS, Api
from tests.fault_server import FaultServer, answer_text
from tests.fault_server.calls import STRING

PROMPT: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def client(api: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client:
        yield client


async def test_a_completion_has_content_usage_and_attempts(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="openai/ok?tokens=5", messages=PROMPT)
    assert answer.choices[0].message.content == answer_text(5)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "openai/ok?tokens=5"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5
    assert answer.model_extra is not None
    assert [attempt["outcome"] for attempt in answer.model_extra["x_llm_hub"]["attempts"]] == ["answered"]


@pytest.mark.parametrize("usage", [True, False])
async def test_a_stream_carries_text_model_and_usage(client: openai.AsyncOpenAI, usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if usage else {}
    stream = await client.chat.completions.create(model="anthropic/ok", messages=PROMPT, stream=True, **options)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == answer_text()
    assert {chunk.model for chunk in chunks} == {"anthropic/ok"}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert (chunks[-1].usage is not None) is usage


async def test_a_chain_of_models_falls_back_and_says_who_answered(client: openai.AsyncOpenAI) -> None:
    chain = ["openai/status-503", "openai/cut@mid", "anthropic/ok"]
    stream = await client.chat.completions.create(
        model="auto", messages=PROMPT, stream=True, extra_body={"models": chain}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == answer_text()
    assert chunks[-1].model == "anthropic/ok"
    extra_fields = chunks[-1].model_extra or {}
    outcomes = [attempt["outcome"] for attempt in extra_fields["x_llm_hub"]["attempts"]]
    assert outcomes == ["server_failed", "stream_broken", "answered"]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("openai/unknown", openai.NotFoundError), ("openai/status-429?retry-after=60", openai.RateLimitError),
        ("openai/context", openai.BadRequestError), ("openai/status-503", openai.InternalServerError),
        ("parrot-6-luna", openai.NotFoundError),
    ],
)  # fmt: skip
async def test_failures_are_the_clients_own_errors(
    client: openai.AsyncOpenAI, model: str, kind: type[Exception], streamed: bool
) -> None:
    with pytest.raises(kind):
        await client.chat.completions.create(model=model, messages=PROMPT, stream=streamed)


async def test_a_late_failure_is_an_error_of_the_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="openai/cut@mid", messages=PROMPT, stream=True, extra_body={"models": []}
    )
    with pytest.raises(openai.APIError, match="broke"):
        [chunk async for chunk in stream]


async def test_a_wrong_key_is_an_authentication_error(locked: Api) -> None:
    async with openai.AsyncOpenAI(api_key="wrong", base_url=f"{locked.url}/v1", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()
    async with openai.AsyncOpenAI(api_key=KEYS["bob"], base_url=f"{locked.url}/v1", max_retries=0) as client:
        assert (await client.models.list()).data


async def test_models_are_named_as_requests_name_them(client: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in client.models.list()]
    assert names[0] == "auto"
    assert {"openai/ok", "anthropic/ok", "ollama/ok"} <= set(names)


REFUSED: list[dict[str, Any]] = [
    {"n": 2}, {"n": True}, {"audio": {}}, {"modalities": ["text", "audio"]},
]  # fmt: skip


@pytest.mark.parametrize("extra", REFUSED)
async def test_an_unsupported_field_is_refused_by_its_name(client: openai.AsyncOpenAI, extra: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError, match=next(iter(extra))):
        await client.chat.completions.create(model="openai/ok", messages=PROMPT, extra_body=extra)


async def test_a_request_names_its_model(api: Api, fault_server: FaultServer) -> None:
    reply = await api.client.post("/v1/chat/completions", json={"messages": PROMPT})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model")
    assert not fault_server.exchanges


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
async def test_a_message_has_a_list_of_annotations(client: openai.AsyncOpenAI, provider: str) -> None:
    answer = await client.chat.completions.create(model=f"{provider}/ok", messages=PROMPT)
    assert answer.choices[0].message.annotations == []


async def test_neutral_values_of_fields_are_accepted_and_never_listed_as_ignored(client: openai.AsyncOpenAI) -> None:
    extra = {"n": 1, "frequency_penalty": 0, "presence_penalty": 0.0, "logprobs": False, "top_logprobs": None,
        "logit_bias": {}, "store": False, "service_tier": "auto", "modalities": ["text"], "audio": None,
        "functions": [], "verbosity": "medium", "user": None, "web_search_options": None,
        "stop": None, "seed": None, "top_p": None, "tools": [], "tool_choice": "none", "parallel_tool_calls": True,
        "response_format": {"type": "text"}, "stream_options": None}  # fmt: skip
    for provider in ("openai", "anthropic", "ollama"):
        answer: Any = await client.chat.completions.create(model=f"{provider}/ok", messages=PROMPT, extra_body=extra)
        assert answer.choices[0].message.content == answer_text()
        assert answer.x_llm_hub["ignored"] == []


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME: Any = {"type": "function", "function": {"name": "time"}}
NAMED: Any = {"type": "function", "function": {"name": "weather"}}


async def streamed_message(client: openai.AsyncOpenAI, **arguments: Any) -> Any:
    """What a client makes of a stream."""
    async with client.chat.completions.stream(**arguments) as stream:
        return await stream.get_final_completion()


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_conversation_with_tools(client: openai.AsyncOpenAI, provider: str, streamed: bool) -> None:
    arguments: Any = {"model": f"{provider}/ok?calls=2", "tools": [WEATHER], "messages": PROMPT}
    answer = await (streamed_message(client, **arguments) if streamed else client.chat.completions.create(**arguments))
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    calls = choice.message.tool_calls
    assert [(call.type, call.function.name) for call in calls] == [("function", "weather")] * 2
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": STRING}] * 2
    assert len({call.id for call in calls}) == 2
    results: Any = [{"role": "tool", "tool_call_id": call.id, "content": "Sunny"} for call in calls]
    last = await client.chat.completions.create(**{**arguments, "messages": [*PROMPT, choice.message, *results]})
    assert (last.choices[0].finish_reason, last.choices[0].message.tool_calls) == ("stop", None)
    assert last.choices[0].message.content


async def test_a_call_comes_with_its_index_id_and_type(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="openai/ok?calls=2", tools=[WEATHER], messages=PROMPT, stream=True
    )
    deltas = [chunk.choices[0].delta async for chunk in stream]
    pieces = [piece for delta in deltas for piece in delta.tool_calls or ()]
    named = [piece for piece in pieces if piece.id]
    assert [(piece.index, piece.type) for piece in named] == [(0, "function"), (1, "function")]
    assert (deltas[0].role, deltas[0].content) == ("assistant", None)


ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}


@pytest.mark.parametrize(
    ("choice", "sent", "tools"),
    [
        ("none", "none", 2), ("auto", "auto", 2), ("required", "required", 2), (NAMED, NAMED, 2),
        (ALLOWED, ALLOWED, 2),
    ],
)  # fmt: skip
async def test_every_choice_of_tools(
    client: openai.AsyncOpenAI, fault_server: FaultServer, choice: Any, sent: object, tools: int
) -> None:
    await client.chat.completions.create(
        model="openai/ok", messages=PROMPT, tools=[WEATHER, TIME], tool_choice=choice, parallel_tool_calls=False
    )
    body = fault_server.exchanges[0].body
    assert (body["tool_choice"], len(body["tools"]), body["parallel_tool_calls"]) == (sent, tools, False)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("any", {"type": "any"}), ({"type": "function", "name": "weather"}, {"type": "tool", "name": "weather"})],
)
async def test_choices_in_other_words_reach_other_protocols_too(
    client: openai.AsyncOpenAI, fault_server: FaultServer, choice: Any, sent: object
) -> None:
    await client.chat.completions.create(model="anthropic/ok", messages=PROMPT, tools=[WEATHER], tool_choice=choice)
    assert fault_server.exchanges[0].body["tool_choice"] == sent


@pytest.mark.parametrize(
    "extra",
    [
        {"tool_choice": "required"}, {"tools": [TIME], "tool_choice": NAMED},
        {"tools": [TIME], "tool_choice": "always"},
        {"tools": [TIME], "tool_choice": {"type": "custom", "custom": {"name": "time"}}},
        {"tools": [TIME], "tool_choice": ALLOWED},
    ],
)  # fmt: skip
async def test_the_choice_of_an_unknown_tool_is_refused(client: openai.AsyncOpenAI, extra: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError, match="tool_choice") as refused:
        await client.chat.completions.create(model="openai/ok", messages=PROMPT, extra_body=extra)
    assert (refused.value.param or "").startswith("tool_choice")


class Verdict(BaseModel):
    good: bool
    why: str


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_an_answer_of_a_schema(client: openai.AsyncOpenAI, provider: str) -> None:
    answer = await client.chat.completions.parse(model=f"{provider}/ok", messages=PROMPT, response_format=Verdict)
    assert answer.choices[0].message.parsed == Verdict(good=True, why=STRING)


async def test_every_field_of_a_request_reaches_the_provider(
    client: openai.AsyncOpenAI, fault_server: FaultServer
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form: Any = {"name": "numbers", "description": "Some.", "schema": schema, "strict": True}
    await client.chat.completions.create(
        model="openai/ok",
        messages=[{"role": "developer", "content": "Be brief."}, *PROMPT],
        stop="END",
        seed=-7,
        top_p=0.5,
        temperature=1,
        reasoning_effort="low",
        max_completion_tokens=50,
        response_format={"type": "json_schema", "json_schema": form},
    )
    body = fault_server.exchanges[0].body
    assert (body["stop"], body["seed"], body["top_p"], body["temperature"]) == ("END", -7, 0.5, 1)
    assert (body["reasoning_effort"], body["max_completion_tokens"]) == ("low", 50)
    assert body["response_format"]["json_schema"] == form
    assert body["messages"][0]["content"] == "Be brief."


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"seed": 1}, "seed"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
async def test_a_field_that_a_provider_does_not_support_is_refused_by_its_name(
    client: openai.AsyncOpenAI, extra: dict[str, Any], field: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model="anthropic/ok", messages=PROMPT, extra_body=extra)
    assert (refused.value.param, refused.value.code) == (field, "unsupported_parameter")


async def test_auto_in_a_chain_is_the_configured_route(client: openai.AsyncOpenAI, hub: Hub) -> None:
    for chain in (["openai/status-503", "auto"], ["auto"]):
        answer = await client.chat.completions.create(
            model="openai/status-503", messages=PROMPT, extra_body={"models": chain}
        )
        assert answer.model == hub.session().route[0] + "/" + "gpt-6-luna"


async def test_one_model_is_retrieved_by_its_name(client: openai.AsyncOpenAI) -> None:
    model = await client.models.retrieve("openai/gpt-6-luna")
    assert (model.id, model.object, model.owned_by) == ("openai/gpt-6-luna", "model", "openai")
    assert (await client.models.retrieve("auto")).id == "auto"
    assert (await client.models.retrieve("gpt-6-luna")).id == "openai/gpt-6-luna"
    for name in ("openai/nonsense", "nobody/x", "parrot-6-luna"):
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve(name)


async def test_a_client_that_leaves_takes_the_providers_connection_along(
    client: openai.AsyncOpenAI, fault_server: FaultServer
) -> None:
    stream = await client.chat.completions.create(model="openai/stall@mid", messages=PROMPT, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    await asyncio.wait_for(fault_server.exchanges[0].ended(), 10)
    assert fault_server.exchanges[0].client_left

"""An unchanged openai client, with nothing but its base URL changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.api.conftest import KEYS, Api
from tests.wall import Wall, answer_text

PROMPT: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def client(api: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client:
        yield client


async def test_a_completion(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="openai/ok?tokens=5", messages=PROMPT)
    assert answer.choices[0].message.content == answer_text(5)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "openai/ok?tokens=5"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5
    assert answer.model_extra is not None
    assert [attempt["outcome"] for attempt in answer.model_extra["x_llm_hub"]["attempts"]] == ["answered"]


@pytest.mark.parametrize("usage", [True, False])
async def test_a_stream(client: openai.AsyncOpenAI, usage: bool) -> None:
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
    told = chunks[-1].model_extra or {}
    outcomes = [attempt["outcome"] for attempt in told["x_llm_hub"]["attempts"]]
    assert outcomes == ["server_failed", "stream_broken", "answered"]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("openai/unknown", openai.NotFoundError), ("openai/status-429?retry-after=60", openai.RateLimitError),
        ("openai/context", openai.BadRequestError), ("openai/status-503", openai.InternalServerError),
        ("gpt-6-luna", openai.NotFoundError),
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
    {"n": 2}, {"n": True}, {"audio": {}}, {"modalities": ["text", "audio"]}, {"logprobs": True}, {"top_logprobs": 3},
    {"logit_bias": {"50256": -100}}, {"frequency_penalty": 0.5}, {"presence_penalty": -1}, {"store": True},
    {"service_tier": "priority"}, {"verbosity": "low"}, {"functions": [{"name": "f"}]}, {"function_call": "auto"},
    {"prediction": {"type": "content", "content": "x"}}, {"web_search_options": {}}, {"moderation": {"model": "m"}},
    {"top_k": 3}, {"stream_options": {"include_everything": True}}, {"top_p": 2}, {"seed": 2**63}, {"stop": [""]},
]  # fmt: skip


@pytest.mark.parametrize("extra", REFUSED)
async def test_what_cannot_be_honoured_is_refused_by_name(client: openai.AsyncOpenAI, extra: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError, match=next(iter(extra))):
        await client.chat.completions.create(model="openai/ok", messages=PROMPT, extra_body=extra)


async def test_what_asks_for_nothing_is_taken(client: openai.AsyncOpenAI, wall: Wall) -> None:
    extra = {"n": 1, "frequency_penalty": 0, "presence_penalty": 0.0, "logprobs": False, "top_logprobs": None,
        "logit_bias": {}, "store": False, "service_tier": "auto", "modalities": ["text"], "audio": None,
        "functions": [], "verbosity": "medium", "user": "u", "metadata": {"a": "b"}, "safety_identifier": "s",
        "prompt_cache_key": "k",
        "stop": None, "seed": None, "top_p": None, "tools": [], "tool_choice": "none", "parallel_tool_calls": True,
        "response_format": {"type": "text"}, "stream_options": None}  # fmt: skip
    answer = await client.chat.completions.create(model="openai/ok", messages=PROMPT, extra_body=extra)
    assert answer.choices[0].message.content == answer_text()
    assert set(wall.exchanges[0].body) == {"model", "messages", "stream", "stream_options"}

"""Between a client and a provider that both speak chat completions, nothing is lost in either direction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI

from tests.fault_server.dictated import FOR_ANY_MODEL, MODEL, dictation

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

FAULT = "ok?accept=any"
"""A model of the fault server that takes every field."""


@pytest.fixture(autouse=True)
def _servers(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that the owner has named."""
    url = fault_server.openai_url
    monkeypatch.setenv("LLM_HUB_SERVERS", f"mine={url},azure={url}?api-version=preview")


TURNS: list[Any] = [{"role": "user", "content": "When is the tide high?"}]
WEATHER = {"type": "function", "function": {"name": "tide", "description": "The tide.", "strict": True,
    "parameters": {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"],
        "additionalProperties": False}}}  # fmt: skip
SEA = {"type": "function", "function": {"name": "sea"}}
CHART = {"type": "custom", "custom": {"name": "chart", "description": "Draws.", "format": {"type": "grammar",
    "grammar": {"syntax": "regex", "definition": "draw .+"}}}}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "settings": {
        "messages": TURNS, "temperature": 0.4, "top_p": 0.9, "seed": 7, "stop": ["END"], "user": "u-1",
        "presence_penalty": 0.1, "frequency_penalty": 0.2, "logit_bias": {"42": -3}, "max_completion_tokens": 90,
        "reasoning_effort": "low", "verbosity": "low", "service_tier": "auto", "store": False,
        "metadata": {"run": "7"}, "safety_identifier": "s-1", "prompt_cache_key": "harbour",
        "prompt_cache_retention": "24h", "prediction": {"type": "content", "content": "High"},
    },
    "tools": {
        "messages": [
            {"role": "system", "content": [
                {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
            {"role": "developer", "content": "In metres.", "name": "harbour"},
            {"role": "user", "content": "When?", "name": "ann"},
            {"role": "assistant", "content": None, "reasoning_content": "The moon, first."},
            {"role": "assistant", "content": None, "refusal": None, "reasoning_content": "The tide, then.",
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "tide", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "c2ln"}}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "At noon."}]},
        ],
        "tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "tide"}},
        "parallel_tool_calls": False,
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}],
    },
    "parts": {
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "https://harbour.example.com/a.png", "detail": "low"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        ]}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "port", "strict": True, "schema": {
            "type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"],
            "additionalProperties": False}}},
    },
    "no-tools": {"messages": TURNS, "tools": [], "tool_choice": "none", "parallel_tool_calls": True, "stop": "END"},
    "allowed": {"messages": TURNS, "tools": [WEATHER, SEA], "tool_choice": {"type": "allowed_tools", "allowed_tools": {
        "mode": "required", "tools": [{"type": "function", "function": {"name": "tide"}}]}}},
    "mistrals-choice": {"messages": TURNS, "tools": [WEATHER, SEA], "tool_choice": "any"},
    "flat-choice": {"messages": TURNS, "tools": [WEATHER], "tool_choice": {"type": "function", "name": "tide"}},
    "system-alone": {"messages": [{"role": "system", "content": "Tell me of the tide."}]},
    "servers-tool": {
        "messages": TURNS, "tools": [SEA, {"type": "browser_search"}], "tool_choice": {"type": "browser_search"},
    },
    "other-values": {"temperature": 2.5, "top_p": 1.5, "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml;utf8,<svg/>"}},
        {"type": "image_url", "image_url": {"url": "data:image/avif;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "gs://harbour/pier.png"}}]}]},
    "odd-values": {"max_tokens": -1, "max_completion_tokens": 0, "stop": ["END", ""], "seed": 2**70, "messages": [
        *TURNS, {"role": "latest_reminder", "content": [{"type": "note"}], "of": 7}, *TURNS]},
    "very-many-texts-that-end-it": {"messages": TURNS, "stop": [*map(str, range(1001)), "END" * 4000]},
    "no-text-that-ends-it": {"messages": TURNS, "stop": ""},
    "likelihood": {"messages": TURNS, "logprobs": True, "top_logprobs": 2, "reasoning_effort": "Ultra-High 2"},
    "texts-that-end-it": {"messages": TURNS, "stop": [f"END {number}" for number in range(40)], "max_tokens": 90},
    "nothing": {"messages": TURNS, **dict.fromkeys(
        ("temperature", "top_p", "seed", "stop", "tools", "tool_choice", "response_format", "max_tokens", "audio",
            "max_completion_tokens", "reasoning_effort", "parallel_tool_calls", "user", "functions", "function_call")),
        "n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"]},
    "custom": {
        "messages": [*TURNS, {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "custom", "custom": {"name": "chart", "input": 'draw "the pier"'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Drawn."}],
        "tools": [CHART, SEA], "tool_choice": {"type": "custom", "custom": {"name": "chart"}},
    },
    "functions": {
        "messages": [*TURNS,
            {"role": "assistant", "content": None, "function_call": {"name": "tide", "arguments": "{}"}},
            {"role": "function", "name": "tide", "content": "At noon."}],
        "functions": [WEATHER["function"]], "function_call": {"name": "tide"},
    },
    "strangers": {"messages": TURNS, "provider": {"order": ["a", "b"]}, "chat_template_kwargs": {"thinking": False},
        "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1, "transforms": [], "unheard_of": None},
}  # fmt: skip
"""A body each for what belongs together, with every documented field that one answer can keep."""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_reaches_the_vendor_as_its_client_sent_it(
    api: Api, fault_server: FaultServer, name: str, stream: bool
) -> None:
    body = BODIES[name] | {"model": f"openai/{FAULT}", "stream": stream}
    reply = await api.client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    (exchange,) = fault_server.exchanges
    # The hub always has the vendor stream and count, so that it hears whether it is at work and what was used.
    assert exchange.body == body | {"model": FAULT, "stream": True, "stream_options": {"include_usage": True}}
    if not stream:
        assert reply.json()["x_llm_hub"]["ignored"] == []


ODD_VALUES: list[tuple[str, dict[str, Any], str]] = [
    ("chat", {"max_tokens": 0}, "max_tokens"),
    ("chat", {"max_tokens": 10**30}, "max_tokens"),
    ("chat", {"messages": [*TURNS, {"role": "critic", "content": "?"}]}, "messages.1.role"),
    ("chat/completions", {"max_tokens": 10**30}, "max_tokens"),
    ("chat/completions", {"max_tokens": -1}, "max_tokens"),
    ("chat/completions", {"max_completion_tokens": 0}, "max_completion_tokens"),
    ("chat/completions", {"seed": 2**63}, "seed"),
    ("chat/completions", {"stop": ["END", ""]}, "stop"),
    ("chat/completions", {"stop": ["END"] * 1001}, "stop"),
    ("chat/completions", {"stop": "END" * 4000}, "stop"),
    ("chat/completions", {"messages": [*TURNS, {"role": "critic", "content": "?"}]}, "messages.1"),
    ("responses", {"input": "When?", "max_output_tokens": 0}, "max_output_tokens"),
    ("responses", {"input": [{"role": "user", "content": "?"}, {"role": "critic", "content": "?"}]}, "input.1"),
    ("messages", {"max_tokens": -1}, "max_tokens"),
    ("messages", {"stop_sequences": [""], "max_tokens": 9}, "stop_sequences"),
    ("messages", {"stop_sequences": ["END"] * 1001, "max_tokens": 9}, "stop_sequences"),
    ("messages", {"messages": [*TURNS, {"role": "critic", "content": "?"}], "max_tokens": 9}, "messages.1"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "odd", "field"), ODD_VALUES)
async def test_a_value_that_one_protocol_may_know_is_refused_by_name_for_others(
    api: Api, fault_server: FaultServer, path: str, odd: dict[str, Any], field: str
) -> None:
    body = {"model": "ollama/ok", **({} if path == "responses" else {"messages": TURNS}), **odd}
    reply = await api.client.post(f"/v1/{path}", json=body)
    assert (reply.status_code, fault_server.exchanges) == (400, [])
    assert reply.json()["error"]["message"].startswith(f"{field}: ")


HEADERS = {"openai-beta": "assistants=v2,responses=v1", "openai-of-next-year": "1"}
KEYS_HEADERS = {"openai-organization": "org-1", "openai-project": "proj_1"}
PATHS: list[tuple[str, dict[str, Any]]] = [
    ("chat/completions", {"messages": TURNS}), ("responses", {"input": "When?"}), ("embeddings", {"input": "When?"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_the_protocols_headers_and_the_query_reach_the_vendor_but_not_what_belongs_to_a_key(
    api: Api, fault_server: FaultServer, path: str, body: dict[str, Any]
) -> None:
    body = body | {"model": f"openai/{FAULT}"}
    url, headers = f"/v1/{path}", HEADERS | KEYS_HEADERS | {"x-stainless-lang": "none"}
    for query in ("?beta=true&api-version=2026-10-21", "?key=sk-someones-0123456789", ""):
        assert (await api.client.post(f"{url}{query}", json=body, headers=headers)).status_code == 200
    exchanges = [exchange for exchange in fault_server.exchanges if exchange.path == url]  # models may be listed, too
    assert [exchange.query for exchange in exchanges] == ["beta=true&api-version=2026-10-21", "", ""]
    for sent in (exchange.headers for exchange in exchanges):
        assert {name: sent.get(name) for name in HEADERS} == HEADERS
        assert KEYS_HEADERS.keys().isdisjoint(sent)
        assert sent.get("x-stainless-lang") != "none"


@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_the_query_of_a_servers_address_goes_before_that_of_the_client(
    api: Api, fault_server: FaultServer, path: str, body: dict[str, Any]
) -> None:
    body = body | {"model": f"azure/{FAULT}"}
    assert (await api.client.post(f"/v1/{path}?API-Version=1&beta=true", json=body)).status_code == 200
    queries = {exchange.path: exchange.query for exchange in fault_server.exchanges}
    own = "api-version=preview"
    asked = "/v1/embeddings" if path == "embeddings" else "/v1/chat/completions"
    assert queries[asked] == (own if path == "responses" else f"{own}&beta=true")


async def test_other_protocols_get_no_header_and_no_query_of_openais(api: Api, fault_server: FaultServer) -> None:
    body = {"model": "anthropic/ok", "messages": TURNS}
    reply = await api.client.post("/v1/chat/completions?beta=true", json=body, headers=HEADERS)
    assert (reply.status_code, fault_server.exchanges[0].query) == (200, "")
    assert HEADERS.keys().isdisjoint(fault_server.exchanges[0].headers)


@pytest.mark.parametrize("name", ["no-tools", "allowed"])
async def test_tools_are_put_in_plain_words_for_a_server_that_refuses_others(
    api: Api, fault_server: FaultServer, name: str
) -> None:
    reply = await api.client.post("/v1/chat/completions", json=BODIES[name] | {"model": "openai/ok?plain-tools=yes"})
    assert (reply.status_code, reply.json()["x_llm_hub"]["ignored"]) == (200, [])
    refused, accepted = (exchange.body for exchange in fault_server.exchanges)
    fields = ("tools", "tool_choice", "parallel_tool_calls")
    assert [refused.get(field) for field in fields] == [BODIES[name].get(field) for field in fields]
    assert [accepted.get(field) for field in fields] == PLAIN_TOOLS[name]


PLAIN_TOOLS: dict[str, list[Any]] = {"no-tools": [None, None, None], "allowed": [[WEATHER], "required", None]}
LIMITS: list[tuple[dict[str, int], str, dict[str, int]]] = [
    ({"max_completion_tokens": 90}, "ok", {"max_completion_tokens": 90}),
    ({"max_tokens": 90}, "ok", {"max_tokens": 90}),
    ({"max_completion_tokens": 90}, "param-max_completion_tokens", {"max_tokens": 90}),
    ({"max_tokens": 90}, "gpt-6-luna", {"max_completion_tokens": 90}),
    ({"max_tokens": -1}, "ok", {"max_tokens": -1}),
    ({}, "ok", {}),
]


@pytest.mark.parametrize(("limit", "model", "sent"), LIMITS)
async def test_a_server_of_the_settings_gets_the_limit_under_the_name_that_the_client_chose(
    api: Api, fault_server: FaultServer, limit: dict[str, int], model: str, sent: dict[str, int]
) -> None:
    body = {"model": f"mine/{model}", "messages": TURNS, **limit}
    assert (await api.client.post("/v1/chat/completions", json=body)).status_code == 200
    last = fault_server.exchanges[-1].body
    assert {name: value for name, value in last.items() if name.startswith("max_")} == sent


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A chunk of a stream. `more` are fields of its choice."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **more}
    return {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1795000000, "model": MODEL,
        "service_tier": "default", "system_fingerprint": "fp_1", "choices": [choice]}  # fmt: skip


def likely(text: str) -> dict[str, Any]:
    return {"token": text, "logprob": -0.5, "bytes": [*text.encode()], "top_logprobs": []}


USAGE = {
    "prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930,
    "prompt_tokens_details": {"cached_tokens": 800, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0, "accepted_prediction_tokens": 2,
        "rejected_prediction_tokens": 1},
}  # fmt: skip
CALL = {"index": 0, "id": "call_9", "type": "function", "function": {"name": "tide", "arguments": ""},
    "extra_content": {"google": {"thought_signature": "c2ln"}}}  # fmt: skip
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "text": [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "At "}), chunk({"content": "noon."}), chunk({}, finish_reason="stop"),
    ],
    "cited": [
        chunk({"role": "assistant", "content": "At noon."}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 7,
            "url": "https://harbour.example.com/tides", "title": "Tides"}}]}),
        chunk({}, finish_reason="stop"),
    ],
    "reasoned": [
        chunk({"role": "assistant", "content": None, "reasoning_content": "The tide, "}),
        chunk({"reasoning_content": "then."}), chunk({"content": "At noon."}), chunk({}, finish_reason="stop"),
    ],
    "likely": [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": text}, logprobs={"content": [likely(text)], "refusal": None})
            for text in ("High,", " high,", " high,", " at noon.")),
        chunk({}, finish_reason="stop", logprobs={"content": [likely("")], "refusal": None}),
    ],
    "called": [
        chunk({"role": "assistant", "content": None, "tool_calls": [CALL]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"port": '}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Ystad"}'}}]}),
        chunk({}, finish_reason="tool_calls"),
    ],
    "refused": [
        chunk({"role": "assistant", "content": None, "refusal": ""}),
        chunk({"refusal": "I'm sorry, "}), chunk({"refusal": "I can't." * 900}), chunk({}, finish_reason="stop"),
    ],
    "refused-late": [
        chunk({"role": "assistant", "content": "At noon"}), chunk({"refusal": "No more."}),
        chunk({}, finish_reason="stop"),
    ],
    "filtered-in-its-own-word": [chunk({"role": "assistant", "content": "At"}), chunk({}, finish_reason="sensitive")],
    "function-called": [
        chunk({"role": "assistant", "content": None, "function_call": {"name": "tide", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"port": '}}), chunk({"function_call": {"arguments": '"Ystad"}'}}),
        chunk({}, finish_reason="function_call"),
    ],
}  # fmt: skip


TOOLS: dict[str, dict[str, Any]] = {
    "function-called": {"functions": [WEATHER["function"]]},
}
"""What a client has to have asked for, that its vendor may answer so."""


def stream_of(chunks: list[dict[str, Any]]) -> list[bytes]:
    """The bytes of the stream, an event a piece."""
    last = {**chunks[-1], "choices": [], "usage": USAGE}
    return [f"data: {json.dumps(event)}\n\n".encode() for event in (*chunks, last)] + [b"data: [DONE]\n\n"]


async def collected(client: AsyncOpenAI, model: str, prompt: Any, tools: dict[str, Any]) -> dict[str, Any]:
    """What the SDK collects from a stream: the choice, the usage and the message's further fields."""
    async with client.chat.completions.stream(
        model=model, messages=prompt, stream_options={"include_usage": True}, extra_body=tools
    ) as stream:
        completion = (await stream.get_final_completion()).to_dict(mode="json", exclude_unset=False)
    return {name: completion[name] for name in ("choices", "usage", "system_fingerprint")}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_reaches_its_client_as_the_vendor_wrote_it(
    api: Api, fault_server: FaultServer, name: str
) -> None:
    prompt: Any = [{"role": "user", "content": dictation(stream_of(ANSWERS[name]))}]
    tools = TOOLS.get(name, {})
    async with (
        AsyncOpenAI(api_key="any", base_url=fault_server.openai_url, max_retries=0) as direct,
        AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client,
    ):
        expected = await collected(direct, MODEL, prompt, tools)
        assert await collected(client, f"openai/{MODEL}", prompt, tools) == expected
    body = {"model": f"openai/{MODEL}", "messages": prompt, **tools}
    whole = (await api.client.post("/v1/chat/completions", json=body)).json()
    assert whole["usage"] == USAGE
    about_the_answer = chunk({})
    for name in ("id", "created", "service_tier", "system_fingerprint"):
        assert whole[name] == about_the_answer[name]
    message, given = whole["choices"][0]["message"], expected["choices"][0]["message"]
    assert {name: message.get(name) for name, value in given.items() if value and name != "tool_calls"} == {
        name: value for name, value in given.items() if value and name != "tool_calls"
    }
    for name in ("finish_reason", "logprobs"):
        assert whole["choices"][0][name] == expected["choices"][0][name]


@pytest.mark.parametrize("stream", [True, False])
async def test_reasoning_has_its_vendors_name_as_well_and_a_choice_its_fields(api: Api, stream: bool) -> None:
    end = {"native_finish_reason": "eos", "content_filter_results": {"hate": {"filtered": False}}}
    chunks = [
        chunk({"role": "assistant", "content": None, "reasoning": "The tide, "}), chunk({"reasoning": "then."}),
        chunk({"content": "At noon."}), chunk({}, finish_reason="stop", **end),
    ]  # fmt: skip
    prompt = [{"role": "user", "content": dictation(stream_of(chunks))}]
    body = {"model": f"openai/{MODEL}", "messages": prompt, "stream": stream}
    reply = await api.client.post("/v1/chat/completions", json=body)
    choices = [event["choices"][0] for event in chunks_of(reply.text)] if stream else reply.json()["choices"]
    for field in ("reasoning", "reasoning_content"):
        thoughts = [choice.get("delta", choice.get("message")).get(field, "") for choice in choices]
        assert "".join(thoughts) == "The tide, then."
    assert {name: choices[-1][name] for name in end} == end


CUSTOM_CALLS = [
    {"id": "call_9", "type": "custom", "custom": {"name": "chart", "input": 'draw "the pier"\n\\'}},
    {"id": "call_10", "type": "function", "function": {"name": "sea", "arguments": "{}"}},
]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_of_a_custom_tool_is_text_as_the_vendor_wrote_it(api: Api, stream: bool) -> None:
    first = {"index": 0, "id": "call_9", "type": "custom", "custom": {"name": "chart", "input": ""}}
    chunks = [
        chunk({"role": "assistant", "content": None, "tool_calls": [first]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": 'draw "the'}}]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": ' pier"\n\\'}}]}),
        chunk({"tool_calls": [{"index": 1, **CUSTOM_CALLS[1]}]}), chunk({}, finish_reason="tool_calls"),
    ]  # fmt: skip
    prompt = [{"role": "user", "content": dictation(stream_of(chunks))}]
    body = {"model": f"openai/{MODEL}", "messages": prompt, "stream": stream, "tools": [CHART, SEA]}
    reply = await api.client.post("/v1/chat/completions", json=body)
    if not stream:
        assert reply.json()["choices"][0]["message"]["tool_calls"] == CUSTOM_CALLS
        return
    deltas = [event["choices"][0]["delta"] for event in chunks_of(reply.text)]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert calls == [{"index": number, **call} for number, call in enumerate(CUSTOM_CALLS)]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["tools", "functions"])
async def test_a_call_keeps_the_fields_that_the_hub_does_not_know(api: Api, stream: bool, name: str) -> None:
    def delta(function: dict[str, Any], **more: Any) -> dict[str, Any]:
        if name == "functions":
            return {"function_call": function}
        return {"tool_calls": [{"index": 0, "function": function, **more}]}

    first = {"name": "tide", "arguments": "{", "strict": False, "of": {"port": 1}}
    chunks = [
        chunk(delta(first, id="call_9", type="function", cached=False, note=None)),
        chunk(delta({"arguments": "}", "of": {"pier": 2}, "rank": 0}, cost=3)), chunk({}, finish_reason="tool_calls"),
    ]  # fmt: skip
    body = {"model": f"openai/{MODEL}", "messages": [{"role": "user", "content": dictation(stream_of(chunks))}],
        "functions" if name == "functions" else "tools": BODIES[name][name], "stream": stream}  # fmt: skip
    reply = await api.client.post("/v1/chat/completions", json=body)
    message = chunks_of(reply.text)[0]["choices"][0]["delta"] if stream else reply.json()["choices"][0]["message"]
    function = {"name": "tide", "arguments": "{}", "strict": False, "of": {"pier": 2}, "rank": 0}
    if name == "functions":
        assert message["function_call"] == function
        return
    index = {"index": 0} if stream else {}
    assert message["tool_calls"] == [
        {**index, "id": "call_9", "type": "function", "function": function, "cached": False, "note": None, "cost": 3}
    ]


NOTHING: dict[str, Any] = {"seen": None, "sure": False, "rank": 0, "word": "", "pages": [], "of": {}}
"""Fields that the hub does not know, with values that say nothing."""


@pytest.mark.parametrize("stream", [True, False])
async def test_fields_that_say_nothing_and_those_of_some_servers_come_as_well(api: Api, stream: bool) -> None:
    named = {"annotations": None, "audio": None, "refusal": None}
    chunks = [
        chunk({"role": "assistant", "content": "", **named, **NOTHING}) | {"system_fingerprint": None, **NOTHING},
        chunk({"content": "At noon.", "pages": ["a"]}) | {"timings": {"prompt_n": 1}},
        chunk({"pages": None}, finish_reason="stop") | {"x_groq": {"id": "req_1"}},
    ]  # fmt: skip
    body = {"model": f"openai/{MODEL}", "stream": stream,
        "messages": [{"role": "user", "content": dictation(stream_of(chunks))}]}  # fmt: skip
    reply = await api.client.post("/v1/chat/completions", json=body)
    last = chunks_of(reply.text)[-1] if stream else reply.json()
    message = last["choices"][0]["delta" if stream else "message"]
    given = {**named, **NOTHING, "pages": ["a"]}
    assert {name: message[name] for name in given} == given
    given = {**NOTHING, "timings": {"prompt_n": 1}, "x_groq": {"id": "req_1"}}
    assert {name: last[name] for name in given} == given


COUNTS = [
    {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 50, "completion_tokens_details": {
        "reasoning_tokens": 39, "of": None}, "prompt_tokens_details": {"cached_tokens": 0}, "cost": 0},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cost": 0.5},
]  # fmt: skip
"""Reasoning beside the answer, as xAI counts it; and a server that does not count."""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("counts", COUNTS)
async def test_tokens_are_told_as_the_vendor_told_them(api: Api, counts: dict[str, Any], stream: bool) -> None:
    chunks = [chunk({"role": "assistant", "content": "At noon."}), chunk({}, finish_reason="stop") | {"usage": counts}]
    prompt = dictation([f"data: {json.dumps(event)}\n\n".encode() for event in chunks] + [b"data: [DONE]\n\n"])
    body = {"model": f"openai/{MODEL}", "messages": [{"role": "user", "content": prompt}], "stream": stream,
        "stream_options": {"include_usage": True} if stream else None}  # fmt: skip
    reply = await api.client.post("/v1/chat/completions", json=body)
    assert (chunks_of(reply.text)[-1] if stream else reply.json())["usage"] == counts


async def test_how_likely_a_token_was_comes_with_it(api: Api) -> None:
    prompt = [{"role": "user", "content": dictation(stream_of(ANSWERS["likely"]))}]
    body = {"model": f"openai/{MODEL}", "messages": prompt, "stream": True}
    reply = await api.client.post("/v1/chat/completions", json=body)
    events = [event["choices"][0] for event in chunks_of(reply.text)]
    texts = ["High,", " high,", " high,", " at noon."]
    assert [event["delta"].get("content") for event in events] == [*texts, None]
    assert [event["logprobs"]["content"] for event in events] == [[likely(text)] for text in [*texts, ""]]


async def test_what_a_choice_has_beside_its_text_comes_with_that_text(api: Api) -> None:
    """As Azure's filters do."""
    texts = ["High,", " high,", " at noon."]
    filtered = [{"content_filter_results": {"hate": {"severity": place}}} for place, _ in enumerate(texts)]
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": text}, **fields) for text, fields in zip(texts, filtered, strict=True)),
        chunk({}, finish_reason="stop"),
    ]
    prompt = [{"role": "user", "content": dictation(stream_of(chunks))}]
    body = {"model": f"openai/{MODEL}", "messages": prompt}
    reply = await api.client.post("/v1/chat/completions", json=body | {"stream": True})
    events = [event["choices"][0] for event in chunks_of(reply.text)][: len(texts)]
    assert [event["delta"]["content"] for event in events] == texts
    assert [{name: event[name] for name in filtered[0]} for event in events] == filtered
    whole = (await api.client.post("/v1/chat/completions", json=body)).json()["choices"][0]
    assert {name: whole[name] for name in filtered[-1]} == filtered[-1]


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_stream_is_called_what_its_vendor_calls_it(api: Api, name: str) -> None:
    prompt = [{"role": "user", "content": dictation(stream_of(ANSWERS[name]))}]
    body = {"model": f"openai/{MODEL}", "messages": prompt, "stream": True, "stream_options": {"include_usage": True}}
    chunks = chunks_of((await api.client.post("/v1/chat/completions", json=body)).text)
    about_the_answer = chunk({})
    for field in ("id", "created"):
        assert {event[field] for event in chunks} == {about_the_answer[field]}
    for field in ("service_tier", "system_fingerprint"):
        assert [event.get(field) for event in (chunks[0], *chunks[-2:])] == [about_the_answer[field]] * 3


async def test_a_stream_that_another_vendor_goes_on_with_keeps_its_name(api: Api) -> None:
    begun = stream_of(ANSWERS["text"])[:3]  # it ends without a finish reason
    body = {
        "model": "openai/ok", "models": ["mine/ok"], "stream": True,
        "messages": [{"role": "user", "content": FOR_ANY_MODEL + dictation(begun)}],
    }  # fmt: skip
    chunks = chunks_of((await api.client.post("/v1/chat/completions", json=body)).text)
    assert {event["id"] for event in chunks} == {"chatcmpl-7"}
    assert {event["model"].split("/")[0] for event in chunks} == {"openai", "mine"}


def chunks_of(stream: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize("provider", ["openai", "mine"])
async def test_a_signature_that_its_vendor_cannot_read_is_left_out_of_one_request(
    api: Api, fault_server: FaultServer, provider: str
) -> None:
    def body(signature: str) -> dict[str, Any]:
        call = BODIES["tools"]["messages"][4]["tool_calls"][0]
        signed = call | {"extra_content": {"google": {"thought_signature": signature}}}
        turns = [*TURNS, {"role": "assistant", "content": None, "tool_calls": [signed]},
            {"role": "tool", "tool_call_id": "call_1", "content": "At noon."}]  # fmt: skip
        return {"model": f"{provider}/ok?signed=yes", "messages": turns, "tools": [WEATHER]}

    for number in (2, 4):
        reply = await api.client.post("/v1/chat/completions", json=body("Y29ycnVwdA=="))
        assert reply.status_code == 200, reply.text
        assert len(fault_server.exchanges) == number
        ignored = reply.json()["x_llm_hub"]["ignored"]
        assert ignored == ["messages.tool_calls.extra_content.google.thought_signature"]
        assert "skip_thought_signature_validator" in fault_server.exchanges[-1].raw.decode()
    reply = await api.client.post("/v1/chat/completions", json=body("c2ln"))
    assert (reply.json()["x_llm_hub"]["ignored"], len(fault_server.exchanges)) == ([], 5)
    assert "c2ln" in fault_server.exchanges[-1].raw.decode()

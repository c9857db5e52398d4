"""What no request may say: each dialect refuses it in its own shape, by the field's name, and never repeats it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.fault_server import FaultServer

PATHS = ["/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"]
SECRET = "sk-secret-1"


def body_with(*, role: str = "user", content: object = "x", **more: object) -> bytes:
    """A body, with one thing wrong in it."""
    return json.dumps(
        {"model": "openai/ok", "max_tokens": 9, "messages": [{"role": role, "content": content}], **more}
    ).encode()


def in_words_of(path: str, text: bytes) -> bytes:
    """The text with the names that the dialect at the path has for fields."""
    if path != "/v1/responses":
        return text
    text = text.replace(b"messages", b"input").replace(b"max_tokens", b"max_output_tokens")
    return text.replace(b'"metadata"', b'"client_metadata"')


async def refused(api: Api, path: str, body: bytes, status: int = 400) -> dict[str, Any]:
    """The error of a refusal, whose shape is the dialect's."""
    body = in_words_of(path, body)
    reply = await api.client.post(path, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == status
    assert "secret" not in reply.text
    answer = reply.json()
    if path == "/v1/messages":
        assert (answer["type"], set(answer["error"]) - {"attempts"}) == ("error", {"type", "message"})
    else:
        assert set(answer["error"]) - {"attempts"} == {"type", "message", "param", "code"}
    assert answer["error"]["type"] == "invalid_request_error"
    error: dict[str, Any] = answer["error"]
    return error


NONSENSE = [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"\xff\xfe{}", "not valid JSON"),
    (b"[]", "must be a JSON object"),
    (b"{}", "messages"),
    (b'{"messages": []}', "messages"),
    (b'{"messages": null}', "messages"),
    (b'{"messages": NaN}', "not valid JSON"),
    (b'{"messages": 1e999}', "not valid JSON"),
    (b"[" * 20_000, "not valid JSON"),
    (b"[" * 300_000, "more than 250000"),
    (b'{"messages": ' + b"[" * 900 + b"]" * 900 + b"}", "messages.0"),
    (b"{" + b",".join(b'"k%d":1' % number for number in range(300_000)) + b"}", "more than 250000 fields"),
    (b'{"messages": [' + b"1," * 1_000_000 + b"1]}", "more than 250000 fields, messages or other"),
    (b'{"messages": [' + b"[]," * 1_000_000 + b"1]}", "more than 250000"),
    (b'{"messages": [' + b"1," * 20_000 + b"1]}", "messages.0"),
    (json.dumps({**json.loads(body_with()), "k" * 100_000: 1}).encode(), "kkk: is not supported"),
    (b'{"messages": [{"role": "user", "content": "\\ud83d"}]}', "not valid JSON"),
    (b'{"messages": [{"role": ["sk-secret-2"], "content": "x"}]}', "messages.0.role"),
    (b'{"messages": [{"content": "sk-secret-1"}]}', "messages.0.role"),
    (body_with(content=7), "messages.0.content"),
    (body_with(content=[SECRET]), "messages.0.content.0"),
    (body_with(content=[{"type": "text", "text": 7}]), "messages.0.content.0.text"),
    (body_with(content=[{"type": "text"}]), "messages.0.content.0.text"),
    (body_with(content=[{"type": 7, "text": "x"}]), "messages.0.content.0.type"),
    (body_with(temperature={}), "temperature"),
    (body_with(temperature="1"), "temperature"),
    (body_with(temperature=True), "temperature"),
    (body_with(max_tokens=1.5), "max_tokens"),
    (body_with(max_tokens="9"), "max_tokens"),
    (body_with(model=""), "model"),
    (body_with(model=["openai/ok"]), "model"),
    (body_with(model="x" * 1000), "model"),
    (body_with(stream="yes"), "stream"),
    (body_with(api_key=SECRET), "api_key: is not supported"),
    (body_with(messages=[{"role": "user", "content": "x"}] * 20_001), "messages"),
    (body_with(content="  "), "nothing to answer"),
    (body_with(model="openai/o\nk"), "line break"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("body", "message"), NONSENSE, ids=[message for _, message in NONSENSE])
async def test_a_wrong_body_is_refused_with_the_fields_name_and_without_its_value(
    api: Api, path: str, body: bytes, message: str
) -> None:
    refusal = (await refused(api, path, body))["message"]
    assert in_words_of(path, message.encode()) in in_words_of(path, refusal.encode())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("setting", "value"), [("temperature", 1e9), ("temperature", -1), ("top_p", 1.5)])
async def test_a_value_beyond_what_all_vendors_take_is_refused_for_another_protocol(
    api: Api, path: str, setting: str, value: float
) -> None:
    if (path, setting) != ("/v1/chat", "top_p"):
        model = "openai/ok" if path == "/v1/messages" else "anthropic/ok"
        wrong: Any = {setting: value}
        assert setting in (await refused(api, path, body_with(model=model, **wrong)))["message"]


@pytest.mark.parametrize("path", PATHS[1:])
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [SECRET]}, "tools.0: must be an object"),
        ({"tools": [{"name": 7, "type": "function", "function": {"name": 7}}]}, "tools.0"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"tool_choice": {"type": SECRET}}, "tool_choice"),
        ({"tool_choice": SECRET}, "tool_choice"),
        ({"top_p": "1"}, "top_p"),
        ({"models": [7]}, "models"),
        ({"models": ["openai/ok"] * 21}, "models"),
        ({"n" * 300: SECRET}, "nnn: is not supported"),
        ({"metadata": json.loads("[" * 150 + "]" * 150)}, "metadata: is nested too deeply"),
    ],
)
async def test_wrong_tools_and_options_are_refused_with_the_fields_name(
    api: Api, path: str, extra: dict[str, Any], message: str
) -> None:
    assert message in (await refused(api, path, body_with(**extra)))["message"]


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ([7], "stop.0: Input should be a valid string"),
        (7, "stop: Input should be a valid string"),
    ],
)
async def test_of_a_union_the_error_of_the_member_that_was_meant_is_reported(
    api: Api, stop: object, message: str
) -> None:
    assert message in (await refused(api, "/v1/chat/completions", body_with(stop=stop)))["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("between", ["", " ", "\n\t"])
async def test_a_body_with_too_many_fields_is_refused_before_it_is_read(api: Api, path: str, between: str) -> None:
    fields = ",".join(f'"a"{between}:1' for _ in range(300_000))
    assert "more than 250000 fields" in (await refused(api, path, f"{{{fields}}}".encode()))["message"]


@pytest.mark.parametrize("path", PATHS)
async def test_brackets_and_commas_in_a_long_text_do_not_count_as_fields(api: Api, path: str) -> None:
    body = body_with(content='{"a": [1, 2, "\\"]}' * 20_000)
    body = in_words_of(path, body)
    reply = await api.client.post(path, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [{SECRET: 1}, {"model": SECRET}, {"model": "openai/ok", "fallback": [SECRET]}])
async def test_a_key_in_the_wrong_place_is_not_repeated(api: Api, path: str, body: dict[str, Any]) -> None:
    if path != "/v1/chat" and "fallback" in body:
        body = {"model": "openai/ok", "models": [SECRET]}
    reply = await api.client.post(path, json={**json.loads(in_words_of(path, body_with())), **body})
    assert 400 <= reply.status_code < 500
    assert SECRET not in reply.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_key_in_place_of_a_models_name_is_never_repeated(api: Api, path: str, streamed: bool) -> None:
    """Neither to whoever typed it nor to who asks next, though a model of that name is asked, and paused."""
    for status, others in ((404, []), (200, ["openai/ok"])):
        chain = {"fallback" if path == "/v1/chat" else "models": others}
        body = {**json.loads(in_words_of(path, body_with())), "model": f"openai/{SECRET}", "stream": streamed, **chain}
        reply = await api.client.post(path, json=body)
        assert (reply.status_code, SECRET in reply.text) == (status, False)
        assert '"model":"[key]"' in reply.text
    state = await api.client.get("/v1/providers/openai")
    assert (list(state.json()["paused"]), SECRET in state.text) == (["openai/[key]"], False)


@pytest.mark.parametrize("path", PATHS[1:])
async def test_a_schema_that_is_nested_too_deeply_is_refused(api: Api, path: str) -> None:
    deep: dict[str, Any] = {"type": "object"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"a": deep}}
    function = {"name": "t", "parameters": deep}
    tool = {
        "/v1/messages": {"name": "t", "input_schema": deep},
        "/v1/responses": {"type": "function", **function},
    }.get(path, {"type": "function", "function": function})
    assert "nested too deeply" in (await refused(api, path, body_with(tools=[tool])))["message"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_of_another_type_is_refused(api: Api, path: str) -> None:
    reply = await api.client.post(path, content=body_with(), headers={"content-type": "text/plain"})
    assert reply.status_code == 415
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_key_is_refused_in_the_dialects_shape(locked: Api, path: str) -> None:
    reply = await locked.client.post(path, json={}, headers={"x-api-key": SECRET})
    assert (reply.status_code, reply.json()["error"]["type"]) == (401, "authentication_error")
    assert SECRET not in reply.text
    assert ("type" in reply.json()) is (path == "/v1/messages")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_an_unknown_endpoint_is_a_404_in_json(api: Api, method: str) -> None:
    reply = await api.client.request(method, "/v1/images/generations")
    assert (reply.status_code, reply.json()["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat", "POST"), ("HEAD", "/v1/chat", "POST"), ("OPTIONS", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/messages", "POST"), ("POST", "/v1/models", "GET, HEAD"),
        ("TRACE", "/v1/models/openai/ok", "GET, HEAD"), ("DELETE", "/v1/providers/openai", "GET, HEAD"),
    ],
)  # fmt: skip
async def test_another_method_is_a_405_that_names_the_right_one(api: Api, method: str, path: str, allowed: str) -> None:
    reply = await api.client.request(method, path, headers={"anthropic-version": "2023-06-01"})
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert reply.json()["type"] == "error"
        assert allowed in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_compressed_body_is_refused_as_that(api: Api, path: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    reply = await api.client.post(path, content=gzip.compress(body_with()), headers=headers)
    assert reply.status_code == 415
    assert "Content-Encoding" in reply.json()["error"]["message"]


async def test_auto_in_a_chain_is_the_configured_route(api: Api, fault_server: FaultServer) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "model": "openai/status-503", "fallback": ["auto"]}
    answered = (await api.client.post("/v1/chat", json=body)).json()
    assert [f"{attempt['provider']}/{attempt['model']}" for attempt in answered["attempts"]] == [
        "openai/status-503", "openai/gpt-6-luna",
    ]  # fmt: skip

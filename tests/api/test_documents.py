"""A PDF from a client of any dialect: as it came for its own protocol, as text where that is all that is taken, and by
its address where that is what the client has."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.usage.quotas import Quota
from tests.api.metered import metered
from tests.documents.files import pdf

if TYPE_CHECKING:
    from pathlib import Path

    from llm_hub.hub import Hub
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

DATA = base64.b64encode(pdf(3)).decode()
URL = f"data:application/pdf;base64,{DATA}"


def completion(data: str) -> dict[str, Any]:
    part = {"type": "file", "file": {"filename": "report.pdf", "file_data": f"data:application/pdf;base64,{data}"}}
    return {"messages": [{"role": "user", "content": [part, {"type": "text", "text": "What is this?"}]}]}


def response(data: str) -> dict[str, Any]:
    part = {"type": "input_file", "filename": "report.pdf", "file_data": f"data:application/pdf;base64,{data}"}
    return {"input": [{"role": "user", "content": [part, {"type": "input_text", "text": "What is this?"}]}]}


def message(data: str) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    part = {"type": "document", "source": source, "title": "report.pdf"}
    content = [part, {"type": "text", "text": "What is this?"}]
    return {"max_tokens": 100, "messages": [{"role": "user", "content": content}]}


DIALECTS = {
    "/v1/chat/completions": (completion, "openai", "anthropic"),
    "/v1/messages": (message, "anthropic", "openai"),
    "/v1/responses": (response, "", "anthropic"),
}


@pytest.mark.parametrize("path", DIALECTS)
async def test_another_protocol_is_sent_its_text(path: str, api: Api, fault_server: FaultServer) -> None:
    body, _, other = DIALECTS[path]
    for provider in (other, "ollama"):
        reply = await api.client.post(path, json={**body(DATA), "model": f"{provider}/ok", "models": []})
        assert reply.status_code == 200, reply.text
        sent = fault_server.exchanges[-1].raw.decode()
        assert "Harbour report, page 3" in sent
        assert "What is this?" in sent
        assert "application/pdf" not in sent
        (attempt,) = reply.json()["x_llm_hub"]["attempts"]
        assert attempt["files"] == ["report.pdf: as text, 3 pages"]
        assert reply.json()["x_llm_hub"]["ignored"] == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_its_own_protocol_is_sent_it_as_it_came(path: str, api: Api, fault_server: FaultServer) -> None:
    body, own, _ = DIALECTS[path]
    reply = await api.client.post(path, json={**body(DATA), "model": f"{own}/ok", "models": []})
    assert fault_server.exchanges[-1].body["messages"] == body(DATA)["messages"]
    (attempt,) = reply.json()["x_llm_hub"]["attempts"]
    assert attempt["files"] == ["report.pdf: sent as it is"]


@pytest.mark.parametrize("path", DIALECTS)
async def test_a_pdf_that_cannot_be_read_is_told_by_its_name(path: str, api: Api) -> None:
    body, _, other = DIALECTS[path]
    broken = base64.b64encode(b"%PDF-1.7\nnothing").decode()
    reply = await api.client.post(path, json={**body(broken), "model": f"{other}/ok", "models": []})
    assert reply.status_code == 400
    assert "report.pdf cannot be read." in reply.text
    reply = await api.client.post(path, json={**body("§"), "model": f"{other}/ok", "models": []})
    assert reply.status_code == 400
    assert "that is not base64" in reply.text


async def test_a_files_place_is_the_users_message(api: Api) -> None:
    part = {"type": "input_file", "filename": "report.pdf", "file_data": URL}
    turns = [{"role": "developer", "content": [part]}, {"role": "user", "content": "What is this?"}]
    reply = await api.client.post("/v1/responses", json={"model": "anthropic/ok", "models": [], "input": turns})
    assert reply.status_code == 400
    assert "input.0.content: a file belongs to a user's message." in reply.text


ADDRESS = "https://harbour.test/logs/June%202026.pdf?sig=abc"
LINKED: dict[str, Any] = {
    "/v1/messages": {"type": "document", "source": {"type": "url", "url": ADDRESS}},
    "/v1/responses": {"type": "input_file", "file_url": ADDRESS},
}


def linked(path: str, part: dict[str, Any]) -> dict[str, Any]:
    """A request that names a document by its address."""
    if path == "/v1/responses":
        return {"input": [{"role": "user", "content": [part, {"type": "input_text", "text": "What is this?"}]}]}
    content = [part, {"type": "text", "text": "What is this?"}]
    return {"max_tokens": 100, "messages": [{"role": "user", "content": content}]}


def result_of_tool(path: str, part: dict[str, Any]) -> dict[str, Any]:
    """A request with a document in what a tool gave."""
    if path == "/v1/responses":
        call = {"type": "function_call", "call_id": "c1", "name": "log", "arguments": "{}"}
        output = {"type": "function_call_output", "call_id": "c1", "output": [part]}
        return {"input": [{"role": "user", "content": "Fetch the log."}, call, output]}
    use: dict[str, Any] = {"type": "tool_use", "id": "c1", "name": "log", "input": {}}
    return {"max_tokens": 100, "messages": [
        {"role": "user", "content": "Fetch the log."},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [part]}]},
    ]}  # fmt: skip


@pytest.mark.parametrize("body", [linked, result_of_tool])
@pytest.mark.parametrize("path", LINKED)
@pytest.mark.parametrize(("provider", "protocol"), [("anthropic", "/v1/messages"), ("openai", "/v1/responses")])
async def test_a_document_at_an_address_goes_by_it_to_whom_fetches_it(
    path: str, provider: str, protocol: str, body: Any, api: Api, fault_server: FaultServer
) -> None:
    reply = await api.client.post(path, json={**body(path, LINKED[path]), "model": f"{provider}/ok", "models": []})
    assert reply.status_code == 200, reply.text
    (exchange,) = fault_server.exchanges
    assert exchange.path == protocol
    if path == protocol:
        assert exchange.body.get("messages", exchange.body.get("input")) == body(path, LINKED[path]).get(
            "messages", body(path, LINKED[path]).get("input")
        )
    else:
        turn = (exchange.body.get("messages") or exchange.body["input"])[-1]
        name = {"title": "June 2026.pdf"} if provider == "anthropic" else {}
        assert LINKED[protocol] | name in turn["content"]
    report = reply.json()["x_llm_hub"]
    assert (report["ignored"], report["attempts"][0]["files"]) == ([], ["June 2026.pdf: by its address"])


async def test_the_name_of_a_document_at_an_address_goes_along_where_it_can(
    api: Api, fault_server: FaultServer
) -> None:
    part = {**LINKED["/v1/responses"], "filename": "log.pdf"}
    await api.client.post("/v1/responses", json={**linked("/v1/responses", part), "model": "anthropic/ok"})
    assert fault_server.exchanges[-1].body["messages"][0]["content"][0]["title"] == "log.pdf"
    part = {**LINKED["/v1/messages"], "title": "log.pdf"}
    reply = await api.client.post("/v1/messages", json={**linked("/v1/messages", part), "model": "openai/ok"})
    assert fault_server.exchanges[-1].body["input"][0]["content"][0] == LINKED["/v1/responses"]
    assert reply.json()["x_llm_hub"]["ignored"] == ["messages.content.title"]


@pytest.mark.parametrize("path", LINKED)
async def test_who_does_not_fetch_documents_is_passed_over(path: str, api: Api, fault_server: FaultServer) -> None:
    body = {**linked(path, LINKED[path]), "model": "ollama/ok", "models": []}
    reply = await api.client.post(path, json=body)
    assert reply.status_code == 400
    assert "Ollama does not take documents that it has to fetch." in reply.text
    assert not fault_server.exchanges
    answer = (await api.client.post(path, json={**body, "models": ["anthropic/ok"]})).json()
    outcomes = [attempt["outcome"] for attempt in answer["x_llm_hub"]["attempts"]]
    assert outcomes == ["not_offered", "answered"]


async def test_an_openai_server_without_responses_is_passed_over(api: Api, fault_server: FaultServer) -> None:
    fault_server.lacking = frozenset({"/v1/responses"})
    body = {**linked("/v1/messages", LINKED["/v1/messages"]), "model": "openai/ok", "models": ["anthropic/ok"]}
    answer = (await api.client.post("/v1/messages", json=body)).json()
    outcomes = [attempt["outcome"] for attempt in answer["x_llm_hub"]["attempts"]]
    assert outcomes == ["not_offered", "answered"]
    assert [exchange.path for exchange in fault_server.exchanges] == ["/v1/responses", "/v1/messages"]


@pytest.mark.parametrize("address", ["gs://harbour/a.pdf", "file:///etc/passwd", "data:application/pdf;base64,AA"])
async def test_any_other_address_of_a_document_is_for_its_own_protocol(
    address: str, api: Api, fault_server: FaultServer
) -> None:
    part = {"type": "input_file", "file_url": address}
    reply = await api.client.post(
        "/v1/responses", json={**linked("/v1/responses", part), "model": "anthropic/ok", "models": []}
    )
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "input.0.content.0"
    assert not fault_server.exchanges


async def test_a_provider_that_cannot_fetch_the_document_hands_it_on(api: Api, fault_server: FaultServer) -> None:
    body = {**linked("/v1/messages", LINKED["/v1/messages"]), "model": "openai/ok?files=refused"}
    answer = (await api.client.post("/v1/messages", json={**body, "models": ["anthropic/ok"]})).json()
    outcomes = [attempt["outcome"] for attempt in answer["x_llm_hub"]["attempts"]]
    assert outcomes == ["invalid_request", "answered"]
    assert len(fault_server.exchanges) == 2


async def test_within_a_limit_a_document_at_an_address_counts_as_the_longest(hub: Hub, tmp_path: Path) -> None:
    for tokens, status in ((500_000, 400), (2_000_000, 200)):
        async with metered(hub, tmp_path, Quota(tokens=tokens)) as api:
            body = linked("/v1/messages", LINKED["/v1/messages"])
            reply = await api.ask("anthropic/ok", path="/v1/messages", **body)
            assert reply.status_code == status, reply.text

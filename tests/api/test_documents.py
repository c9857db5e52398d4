"""A PDF from a client of any dialect: as it came for its own protocol, as text where that is all that is taken."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.documents.files import pdf

if TYPE_CHECKING:
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

"""A PDF on a route: as it is where the vendor takes it, as text elsewhere, and every attempt says which."""

from __future__ import annotations

import base64
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import ChatRequest, Done, Message, Role, Text
from llm_hub.documents.reader import read_document
from llm_hub.errors import InvalidRequest, RouteFailed
from llm_hub.providers.anthropic import AnthropicProvider
from llm_hub.providers.ollama import OllamaProvider
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.router import LLMRouter, Target
from tests.documents.files import pdf
from tests.fault_server import FaultServer, answer_text
from tests.router.routes import KEY, PATIENT, no_sleep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llm_hub.chat import LLMResponse
    from llm_hub.provider import LLMProvider

FILE = pdf(40)
AS_IT_IS, AS_TEXT = ("report.pdf: sent as it is",), ("report.pdf: as text, 40 pages",)


class Vendors:
    """A provider of each protocol. `reads_pdf` is said here, since the fault server is not the vendor's own."""

    def __init__(self, fault_server: FaultServer, *, reads_pdf: bool | None) -> None:
        openai = fault_server.openai_url
        options: dict[str, Any] = {"reads_pdf": reads_pdf}
        self.providers: dict[str, LLMProvider] = {
            "openai": OpenAIProvider(KEY, base_url=openai, **options),
            "responses": OpenAIProvider(KEY, base_url=openai, name="responses", responses="always", **options),
            "anthropic": AnthropicProvider(KEY, base_url=fault_server.anthropic_url, **options),
            "ollama": OllamaProvider(fault_server.ollama_url),
        }

    async def ask(self, *targets: str, file: bytes = FILE) -> LLMResponse:
        """The answer of a route, each target as provider/model. All are asked about a PDF, of 40 pages."""
        first, *others = [Target(self.providers[name], model) for name, _, model in (t.partition("/") for t in targets)]
        router = LLMRouter(first, others, max_retries=0, timeouts=PATIENT, sleep=no_sleep)
        document = await read_document("report.pdf", "pdf", file)
        request = ChatRequest((Message(Role.USER, (document, Text("What is it about?"))),))
        async for event in router.events(request):
            if isinstance(event, Done):
                return event.response
        raise AssertionError("no answer")


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as fault_server:
        yield fault_server


@pytest.fixture
async def vendors(fault_server: FaultServer) -> AsyncIterator[Vendors]:
    async with AsyncExitStack() as stack:
        vendors = Vendors(fault_server, reads_pdf=True)
        for provider in vendors.providers.values():
            stack.push_async_callback(provider.aclose)
        yield vendors


def body(fault_server: FaultServer) -> dict[str, Any]:
    """The last chat request."""
    return [exchange.body for exchange in fault_server.exchanges if exchange.method == "POST"][-1]


URL = "data:application/pdf;base64," + base64.b64encode(FILE).decode()
PARTS: dict[str, Any] = {
    "openai": {"type": "file", "file": {"filename": "report.pdf", "file_data": URL}},
    "responses": {"type": "input_file", "filename": "report.pdf", "file_data": URL},
    "anthropic": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(FILE).decode()},
        "title": "report.pdf",
    },
}


@pytest.mark.parametrize("name", PARTS)
async def test_a_pdf_goes_as_it_is_to_a_vendor_that_takes_it(
    name: str, vendors: Vendors, fault_server: FaultServer
) -> None:
    response = await vendors.ask(f"{name}/ok")
    assert response.content == answer_text()
    turns = body(fault_server)["input" if name == "responses" else "messages"]
    assert turns[-1]["content"][0] == PARTS[name]
    assert response.files == response.attempts[-1].files == AS_IT_IS


async def test_it_goes_as_text_to_ollama(vendors: Vendors, fault_server: FaultServer) -> None:
    response = await vendors.ask("ollama/ok")
    content = body(fault_server)["messages"][-1]["content"]
    assert content.startswith('<file name="report.pdf">\n[page 1]\nHarbour report, page 1\n')
    assert content.endswith("Harbour report, page 40\n</file>\n\nWhat is it about?")
    assert response.files == response.attempts[-1].files == AS_TEXT


@pytest.mark.parametrize("name", PARTS)
async def test_other_servers_of_a_protocol_are_sent_text(name: str, fault_server: FaultServer) -> None:
    vendors = Vendors(fault_server, reads_pdf=None)
    try:
        response = await vendors.ask(f"{name}/ok")
    finally:
        for provider in vendors.providers.values():
            await provider.aclose()
    assert response.files == AS_TEXT
    assert all(b"application/pdf" not in exchange.raw for exchange in fault_server.exchanges)


@pytest.mark.parametrize("name", PARTS)
async def test_a_model_that_refuses_the_file_is_sent_its_text(
    name: str, vendors: Vendors, fault_server: FaultServer
) -> None:
    response = await vendors.ask(f"{name}/ok?files=refused")
    assert response.content == answer_text()
    assert response.files == AS_TEXT
    assert [attempt.outcome for attempt in response.attempts] == ["answered"]
    raws = [exchange.raw for exchange in fault_server.exchanges if exchange.method == "POST"]
    assert [b"application/pdf" in raw for raw in raws] == [True, False]


@pytest.mark.parametrize("fault", ["status-503", "cut@mid"])
async def test_a_fallback_that_takes_no_files_takes_over_with_the_text(
    fault: str, vendors: Vendors, fault_server: FaultServer
) -> None:
    response = await vendors.ask(f"openai/{fault}", f"anthropic/{fault}", "ollama/ok")
    assert [(attempt.provider, attempt.files) for attempt in response.attempts] == [
        ("openai", AS_IT_IS),
        ("anthropic", AS_IT_IS),
        ("ollama", AS_TEXT),
    ]
    assert response.files == AS_TEXT
    texts = [message["content"] for message in body(fault_server)["messages"]]
    assert "Harbour report, page 40" in texts[0]


async def test_a_refusal_about_something_else_is_not_taken_for_one_of_the_file(
    vendors: Vendors, fault_server: FaultServer
) -> None:
    with pytest.raises((InvalidRequest, RouteFailed)):
        await vendors.ask("openai/bad-request")
    assert all(b"application/pdf" in exchange.raw for exchange in fault_server.exchanges)


async def test_a_scan_goes_to_those_alone_who_see_its_pages(vendors: Vendors, fault_server: FaultServer) -> None:
    scan = pdf(2, "")
    response = await vendors.ask("openai/ok?files=refused", "ollama/ok", "anthropic/ok", file=scan)
    assert [(attempt.provider, attempt.outcome) for attempt in response.attempts] == [
        ("openai", "invalid_request"),
        ("ollama", "not_offered"),
        ("anthropic", "answered"),
    ]
    assert response.attempts[0].files == AS_IT_IS
    assert "its pages are pictures" in response.attempts[1].reason
    assert response.files == AS_IT_IS

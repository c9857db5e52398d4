"""Spans of answers and attempts, as OpenTelemetry's exporter gets them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.errors import LLMHubError
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.tracing import Tracing
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.ui.site import free_port

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServer


async def test_an_answer_is_a_span_and_each_attempt_one_within_it(fault_server: FaultServer, tmp_path: Path) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n"
        "LLM_HUB_ROUTE=openai/status-503,openai/ok?tokens=3\n"
    )
    exporter, hub = InMemorySpanExporter(), Hub(Settings.load(tmp_path / ".env"))
    tracing = Tracing(exporter)
    gateway = Gateway(hub, meter=Meter(tracing=tracing))
    for model in ("auto", "openai/sk-pasted-by-mistake"):
        request = ChatRequest(
            (Message(Role.USER, "a secret question"),), model, fallback=None if model == "auto" else ()
        )
        try:
            async for _ in gateway.answer(gateway.program("alice", "/v1/chat"), request):
                pass
        except LLMHubError:
            pass
    await tracing.aclose()
    await hub.aclose()
    spans = exporter.get_finished_spans()
    answers = [span for span in spans if span.parent is None]
    answered, refused = (dict(span.attributes or {}) for span in answers)
    assert answered["gen_ai.provider.name"] == "openai"
    assert answered["gen_ai.request.model"] == "ok?tokens=3"
    assert answered["llm_hub.caller"] == "alice"
    assert answered["llm_hub.attempts"] == 2
    assert answered["gen_ai.usage.output_tokens"] == 3
    assert refused["gen_ai.request.model"] == "other"
    assert refused["error.type"]
    first, second = (span for span in spans if span.parent and span.parent.span_id == answers[0].context.span_id)
    assert (first.name, second.name) == ("chat status-503", "chat ok?tokens=3")
    assert dict(first.attributes or {})["error.type"] == "server_failed"
    ends: list[Any] = [first.start_time, first.end_time, second.start_time, second.end_time]
    assert ends == sorted(ends)
    everything = "".join(span.to_json() for span in spans)
    for secret in ("sk-", "secret question"):
        assert secret not in everything


def test_without_its_packages_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(LLMHubError, match=r"pip install \"llm-hub\[otel\]\""):
        Tracing()


async def test_a_collector_that_takes_nothing_is_told_once_and_by_name(
    fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://me:secret@127.0.0.1:{port}/secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY=sk-any-0123456\nOPENAI_BASE_URL={fault_server.openai_url}\n")
    hub, tracing = Hub(Settings.load(tmp_path / ".env")), Tracing()
    gateway = Gateway(hub, meter=Meter(tracing=tracing))
    request = ChatRequest((Message(Role.USER, "Hello"),), "openai/ok?tokens=3")
    for _ in range(3):
        async for _ in gateway.answer(gateway.program("alice", "/v1/chat"), request):
            pass
        await asyncio.to_thread(tracing._provider.force_flush)
    await tracing.aclose()
    await hub.aclose()
    lines = [record.getMessage() for record in caplog.records if record.name.startswith(("llm_hub", "opentelemetry"))]
    told = [line for line in lines if "collector" in line or "export" in line]
    assert told == [
        f"Traces are lost: the collector at 127.0.0.1:{port} takes none. Start it, or set OTEL_EXPORTER_OTLP_ENDPOINT."
    ]

"""What `llm-hub check` finds out about the services around a hub, as a plain call; `packaging/` has it as a command."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from llm_hub.serving import service_checks
from llm_hub.serving.check import check
from llm_hub.settings import Settings
from tests.ui.site import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fault_server import FaultServer


@contextmanager
def listening(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A server of webhooks and spans: its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_HEAD()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


async def report(folder: Path, *lines: str) -> dict[str, tuple[str, str]]:
    """The verdict and the text of each line of the report on a hub with these settings, by its subject."""
    (folder / ".env").write_text("\n".join((f"LLM_HUB_PORT={free_port()}", *lines)))
    own, providers = await check(Settings.load(folder / ".env"))
    return {finding.subject: (finding.verdict, finding.text) for finding in [*own, *providers]}


async def test_what_is_not_set_up_is_named_with_its_setting_and_is_no_fault(tmp_path: Path) -> None:
    found = await report(tmp_path)
    assert {found[subject][0] for subject in ("Redis", "alerts", "traces", "checks")} == {"-"}
    for subject, setting in (
        ("Redis", "REDIS_URL"),
        ("alerts", "ALERT_WEBHOOK"),
        ("traces", "OTEL"),
        ("checks", "CHECKS"),
    ):
        assert f"no LLM_HUB_{setting}" in found[subject][1]


async def test_webhook_and_collector_are_asked_without_telling_them_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
    with listening() as (url, asked):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        found = await report(
            tmp_path, f"LLM_HUB_ALERT_WEBHOOK={url}/hook/secret", "LLM_HUB_OTEL=true", "LLM_HUB_CHECKS=10"
        )
    assert sorted(asked) == ["HEAD /hook/secret", "POST /v1/traces"]
    assert (found["alerts"][0], found["traces"][0], found["checks"][0]) == ("ok", "ok", "ok")
    assert "every 10 min" in found["checks"][1]
    assert url.removeprefix("http://") in found["traces"][1]
    assert "secret" not in str(found)


async def test_services_that_cannot_be_reached_are_faults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:secret@{nowhere}")
    monkeypatch.setattr(service_checks, "MAX_COLLECTOR_SECONDS", 0.1)
    found = await report(
        tmp_path,
        f"LLM_HUB_ALERT_WEBHOOK=http://{nowhere}/hook/secret",
        "LLM_HUB_OTEL=true",
        f"LLM_HUB_REDIS_URL=redis://:secret@{nowhere}/0",
    )
    assert (found["alerts"][0], found["traces"][0], found["Redis"][0]) == ("no", "no", "no")
    assert f"the collector at {nowhere} takes none" in found["traces"][1]
    assert "secret" not in str(found)


async def test_a_collector_that_refuses_spans_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
    with listening(401) as (url, _):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        assert (await report(tmp_path, "LLM_HUB_OTEL=true"))["traces"][0] == "no"


async def test_each_of_several_servers_is_asked(fault_server: FaultServer, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    found = await report(tmp_path, f"LLM_HUB_SERVERS=gpu={fault_server.openai_url},gpu={nowhere}")
    verdict, text = found["gpu"]
    assert verdict == "ok"
    assert "1 of its 2 keys or servers answer. gpu (server 2)" in text


async def test_the_order_of_the_route_is_told(fault_server: FaultServer, tmp_path: Path) -> None:
    found = await report(
        tmp_path,
        f"LLM_HUB_SERVERS=one={fault_server.openai_url},two={fault_server.openai_url}",
        "LLM_HUB_ROUTE=one,two",
        "LLM_HUB_ORDER=cheapest",
        "LLM_HUB_HEDGE=true",
    )
    assert found["route"] == (
        "ok",
        "auto asks one, two, the cheapest first; the next one as well where one is slow to begin",
    )

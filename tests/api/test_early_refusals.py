"""What clients are told, and what is counted, where no endpoint has seen a request."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from llm_hub.api.early_refusals import EarlyRefusals
from llm_hub.gateway.metrics import Metrics
from llm_hub.serving.front_door import FrontDoor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.hub import Hub
    from tests.ui.site import Site

VERSION = {"anthropic-version": "2023-06-01"}


async def fine(_: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def log_lines() -> Iterator[asyncio.Queue[str]]:
    """The lines of the log about requests."""
    lines: asyncio.Queue[str] = asyncio.Queue()

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.put_nowait(record.getMessage())

    handler, log = Listening(), logging.getLogger("llm_hub.requests")
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)


def client(turn_away: EarlyRefusals, address: str = "8.8.8.8") -> httpx.AsyncClient:
    clock = 1000.0  # stands still: nothing comes back by itself
    front_door = FrontDoor(fine, on_space=False, refuse_early=turn_away, clock=lambda: clock)
    transport = httpx.ASGITransport(front_door, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://hub.example")


async def flood(caller: httpx.AsyncClient, path: str, **more: Any) -> list[httpx.Response]:
    """The replies to more requests than one address may make."""
    replies = [await caller.post(path, **more) for _ in range(1300)]
    refused = [reply for reply in replies if reply.status_code != 200]
    assert refused
    return refused


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/v1/chat", {}, "openai"),
        ("/v1/chat/completions", {}, "openai"),
        ("/v1/responses", {}, "openai"),
        ("/v1/responses/resp_1", {}, "openai"),
        ("/v1/models", {}, "openai"),
        ("/v1/models", VERSION, "anthropic"),
        ("/v1/messages", {}, "anthropic"),
        ("/v1/messages/count_tokens", {}, "anthropic"),
    ],
)
@pytest.mark.parametrize(
    ("status", "to_openai", "to_anthropic"),
    [
        (408, "invalid_request_error", "invalid_request_error"),
        (413, "invalid_request_error", "request_too_large"),
        (421, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
    ],
)
async def test_an_early_refusal_has_the_shape_of_the_clients_dialect(
    path: str, headers: dict[str, str], shape: str, status: int, to_openai: str, to_anthropic: str
) -> None:
    from llm_hub.serving.front_door.refusal import FrontDoorRefusal

    async def refuses(*_: Any) -> None:
        raise FrontDoorRefusal(status, "No.")

    front_door = FrontDoor(refuses, on_space=False, refuse_early=EarlyRefusals())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front_door), base_url="http://hub.example") as caller:
        reply = await caller.post(path, headers=headers)
    assert reply.status_code == status
    assert reply.headers["x-request-id"]
    if shape == "anthropic":
        assert reply.json() == {"type": "error", "error": {"type": to_anthropic, "message": "No."}}
    else:
        code = "rate_limit_exceeded" if status == 429 else None
        assert reply.json() == {"error": {"message": "No.", "type": to_openai, "param": None, "code": code}}


async def test_a_flood_is_one_line_of_the_log_and_then_a_count(log_lines: asyncio.Queue[str]) -> None:
    turn_away = EarlyRefusals(flood_log_seconds=0.2)
    async with client(turn_away) as caller:
        refused = await flood(caller, "/v1/chat")
        assert all(reply.status_code == 429 for reply in refused)
        assert len({reply.headers["x-request-id"] for reply in refused}) == len(refused)
        assert (await log_lines.get()).startswith("nobody /v1/ 429")
        counted = 1
        async with asyncio.timeout(20):
            while counted < len(refused):
                line = await log_lines.get()
                assert line.endswith(" more requests were answered 429 before an endpoint saw them.")
                counted += int(line.partition(" ")[0])
        assert counted == len(refused)


@pytest.mark.parametrize("path", ["/metrics", "/v1", "/metrics/x"])
async def test_requests_that_are_logged_are_limited_for_each_address(path: str) -> None:
    async with client(EarlyRefusals()) as caller:
        assert {reply.status_code for reply in await flood(caller, path)} == {429}


async def test_each_status_of_a_flood_has_a_line_of_its_own(log_lines: asyncio.Queue[str]) -> None:
    turn_away = EarlyRefusals()
    scope = {"type": "http", "path": "/v1/chat", "headers": []}
    for status in (429, 503, 429, 503):
        turn_away(scope, status, "No.")
    assert [log_lines.get_nowait().split()[2] for _ in range(2)] == ["429", "503"]
    assert log_lines.empty()


async def test_early_refusals_are_counted_in_the_metrics(hub: Hub) -> None:
    metrics = Metrics(hub.session())
    async with client(EarlyRefusals(metrics)) as caller:
        refused = await flood(caller, "/v1/some/odd/path")
    line = f'llm_hub_http_requests_total{{endpoint="/v1/",status="429"}} {float(len(refused))}'
    assert line in metrics.text().decode()
    assert "odd" not in metrics.text().decode()


def test_unknown_paths_of_the_api_are_not_answered_by_the_page(site: Site) -> None:
    with httpx.Client(base_url=site.url, trust_env=False) as caller:
        for path in ("/v1", "/v1?x=1", "/v1/", "/v1/x", "/v1/chat/", "/v1//chat", "/v1/%2e%2e/x", "/v1/favicon.ico"):
            for method in ("GET", "POST", "DELETE"):
                error = caller.request(method, path).json()["error"]
                assert "There is no such endpoint" in error["message"], path
        assert caller.get("/v1", headers=VERSION).json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("path", ["/v1x", "/v1.json", "/metrics/", "/metricsx", "/health/", "/health/x", "/healthz"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_path_that_only_begins_like_an_endpoint_is_a_404_in_json(site: Site, method: str, path: str) -> None:
    reply = httpx.request(method, site.url + path, trust_env=False)
    assert (reply.status_code, reply.json()["error"]["type"]) == (404, "invalid_request_error")
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", ["/metrics", "/v1/usage", "/health", "/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_another_method_is_a_405_in_json_at_every_endpoint(site: Site, method: str, path: str) -> None:
    reply = httpx.request(method, site.url + path, trust_env=False)
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")
    assert "GET, HEAD" in reply.json()["error"]["message"]
    assert httpx.head(site.url + path, trust_env=False).status_code == 200


def test_a_body_that_is_too_large_is_refused_in_anthropics_shape(site: Site) -> None:
    with httpx.Client(base_url=site.url, trust_env=False) as caller:
        body = b" " * (32 * 2**20 + 1)
        json = {"content-type": "application/json"}
        for content in (body, iter([body])):  # with a length, and in chunks
            reply = caller.post("/v1/messages", content=content, headers=json)
            assert (reply.status_code, reply.json()["error"]["type"]) == (413, "request_too_large")


def test_malformed_requests_leave_no_lines_in_the_log(site: Site) -> None:
    import socket

    port = int(site.url.rpartition(":")[2])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port), 30) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert raw.recv(1000).startswith(b"HTTP/1.1 400")
    assert "Invalid HTTP request" not in site.log.read_text()

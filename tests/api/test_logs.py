"""What a request leaves in the log, and the id by which it is found there."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from llm_hub import logs
from llm_hub.hub import Hub
from llm_hub.redaction import Redactor
from tests.api.conftest import KEYS
from tests.api.metered import Metered, metered
from tests.ui.site import Site

SECRETS = (*KEYS.values(), "sk-owner-secret-123")


@pytest.fixture
async def metered_api(hub: Hub, tmp_path: Path) -> AsyncIterator[Metered]:
    async with metered(hub, tmp_path) as metered_api:
        yield metered_api


@pytest.fixture
def log_output() -> Iterator[StringIO]:
    """What is logged, as JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.install("json", SECRETS)
    stream = StringIO()
    root.handlers[0].setStream(stream)  # type: ignore[attr-defined]  # a StreamHandler
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines_with(text: str, log: Path) -> list[str]:
    """The lines of a log file in which the text stands."""
    return [line for line in log.read_text().splitlines() if text in line]


def lines(log_output: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_output.getvalue().splitlines()]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_is_one_line_of_the_log(metered_api: Metered, log_output: StringIO, stream: bool) -> None:
    reply = await metered_api.ask("openai/status-503", fallback=["anthropic/ok"], stream=stream)
    (line,) = (line for line in lines(log_output) if line["logger"] == "llm_hub.requests")
    assert line["request_id"] == reply.headers["x-request-id"]
    seconds = line["seconds"]
    assert line.items() >= {
        "who": "alice", "way": "/v1/chat", "target": "anthropic/ok", "outcome": "answered", "status": 200,
        "level": "INFO",
    }.items()  # fmt: skip
    assert 0 < seconds < 30


@pytest.mark.parametrize("request_id", ["mine-1", "3f2b8c1e-aaaa-bbbb-cccc-0123456789ab"])
async def test_a_clients_own_id_is_kept(metered_api: Metered, request_id: str) -> None:
    reply = await metered_api.api.client.get("/v1/models", headers={"x-request-id": request_id})
    assert (reply.status_code, reply.headers["x-request-id"]) == (401, request_id)


@pytest.mark.parametrize("request_id", ["", "x" * 65, 'a"b', "a b", "\u00e9", "<script>"])
async def test_an_id_that_could_do_harm_is_replaced(metered_api: Metered, request_id: str) -> None:
    reply = await metered_api.api.client.get("/v1/models", headers=[(b"x-request-id", request_id.encode("latin-1"))])
    assert reply.headers["x-request-id"] != request_id
    assert reply.headers["x-request-id"].isalnum()


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/chat", 415), ("/v1/chat/completions", 415), ("/v1/messages", 415), ("/v1/no", 404)]
)
async def test_every_refusal_has_an_id_and_a_line(
    metered_api: Metered, log_output: StringIO, path: str, status: int
) -> None:
    reply = await metered_api.api.client.post(path, headers={"x-api-key": KEYS["bob"]})
    assert reply.status_code == status
    assert [(line["request_id"], line["status"], line["who"]) for line in lines(log_output)] == [
        (reply.headers["x-request-id"], status, "bob")
    ]


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize("announced", [True, False])
async def test_too_large_a_body_is_refused_in_the_dialects_shape_with_an_id_and_a_line(
    site: Site, path: str, announced: bool
) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(33):
            yield b" " * 2**20

    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=site.url, timeout=30, trust_env=False) as client:
        reply = await client.post(path, content=b" " * 33 * 2**20 if announced else unannounced(), headers=headers)
    assert reply.status_code == 413
    assert reply.json()["error"]["message"]
    assert (reply.json().get("type") == "error") >= (path == "/v1/messages")
    async with asyncio.timeout(30):
        while not (lines_of_request := lines_with(reply.headers[logs.REQUEST_ID_HEADER], site.log)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # another process writes it, so there is nothing to wait on
    assert [" 413 " in line for line in lines_of_request] == [True]
    assert "Traceback" not in site.log.read_text()


async def test_a_client_that_leaves_while_it_sends_its_body_is_one_line_of_the_log(
    metered_api: Metered, log_output: StringIO
) -> None:
    url = httpx.URL(metered_api.api.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST /v1/chat HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}x-api-key: {KEYS['bob']}\r\nContent-Length: 99\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    async with asyncio.timeout(30):
        while not log_output.getvalue():  # noqa: ASYNC110  # a log is nothing to wait on
            await asyncio.sleep(0.01)
    assert [(line["level"], line["status"], line["who"]) for line in lines(log_output)] == [("INFO", 499, "bob")]


async def test_neither_keys_nor_messages_are_logged(metered_api: Metered, log_output: StringIO) -> None:
    for model in ("openai/key", "openai/cut@mid", "openai/sk-typed-by-mistake-0123", "openai/ok"):
        await metered_api.ask(model, fallback=[], messages=[{"role": "user", "content": "xyzzy"}])
    await metered_api.api.client.get("/v1/models", headers={"x-api-key": "wrong-key-0123456789"})
    text = log_output.getvalue()
    assert text.count("llm_hub.requests") == 5
    for secret in (*SECRETS, "xyzzy", "wrong-key", "typed-by-mistake"):
        assert secret not in text


def test_lines_of_one_request_carry_its_id_and_no_secret() -> None:
    error = ValueError("refused: Bearer alice-0123456789abcdef")
    message = 'It said "sk-live-0123456789" \ud800'
    record = logging.LogRecord("elsewhere", logging.ERROR, "", 1, message, None, (ValueError, error, None))
    token = logs.current_request.set(logs.Request("abc"))
    text = logs.JSONFormatter(Redactor(SECRETS)).format(record)
    logs.current_request.reset(token)
    line = json.loads(text)
    assert line["request_id"] == "abc"
    assert "ValueError" in line["exception"]
    assert "0123456789" not in text


def test_a_models_name_cannot_forge_a_line_of_the_log() -> None:
    handler, root = StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.install("plain")
    root.handlers[0].setStream(handler)  # type: ignore[attr-defined]  # a StreamHandler
    logs.Request("", "page", "chat", "free/x\n2026 ERROR forged\r\x1b[2J\u2028\u202e\u2066", "failed").log()
    root.handlers[:] = handlers
    root.setLevel(level)
    (line,) = handler.getvalue().splitlines()
    assert line.endswith("page chat free/x?2026 ERROR forged??[2J??? failed in 0.000 s")


def test_plain_lines_are_redacted_too() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 1, "The key %s of %s", ("sk-live-0123456789", "hunter2x"), None)
    token = logs.current_request.set(logs.Request("abc"))
    line = logs.TextFormatter(Redactor(["hunter2x"])).format(record)
    logs.current_request.reset(token)
    assert line.endswith("ERROR x: The key [key] of [key] [abc]")

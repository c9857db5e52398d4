"""A vendor's error in the middle of a stream reaches clients of the same protocol as it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.api.conftest import served
from tests.api.sse import events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

PROMPT: dict[str, Any] = {"max_tokens": 90, "messages": [{"role": "user", "content": "Which tide is it?"}]}


async def errors(api: Api, vendor: str, path: str, body: dict[str, Any], provider: str) -> list[dict[str, Any]]:
    """What the vendor writes in the middle of a stream, and what the hub's client then reads, without the attempts."""
    headers = {"authorization": "Bearer sk-owner-secret-123", "anthropic-version": "2023-06-01"}
    if provider == "anthropic":
        headers["authorization"] = "Bearer sk-ant-secret-123"
    asked = await api.client.post(f"{vendor}{path}", json={**body, "stream": True}, headers=headers)
    body = {**body, "model": f"{provider}/{body['model']}", "models": [], "stream": True}
    reply = await api.client.post(path, json=body)
    assert (asked.status_code, reply.status_code) == (200, 200)
    written, read = (
        [json.loads(data) for _, data in events(stream.text) if data != "[DONE]"] for stream in (asked, reply)
    )
    assert len(read) > 1
    return [written[-1], read[-1]]


@pytest.mark.parametrize("moment", ["one", "mid", "last"])
@pytest.mark.parametrize(
    ("provider", "path"), [("openai", "/v1/chat/completions"), ("anthropic", "/v1/messages")], ids=["openai", "claude"]
)
async def test_a_vendors_error_in_a_stream_goes_on_as_it_was_written(
    api: Api, fault_server: FaultServer, provider: str, path: str, moment: str
) -> None:
    body = {**PROMPT, "model": f"error-event@{moment}?code=rate_limit_error"}
    written, read = await errors(api, fault_server.url, path, body, provider)
    assert {attempt["provider"] for attempt in read["error"].pop("attempts")} == {provider}
    assert read == written


@pytest.mark.parametrize("shape", ["", "&as=failed"])
async def test_a_failed_response_has_the_vendors_code_and_words(
    fault_server: FaultServer, tmp_path: Path, shape: str
) -> None:
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n"
        "LLM_HUB_MIDSTREAM=fail\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    async with served(hub, {}) as api:
        body = {"input": "Which tide is it?", "model": f"error-event@mid?code=server_is_overloaded{shape}"}
        written, read = await errors(api, fault_server.url, "/v1/responses", body, "openai")
    await hub.aclose()
    assert read["type"] == "response.failed"
    failure, vendors = read["response"]["error"], written.get("response", {}).get("error") or written
    assert fault_server.exchanges[-1].path == "/v1/responses"
    assert (failure["code"], failure["message"]) == (vendors["code"], vendors["message"])


async def test_an_error_of_another_protocol_is_told_in_the_hubs_words(api: Api) -> None:
    body = {**PROMPT, "model": "openai/error-event@mid", "models": [], "stream": True}
    name, data = events((await api.client.post("/v1/messages", json=body)).text)[-1]
    assert (name, json.loads(data)["type"]) == ("error", "error")
    assert "OpenAI" in json.loads(data)["error"]["message"]

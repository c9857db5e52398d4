"""The project's own endpoints."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from llm_hub.api.dialects.hub_chat import HubChatWriter
from llm_hub.chat import TextDelta
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.api.conftest import KEYS, Api, body_at, served
from tests.api.sse import events
from tests.fault_server import FaultServer, answer_text, expected_text
from tests.ui.site import Site

PROMPT = [{"role": "user", "content": "Hello"}]


async def test_an_answer_says_who_gave_it_and_how(api: Api) -> None:
    reply = await api.client.post("/v1/chat", json={"messages": PROMPT, "model": "openai/ok?tokens=5"})
    body = reply.json()
    assert reply.status_code == 200
    assert set(body) == {"content", "model", "usage", "provider", "finish_reason", "attempts"}
    assert (body["content"], body["provider"], body["model"]) == (answer_text(5), "openai", "ok?tokens=5")
    assert body["usage"]["completion_tokens"] == 5
    assert [attempt["outcome"] for attempt in body["attempts"]] == ["answered"]
    assert (reply.headers["x-llm-hub-provider"], reply.headers["x-llm-hub-attempts"]) == ("openai", "1")


@pytest.mark.parametrize("model", ["ok", "ok?text=markdown", "split-utf8"])
async def test_a_stream_carries_the_text_itself(api: Api, model: str) -> None:
    reply = await api.client.post("/v1/chat", json={"messages": PROMPT, "model": f"openai/{model}", "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    stream_events = events(reply.text)
    assert stream_events[-1] == ("", "[DONE]")
    assert "".join(data for name, data in stream_events[:-1] if not name) == expected_text(model).replace("\r\n", "\n")
    assert [name for name, _ in stream_events if name] == ["attempt", "usage"]


def test_a_text_that_looks_like_the_end_of_the_stream_does_not_end_it() -> None:
    stream_events = events(HubChatWriter().event(TextDelta("[DONE]")).decode())
    assert ("", "[DONE]") not in stream_events
    assert "".join(data for _, data in stream_events) == "[DONE]"


async def test_a_fallback_is_reported_as_it_happens(api: Api) -> None:
    body = {"messages": PROMPT, "model": "openai/cut@mid", "fallback": ["anthropic/ok"], "stream": True}
    stream_events = events((await api.client.post("/v1/chat", json=body)).text)
    assert "".join(data for name, data in stream_events[:-1] if not name) == answer_text()
    assert [name for name, _ in stream_events if name] == ["attempt", "attempt", "resumed", "usage"]
    usage = json.loads(next(data for name, data in stream_events if name == "usage"))
    assert (usage["provider"], usage["model"]) == ("anthropic", "ok")
    assert [attempt["outcome"] for attempt in usage["attempts"]] == ["stream_broken", "answered"]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("model", "status"),
    [("openai/status-503", 503), ("openai/key", 502), ("openai/unknown", 404), ("openai/context", 400),
     ("nobody/x", 404), ("openai/status-429?retry-after=60", 429), ("openai/policy", 400)],
)  # fmt: skip
async def test_an_early_failure_is_a_real_status(api: Api, model: str, status: int, streamed: bool) -> None:
    reply = await api.client.post("/v1/chat", json={"messages": PROMPT, "model": model, "stream": streamed})
    assert reply.status_code == status
    assert reply.json()["error"]["message"]
    assert "secret" not in reply.text


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize(("model", "status"), [("unknown", 404), ("context", 400)])
async def test_an_early_failure_of_a_model_that_loads_first_is_a_real_status(
    api: Api, path: str, model: str, status: int
) -> None:
    body = body_at(path, {"messages": PROMPT, "model": f"ollama/{model}?size=large", "stream": True, "max_tokens": 9})
    reply = await api.client.post(path, json=body)
    assert (reply.status_code, "attempts" in reply.json()["error"]) == (status, True)


@pytest.mark.parametrize(("path", "status"), [("/v1/chat", 503), ("/v1/messages", 529)])
async def test_a_model_that_is_paused_says_when_it_is_worth_asking_again(api: Api, path: str, status: int) -> None:
    body = {"messages": PROMPT, "model": "openai/status-429?retry-after=60", "max_tokens": 9}
    assert (await api.client.post(path, json=body)).status_code == 429
    reply = await api.client.post(path, json=body)
    assert (reply.status_code, "paused" in reply.json()["error"]["message"]) == (status, True)
    assert 50 < int(reply.headers["retry-after"]) <= 60


@pytest.mark.parametrize(("path", "status"), [("/v1/chat", 503), ("/v1/messages", 529)])
async def test_during_a_probe_of_a_paused_model_other_requests_get_retry_after(
    api: Api, fault_server: FaultServer, path: str, status: int
) -> None:
    model = "openai/status-503?times=3&rate=0.1"
    body = {"messages": PROMPT, "model": model, "max_tokens": 9}
    for _ in range(3):
        assert (await api.client.post(path, json=body)).status_code == status
    probing = asyncio.create_task(api.client.post(path, json=body))
    await fault_server.next_exchange(4)
    reply = await api.client.post(path, json=body)
    probing.cancel()
    assert (reply.status_code, reply.headers["retry-after"]) == (status, "2")
    assert "Another request is finding out whether it is back." in reply.json()["error"]["message"]
    assert [attempt["outcome"] for attempt in reply.json()["error"]["attempts"]] == ["paused"]


async def test_a_paused_chain_names_the_earliest_time_to_retry(api: Api) -> None:
    chain = [f"openai/status-429?retry-after={seconds}" for seconds in (300, 40, 200)]
    body = {"messages": PROMPT, "model": chain[0], "fallback": chain[1:]}
    for _ in ("asked", "paused"):
        reply = await api.client.post("/v1/chat", json=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "route_failed")
        assert 30 < int(reply.headers["retry-after"]) <= 40
        assert f"Ask again in {reply.headers['retry-after']} s" in reply.json()["error"]["message"]


async def test_a_failed_chain_with_a_model_that_is_not_paused_has_no_retry_after(api: Api) -> None:
    body = {"messages": PROMPT, "model": "openai/status-429?retry-after=300", "fallback": ["openai/status-503"]}
    reply = await api.client.post("/v1/chat", json=body)
    assert (reply.status_code, "retry-after" in reply.headers) == (503, False)


def test_the_whole_server_adds_no_retry_after_of_its_own(site: Site) -> None:
    body = {"messages": PROMPT, "model": "openai/status-503?time=unknown", "fallback": []}
    reply = httpx.post(f"{site.url}/v1/chat", json=body, timeout=30, trust_env=False)
    assert (reply.status_code, "retry-after" in reply.headers) == (503, False)


async def test_a_late_failure_is_an_error_event_and_then_the_end(api: Api) -> None:
    body = {"messages": PROMPT, "model": "openai/cut@mid", "fallback": [], "stream": True}
    stream_events = events((await api.client.post("/v1/chat", json=body)).text)
    assert stream_events[-1] == ("", "[DONE]")
    assert stream_events[-2][0] == "error"
    assert "broke" in json.loads(stream_events[-2][1])["message"]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("model", ["stall@headers", "stall@first", "stall@mid"])
async def test_a_client_that_leaves_takes_the_providers_connection_along(
    api: Api, fault_server: FaultServer, model: str, streamed: bool
) -> None:
    body = {"messages": PROMPT, "model": f"openai/{model}", "stream": streamed}
    request = asyncio.create_task(api.client.post("/v1/chat", json=body))
    exchange = await fault_server.next_exchange(1)
    if model == "stall@mid":
        await fault_server.exchanges.until(lambda _: exchange.tokens_sent > 0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await asyncio.wait_for(exchange.ended(), 10)
    assert exchange.client_left


@pytest.mark.heavy
async def test_two_hundred_streams_at_once_are_all_complete(api: Api) -> None:
    body = {"messages": PROMPT, "model": "openai/ok?tokens=30&rate=60", "stream": True}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=api.url, timeout=60, limits=limits, trust_env=False) as client:
        replies = await asyncio.gather(*(client.post("/v1/chat", json=body) for _ in range(200)))
    texts = {"".join(data for name, data in events(reply.text)[:-1] if not name) for reply in replies}
    assert texts == {answer_text(30)}


async def test_providers_are_listed_and_described(api: Api) -> None:
    names = (await api.client.get("/v1/providers")).json()
    assert names["providers"][:3] == ["openai", "anthropic", "ollama"]
    openai = (await api.client.get("/v1/providers/openai")).json()
    assert openai["ready"] is True
    assert "ok" in openai["models"]
    groq = (await api.client.get("/v1/providers/groq")).json()
    assert (groq["ready"], groq["problem"]) == (False, "needs a key: set GROQ_API_KEY")
    assert (await api.client.get("/v1/providers/nobody")).status_code == 404


async def test_a_pause_is_listed_for_as_long_as_it_lasts(hub: Hub, tmp_path: Path) -> None:
    now = 0.0
    later = Hub(Settings.load(tmp_path / ".env"), clock=lambda: now)
    async with served(later, {}) as api:
        for _ in range(3):
            body = {"messages": PROMPT, "model": "openai/status-503", "fallback": []}
            assert (await api.client.post("/v1/chat", json=body)).status_code == 503
        paused = (await api.client.get("/v1/providers/openai")).json()["paused"]
        assert paused["openai/status-503"]["seconds"] == 30
        now = 31.0
        assert (await api.client.get("/v1/providers/openai")).json()["paused"] == {}
    await later.aclose()


async def test_only_a_known_key_is_let_in(locked: Api) -> None:
    body = {"messages": PROMPT, "model": "openai/ok"}
    refused: list[dict[str, str]] = [{}, {"authorization": "Bearer no"}, {"authorization": f"Bearer {KEYS['bob']}x"}]
    for headers in refused:
        reply = await locked.client.post("/v1/chat", json=body, headers=headers)
        assert reply.status_code == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"
    taken: list[dict[str, str]] = [
        {"authorization": f"Bearer {KEYS['alice']}"},
        {"authorization": f"bearer {KEYS['alice']}"},
        {"x-api-key": KEYS["bob"]},
        {"api-key": KEYS["bob"]},
        {"x-goog-api-key": KEYS["bob"]},
        {"authorization": "Bearer a-placeholder-of-a-client", "x-api-key": KEYS["bob"]},
    ]
    for headers in taken:
        assert (await locked.client.post("/v1/chat", json=body, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "8.8.8.8"},
        {"forwarded": "for=8.8.8.8"},
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
async def test_without_keys_only_this_computer_is_answered(api: Api, headers: dict[str, str]) -> None:
    reply = await api.client.post("/v1/chat", json={"messages": PROMPT, "model": "openai/ok"}, headers=headers)
    assert reply.status_code == 403


async def test_a_body_of_another_type_is_refused(api: Api) -> None:
    reply = await api.client.post("/v1/chat", content=json.dumps({"messages": PROMPT}))
    assert reply.status_code == 415


def body_with_image(url: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "user", "content": parts}], "model": "openai/ok"}


async def test_images_reach_the_provider(api: Api, fault_server: FaultServer) -> None:
    url = "data:image/png;base64,aGVsbG8="
    assert (await api.client.post("/v1/chat", json=body_with_image(url))).status_code == 200
    assert fault_server.exchanges[0].body["messages"][0]["content"][1]["image_url"]["url"] == url

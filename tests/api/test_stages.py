"""Requests that come at once go through each stage together: the code of a stage stays in the processor's caches."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.api import router
from llm_hub.chat import ChatRequest, Done, LLMResponse
from llm_hub.factory import ProviderFactory
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.policy import Policy
from llm_hub.hub import Hub
from llm_hub.provider import LLMProvider
from llm_hub.settings import Settings
from llm_hub.usage.quotas import Quota
from llm_hub.wire.stages import calls, give_way

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.types import ASGIApp

BODY = json.dumps({"model": "noting", "messages": [{"role": "user", "content": "Hello"}]}).encode()
SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/v1/chat/completions",
    "query_string": b"",
    "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    "client": ("127.0.0.1", 1),
}
notes: list[str] = []


class Noting(LLMProvider):
    """Notes when it is asked."""

    name = "noting"
    default_model = "noting-1"

    async def events(self, request: ChatRequest) -> AsyncIterator[Any]:  # type: ignore[override]
        notes.append("asked")
        yield Done(LLMResponse("Hello", request.model or "", {}, "stop", self.name))

    async def models(self) -> tuple[Any, ...]:
        return ()


class NotingMeter(Meter):
    """Notes when an answer is counted."""

    def finish(self, *answer: Any) -> None:
        super().finish(*answer)
        notes.append("counted")


async def ask(app: ASGIApp) -> None:
    """Asks as a client that stays until it has its answer. What the endpoint does with it is noted."""
    body = iter([BODY])

    async def receive() -> dict[str, Any]:
        if (content := next(body, None)) is None:
            await asyncio.Event().wait()
        notes.append("read")
        return {"type": "http.request", "body": content}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            notes.append("sent")

    await app(dict(SCOPE), receive, send)


async def test_requests_that_come_at_once_are_read_then_asked_then_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(ProviderFactory.registered, "noting", Noting)
    hub = Hub(Settings.load(tmp_path / ".env"))
    app = router(Gateway(hub))
    await ask(app)  # opens the provider
    notes.clear()
    with calls:  # as if another one were on its way: a call that is alone gives way to nobody
        await asyncio.gather(ask(app), ask(app))
    await hub.aclose()
    assert notes == ["read", "read", "asked", "asked", "sent", "sent"]


def test_a_call_that_is_alone_goes_on_at_once() -> None:
    with calls, pytest.raises(StopIteration):
        give_way().send(None)


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        pytest.param(Policy(), ["sent", "counted"], id="at once"),
        # Else the next request of the same program might be refused for what this one reserved and did not use.
        pytest.param(Policy(api_quota=Quota(requests=9)), ["counted", "sent"], id="where a quota holds"),
    ],
)
async def test_a_reply_is_sent_before_its_answer_is_counted_unless_a_quota_holds(
    policy: Policy, order: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(ProviderFactory.registered, "noting", Noting)
    hub = Hub(Settings.load(tmp_path / ".env"))
    notes.clear()
    await ask(router(Gateway(hub, policy, meter=NotingMeter())))
    await hub.aclose()
    assert notes == ["read", "asked", *order]

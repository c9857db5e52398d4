"""The field `order`, in every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_every_dialect_takes_an_order_and_keeps_it_from_the_vendor(
    api: Api, fault_server: FaultServer, path: str
) -> None:
    chain = {"fallback" if path == "/v1/chat" else "models": ["openai/ok", "anthropic/ok"]}
    said = {"input": "Hi"} if path == "/v1/responses" else {"messages": [{"role": "user", "content": "Hi"}]}
    body = {"model": "auto", "max_tokens": 50, "order": "fastest", **chain, **said}
    assert (await api.client.post(path, json=body)).status_code == 200  # the first measures one
    assert (await api.client.post(path, json=body)).status_code == 200  # the second the other
    assert len({exchange.path for exchange in fault_server.exchanges}) == 2
    assert all("order" not in exchange.body for exchange in fault_server.exchanges)
    refused = await api.client.post(path, json={**body, "order": "best"})
    assert refused.status_code == 400
    assert "order" in refused.text
    assert "'given', 'fastest' or 'cheapest'" in refused.text

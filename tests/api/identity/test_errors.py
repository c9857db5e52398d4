"""A vendor's refusal reaches clients of the same protocol as it was written, with its real status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

TURNS = [{"role": "user", "content": "Which tide is it?"}]
FAULTS = ("bad-request", "unknown", "context", "policy", "quota", "status-429", "status-500", "status-529")


async def errors(api: Api, fault_server: FaultServer, protocol: str, model: str) -> tuple[httpx.Response, Any]:
    """The hub's reply, and the vendor's, to the same request."""
    path, headers = "/v1/chat/completions", {"authorization": "Bearer sk-owner-secret-123"}
    if protocol == "anthropic":
        path, headers = "/v1/messages", {"authorization": "Bearer sk-ant-secret-123", "anthropic-version": "2023-06-01"}
    body = {"max_tokens": 9, "messages": TURNS}
    vendor = await api.client.post(f"{fault_server.anthropic_url}{path}", json=body | {"model": model}, headers=headers)
    reply = await api.client.post(path, json=body | {"model": f"{protocol}/{model}", "stream": True})
    return reply, vendor


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
async def test_a_vendors_error_goes_on_as_it_was_written(
    api: Api, fault_server: FaultServer, protocol: str, fault: str
) -> None:
    reply, vendor = await errors(api, fault_server, protocol, fault)
    assert (reply.status_code, vendor.is_error) == (vendor.status_code, True)
    told = reply.json()
    assert told["error"].pop("attempts")[-1]["provider"] == protocol
    assert told == vendor.json()


@pytest.mark.parametrize("protocol", ["anthropic", "openai"])
async def test_that_the_hubs_key_was_refused_is_not_told_as_if_it_were_the_clients(
    api: Api, fault_server: FaultServer, protocol: str
) -> None:
    reply, vendor = await errors(api, fault_server, protocol, "key")
    assert vendor.status_code in (401, 403)
    assert reply.status_code in (500, 502)
    assert "secret" not in reply.text


async def test_clients_of_another_protocol_get_the_hubs_words(api: Api) -> None:
    reply = await api.client.post(
        "/v1/messages", json={"model": "openai/bad-request", "max_tokens": 9, "messages": TURNS}
    )
    assert (reply.status_code, reply.json()["type"]) == (400, "error")

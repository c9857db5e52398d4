"""`POST /v1/embeddings`: vectors of the one model that was asked for, and of no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.api.conftest import KEYS, served
from tests.api.described import check, response_of
from tests.api.metered import metered
from tests.fault_server import FaultServer

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.conftest import Api
    from tests.api.metered import Metered

PATH = "/v1/embeddings"


async def ask(api: Metered, model: str) -> httpx.Response:
    """Asks for the vector of a text."""
    headers = {"authorization": f"Bearer {KEYS['alice']}"}
    return await api.api.client.post(PATH, json={"model": model, "input": "Which tide is it?"}, headers=headers)


@pytest.mark.parametrize("model", ["openai/text-embedding-4-small", "text-embedding-4-small", "ollama/ok"])
@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
async def test_openais_sdk_gets_vectors(api: Api, model: str, options: dict[str, Any]) -> None:
    async with openai.AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client:
        for texts, lengths in (("four", [4]), (["a", "bcd"], [1, 3]), ([5, 6], [2]), ([[5, 6], [7]], [2, 1])):
            answer: Any = await client.embeddings.create(model=model, input=texts, **options)
            vectors = [row.embedding for row in answer.data]
            if options != {"encoding_format": "base64"}:
                assert vectors == [[float(length), 0.5] for length in lengths]
            else:
                assert all(isinstance(vector, str) for vector in vectors)
            assert answer.usage.prompt_tokens == 7


async def test_the_reply_is_as_described_and_goes_on_as_it_came(api: Api, fault_server: FaultServer) -> None:
    body = {"model": "openai/ok", "input": ["a"], "dimensions": 2, "user": "u", "of_next_year": {"x": 1}}
    reply = await api.client.post(PATH, json=body)
    check(reply.json(), response_of("POST", PATH, 200)["application/json"])
    assert reply.json()["model"] == "openai/ok"
    assert fault_server.exchanges[-1].body == {**body, "model": "ok"}


async def test_a_failing_model_is_never_replaced_by_another(fault_server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_ROUTE=openai/ok\n"
        f"LLM_HUB_SERVERS=dead=http://127.0.0.1:9/v1,one={fault_server.openai_url},two={fault_server.openai_url}\n"
        "LLM_HUB_MAX_RETRIES=1\n"
    )
    fault_server.lists = "faults"
    hub = Hub(Settings.load(tmp_path / ".env"))
    async with served(hub, {}) as api:
        reply = await api.client.post(PATH, json={"model": "openai/status-503", "input": "x"})
        assert reply.status_code == 503
        attempts = reply.json()["error"]["attempts"]
        assert [attempt["provider"] for attempt in attempts] == ["openai", "openai"]  # asked again, and nobody else
        reply = await api.client.post(PATH, json={"model": "one/status-503", "input": "x"})
        attempts = reply.json()["error"]["attempts"]
        assert [attempt["provider"] for attempt in attempts] == ["one", "one", "two", "two"]
        assert {attempt["model"] for attempt in attempts} == {"status-503"}
    await hub.aclose()


@pytest.mark.parametrize(
    ("model", "nanodollars"),
    [("openai/text-embedding-3-small", 7 * 20), ("openai/text-embedding-3-large", 7 * 130), ("ollama/ok", 0)],
)
async def test_vectors_are_a_row_of_the_ledger_with_the_price_of_their_prompt(
    hub: Hub, tmp_path: Path, model: str, nanodollars: int
) -> None:
    async with metered(hub, tmp_path) as metered_api:
        assert (await ask(metered_api, model)).status_code == 200
        row = await metered_api.row()
    assert (row.who, row.way, row.target, row.outcome, row.attempts) == ("alice", PATH, model, "answered", 1)
    assert (row.prompt_tokens, row.completion_tokens, row.nanodollars) == (7, 0, nanodollars)


async def test_vectors_that_nobody_gave_are_a_row_without_a_price(hub: Hub, tmp_path: Path) -> None:
    async with metered(hub, tmp_path) as metered_api:
        assert (await ask(metered_api, "openai/status-503")).status_code == 503
        row = await metered_api.row()
    assert (row.way, row.outcome, row.prompt_tokens, row.nanodollars) == (PATH, "server_failed", None, None)


async def test_another_server_of_the_model_takes_over_and_is_paid(fault_server: FaultServer, tmp_path: Path) -> None:
    async with FaultServer() as broken:
        (tmp_path / ".env").write_text(
            f"LLM_HUB_SERVERS=broken={broken.openai_url},healthy={fault_server.openai_url}\n"
            "LLM_HUB_PRICES=broken=9/9,healthy=3/8\nLLM_HUB_MAX_RETRIES=1\n"
        )
        hub = Hub(Settings.load(tmp_path / ".env"))
        async with metered(hub, tmp_path) as metered_api:
            await hub.session().models("broken")
            broken.down = True
            reply = await ask(metered_api, "broken/ok")
            row = await metered_api.row()
        await hub.aclose()
    assert (reply.status_code, reply.json()["model"]) == (200, "healthy/ok")
    attempts = [(attempt["provider"], attempt["outcome"]) for attempt in reply.json()["x_llm_hub"]["attempts"]]
    assert attempts == [("broken", "connection_failed")] * 2 + [("healthy", "answered")]
    assert (row.target, row.outcome, row.attempts) == ("healthy/ok", "answered", 3)
    assert (row.prompt_tokens, row.completion_tokens, row.nanodollars) == (7, 0, 7 * 3000)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model": "anthropic/ok", "input": "x"}, 400, "embeddings: Anthropic cannot be asked for this"),
        ({"model": "openai", "input": "x"}, 400, "names no model for embeddings"),
        ({"model": "auto", "input": "x"}, 400, "names no model for embeddings"),
        ({"model": "parrot", "input": "x"}, 404, "There is no provider"),
        ({"model": "openai/ok"}, 400, "input"),
        ({"model": "openai/ok", "input": []}, 400, "input"),
        ({"model": "openai/ok", "input": ["x", 7]}, 400, "input"),
        ({"model": "openai/ok", "input": "x", "stream": True}, 400, "stream"),
        ({"model": "openai/ok", "input": "x", "models": ["ollama/ok"]}, 400, "models"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(api: Api, body: dict[str, Any], status: int, words: str) -> None:
    reply = await api.client.post(PATH, json=body)
    assert reply.status_code == status, reply.text
    assert words in reply.json()["error"]["message"]


@pytest.mark.parametrize(("model", "status"), [("status-400", 400), ("status-503", 503), ("status-429", 429)])
async def test_a_vendors_error_comes_in_its_own_words_without_a_key(api: Api, model: str, status: int) -> None:
    reply = await api.client.post(PATH, json={"model": f"openai/{model}", "input": "x"})
    error = reply.json()["error"]
    assert (reply.status_code, error.pop("attempts")[-1]["provider"]) == (status, "openai")
    assert error["message"] == "No vectors today for Bearer [key]"
    kinds = {400: "invalid_request_error", 503: "service_unavailable_error", 429: "requests"}
    assert error["type"] == kinds[status]

"""How long a model is to think, in Anthropic's words, and what other vendors are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.hub import Hub
from llm_hub.providers.chaos import ChaosProvider
from llm_hub.settings import Settings
from tests.api.conftest import Api, served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServer

JSONObject = dict[str, Any]
TURNS = [{"role": "user", "content": "Which tide is it?"}]


async def ask(api: Api, model: str, **more: Any) -> JSONObject:
    body = {"model": model, "max_tokens": 40_000, "messages": TURNS, **more}
    reply = await api.client.post("/v1/messages", json=body)
    assert reply.status_code == 200, reply.text
    answer: JSONObject = reply.json()
    return answer


BUDGETS: list[tuple[JSONObject, str | None]] = [
    ({"type": "enabled", "budget_tokens": 1024}, "low"),
    ({"type": "enabled", "budget_tokens": 4000}, "low"),
    ({"type": "enabled", "budget_tokens": 10_000}, "medium"),
    ({"type": "enabled", "budget_tokens": 31_999}, "high"),
    ({"type": "disabled"}, "none"),
    ({"type": "adaptive", "display": "omitted"}, None),
]


@pytest.mark.parametrize(("thinking", "effort"), BUDGETS)
async def test_a_budget_becomes_the_effort_that_other_vendors_know(
    api: Api, fault_server: FaultServer, thinking: JSONObject, effort: str | None
) -> None:
    answers = [await ask(api, f"{name}/ok", thinking=thinking) for name in ("openai", "ollama")]
    answers.append(await ask(api, "openai/gpt-5-pro", thinking=thinking))
    chat, ollama, responses = (exchange.body for exchange in fault_server.exchanges if "model" in exchange.body)
    assert chat.get("reasoning_effort") == effort
    assert ollama.get("think") == (False if effort == "none" else effort)
    assert responses.get("reasoning", {}).get("effort") == effort
    assert [answer["x_llm_hub"]["ignored"] for answer in answers] == [[], [], []]


async def test_an_effort_of_the_clients_own_goes_before_its_budget(api: Api, fault_server: FaultServer) -> None:
    budget = {"type": "enabled", "budget_tokens": 2000}
    await ask(api, "openai/ok", thinking=budget, output_config={"effort": "high"})
    assert fault_server.exchanges[0].body["reasoning_effort"] == "high"


async def test_a_budget_goes_to_anthropic_as_it_is(api: Api, fault_server: FaultServer) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    answer = await ask(api, "anthropic/ok", thinking=thinking)
    assert fault_server.exchanges[0].body["thinking"] == thinking
    assert "output_config" not in fault_server.exchanges[0].body
    assert answer["x_llm_hub"]["ignored"] == []


async def test_a_provider_without_efforts_says_that_it_was_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChaosProvider, "pace", 0)
    hub = Hub(Settings(chaos=True, database_url=f"sqlite:///{tmp_path}/hub.db"))
    async with served(hub, {}) as api:
        for thinking in ({"type": "enabled", "budget_tokens": 2000}, {"type": "disabled"}):
            answer = await ask(api, "chaos/steady", thinking=thinking)
            assert answer["x_llm_hub"]["ignored"] == ["thinking"]
        assert (await ask(api, "chaos/steady", thinking={"type": "adaptive"}))["x_llm_hub"]["ignored"] == []
    await hub.aclose()


@pytest.mark.parametrize(
    ("thinking", "ignored"),
    [
        ({"type": "deep", "layers": 3}, "thinking.deep"),
        ({"type": "adaptive", "display": "full"}, "thinking.adaptive"),
    ],
)
async def test_a_way_of_thinking_that_the_hub_does_not_know_reaches_anthropic_alone(
    api: Api, fault_server: FaultServer, thinking: JSONObject, ignored: str
) -> None:
    assert (await ask(api, "anthropic/ok", thinking=thinking))["x_llm_hub"]["ignored"] == []
    assert fault_server.exchanges[0].body["thinking"] == thinking
    assert (await ask(api, "openai/ok", thinking=thinking))["x_llm_hub"]["ignored"] == [ignored]


@pytest.mark.parametrize(
    ("effort", "limit", "budget"),
    [("low", 20_000, 4096), ("high", 90_000, 32_000), ("max", 9000, 4500), ("low", 500, 0)],
)
async def test_an_effort_is_a_budget_for_the_claude_models_that_know_no_other_word(
    api: Api, fault_server: FaultServer, effort: str, limit: int, budget: int
) -> None:
    body = {"model": "anthropic/claude-haiku-4-5", "messages": TURNS, "reasoning_effort": effort, "max_tokens": limit}
    for number in (2, 3):  # what was refused once is known
        reply = await api.client.post("/v1/chat/completions", json=body)
        assert reply.json()["x_llm_hub"]["ignored"] == ([] if budget else ["effort"])
        assert len(fault_server.exchanges) == number
        thinking = fault_server.exchanges[-1].body.get("thinking")
        assert thinking == ({"type": "enabled", "budget_tokens": budget} if budget else None)


async def test_a_budget_that_is_refused_as_well_is_not_sent_again(api: Api, fault_server: FaultServer) -> None:
    body = {"model": "anthropic/claude-haiku-5-5?budgets=no", "messages": TURNS, "reasoning_effort": "low"}
    for number in (3, 4):
        reply = await api.client.post("/v1/chat/completions", json=body)
        assert (reply.status_code, reply.json()["x_llm_hub"]["ignored"]) == (200, ["effort"])
        assert len(fault_server.exchanges) == number


async def test_no_budget_goes_where_the_api_would_refuse_it(api: Api, fault_server: FaultServer) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "look"}}
    called = [
        *TURNS,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ]
    for more in ({"messages": called}, {"tools": [tool], "tool_choice": "required"}, {"temperature": 0.5}):
        body = {"model": "anthropic/claude-haiku-4-5", "messages": TURNS, "reasoning_effort": "low", **more}
        reply = await api.client.post("/v1/chat/completions", json=body)
        assert (reply.status_code, reply.json()["x_llm_hub"]["ignored"]) == (200, ["effort"])
        assert "thinking" not in fault_server.exchanges[-1].body

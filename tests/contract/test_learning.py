"""A parameter that a model refuses is left out or renamed, and remembered for that model once that helped twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_hub.errors import InvalidRequest, PromptTooLong, UnsupportedParameter
from tests.contract.conftest import CASES, case_params, speaks_openai
from tests.fault_server import answer_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.fault_server import Exchange, FaultServer

LEARNT = [pytest.param(case, model, id=f"{case.label}-{model}") for case in CASES for model in case.learns]


@pytest.mark.parametrize(("case", "model"), LEARNT, indirect=["case"])
async def test_a_refused_parameter_is_learnt_and_remembered(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]], model: str
) -> None:
    setting, replacement = case.learns[model]
    lost = (setting,) if setting else ()
    for number in range(3):
        response = await provider.complete("Hello?", model, temperature=0.5, max_tokens=50)
        assert response.content == answer_text()
        assert response.ignored == lost
        assert len(chats()) <= (2, 4, 5)[number]  # it is left out at once when that has helped twice
    if replacement:
        assert chats()[-1].body[replacement] == 50


@pytest.mark.parametrize("case", case_params(lambda case: "param-temperature" in case.learns), indirect=True)
async def test_what_was_learnt_of_one_model_is_not_held_against_another(case: Case, provider: LLMProvider) -> None:
    await provider.complete("Hello?", "param-temperature", temperature=0.5)
    response = await provider.complete("Hello?", "ok", temperature=0.5)
    assert response.ignored == ()


async def test_every_parameter_refused_at_once_still_leads_to_an_answer(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    """GPT-5 and later refuse both the old name of the limit and a temperature."""
    model = "claude-haiku-5-5" if case.name == "anthropic" else "gpt-6-luna"
    response = await provider.complete("Hello?", model, temperature=0.2, max_tokens=9)
    assert response.content == answer_text()
    assert len(chats()) <= 3
    assert (await provider.complete("Hello?", model, temperature=0.2, max_tokens=9)).ignored == response.ignored


async def test_a_parameter_that_cannot_be_left_out_is_an_error_after_one_request(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    with pytest.raises((UnsupportedParameter, InvalidRequest)):
        await provider.complete("Hello?", "param-input" if case.name == "responses" else "param-messages")
    assert len(chats()) == 1


async def test_a_bad_request_with_settings_is_not_taken_for_a_refused_setting(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    """Another request may be made to find out, but the error stays and nothing is learnt from it."""
    with pytest.raises(InvalidRequest):
        await provider.complete("Hello?", "bad-request", temperature=0.5)
    assert len(chats()) <= 2
    assert (await provider.complete("Hello?", "ok", temperature=0.5)).ignored == ()


@pytest.mark.parametrize("case", case_params(speaks_openai), indirect=True)
async def test_a_refusal_that_names_nothing_costs_one_request_and_teaches_nothing(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    """What is optional is left out, also what the hub itself put in; the limit stays, since it is about money."""
    with pytest.raises(InvalidRequest):
        await provider.complete("Hello?", "bad-request", temperature=0.5, max_tokens=9)
    first, second = (exchange.body for exchange in chats())
    assert first.keys() - second.keys() == {"temperature", "stream_options"} & first.keys()
    with pytest.raises(InvalidRequest):
        await provider.complete("Hello?", "bad-request", temperature=0.5)
    assert "temperature" in chats()[2].body


@pytest.mark.parametrize("case", case_params(speaks_openai), indirect=True)
async def test_a_prompt_beyond_the_listed_context_is_too_long_whatever_the_refusal_says(
    case: Case, provider: LLMProvider, fault_server: FaultServer, chats: Callable[[], list[Exchange]]
) -> None:
    fault_server.lists = "small"
    await provider.models()
    with pytest.raises(PromptTooLong):
        await provider.complete("Hello? " * 2000, "bad-request")
    assert len(chats()) == 1

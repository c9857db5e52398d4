"""JSON formats and sampling options reach the wire, or are refused or reported: never are they silently dropped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import ChatRequest, Done, JSONFormat
from llm_hub.errors import NotOffered
from llm_hub.provider import LLMProvider
from tests.contract.conftest import CASES, case_params, speaks_chat_completions
from tests.contract.test_answers import user
from tests.fault_server import SCHEMA, answer_text, filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import LLMResponse
    from tests.contract.case import Case
    from tests.fault_server import Exchange

NULLABLE = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "additionalProperties": False}
OPTIONS: dict[str, tuple[str, Any, Any]] = {
    "stop": ("stop", ("END", "\n2."), ["END", "\n2."]),
    "blank stop": ("stop", ("\n\n",), ["\n\n"]),
    "seed": ("seed", 0, 0),
    "top_p": ("top_p", 0.25, 0.25),
    "effort": ("effort", "low", "low"),
    "format": ("format", JSONFormat(SCHEMA), SCHEMA),
    "nullable format": ("format", JSONFormat(NULLABLE), NULLABLE),
    "plain format": ("format", JSONFormat(), {}),
}
"""Options: the request's field, a value, and the same as the fault server tells it."""
SPARED = [pytest.param(case, model, id=f"{case.label}-{model}") for case in CASES for model in case.spares]
UNABLE = [
    pytest.param(case, model, id=f"{case.label}-{model}")
    for case in CASES
    for model, option in case.cannot.items()
    if option != "tools"  # see test_tools.py
]


async def ask(provider: LLMProvider, model: str, **options: Any) -> LLMResponse:
    """One answer."""
    events = [event async for event in provider.events(ChatRequest(user(), model, **options))]
    assert isinstance(events[-1], Done)
    return events[-1].response


@pytest.mark.parametrize("option", OPTIONS)
async def test_an_option_reaches_the_wire_or_is_refused_by_name(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]], option: str
) -> None:
    field, value, told = OPTIONS[option]
    if option in case.declines:
        with pytest.raises(NotOffered) as caught:
            await ask(provider, "ok", **{field: value})
        assert (caught.value.parameter, caught.value.provider, caught.value.model) == (field, case.name, "ok")
        assert chats() == []
        return
    response = await ask(provider, "ok", **{field: value})
    if option in case.reports:
        assert response.ignored == (field,)
        assert field not in chats()[0].options
        return
    assert response.ignored == ()
    sent = chats()[0].options[field]
    # Anthropic's SDK writes a schema in its own words.
    assert sent == told or (option == "format" and sent["required"] == told["required"])


async def test_unset_options_do_not_reach_the_wire(provider: LLMProvider, chats: Callable[[], list[Exchange]]) -> None:
    await ask(provider, "ok")
    assert chats()[0].options == {}


async def test_an_answer_in_json_follows_its_schema(case: Case, provider: LLMProvider) -> None:
    response = await ask(provider, "ok", format=JSONFormat(SCHEMA, name="weather", strict=True))
    assert json.loads(response.content) == filled(SCHEMA)
    if "plain format" not in case.declines:
        assert isinstance(json.loads((await ask(provider, "ok", format=JSONFormat())).content), dict)


@pytest.mark.parametrize(("case", "model"), SPARED, indirect=["case"])
async def test_what_a_model_does_without_is_reported_and_remembered(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]], model: str
) -> None:
    options, ignored = case.spares[model]
    response = await ask(provider, model, **options)
    assert response.ignored == ignored
    assert response.tool_calls if "tools" in options else response.content == answer_text()
    assert (await ask(provider, model, **options)).ignored == ignored
    before = len(chats())
    assert (await ask(provider, model, **options)).ignored == ignored
    assert len(chats()) == before + 1


@pytest.mark.parametrize(("case", "model"), UNABLE, indirect=["case"])
async def test_what_an_answer_is_for_is_never_left_out(case: Case, provider: LLMProvider, model: str) -> None:
    with pytest.raises(NotOffered) as caught:
        await ask(provider, model, format=JSONFormat(SCHEMA))
    assert caught.value.parameter == case.cannot[model]


@pytest.mark.parametrize("case", case_params(speaks_chat_completions), indirect=True)  # other refusals name no value
async def test_a_word_that_a_model_refuses_is_not_held_against_other_words(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    model = "param-reasoning_effort?code=unsupported_value&times=1"
    assert (await ask(provider, model, effort="xhigh")).ignored == ("effort",)
    assert (await ask(provider, model, effort="low")).ignored == ()
    assert chats()[-1].options["effort"] == "low"

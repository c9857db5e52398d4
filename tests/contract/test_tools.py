"""A model's calls of tools reach the caller whole, and what the tools gave reaches the model, in every protocol."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import (
    ChatRequest,
    Done,
    Message,
    OneTool,
    Role,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from llm_hub.errors import InvalidRequest, ModelNotFound, NotOffered, ProviderError
from llm_hub.provider import LLMProvider
from llm_hub.providers.openai_body import explain_refusal
from tests.contract.conftest import can_show, case_pairs, case_params, speaks_openai
from tests.contract.test_answers import user
from tests.fault_server import answer_text, filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import LLMResponse
    from tests.contract.case import Case
    from tests.fault_server import Exchange

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
WEATHER = Tool("weather", "Tells the weather.", PLACE)
CLOCK = Tool("clock")


async def ask(provider: LLMProvider, model: str, *more: Message, **options: Any) -> tuple[list[Any], LLMResponse]:
    """The events of one chat with both tools, and its answer."""
    request = ChatRequest((*user(), *more), model, **{"tools": (WEATHER, CLOCK), **options})
    events = [event async for event in provider.events(request)]
    last = events[-1]
    assert isinstance(last, Done)
    assert [event for event in events if isinstance(event, Done)] == [last]
    return events, last.response


def streamed(events: list[Any]) -> list[tuple[str, str, str]]:
    """The calls as whoever reads the stream puts them together: ids, names and arguments."""
    calls: list[list[str]] = []
    for event in events:
        if isinstance(event, ToolCallDelta):
            if event.index == len(calls):
                assert event.id
                assert event.name
                calls.append([event.id, event.name, ""])
            else:
                assert (event.id, event.name) == ("", "")
            calls[event.index][2] += event.arguments
    return [(id_, name, arguments or "{}") for id_, name, arguments in calls]


@pytest.mark.parametrize(
    ("case", "model"),
    case_pairs(
        ["ok?calls=1", "ok?calls=3", "ok?calls=2&tokens=5", "bytewise?calls=2", "crlf?calls=1", "split-utf8?calls=2",
         "one-read?calls=2", "multiline-data?calls=1", "unknown-events?calls=2", "blank-lines?calls=1"],
        lambda case, model: can_show(case, model.partition("?")[0]),
    ),
    indirect=["case"],
)  # fmt: skip
async def test_calls_arrive_whole_and_once(case: Case, provider: LLMProvider, model: str) -> None:
    events, response = await ask(provider, model)
    number = int(model.partition("calls=")[2][0])
    assert [call.name for call in response.tool_calls] == ["weather", "clock", "weather"][:number]
    assert [json.loads(call.arguments) for call in response.tool_calls] == [filled(PLACE), {}, filled(PLACE)][:number]
    assert len({call.id for call in response.tool_calls}) == number
    assert streamed(events) == [(call.id, call.name, call.arguments) for call in response.tool_calls]
    assert response.content == (answer_text(5) if "tokens" in model else "")
    assert response.finish_reason == "tool_calls"
    assert response.timing is not None
    assert response.timing.first_token is not None


async def test_a_model_answers_once_it_has_what_its_tools_gave(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    _, called = await ask(provider, "ok?calls=2&tokens=3")
    assistant = Message(Role.ASSISTANT, (Text(called.content), *called.tool_calls))
    first, second = called.tool_calls
    given = Message(Role.TOOL, (ToolResult(first.id, "rain 🌧"), ToolResult(second.id, "no such clock", failed=True)))
    _, response = await ask(provider, "ok?calls=2", assistant, given)
    assert (response.content, response.tool_calls) == (answer_text(), ())
    sent = json.dumps(chats()[-1].body, ensure_ascii=False)
    assert "rain 🌧" in sent
    assert "no such clock" in sent
    assert answer_text(3) in sent
    assert json.loads(chats()[-1].raw) == chats()[-1].body


async def test_what_the_user_adds_to_a_result_arrives_too(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    _, called = await ask(provider, "ok?calls=1")
    results = (Text("Hurry!"), ToolResult(called.tool_calls[0].id, ""))
    more = (
        Message(Role.ASSISTANT, called.tool_calls),
        Message(Role.TOOL, results),
        Message(Role.USER, "And tomorrow?"),
    )
    _, response = await ask(provider, "ok", *more)
    assert response.content == answer_text()
    assert "Hurry!" in str(chats()[-1].body)
    assert "And tomorrow?" in str(chats()[-1].body)


async def test_calls_that_another_provider_made_are_taken_over(provider: LLMProvider) -> None:
    """Ids in other letters, and arguments that are no object: every model writes nonsense at times."""
    calls = (
        ToolCall("functions.weather:0", "weather", '{"city": '),
        ToolCall("b/1", "clock", "[1]"),
        ToolCall("c", "clock", ""),
    )
    results = tuple(ToolResult(call.id, "no") for call in calls)
    _, response = await ask(provider, "ok", Message(Role.ASSISTANT, calls), Message(Role.TOOL, results))
    assert response.content == answer_text()


@pytest.mark.parametrize(
    "fault", ["cut@mid", "close@mid", "cut@last", "malformed@mid", "error-event@last", "no-finish"]
)
async def test_half_a_call_is_an_error_and_not_an_answer(provider: LLMProvider, fault: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await ask(provider, f"{fault}?calls=2")
    assert caught.value.retryable


async def test_the_choice_of_tools_is_the_callers(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    _, response = await ask(provider, "ok?calls=1", tool_choice="none")
    assert (response.content, response.tool_calls) == (answer_text(), ())
    _, response = await ask(provider, "ok?calls=1", tool_choice="auto", parallel_tools=True)
    assert len(response.tool_calls) == 1
    asked = len(chats())
    for option, choice, named in (("any tool", "required", "weather"), ("one tool", OneTool("clock"), "clock")):
        if option in case.declines:
            with pytest.raises(NotOffered) as caught:
                await ask(provider, "ok", tool_choice=choice)
            assert caught.value.parameter == "tool_choice"
            assert len(chats()) == asked
            continue
        _, response = await ask(provider, "ok", tool_choice=choice)
        assert [call.name for call in response.tool_calls] == [named]


async def test_one_call_at_a_time_can_be_asked_for(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    if "one call at a time" in case.declines:
        with pytest.raises(NotOffered) as caught:
            await ask(provider, "ok?calls=2", parallel_tools=False)
        assert caught.value.parameter == "parallel_tools"
        assert chats() == []
        return
    for choice in (None, "auto", OneTool("clock")):
        _, response = await ask(provider, "ok?calls=2", parallel_tools=False, tool_choice=choice)
        assert len(response.tool_calls) == 1


@pytest.mark.parametrize("choice", ["required", OneTool("nothing")])
async def test_a_choice_of_a_tool_that_is_not_there_is_refused_without_a_request(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], choice: Any
) -> None:
    with pytest.raises(InvalidRequest):
        await ask(provider, "ok", tool_choice=choice, tools=() if choice == "required" else (CLOCK,))
    assert chats() == []


async def test_a_model_that_has_no_tools_says_so_and_another_may_be_asked(case: Case, provider: LLMProvider) -> None:
    for model, lacking in case.cannot.items():
        if lacking == "tools":
            with pytest.raises(NotOffered) as caught:
                await ask(provider, model)
            assert (caught.value.parameter, caught.value.provider, caught.value.model) == ("tools", case.name, model)
            assert caught.value.falls_back


@pytest.mark.parametrize("case", case_params(speaks_openai), indirect=True)  # elsewhere a 404 is about the model
async def test_a_model_that_is_not_found_with_tools_may_be_found_without(case: Case, provider: LLMProvider) -> None:
    """OpenRouter's 404 where no server behind it takes tools."""
    for tools, breaker in (((WEATHER,), "ignores"), ((), "holds")):
        with pytest.raises(ModelNotFound) as caught:
            await ask(provider, "unknown", tools=tools)
        assert caught.value.breaker == breaker


def test_a_model_that_is_not_found_with_an_image_may_be_found_without() -> None:
    for words, breaker in (("No endpoints found that support image input", "ignores"), ("No endpoints found", "holds")):
        refusal = explain_refusal(ModelNotFound("no", detail=words), {"model": "m"})
        assert refusal.breaker == breaker


@pytest.mark.parametrize("server", ["gemini", "vllm"])
@pytest.mark.parametrize("case", case_params(speaks_openai), indirect=True)
async def test_the_ways_of_compatible_servers_are_understood(
    case: Case, build: Callable[..., LLMProvider], server: str
) -> None:
    events, response = await ask(build(), f"ok?calls=3&as={server}")
    assert [(call.name, json.loads(call.arguments)) for call in response.tool_calls] == [
        ("weather", filled(PLACE)),
        ("clock", {}),
        ("weather", filled(PLACE)),
    ]
    assert streamed(events) == [(call.id, call.name, call.arguments) for call in response.tool_calls]
    assert response.finish_reason == "tool_calls"
    assert not any(isinstance(event, TextDelta) for event in events)

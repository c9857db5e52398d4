"""Calls of tools and JSON on a route: half a call is never shown, and what one target does not take another may."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import (
    AttemptFailed,
    ChatRequest,
    Done,
    JSONFormat,
    Message,
    Resumed,
    Role,
    TextDelta,
    Tool,
    ToolCallDelta,
)
from llm_hub.errors import FormBroken, NotOffered, RouteFailed
from llm_hub.provider import LLMProvider
from llm_hub.router import LLMRouter, Target
from tests.fault_server import SCHEMA, FaultServer, answer_text, filled
from tests.router.routes import PATIENT, PROTOCOLS, QUICK, no_sleep

if TYPE_CHECKING:
    from llm_hub.chat import Event, LLMResponse

TOOL = Tool("weather", "Tells the weather.", SCHEMA)
PROMPT = (Message(Role.USER, "Tell me."),)


class Plain(LLMProvider):
    """A healthy provider that takes messages and nothing else."""

    name = "plain"
    default_model = "plain-1"

    async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
        yield "all is well"


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as fault_server:
        yield fault_server


@pytest.fixture(params=PROTOCOLS)
async def provider(request: pytest.FixtureRequest, fault_server: FaultServer) -> AsyncIterator[LLMProvider]:
    """One provider of every protocol."""
    provider = PROTOCOLS[request.param](fault_server)
    yield provider
    await provider.aclose()


async def ask(router: LLMRouter, **options: Any) -> tuple[list[Event], LLMResponse]:
    async with aclosing(router.events(ChatRequest(PROMPT, **options))) as stream:
        events = [event async for event in stream]
    assert isinstance(events[-1], Done)
    return events, events[-1].response


def read_calls(events: list[Event]) -> list[Any]:
    """The calls that the reader was given: each in one piece, after all of the text."""
    text_numbers = [number for number, event in enumerate(events) if isinstance(event, TextDelta)]
    call_numbers = [number for number, event in enumerate(events) if isinstance(event, ToolCallDelta)]
    assert not call_numbers or not text_numbers or max(text_numbers) < min(call_numbers)
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [call.index for call in calls] == list(range(len(calls)))
    return [json.loads(call.arguments) for call in calls]


async def test_a_call_is_shown_when_it_is_complete(provider: LLMProvider) -> None:
    router = LLMRouter(Target(provider, "ok?calls=2&tokens=4&like=o1"), timeouts=PATIENT)
    events, response = await ask(router, tools=(TOOL,))
    assert read_calls(events) == [filled(SCHEMA)] * 2
    assert [call.arguments for call in response.tool_calls] == [
        e.arguments for e in events if isinstance(e, ToolCallDelta)
    ]
    assert (response.content, response.finish_reason) == (answer_text(4), "tool_calls")


@pytest.mark.parametrize("fault", ["cut@mid", "close@one", "malformed@last", "error-event@mid", "no-finish"])
async def test_a_stream_that_breaks_inside_a_call_is_asked_afresh(provider: LLMProvider, fault: str) -> None:
    broken, healthy = Target(provider, f"{fault}?calls=2&like=o1"), Target(provider, "ok?calls=1&like=o1")
    events, response = await ask(LLMRouter(broken, healthy, 0, timeouts=PATIENT, sleep=no_sleep), tools=(TOOL,))
    assert read_calls(events) == [filled(SCHEMA)]
    assert not any(isinstance(event, Resumed) for event in events)
    assert [attempt.outcome == "answered" for attempt in response.attempts] == [False, True]


async def test_a_broken_call_is_retried_with_the_same_model(fault_server: FaultServer, provider: LLMProvider) -> None:
    router = LLMRouter(Target(provider, "cut@mid?calls=1&times=1&like=o1"), timeouts=PATIENT, sleep=no_sleep)
    events, response = await ask(router, tools=(TOOL,))
    assert read_calls(events) == [filled(SCHEMA)]
    assert len(response.attempts) == 2


async def test_text_before_a_broken_call_is_kept_and_gone_on_with(provider: LLMProvider) -> None:
    broken = Target(provider, "cut@last?calls=1&tokens=6&like=o1")
    healthy = Target(provider, "ok?calls=1&tokens=6&like=o1")
    events, response = await ask(LLMRouter(broken, healthy, timeouts=PATIENT, sleep=no_sleep), tools=(TOOL,))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == answer_text(6) == response.content
    assert read_calls(events) == [filled(SCHEMA)]
    assert any(isinstance(event, Resumed) for event in events)


async def test_a_call_that_comes_slowly_is_progress_and_one_that_stalls_is_not(fault_server: FaultServer) -> None:
    openai = PROTOCOLS["openai"](fault_server)
    slow = LLMRouter(Target(openai, "ok?calls=1&rate=10&like=o1"), timeouts=QUICK, sleep=no_sleep)
    events, _ = await ask(slow, tools=(TOOL,))
    assert read_calls(events) == [filled(SCHEMA)]
    times = fault_server.exchanges[-1].token_times
    assert times[-1] - times[0] > QUICK.idle
    stalled, healthy = Target(openai, "stall@mid?calls=1&like=o1"), Target(openai, "ok?calls=1&like=o1")
    events, response = await ask(LLMRouter(stalled, healthy, timeouts=QUICK, sleep=no_sleep), tools=(TOOL,))
    assert read_calls(events) == [filled(SCHEMA)]
    assert [attempt.outcome for attempt in response.attempts] == ["timed_out", "answered"]
    await openai.aclose()


async def test_what_one_target_does_not_take_the_next_one_is_asked_for(provider: LLMProvider) -> None:
    router = LLMRouter(Plain(), Target(provider, "ok?calls=1&like=o1"), timeouts=PATIENT, sleep=no_sleep)
    assert router.supports == provider.supports
    events, response = await ask(router, tools=(TOOL,))
    assert [attempt.outcome for attempt in response.attempts] == ["not_offered", "answered"]
    assert any(isinstance(event, AttemptFailed) for event in events)
    assert len(response.tool_calls) == 1
    assert router.health.current_pause(router.targets[0].provider, "plain-1") is None


async def test_what_no_target_takes_is_the_requests_fault(fault_server: FaultServer, provider: LLMProvider) -> None:
    for router in (LLMRouter(Plain()), LLMRouter(Plain(), Target(Plain(), "plain-2"), sleep=no_sleep)):
        with pytest.raises(NotOffered) as caught:
            await ask(router, tools=(TOOL,))
        assert caught.value.parameter == "tools"
        assert len(caught.value.attempts) == len(router.targets)
    with pytest.raises(RouteFailed):
        await ask(LLMRouter(Plain(), Target(provider, "status-500"), sleep=no_sleep), tools=(TOOL,))


@pytest.mark.parametrize("moment", ["first", "one", "mid", "last", "terminal"])
async def test_json_that_broke_off_is_completed_by_another_model(
    fault_server: FaultServer, provider: LLMProvider, moment: str
) -> None:
    broken, healthy = Target(provider, f"cut@{moment}?text=json&like=o1"), Target(provider, "ok?text=json&like=o1")
    router = LLMRouter(broken, healthy, 0, timeouts=PATIENT, sleep=no_sleep)
    events, response = await ask(router, format=JSONFormat(SCHEMA))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == response.content
    assert json.loads(response.content) == filled(SCHEMA)


async def test_what_should_be_json_and_is_none_is_not_taken_for_an_answer(provider: LLMProvider) -> None:
    broken, babbling = Target(provider, "cut@mid?text=json&like=o1"), Target(provider, "ok?resume=stranger&like=o1")
    router = LLMRouter(broken, [babbling, Plain()], timeouts=PATIENT, sleep=no_sleep)
    with pytest.raises(FormBroken) as caught:
        await ask(router, format=JSONFormat(SCHEMA))
    assert [attempt.outcome for attempt in caught.value.attempts] == ["stream_broken", "form_broken"]

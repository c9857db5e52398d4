"""Whatever the first target does, the caller gets the whole answer, once.

The matrix is made of pairs. Every protocol shows every fault at every moment before one fallback; and one fault before
any text and one in the middle of it meet a fallback of every protocol. A fallback's own protocol cannot know what the
first target did: it gets the same prompt, or the same prompt and the same partial answer.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role, TextDelta
from llm_hub.errors import ContentRejected, InvalidRequest, ProviderError, RouteFailed, UnsupportedParameter
from llm_hub.router import LLMRouter, Target
from tests.fault_server import FaultServer, answer_text
from tests.router.routes import PROTOCOLS, QUICK, no_sleep

STATUSES = (401, 402, 403, 404, 408, 429, 500, 502, 503, 504, 529)
BEFORE = [f"status-{status}" for status in STATUSES] + [
    "status-429?retry-after=60", "status-503?retry-after=1", "quota", "key", "unknown", "html", "redirect", "empty",
    "blank", "pings", "role-only-forever", "stall@headers", "cut@headers", "no-finish",
]  # fmt: skip
DURING = ["cut", "close", "stall", "malformed", "not-an-object", "error-event"]
MOMENTS = ["first", "one", "mid", "last", "terminal"]
FAULTS = BEFORE + [f"{fault}@{moment}" for fault, moment in itertools.product(DURING, MOMENTS)]
CROSSED = ["status-503", "cut@mid"]
"""Faults before which every protocol is the fallback: one without any text, one with half of it."""
PAIRS = [
    *((primary, fault, "openai") for primary, fault in itertools.product(PROTOCOLS, FAULTS)),
    *itertools.product(PROTOCOLS, CROSSED, [name for name in PROTOCOLS if name != "openai"]),
]
REQUEST_FAULTS = ["policy", "refusal", "content-filter"]
"""Faults that belong to the request: their reason reaches the user, and nobody else is asked."""
RESUMES = ["continue", "restart", "overlap", "nospace"]
"""How models go on when they are asked to continue an answer."""
PROMPT = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Tell me."))
REFUSALS = [
    (primary, fault)
    for primary, fault in itertools.product(PROTOCOLS, REQUEST_FAULTS)
    if primary == "openai" or (primary == "anthropic" and fault != "policy")  # others do not say
]


@asynccontextmanager
async def open_route(*targets: Target) -> AsyncIterator[LLMRouter]:
    """A route with quick clocks, closed at the end."""
    router = LLMRouter(targets[0], targets[1:], timeouts=QUICK, sleep=no_sleep)
    try:
        yield router
    finally:
        await router.aclose()


async def read_answer(router: LLMRouter, model: str | None = None) -> tuple[str, LLMResponse]:
    """What a reader saw, and the answer. Exactly one `Done`, last."""
    text, done = "", list[LLMResponse]()
    async for event in router.events(ChatRequest(PROMPT, model)):
        assert not done
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, Done):
            done.append(event.response)
    return text, done[0]


@pytest.mark.parametrize(("primary", "fault", "fallback"), PAIRS)
async def test_the_caller_gets_the_whole_answer_once(primary: str, fault: str, fallback: str) -> None:
    async with FaultServer() as fault_server:
        faulty = Target(PROTOCOLS[primary](fault_server), f"{fault}{'&' if '?' in fault else '?'}tokens=12&like=haiku")
        healthy = Target(PROTOCOLS[fallback](fault_server), "ok?tokens=12&like=thinker")
        async with open_route(faulty, healthy) as router:
            text, response = await read_answer(router)
        assert text == response.content == answer_text(12)
        assert (response.provider, response.model) == (fallback, healthy.model)
        assert response.usage["completion_tokens"] > 0
        assert response.finish_reason == "stop"
        assert [attempt.outcome for attempt in response.attempts][-1] == "answered"
        assert all(attempt.reason for attempt in response.attempts[:-1])


@pytest.mark.parametrize(("primary", "fault"), REFUSALS)
async def test_what_the_request_itself_caused_reaches_the_user(primary: str, fault: str) -> None:
    async with FaultServer() as fault_server:
        refusing, other = (
            Target(PROTOCOLS[primary](fault_server), f"{fault}?like=thinker"),
            Target(PROTOCOLS["openai"](fault_server), "ok?like=thinker"),
        )
        async with open_route(refusing, other) as router:
            with pytest.raises((ContentRejected, InvalidRequest)) as caught:
                await read_answer(router)
        assert caught.value.detail or fault in ("content-filter", "refusal")
        assert len(caught.value.attempts) == 1
        assert {exchange.model for exchange in fault_server.exchanges if exchange.method == "POST"} == {refusing.model}


@pytest.mark.parametrize(
    ("primary", "fault"),
    [
        (primary, fault)
        for primary in PROTOCOLS
        for fault in ("bad-request", "param-input" if primary == "responses" else "param-messages")
    ],
)
async def test_a_bad_request_may_be_good_for_the_next_target(primary: str, fault: str) -> None:
    """It names nothing, or a parameter that it does not take: that may be this server's alone."""
    async with FaultServer() as fault_server:

        def target(protocol: str, model: str) -> Target:
            return Target(PROTOCOLS[protocol](fault_server), f"{model}?like=thinker")

        async with open_route(target(primary, fault), target("openai", "ok")) as router:
            _, response = await read_answer(router)
        assert [attempt.outcome for attempt in response.attempts][-1] == "answered"
        async with open_route(target(primary, fault), target(primary, "bad-request")) as router:
            with pytest.raises((InvalidRequest, UnsupportedParameter, RouteFailed)):
                await read_answer(router)


async def test_what_every_target_refuses_is_the_requests_fault() -> None:
    async with FaultServer() as fault_server:
        first, second = (Target(PROTOCOLS["openai"](fault_server), f"bad-request?n={number}") for number in (1, 2))
        async with open_route(first, second) as router:
            with pytest.raises(InvalidRequest) as caught:
                await read_answer(router)
        assert len({attempt.model for attempt in caught.value.attempts}) == 2


@pytest.mark.parametrize(
    ("fallback", "moment", "resume"),
    [
        *itertools.product(["openai"], ["one", "mid", "last", "terminal"], RESUMES),
        *itertools.product(["anthropic", "ollama"], ["mid"], RESUMES),
    ],
)
async def test_however_the_second_model_goes_on_no_word_is_lost_or_repeated(
    fallback: str, moment: str, resume: str
) -> None:
    async with FaultServer() as fault_server:
        broken = Target(PROTOCOLS["openai"](fault_server), f"cut@{moment}?like=thinker")
        async with open_route(
            broken, Target(PROTOCOLS[fallback](fault_server), f"ok?resume={resume}&like=thinker")
        ) as router:
            text, response = await read_answer(router)
        assert text == response.content == answer_text()
        assert [attempt.outcome for attempt in response.attempts] == ["stream_broken", "answered"]


@pytest.mark.parametrize("primary", ["openai", "anthropic"])
async def test_a_prompt_too_long_for_one_model_goes_to_the_next(primary: str) -> None:
    async with FaultServer() as fault_server:
        small = Target(PROTOCOLS[primary](fault_server), "context?like=thinker")
        async with open_route(small, Target(PROTOCOLS["openai"](fault_server), "ok?like=thinker")) as router:
            response = await router.complete("word " * 100_000)
        assert response.content == answer_text()
        assert [attempt.outcome for attempt in response.attempts] == ["prompt_too_long", "answered"]


async def test_where_nobody_answers_one_error_carries_every_attempt() -> None:
    async with FaultServer() as fault_server:
        busy, missing = (
            Target(PROTOCOLS["openai"](fault_server), "status-503?like=thinker"),
            Target(PROTOCOLS["ollama"](fault_server), "unknown"),
        )
        async with open_route(busy, missing) as router:
            with pytest.raises(ProviderError) as caught:
                await read_answer(router)
        assert [attempt.outcome for attempt in caught.value.attempts] == [*["server_failed"] * 3, "model_not_found"]
        assert caught.value.hint == "Pull it: `ollama pull unknown`."

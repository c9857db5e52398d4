"""A good answer reaches the caller whole, exact and once, whatever it looks like on the wire."""

from __future__ import annotations

import asyncio
import base64
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import ChatRequest, Done, Image, Message, ReasoningDelta, Role, Text, TextDelta
from llm_hub.errors import EmptyAnswer, InvalidRequest, ProviderError
from tests.contract.conftest import can_show, case_pairs, case_params
from tests.fault_server import REASONING, answer_text, expected_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import Event
    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.fault_server import Exchange, FaultServer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
GOOD = [
    "ok", "ok?tokens=1", "ok?tokens=500", "ok?text=unicode", "ok?text=markdown", "bytewise",
    "bytewise?text=unicode", "crlf", "crlf?text=markdown", "cr", "bom", "nospace", "nospace?text=markdown",
    "multiline-data", "split-utf8", "surrogates", "long-line", "one-read", "one-read?tokens=2000",
    "early-hints", "huge-headers", "slow-headers?delay=0.05", "unknown-events", "blank-lines", "choices-null",
    "finish-twice", "usage-twice", "no-usage", "no-done?then=close", "no-done", "no-end-blank", "close@done",
    "cut@done", "stall@done", "pings@done", "no-role", "ok?framing=eof", "unloaded?delay=0.05",
]  # fmt: skip


def user(text: str = "Hello?") -> tuple[Message, ...]:
    """A conversation of one turn."""
    return (Message(Role.USER, text),)


async def collect(provider: LLMProvider, model: str, **options: Any) -> list[Event]:
    """Every event of one chat."""
    async with aclosing(provider.events(ChatRequest(user(), model, **options))) as events:
        return [event async for event in events]


def text_of(events: list[Event]) -> str:
    """The text that streamed."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    ("case", "model"),
    case_pairs(GOOD, lambda case, model: can_show(case, model) and model not in case.fails),
    indirect=["case"],
)
async def test_the_whole_text_streams_exactly_and_ends_in_one_done(
    case: Case, provider: LLMProvider, model: str
) -> None:
    events = await collect(provider, model)
    ends = [event for event in events if isinstance(event, Done)]
    assert len(ends) == 1
    assert events[-1] is ends[0]
    response = ends[0].response
    assert text_of(events) == response.content == expected_text(model)
    assert (response.provider, response.model, response.finish_reason) == (case.name, model, "stop")
    assert response.reasoning == ""
    assert response.ignored == ()
    assert response.timing is not None
    assert 0 <= (response.timing.first_token or 0) <= response.timing.total


async def test_after_the_protocols_last_word_nothing_is_text(provider: LLMProvider) -> None:
    assert text_of(await collect(provider, "after-done")) == answer_text()


async def test_usage_is_what_the_provider_counted(provider: LLMProvider) -> None:
    response = await provider.complete("one two three", "ok?tokens=7")
    assert response.usage["prompt_tokens"] == 6
    assert response.usage["completion_tokens"] == 7
    assert response.usage["total_tokens"] == 13


@pytest.mark.parametrize("case", case_params(lambda case: can_show(case, "no-usage")), indirect=True)
async def test_usage_that_was_not_reported_is_absent_and_not_zero(case: Case, provider: LLMProvider) -> None:
    response = await provider.complete("Hello?", "no-usage")
    assert response.usage == {}


async def test_complete_and_stream_give_the_same_text(provider: LLMProvider) -> None:
    response = await provider.complete("Hello?", "ok?tokens=30")
    pieces = [piece async for piece in provider.stream("Hello?", "ok?tokens=30")]
    assert response.content == "".join(pieces) == answer_text(30)
    assert all(pieces)


async def test_text_is_handed_on_as_it_comes(provider: LLMProvider, fault_server: FaultServer) -> None:
    """A stream that then stalls: what was sent is out before the next token is."""
    async with aclosing(provider.events(ChatRequest(user(), "stall@one"))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                assert event.text == answer_text(1)
                break


async def test_reasoning_is_kept_apart_from_the_answer(case: Case, provider: LLMProvider) -> None:
    for model in case.reasoning:
        events = await collect(provider, model)
        thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
        assert isinstance(events[-1], Done)
        response = events[-1].response
        assert thought.strip() == "".join(REASONING)
        assert response.reasoning == thought
        assert text_of(events) == response.content == answer_text()


async def test_an_answer_that_reasoning_used_up_is_a_length_and_not_an_error(provider: LLMProvider) -> None:
    response = await provider.complete("Hello?", "reasoning-length")
    assert (response.content, response.finish_reason) == ("", "length")
    assert response.reasoning == "".join(REASONING)


async def test_an_answer_cut_by_its_limit_says_so(provider: LLMProvider) -> None:
    response = await provider.complete("Hello?", "length")
    assert (response.content, response.finish_reason) == (answer_text(), "length")


async def test_an_unknown_finish_reason_stays_visible(provider: LLMProvider) -> None:
    response = await provider.complete("Hello?", "unknown-finish")
    assert (response.content, response.finish_reason) == (answer_text(), "moon_phase")


async def test_settings_reach_the_wire_and_unset_ones_do_not(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    await provider.complete("Hello?", "claude-haiku-4" if case.name == "anthropic" else "ok", max_tokens=77)
    assert case.limit(chats()[0].body) == 77
    with pytest.raises(KeyError):
        case.temperature(chats()[0].body)


async def test_temperature_zero_is_a_temperature(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    response = await provider.complete("Hello?", "ok", temperature=0.0)
    assert response.ignored == ()
    assert case.temperature(chats()[-1].body) == 0.0


async def test_system_prompts_arrive_all_of_them(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    turns = (Message(Role.SYSTEM, "Be brief."), Message(Role.SYSTEM, "Be kind."), *user())
    response = await provider.complete(turns, "ok")
    assert response.content == answer_text()
    assert case.system(chats()[0].body) == "Be brief.\n\nBe kind."


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param((("user", "a"), ("user", "b")), id="two user turns"),
        pytest.param((("user", "a"), ("assistant", "b"), ("assistant", "c"), ("user", "d")), id="two assistant turns"),
        pytest.param((("user", "a"), ("assistant", ""), ("user", "b")), id="an empty assistant turn"),
        pytest.param((("user", "a"), ("assistant", " \n "), ("user", "b")), id="a blank assistant turn"),
        pytest.param((("assistant", "Welcome!"), ("user", "b")), id="an assistant turn first"),
        pytest.param((("system", ""), ("user", "b")), id="an empty system prompt"),
        pytest.param((("user", " "), ("user", "b")), id="a blank user turn"),
        pytest.param((("user", "a"), ("system", "late"), ("user", "b")), id="a system prompt in the middle"),
    ],
)
async def test_any_history_that_a_page_can_make_is_answered(
    provider: LLMProvider, turns: tuple[tuple[str, str], ...]
) -> None:
    response = await provider.complete([Message(Role(role), text) for role, text in turns], "ok")
    assert response.content == answer_text()


async def test_images_travel_in_the_vendors_shape(
    case: Case, provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    parts = (Text("What is this?"), Image(PNG), Image(b"\xff\xd8\xff", "image/jpeg"))
    response = await provider.complete([Message(Role.USER, parts)], "ok")
    assert response.content == answer_text()
    sent = case.images(chats()[0].body)
    assert [base64.b64decode(data) for _, data in sent] == [PNG, b"\xff\xd8\xff"]
    assert [media for media, _ in sent] in (["image/png", "image/jpeg"], ["", ""])
    assert "What is this?" in chats()[0].raw.decode()


async def test_an_image_without_text_is_a_prompt(provider: LLMProvider) -> None:
    response = await provider.complete([Message(Role.USER, (Image(PNG),))], "ok")
    assert response.content == answer_text()


@pytest.mark.parametrize(
    "prompt",
    [
        "日本語 👩‍👩‍👧‍👦 e\u0301 ﷽",
        "a\u2028b\u2029c\u0085d",
        'quotes " \\ / \t',
        "nul \x00 and \x1b",
        "<|im_start|> </s>",
    ],
    ids=["scripts", "line separators", "escapes", "control characters", "special tokens"],
)
async def test_prompts_arrive_exactly(provider: LLMProvider, chats: Callable[[], list[Exchange]], prompt: str) -> None:
    await provider.complete(prompt, "ok")
    assert sent_prompt(chats()[0]) == prompt


async def test_half_a_character_in_a_prompt_does_not_break_the_chat(provider: LLMProvider) -> None:
    """A lone surrogate, as a browser sends it when an emoji is cut in two: refused or replaced, never a crash."""
    try:
        response = await provider.complete("half \ud83d", "ok")
    except InvalidRequest:
        return
    assert response.content == answer_text()


# aiohttp would rather have had a file of that size.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_prompt_of_a_megabyte_arrives_intact(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    prompt = answer_text(200_000)[: 1024 * 1024]
    await provider.complete(prompt, "ok")
    assert sent_prompt(chats()[0]) == prompt


def sent_prompt(exchange: Exchange) -> str:
    """The last turn's text on the wire."""
    turns = exchange.body["input" if exchange.path == "/v1/responses" else "messages"]
    content = turns[-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@pytest.mark.parametrize("prompt", ["", " ", "\n\t "], ids=["empty", "a space", "white space"])
async def test_an_empty_prompt_is_refused_without_a_request(
    case: Case, provider: LLMProvider, fault_server: FaultServer, prompt: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await provider.complete(prompt, "ok")
    assert caught.value.provider == case.name
    assert fault_server.exchanges == []


async def test_no_messages_and_an_assistant_turn_last_are_refused_without_a_request(
    provider: LLMProvider, fault_server: FaultServer
) -> None:
    for turns in ([], [*user(), Message(Role.ASSISTANT, "Well,")], [Message(Role.SYSTEM, "Be brief.")]):
        with pytest.raises(InvalidRequest):
            await provider.complete(turns, "ok")
    assert fault_server.exchanges == []


@pytest.mark.parametrize(
    ("case", "model"),
    case_pairs(["empty", "blank", "load"], lambda case, model: model != "load" or case.name == "ollama"),
    indirect=["case"],
)
async def test_an_answer_without_text_is_an_error(provider: LLMProvider, case: Case, model: str) -> None:
    with pytest.raises(EmptyAnswer) as caught:
        await provider.complete("Hello?", model)
    assert (caught.value.provider, caught.value.model) == (case.name, model)


async def test_fifty_chats_at_once_through_one_provider_do_not_mix(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    models = [f"ok?tokens={40 + number}" for number in range(50)]
    answers = await asyncio.gather(*(provider.complete(f"Number {model}", model) for model in models))
    assert [answer.content for answer in answers] == [answer_text(40 + number) for number in range(50)]
    assert [answer.model for answer in answers] == models
    assert len(chats()) == 50


async def test_fifty_streams_are_open_at_the_same_time(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], fault_server: FaultServer
) -> None:
    """None waits for another's end: every one is open before the first is closed."""
    streams = [provider.events(ChatRequest(user(), f"pings@one?every=0.1&n={number}")) for number in range(50)]

    async def first_text(stream: Any) -> str:
        async for event in stream:
            if isinstance(event, TextDelta):
                return event.text
        return ""

    assert await asyncio.gather(*map(first_text, streams)) == [answer_text(1)] * 50
    assert len(chats()) == 50
    assert not any(exchange.closed for exchange in chats())
    await asyncio.gather(*(stream.aclose() for stream in streams))


async def test_one_provider_serves_one_chat_after_another_over_one_connection_pool(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    for _ in range(5):
        assert (await provider.complete("Hello?", "ok")).content == answer_text()
    assert len(chats()) == 5
    assert len({exchange.connection for exchange in chats()}) == 1


async def test_a_failed_chat_does_not_spoil_the_next(provider: LLMProvider) -> None:
    for model in ("cut@mid", "malformed", "status-500", "close@one", "html"):
        with pytest.raises(ProviderError):
            await provider.complete("Hello?", model)
        assert (await provider.complete("Hello?", "ok")).content == answer_text()

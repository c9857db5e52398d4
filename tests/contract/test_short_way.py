"""A provider that is written the short way, `complete` or `stream` alone, keeps its part of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role, TextDelta
from llm_hub.errors import EmptyAnswer, InvalidRequest, RateLimited
from llm_hub.provider import LLMProvider
from tests.fault_server import answer_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class Streams(LLMProvider):
    """Overrides `stream` alone."""

    name = "short"
    default_model = "m"

    def __init__(self, pieces: Sequence[str | Exception]) -> None:
        self.pieces = pieces
        self.asked: list[Any] = []
        self.closed = False

    async def stream(self, messages: Any, model: str | None = None, **options: Any) -> AsyncIterator[str]:
        self.asked.append((messages, model, options))
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


class Completes(LLMProvider):
    """Overrides `complete` alone."""

    name = "short"
    default_model = "m"

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def complete(self, messages: Any, model: str | None = None, **options: Any) -> Any:
        self.asked.append((messages, model, options))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def pieces_of(text: str) -> list[str]:
    """The text in pieces, an empty one among them."""
    return ["", *(text[start : start + 5] for start in range(0, len(text), 5))]


REQUEST = ChatRequest((Message(Role.USER, "Hello?"),), None, 0.5, 9)


@pytest.mark.parametrize(
    "provider", [Streams(pieces_of(answer_text())), Completes(answer_text())], ids=["stream", "complete"]
)
async def test_its_events_are_the_whole_text_and_one_done(provider: Any) -> None:
    events = [event async for event in provider.events(REQUEST)]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == answer_text()
    assert [isinstance(event, Done) for event in events].count(True) == 1
    response = events[-1].response
    assert (response.content, response.provider, response.model) == (answer_text(), "short", "m")
    assert response.finish_reason == "stop"
    assert response.usage == {}
    assert provider.asked[-1] == (REQUEST.messages, "m", {"temperature": 0.5, "max_tokens": 9})


async def test_the_verb_that_it_did_not_write_works_too() -> None:
    assert (await Streams(pieces_of(answer_text())).complete("Hello?")).content == answer_text()
    assert "".join([piece async for piece in Completes(answer_text()).stream("Hello?")]) == answer_text()


async def test_a_response_of_its_own_is_passed_on_untouched() -> None:
    response = LLMResponse("text", "other", {"total_tokens": 3}, "length", "short")
    events = [event async for event in Completes(response).events(REQUEST)]
    assert events == [TextDelta("text"), Done(response)]


@pytest.mark.parametrize("provider", [Streams([" "]), Streams([]), Completes("")], ids=["blank", "nothing", "empty"])
async def test_an_answer_without_text_is_an_error(provider: LLMProvider) -> None:
    with pytest.raises(EmptyAnswer):
        [event async for event in provider.events(REQUEST)]


@pytest.mark.parametrize("provider", [Streams(["x"]), Completes("x")], ids=["stream", "complete"])
async def test_an_empty_prompt_is_refused_without_asking_it(provider: Any) -> None:
    with pytest.raises(InvalidRequest):
        [event async for event in provider.events(ChatRequest((Message(Role.USER, " "),)))]
    assert provider.asked == []


async def test_its_errors_come_through_also_after_text() -> None:
    events = Streams(["some", RateLimited("slow down")]).events(REQUEST)
    assert await anext(events) == TextDelta("some")
    with pytest.raises(RateLimited):
        await anext(events)
    with pytest.raises(RateLimited):
        [event async for event in Completes(RateLimited("slow down")).events(REQUEST)]


async def test_closing_its_events_closes_its_stream() -> None:
    provider = Streams(["one", "two"])
    events = provider.events(REQUEST)
    assert await anext(events) == TextDelta("one")
    await events.aclose()
    assert provider.closed


def test_a_provider_that_overrides_nothing_is_no_provider() -> None:
    with pytest.raises(TypeError, match="must override"):
        type("Nothing", (LLMProvider,), {})

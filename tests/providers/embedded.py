"""What the tests of the embedded model share: questions to it, and the reading of its events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeVar

from llm_hub.chat import ChatRequest, Done, Event, LLMResponse, Message, Role
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider

MODEL = "SmolLM2-135M-Instruct"
"""The packaged model."""
SUM = "The answer to this classic math problem is 4."
"""What it answers to "What is 2+2?"."""
STORY = "Tell me a long story about a fox."
"""A prompt whose answer takes long."""

E = TypeVar("E", bound=Event)


def question(prompt: str, **options: Any) -> ChatRequest:
    """A request that is always answered in the same words."""
    return ChatRequest((Message(Role.USER, prompt),), **{"temperature": 0.0, **options})


async def answer(provider: LlamaCppProvider, request: ChatRequest) -> LLMResponse:
    """The complete answer."""
    return response(await collect(provider.events(request)))


def response(events: list[Event]) -> LLMResponse:
    """The answer that the last of an answer's events carries."""
    done = events[-1]
    assert isinstance(done, Done)
    return done.response


async def collect(events: AsyncGenerator[Event]) -> list[Event]:
    """All events of an answer."""
    async with aclosing(events):
        return [event async for event in events]


async def first(kind: type[E], events: AsyncGenerator[Event]) -> E:
    """The first event of a kind. What comes before it is dropped."""
    return await anext(event async for event in events if isinstance(event, kind))

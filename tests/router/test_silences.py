"""How long a server may be silent: one that says nothing at all, and one that is alive. In virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import (
    Alive,
    AttemptFailed,
    AttemptStarted,
    ChatRequest,
    Done,
    LLMResponse,
    Message,
    Role,
    TextDelta,
    VendorDelta,
)
from llm_hub.errors import TimedOut
from llm_hub.provider import LLMProvider
from llm_hub.providers.anthropic import AnthropicProvider
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
from llm_hub.providers.ollama import OllamaProvider
from llm_hub.providers.openai import OpenAIProvider
from llm_hub.router import LLMRouter, Target
from tests.fault_server import FaultServer
from tests.router.routes import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.chat import Event

SILENCES = [
    ("stall@headers?like=haiku", True, 12),  # nothing at all
    ("stall@headers?like=thinker", True, 30),  # nothing at all, and a name that tells of reasoning
    ("stall@first?like=haiku", True, 120),  # the head of the reply, and then nothing
    ("stall@first?like=thinker", True, 120),
    ("pings?like=haiku&every=5", True, 120),  # signs of life for ever
    ("pings@mid?like=haiku&every=5", True, 125),  # the same in the middle of the answer, from the first of them on
    ("stall@headers?like=haiku", False, 120),  # a server on one's own network reads a long prompt without a sign
]
"""Models, whether they are far away, and the seconds after which the router gives them up."""
ASK = ChatRequest((Message(Role.USER, "What does the tide do?"),))


async def seconds_until_given_up(provider: LLMProvider, model: str) -> float:
    """Seconds that one attempt took, which ends because the server is silent."""
    router = LLMRouter(provider, max_retries=0)
    with pytest.raises(TimedOut) as raised:
        await router.complete("What does the tide do?", model)
    await router.aclose()
    seconds: float = raised.value.attempts[0].seconds
    return seconds


@pytest.mark.parametrize(
    ("protocol", "model", "is_remote", "seconds"),
    [
        (protocol, model, is_remote, seconds)
        for protocol in PROTOCOLS
        for model, is_remote, seconds in SILENCES
        if protocol != "ollama" or "headers" not in model  # a cold Ollama says that it loads the model
    ],
)
async def test_who_says_nothing_is_given_up_soon_and_who_is_alive_may_think(
    protocol: str, model: str, is_remote: bool, seconds: float
) -> None:
    async with FaultServer() as fault_server:
        provider: Any = PROTOCOLS[protocol](fault_server)
        if is_remote:
            provider.is_private = False
        assert provider.is_private is not is_remote
        assert await seconds_until_given_up(provider, model) == pytest.approx(seconds, abs=1)


class Pausing(LLMProvider):
    """Writes a word, pauses, and writes another one; with `alive`, the pause begins with a sign of life."""

    name = "pausing"
    default_model = "m"

    def __init__(self, pause: float, *, alive: bool) -> None:
        self._pause = pause
        self._is_alive = alive

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        yield TextDelta("Low ")
        if self._is_alive:
            yield Alive()
        await asyncio.sleep(self._pause)
        yield TextDelta("tide.")
        yield Done(LLMResponse("Low tide.", "m", {}, "stop", self.name))


async def test_a_sign_of_life_between_two_tokens_lets_the_server_think() -> None:
    response = await LLMRouter(Pausing(100, alive=True)).complete("?")
    assert response.content == "Low tide."
    assert await seconds_until_given_up(Pausing(100, alive=False), "m") == pytest.approx(15)
    assert await seconds_until_given_up(Pausing(1000, alive=True), "m") == pytest.approx(120)


class Encrypting(LLMProvider):
    """Thinks in blocks that nobody can read, each for longer than two tokens may be apart, and then writes a word."""

    name = "encrypting"
    default_model = "m"

    def __init__(self, pause: float) -> None:
        self._pause = pause

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        for _ in range(3):
            yield VendorDelta("anthropic", {"type": "redacted_thinking", "data": "c2VhbA=="})
            await asyncio.sleep(self._pause)
        yield TextDelta("Low tide.")
        yield Done(LLMResponse("Low tide.", "m", {}, "stop", self.name))


async def test_what_only_the_vendor_can_read_is_no_first_token_and_a_sign_of_life() -> None:
    response = await LLMRouter(Encrypting(100)).complete("?")
    assert response.timing is not None
    assert response.timing.first_token == response.attempts[0].first_token == pytest.approx(300)
    assert await seconds_until_given_up(Encrypting(1000), "m") == pytest.approx(120)


class Calling(LLMProvider):
    """Sends pieces of a call that are held back, every ten seconds, for longer than any server may think."""

    name = "calling"
    default_model = "m"

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        for _ in range(30):
            await asyncio.sleep(10)
            yield Alive(is_progress=True)
        yield TextDelta("Low tide.")
        yield Done(LLMResponse("Low tide.", "m", {}, "stop", self.name))


async def test_pieces_that_are_held_back_are_progress() -> None:
    assert (await LLMRouter(Calling()).complete("?")).content == "Low tide."


async def test_a_reader_may_leave_at_the_first_sign_of_life() -> None:
    async with FaultServer() as fault_server:
        provider = PROTOCOLS["openai"](fault_server)
        events = provider.events(ChatRequest(ASK.messages, "ok?tokens=3"))
        first = await anext(events)
        await events.aclose()  # the reader leaves before the reply is read: its connection is closed
        await provider.aclose()
    assert isinstance(first, Alive)


async def test_no_reader_is_told_of_a_sign_of_life() -> None:
    events = [event async for event in LLMRouter(Pausing(1, alive=True)).events(ASK)]
    assert not [event for event in events if isinstance(event, Alive)]


def test_which_silence_is_whose() -> None:
    key = "sk-0123456789abcdef"
    assert OpenAIProvider(key).first_silence("gpt-4.1") == "first_token"
    assert OpenAIProvider(key).first_silence("gpt-6-luna") == "reasoning"
    assert AnthropicProvider(key).first_silence("claude-opus-5-5") == "reasoning"
    for address in ("http://10.0.0.5:8000/v1", "http://gpu:8000/v1", "http://gpu.local/v1", "http://[fd00::1]/v1"):
        assert OpenAIProvider(key, base_url=address).first_silence("gpt-6-luna") == "thinking"
    assert OllamaProvider().first_silence("llama3.2") == "thinking"
    assert OllamaProvider("https://ollama.harbour.example.com").first_silence("llama3.2") == "first_token"
    assert LlamaCppProvider.first_silence(Pausing(0, alive=True), "m") == "thinking"  # type: ignore[arg-type]
    assert Pausing(0, alive=False).first_silence("deep-thinker") == "thinking"  # never says that it is alive


async def test_an_answer_that_has_only_pinged_moves_to_another_provider_without_a_word() -> None:
    async with FaultServer() as fault_server:
        provider = PROTOCOLS["anthropic"](fault_server)
        router = LLMRouter(Target(provider, "pings?like=haiku&every=5"), Target(provider, "ok?tokens=3"), max_retries=0)
        events = [event async for event in router.events(ASK)]
        await router.aclose()
    assert [type(event) for event in events[:3]] == [AttemptStarted, AttemptFailed, AttemptStarted]
    of_answer = [event for event in events[3:] if isinstance(event, VendorDelta)]
    assert [event.data["type"] for event in of_answer] == ["message_start", "content_block_start", "other_event"]
    assert of_answer[2].data["event"] == {"type": "ping"}

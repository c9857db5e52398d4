"""Names become providers, and whoever is unknown is named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from llm_hub import ConfigurationError, LLMProvider, Message, ProviderFactory, Role
from llm_hub.chat import ChatRequest, Done, LLMResponse, TextDelta
from llm_hub.errors import EmptyAnswer, InvalidRequest
from llm_hub.factory import ROWS


class Echo(LLMProvider):
    """Written the short way, with `complete` alone."""

    default_model = "echo-1"

    async def complete(self, messages, model=None, *, temperature=None, max_tokens=None) -> str:  # type: ignore[no-untyped-def,override]
        return messages[-1].text.upper()


class Spell(LLMProvider):
    """Written the short way, with `stream` alone."""

    default_model = "spell-1"

    async def stream(self, messages, model=None, *, temperature=None, max_tokens=None) -> AsyncIterator[str]:  # type: ignore[no-untyped-def,override]
        for letter in messages[-1].text:
            yield letter


@pytest.fixture
def registry() -> Iterator[None]:
    before = dict(ProviderFactory.registered)
    yield
    ProviderFactory.registered.clear()
    ProviderFactory.registered.update(before)


@pytest.mark.usefixtures("registry")
def test_a_registered_provider_is_available_and_made() -> None:
    ProviderFactory.register("echo", Echo)
    assert "echo" in ProviderFactory.available_providers()
    assert isinstance(ProviderFactory.create("echo"), Echo)


@pytest.mark.usefixtures("registry")
def test_a_registered_name_may_replace_one_that_comes_with_the_hub() -> None:
    ProviderFactory.register("openai", Echo)
    assert isinstance(ProviderFactory.create("openai"), Echo)
    assert ProviderFactory.available_providers().count("openai") == 1


@pytest.mark.parametrize("name", ["", "a/b", "auto", " x", "a\nb"])
def test_a_name_that_cannot_stand_before_a_slash_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        ProviderFactory.register(name, Echo)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean openai"):
        ProviderFactory.create("opena1")


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.key])
def test_a_missing_key_is_told_with_the_name_of_its_variable(name: str) -> None:
    with pytest.raises(ConfigurationError, match=ROWS[name].key[0]):
        ProviderFactory.create(name)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.key])
async def test_every_row_with_a_key_makes_its_provider(name: str) -> None:
    provider = ProviderFactory.create(name, api_key="test-key-123")
    assert (provider.name, provider.title) == (name, ROWS[name].title)
    assert provider.default_model in ROWS[name].suggestions
    await provider.aclose()


async def test_a_provider_with_complete_alone_streams_too() -> None:
    events = [event async for event in Echo().events(ChatRequest((Message(Role.USER, "hello"),)))]
    assert events[0] == TextDelta("HELLO")
    assert isinstance(events[-1], Done)
    assert events[-1].response.content == "HELLO"
    assert [piece async for piece in Echo().stream("hello")] == ["HELLO"]


async def test_a_provider_with_stream_alone_completes_too() -> None:
    response = await Spell().complete("abc")
    assert isinstance(response, LLMResponse)
    assert (response.content, response.model, response.finish_reason) == ("abc", "spell-1", "stop")


async def test_an_empty_answer_of_a_short_provider_is_an_error() -> None:
    class Silent(Spell):
        async def stream(self, messages, model=None, **_: object) -> AsyncIterator[str]:  # type: ignore[no-untyped-def,override]
            yield ""

    with pytest.raises(EmptyAnswer):
        await Silent().complete("hello")


async def test_a_provider_must_override_something() -> None:
    with pytest.raises(TypeError, match="must override"):
        type("Nothing", (LLMProvider,), {})


@pytest.mark.parametrize("messages", [[], "", "  \n", [Message(Role.ASSISTANT, "me")], [Message(Role.SYSTEM, "be")]])
async def test_nothing_to_answer_is_refused(messages: str | list[Message]) -> None:
    with pytest.raises(InvalidRequest, match="nothing to answer"):
        await Spell().complete(messages)


def test_roles_may_be_written_as_words() -> None:
    assert Message("user", "hi").role is Role.USER  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="robot"):
        Message("robot", "hi")  # type: ignore[arg-type]

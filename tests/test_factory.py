"""The factory makes providers by name, and providers may be written the short way."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from llm_hub import (
    AnthropicProvider,
    ConfigurationError,
    LLMProvider,
    Message,
    OpenAIProvider,
    ProviderFactory,
    Role,
    Text,
)
from llm_hub.chat import ChatRequest, Done, JSONFormat, LLMResponse, TextDelta, Tool
from llm_hub.errors import EmptyAnswer, InvalidRequest, NotConfigured
from llm_hub.hub import Hub
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.settings import Settings
from tests.fault_server import FaultServerThread, answer_text


class Echo(LLMProvider):
    """Written the short way, with `complete` alone."""

    default_model = "echo-1"

    async def complete(self, messages: Any, model: Any = None, **options: Any) -> str:  # type: ignore[override]
        return str(messages[-1].text.upper())


class Spell(LLMProvider):
    """Written the short way, with `stream` alone."""

    default_model = "spell-1"

    async def stream(self, messages: Any, model: Any = None, **options: Any) -> AsyncIterator[str]:
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


KEYED = [name for name, spec in PROVIDERS.items() if spec.key]


@pytest.mark.parametrize("name", KEYED)
def test_a_missing_key_is_told_with_the_name_of_its_variable(name: str) -> None:
    with pytest.raises(ConfigurationError, match=PROVIDERS[name].key[0]):
        ProviderFactory.create(name)


@pytest.mark.parametrize("name", KEYED)
async def test_the_variable_that_a_missing_key_names_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROVIDERS[name].key[0], "test-key-123")
    provider = ProviderFactory.create(name)
    assert (provider.name, provider.address) == (name, PROVIDERS[name].base_url)
    await provider.aclose()


async def test_a_key_from_the_environment_goes_to_the_server_that_stands_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test-key-123")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example/v1")
    for options, address in (
        ({}, "https://proxy.example/v1"),
        ({"base_url": "https://own.example/v1"}, "https://own.example/v1"),
        ({"api_key": "test-key-456"}, PROVIDERS["openai"].base_url),
    ):
        provider = ProviderFactory.create("openai", **options)
        assert provider.address == address
        await provider.aclose()


def test_the_hub_builds_no_provider_with_a_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test-key-123")
    with pytest.raises(ConfigurationError, match="needs an API key"):
        ProviderFactory.build("openai", PROVIDERS["openai"])
    with pytest.raises(ConfigurationError, match="needs an API key"):
        ProviderFactory.create("openai", api_key=None)


@pytest.mark.parametrize(
    "options",
    [{}, {"tools": (Tool("clock"),)}, {"format": JSONFormat()}, {"seed": 7}, {"effort": "low"}],
    ids=["nothing", "tools", "format", "seed", "effort"],
)
async def test_without_a_key_every_request_is_told_that_the_key_is_missing(options: dict[str, Any]) -> None:
    hub = Hub(Settings())
    try:
        request = ChatRequest((Message(Role.USER, "hello"),), "openai", fallback=(), **options)
        with pytest.raises(NotConfigured, match=r"OpenAI needs a key\. Set OPENAI_API_KEY") as caught:
            async with hub.session().answer(request) as (events, _):
                [event async for event in events]
        assert caught.value.provider == "openai"
    finally:
        await hub.aclose()


@pytest.mark.parametrize("name", KEYED)
async def test_every_spec_with_a_key_makes_its_provider(name: str) -> None:
    provider = ProviderFactory.create(name, api_key="test-key-123")
    assert (provider.name, provider.title) == (name, PROVIDERS[name].title)
    assert provider.default_model in PROVIDERS[name].suggestions
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
        async def stream(self, messages: Any, model: Any = None, **options: Any) -> AsyncIterator[str]:
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


@pytest.mark.parametrize("messages", [None, 5, Message(Role.USER, "hi"), ["hi"], [{"role": "user", "content": "hi"}]])
async def test_messages_of_another_kind_are_refused_with_an_example(messages: object) -> None:
    with pytest.raises(InvalidRequest, match=r'Message\("user", "Hello"\)'):
        await LLMProvider.complete(Spell(), messages)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [None, 5, ["hi"], (Text("describe"), {"type": "image_url"})])
def test_a_message_of_another_kind_is_refused_and_nothing_is_dropped(content: object) -> None:
    with pytest.raises(TypeError, match="Text and Image"):
        Message(Role.USER, content)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"temperature": "hot"}, {"temperature": 9}, {"max_tokens": 0}, {"model": 5}])
async def test_settings_that_no_provider_takes_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        await LLMProvider.complete(Spell(), "hi", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("provider", [Spell(), 5, int])
def test_only_a_providers_class_can_be_registered(provider: object) -> None:
    with pytest.raises(ConfigurationError, match="is no provider"):
        ProviderFactory.register("mine", provider)  # type: ignore[arg-type]


def test_an_option_that_a_provider_does_not_have_is_named() -> None:
    with pytest.raises(ConfigurationError, match="nonsense"):
        ProviderFactory.create("groq", api_key="test-key-123", nonsense=1)


@pytest.mark.parametrize("key", [None, 5, "", "a b", "a\nb", "schlüssel"])
@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_key_that_is_none_is_refused_and_not_shown(name: str, key: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ProviderFactory.create(name, api_key=key)
    assert not key or str(key) not in str(caught.value).replace("API key", "")


# What an ended loop left open can only be collected: that is Python's own complaint, and not about us.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_provider_may_be_used_in_one_event_loop_after_another() -> None:
    with FaultServerThread() as fault_server:
        for make in (OpenAIProvider, AnthropicProvider):
            url = fault_server.openai_url if make is OpenAIProvider else fault_server.anthropic_url
            provider = make("test-key-123", base_url=url)

            async def ask(provider: LLMProvider = provider) -> str:
                return (await provider.complete("hi", "ok?tokens=3")).content

            assert asyncio.run(ask()) == asyncio.run(ask()) == answer_text(3)
            del provider, ask
        gc.collect()

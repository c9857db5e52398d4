"""What a provider is: the class that adapters, the router and a program's own providers derive from.

A provider writes one method, and this module builds the others on it (template method). An adapter writes `events`,
with a `ResponseBuilder` that checks the request and collects the answer:

    class EchoProvider(LLMProvider):
        name, default_model = "echo", "echo-1"

        async def events(self, request):
            builder = ResponseBuilder(self, request)
            for word in request.messages[-1].text.split():
                yield builder.add_text(word + " ")
            builder.finish_reason = "stop"
            yield builder.finish()

A provider may also be written the short way, messages in and text out: it overrides `complete` (a coroutine) or
`stream` (an asynchronous generator) alone, and its events are derived. An adapter that speaks HTTP derives from
`HttpProvider` in providers/http_provider.py.
"""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from llm_hub.chat import ChatRequest, Done, FilesSent, LLMResponse, Message, Role, TextDelta
from llm_hub.chat.tool_calls import tool_call_deltas
from llm_hub.errors import InvalidRequest, NotConfigured, StreamBroken
from llm_hub.response_builder import ResponseBuilder

if TYPE_CHECKING:
    from llm_hub.chat import Event, ModelInfo
    from llm_hub.errors import ConfigurationError


FirstSilence = Literal["first_token", "reasoning", "thinking"]
"""A field of the router's `Timeouts`."""

_REASONING_NAMES = r"(?:^|[/:_-])(?:o[1-9]|gpt-[5-9]|gpt-oss|r1|qwq|magistral|qwen3)|reason|think"


@lru_cache(maxsize=1024)
def _names_reasoning(model: str) -> bool:
    return bool(re.search(_REASONING_NAMES, model.lower()))


class LLMProvider(ABC):  # noqa: B024  # what must be overridden is one of three, checked below
    """One place to send a chat to. An instance is shared by many chats at once and lives as long as the hub.

    A provider holds at most one connection pool, which opens with the first request and which `aclose` closes.
    """

    name: str = "custom"
    """The provider's name in `provider/model`."""
    title: str = ""
    """Its name in sentences; "" means `name`."""
    address: str = ""
    """The base URL, "" if it runs in this process. The health of two servers of one name is kept apart by it."""
    key_id: str = ""
    """What several hubs call the key that it was built with, where that is the owner's; it says nothing of the key. ""
    for any other: the health of what is asked with it is this instance's."""
    protocol: str = ""
    """The protocol whose requests it sends on as their clients wrote them: see `OriginalRequest`. "" for none."""
    default_model: str = ""
    """The model that is asked when a request names none."""
    supports: frozenset[str] = frozenset()
    """Its capabilities: which of the optional fields in capabilities.py it passes on."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        methods = (cls.events, cls.complete, cls.stream)
        if methods == (LLMProvider.events, LLMProvider.complete, LLMProvider.stream):
            raise TypeError(f"{cls.__name__} must override events(), or stream(), or complete().")

    def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer as it comes: deltas, then exactly one `Done`. A failure is raised, as a `ProviderError`.

        Closing the generator closes the connection to the provider, in whatever state it is.
        """
        return self._derived_events(request)

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models that the provider offers now, asked over the network. Raises `ProviderError`."""
        return ()

    async def count_tokens(self, request: ChatRequest) -> Mapping[str, Any] | None:  # noqa: ARG002  # a default
        """The vendor's own count of a request's tokens, in its own words; None: it cannot be asked for this request.

        Raises `ProviderError`.
        """
        return None

    def reasons(self, model: str) -> bool:
        """Whether the model may reason for a minute or two before its first token, as far as its name tells."""
        return _names_reasoning(model)

    def first_silence(self, model: str) -> FirstSilence:
        """Which of a router's timeouts holds until the first event of an answer, of whatever kind.

        A provider whose events do not include `Alive` needs the long one where the model thinks first.
        """
        return "thinking" if self.reasons(model) else "first_token"

    async def aclose(self) -> None:  # noqa: B027  # most providers written the short way hold nothing open
        """Closes the connections. The provider cannot be used afterwards."""

    async def complete(
        self,
        messages: Sequence[Message] | str,
        model: str | None = None,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> LLMResponse:
        """The whole answer at once. Raises `ProviderError`; a partial answer is never returned."""
        request = _request(messages, model, temperature, max_tokens)
        async with aclosing(self.events(request)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.response
        raise StreamBroken(f"{self.name} ended its stream without finishing.", provider=self.name)

    async def stream(
        self,
        messages: Sequence[Message] | str,
        model: str | None = None,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> AsyncIterator[str]:
        """The answer's text, piece by piece. Raises `ProviderError`, also after text has come."""
        request = _request(messages, model, temperature, max_tokens)
        async with aclosing(self.events(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event.text

    async def _derived_events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The events of a provider that is written the short way."""
        from llm_hub.documents.sending import prepare

        builder = ResponseBuilder(self, request)
        request, files = await prepare(request, takes_pdf=False)
        if files:
            yield FilesSent(files)
        options: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        if type(self).stream is not LLMProvider.stream:
            async with aclosing(self.stream(request.messages, builder.model, **options)) as pieces:  # type: ignore[type-var]  # async generators have aclose
                async for piece in pieces:
                    if piece:
                        yield builder.add_text(piece)
            builder.finish_reason = "stop"
            yield builder.finish()
            return
        response: LLMResponse | str = await self.complete(request.messages, builder.model, **options)
        if isinstance(response, LLMResponse):
            yield TextDelta(response.content)
            for delta in tool_call_deltas(response.tool_calls):
                yield delta
            yield Done(replace(response, ignored=(*response.ignored, *builder.untranslated)))
            return
        if not isinstance(response, str):
            raise TypeError(
                f"{type(self).__name__}.complete() must return text or an LLMResponse, not {response!r:.40}."
            )
        yield builder.add_text(response)
        builder.finish_reason = "stop"
        yield builder.finish()


class UnconfiguredProvider(LLMProvider):
    """Stands in for a provider that cannot be built, for want of a key for example, so that a route can go on.

    Every request is refused with the reason, whatever it asks for: what the provider would have been able to do is
    not known, and is not what the reader has to mend.
    """

    def __init__(self, *, name: str, title: str, default_model: str, reason: ConfigurationError) -> None:
        self.name = name
        self.title = title
        self.default_model = default_model
        self._reason = reason

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        raise NotConfigured(
            self._reason.message,
            provider=self.name,
            model=request.model or self.default_model,
            hint=self._reason.hint,
        )
        yield  # type: ignore[unreachable]  # makes this an asynchronous generator


def _request(
    messages: Sequence[Message] | str, model: str | None, temperature: float | None, max_tokens: int | None
) -> ChatRequest:
    """A request from a program's arguments. Raises `InvalidRequest` for arguments that no provider takes."""
    turns: object = [Message(Role.USER, messages)] if isinstance(messages, str) else messages
    if not isinstance(turns, list | tuple) or not all(isinstance(turn, Message) for turn in turns):
        raise InvalidRequest("The messages are a text, or a list of Message values.", hint='Message("user", "Hello")')
    if model is not None and not isinstance(model, str):
        raise InvalidRequest("The model is the name of one.")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        raise InvalidRequest("The temperature is a number from 0 to 2.", hint="Leave it out for the model's own.")
    if max_tokens is not None and not (isinstance(max_tokens, int) and max_tokens >= 1):
        raise InvalidRequest("max_tokens is a whole number above 0.", hint="Leave it out for the model's own.")
    return ChatRequest(tuple(turns), model, temperature, max_tokens)

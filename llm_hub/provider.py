"""What it means to be a provider.

An adapter writes `events`; everything that callers use is built on it here (template method). A provider may also
be written the short way, by overriding `complete` or `stream` alone, as coroutine or asynchronous generator: messages
in, text out. Called directly those do what they are written to do; its `events`, and with them every route, take it
like any other.
"""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role, TextDelta
from llm_hub.errors import InvalidRequest, StreamBroken
from llm_hub.response_builder import ResponseBuilder, tool_call_deltas

if TYPE_CHECKING:
    from llm_hub.chat import Event, ModelInfo


_REASONING_MODELS = re.compile(r"(?:^|[/:_-])(?:o[1-9]|gpt-[5-9]|gpt-oss|r1|qwq|magistral|qwen3)|reason|think")


@lru_cache(maxsize=1024)
def _sounds_like_reasoning(model: str) -> bool:
    return bool(_REASONING_MODELS.search(model.lower()))


class LLMProvider(ABC):  # noqa: B024  # what must be overridden is one of three, checked below
    """One place to send a chat to. Instances are shared by many chats at once and live as long as the hub.

    A provider holds at most one connection pool, opened on first use and closed by `aclose`.
    """

    name: str = "custom"
    """How the provider is called in `provider/model`."""
    title: str = ""
    """How it is called in sentences; "" means by its name."""
    address: str = ""
    """Where it is, "" if in this process: two servers of one name are two to whoever judges their health."""
    default_model: str = ""
    """The model that is asked when a request names none."""
    supports: frozenset[str] = frozenset()
    """Which of the fields in options.py, those that not every provider knows, can be passed on here."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        written = (cls.events, cls.complete, cls.stream)
        if written == (LLMProvider.events, LLMProvider.complete, LLMProvider.stream):
            raise TypeError(f"{cls.__name__} must override events(), or stream(), or complete().")

    def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer as it comes: deltas, then exactly one `Done`. A failure is raised.

        Closing the generator, in whatever state it is, closes the connection to the provider.
        """
        return self._derived_events(request)

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models that the provider offers now, asked over the network. Raises `ProviderError`."""
        return ()

    def reasons(self, model: str) -> bool:
        """Whether the model may think for a minute or two before its first token, as far as its name tells."""
        return _sounds_like_reasoning(model)

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
        answer = ResponseBuilder(self, request)
        options: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        if type(self).stream is not LLMProvider.stream:
            async with aclosing(self.stream(request.messages, answer.model, **options)) as pieces:  # type: ignore[type-var]  # async generators have aclose
                async for piece in pieces:
                    if piece:
                        yield answer.add_text(piece)
            answer.finish_reason = "stop"
            yield answer.finish()
            return
        whole: LLMResponse | str = await self.complete(request.messages, answer.model, **options)
        if isinstance(whole, LLMResponse):
            yield TextDelta(whole.content)
            for delta in tool_call_deltas(whole.tool_calls):
                yield delta
            yield Done(whole)
            return
        if not isinstance(whole, str):
            raise TypeError(f"{type(self).__name__}.complete() must return text or an LLMResponse, not {whole!r:.40}.")
        yield answer.add_text(whole)
        answer.finish_reason = "stop"
        yield answer.finish()


def _request(
    messages: Sequence[Message] | str, model: str | None, temperature: float | None, max_tokens: int | None
) -> ChatRequest:
    """A request from what a program passes. Raises `InvalidRequest` for what no provider could be sent."""
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

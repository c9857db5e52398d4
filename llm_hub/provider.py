"""What it means to be a provider.

An adapter writes `events`; everything that callers use is built on it here (template method). A provider may also
be written the short way, by overriding `complete` or `stream` alone, as coroutine or asynchronous generator: messages
in, text out. Called directly those do what they are written to do; its `events`, and with them every route, take it
like any other.
"""

from __future__ import annotations

import re
import time
from abc import ABC
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from llm_hub.calls import Calls, deltas
from llm_hub.chat import (
    ChatRequest,
    Done,
    LLMResponse,
    Message,
    ReasoningDelta,
    Role,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)
from llm_hub.errors import ContentRejected, EmptyAnswer, InvalidRequest, NotOffered, StreamBroken
from llm_hub.options import OPTIONAL, chooses_nothing, lacking

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
    takes: frozenset[str] = frozenset()
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
        answer = Answer(self, request)
        options: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        if type(self).stream is not LLMProvider.stream:
            async with aclosing(self.stream(request.messages, answer.model, **options)) as pieces:  # type: ignore[type-var]  # async generators have aclose
                async for piece in pieces:
                    if piece:
                        yield answer.text(piece)
            answer.finish_reason = "stop"
            yield answer.done()
            return
        whole: LLMResponse | str = await self.complete(request.messages, answer.model, **options)
        if isinstance(whole, LLMResponse):
            yield TextDelta(whole.content)
            for delta in deltas(whole.tool_calls):
                yield delta
            yield Done(whole)
            return
        if not isinstance(whole, str):
            raise TypeError(f"{type(self).__name__}.complete() must return text or an LLMResponse, not {whole!r:.40}.")
        yield answer.text(whole)
        answer.finish_reason = "stop"
        yield answer.done()


class Answer:
    """Collects one answer while it streams: an adapter passes its pieces through and ends with `yield answer.done()`.

    Raises `InvalidRequest` on construction if there is nothing to ask.
    """

    __slots__ = (
        "_calls",
        "_first",
        "_reasoning",
        "_started",
        "_text",
        "finish_reason",
        "ignored",
        "model",
        "notes",
        "provider",
        "refusal",
        "stop_sequence",
        "title",
        "usage",
    )

    def __init__(self, provider: LLMProvider, request: ChatRequest) -> None:
        self.provider = provider.name
        self.title = provider.title or provider.name
        self.model = request.model or provider.default_model
        """The model that was asked; an adapter overwrites it with the one that says it answers."""
        self.usage: Usage = {}
        self.finish_reason: str | None = None
        self.refusal = ""
        """The model's own words for not answering, where the protocol keeps them apart."""
        self.stop_sequence = ""
        self.ignored: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls = Calls()
        self._started = time.perf_counter()
        self._first: float | None = None
        if not self.model:
            raise InvalidRequest(
                f"No model is named, and {self.title} has no default.",
                provider=provider.name,
                hint="Choose a model.",
            )
        if not self.model.isprintable():
            raise InvalidRequest(
                "The model's name contains a line break or another character that no name has.",
                provider=provider.name,
                hint="Choose a model from the list.",
            )
        if (name := lacking(request, provider.takes)) is not None:
            raise NotOffered(
                f"{self.title} does not take {OPTIONAL[name]}.",
                parameter=name,
                provider=provider.name,
                model=self.model,
            )
        if chooses_nothing(request):
            raise InvalidRequest(
                "The choice of tools asks for one that the request does not have.",
                provider=provider.name,
                model=self.model,
                hint="Name one of the request's tools.",
            )
        last = request.messages[-1] if request.messages else None
        asks = last is not None and last.role is Role.USER and (last.text.strip() or last.images)
        if last is None or not (asks or last.tool_results):
            raise InvalidRequest(
                "There is nothing to answer: the last message must be the user's, and not be empty.",
                provider=provider.name,
                model=self.model,
                hint="Type a prompt.",
            )

    @property
    def started(self) -> bool:
        """Whether any text or reasoning has come."""
        return self._first is not None

    def text(self, text: str) -> TextDelta:
        """Takes the next piece of text."""
        if self._first is None:
            self._first = time.perf_counter()
        self._text.append(text)
        return TextDelta(text)

    def reasoning(self, text: str) -> ReasoningDelta:
        """Takes the next piece of reasoning."""
        if self._first is None:
            self._first = time.perf_counter()
        self._reasoning.append(text)
        return ReasoningDelta(text)

    def tool_call(self, place: int | None, *, id: str = "", name: str = "", arguments: str = "") -> ToolCallDelta:  # noqa: A002  # as it is called on every wire
        """Takes the next piece of a call, as `Calls.take` has it; one without an id is given one.

        Raises `StreamBroken` for a call that begins without a name.
        """
        if self._first is None:
            self._first = time.perf_counter()
        delta = self._calls.take(place, id, name, arguments)
        if delta is None:
            raise StreamBroken(f"{self.title} called a tool without a name.")
        return delta

    def length(self) -> int:
        """Characters so far: text, reasoning, and the arguments of calls."""
        return sum(map(len, self._text)) + sum(map(len, self._reasoning)) + self._calls.length()

    def done(self) -> Done:
        """The last event. Raises `StreamBroken` without a finish reason, `ContentRejected` for a refusal or a content
        filter, `EmptyAnswer` without text and calls.

        An answer that ran out of tokens while it reasoned is not empty: it is complete, with the reason "length". A
        call that the limit cut off is none. One that was made is the finish reason, whatever the server calls it.
        """
        if self.finish_reason is None:
            raise StreamBroken(
                f"{self.title} ended its answer without saying that it was complete.",
                provider=self.provider,
                model=self.model,
            )
        if self.refusal or self.finish_reason in ("content_filter", "refusal"):
            raise ContentRejected(
                f"{self.model} declined to answer.",
                provider=self.provider,
                model=self.model,
                detail=self.refusal,
                code=self.finish_reason,
                hint="Rephrase the prompt, or choose another model.",
            )
        content = "".join(self._text)
        calls = self._calls.whole(cut=self.finish_reason == "length")
        if calls and self.finish_reason == "stop":
            self.finish_reason = "tool_calls"
        if not content.strip() and not calls and self.finish_reason != "length":
            raise EmptyAnswer(f"{self.title} sent an empty answer.", provider=self.provider, model=self.model)
        first = None if self._first is None else self._first - self._started
        return Done(
            LLMResponse(
                content=content,
                model=self.model,
                usage=self.usage,
                finish_reason=self.finish_reason,
                provider=self.provider,
                reasoning="".join(self._reasoning),
                timing=Timing(first, time.perf_counter() - self._started),
                ignored=self.ignored,
                notes=self.notes,
                tool_calls=calls,
                stop_sequence=self.stop_sequence,
            )
        )


def joined(events: Iterable[Event]) -> Iterator[Event]:
    """The same events, with text that follows text in one piece, and reasoning that follows reasoning.

    For what came in one read of the network: every layer above works once for each event.
    """
    held: TextDelta | ReasoningDelta | None = None
    texts: list[str] = []
    try:
        for event in events:
            if held is not None and type(event) is type(held):
                texts.append(event.text)
                continue
            if held is not None:
                yield _whole(held, texts)
                held = None
            if isinstance(event, TextDelta | ReasoningDelta):
                held, texts = event, [event.text]
            else:
                yield event
    except Exception:
        if held is not None:  # what was said before it went wrong has been said
            yield _whole(held, texts)
        raise
    if held is not None:
        yield _whole(held, texts)


def _whole(first: TextDelta | ReasoningDelta, texts: list[str]) -> TextDelta | ReasoningDelta:
    return first if len(texts) == 1 else type(first)("".join(texts))


def _request(
    messages: Sequence[Message] | str, model: str | None, temperature: float | None, max_tokens: int | None
) -> ChatRequest:
    """A request from what a program passes. Raises `InvalidRequest` for what no provider could be sent."""
    turns: tuple[object, ...] = (Message(Role.USER, messages),) if isinstance(messages, str) else ()
    if isinstance(messages, list | tuple):
        turns = tuple(messages)
    if not all(isinstance(turn, Message) for turn in turns) or not isinstance(messages, str | list | tuple):
        raise InvalidRequest("The messages are a text, or a list of Message values.", hint='Message("user", "Hello")')
    if model is not None and not isinstance(model, str):
        raise InvalidRequest("The model is the name of one.")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        raise InvalidRequest("The temperature is a number from 0 to 2.", hint="Leave it out for the model's own.")
    if max_tokens is not None and not (isinstance(max_tokens, int) and max_tokens >= 1):
        raise InvalidRequest("max_tokens is a whole number above 0.", hint="Leave it out for the model's own.")
    return ChatRequest(turns, model, temperature, max_tokens)  # type: ignore[arg-type]  # all are messages: see above

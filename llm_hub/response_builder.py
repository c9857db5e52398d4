"""Puts the pieces of a streaming answer together: text, reasoning and tool calls of any protocol, into one response."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import orjson

from llm_hub.capabilities import CAPABILITIES, chooses_nothing, missing_capability
from llm_hub.chat import (
    ChatRequest,
    Done,
    LLMResponse,
    ReasoningDelta,
    Role,
    TextDelta,
    Timing,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from llm_hub.errors import ContentRejected, EmptyAnswer, InvalidRequest, NotOffered, StreamBroken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llm_hub.chat import Event


MAX_CALLS = 1000
"""In one answer."""


@dataclass(slots=True)
class _PartialCall:
    """A call whose arguments are still streaming."""

    index: int
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)

    def whole(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.arguments).strip() or "{}")


class ToolCallBuilder:
    """The calls of one answer."""

    __slots__ = ("_begun", "_places")

    def __init__(self) -> None:
        self._begun: list[_PartialCall] = []
        self._places: dict[int, _PartialCall] = {}
        """The last call at each of the vendor's places."""

    def take(self, place: int | None, call_id: str, name: str, arguments: str) -> ToolCallDelta | None:
        """Takes the next piece; None for one that begins a call without a name. Raises `StreamBroken` for too many.

        `place` is the vendor's number for the call, which several servers give to every call alike: another id
        together with a name begins another call, too. None is for a call that comes whole.
        """
        call = None if place is None else self._places.get(place)
        if call is not None and not (name and call_id and call_id != call.id):
            call.arguments.append(arguments)
            return ToolCallDelta(call.index, "", "", arguments)
        if not (name and isinstance(name, str) and isinstance(call_id, str)):
            return None
        if len(self._begun) >= MAX_CALLS:
            raise StreamBroken(f"The answer calls more than {MAX_CALLS} tools at once.")
        call = _PartialCall(len(self._begun), call_id or f"call_{uuid4().hex}", name, [arguments])
        self._begun.append(call)
        if place is not None:
            self._places[place] = call
        return ToolCallDelta(call.index, call.id, name, arguments)

    def length(self) -> int:
        """Characters of the arguments so far."""
        return sum(sum(map(len, call.arguments)) for call in self._begun)

    def whole(self, *, cut: bool) -> tuple[ToolCall, ...]:
        """The calls. `cut`: the answer ran into its limit, and a call that it cut off is none."""
        calls = tuple(call.whole() for call in self._begun)
        return tuple(call for call in calls if _is_json(call.arguments)) if cut else calls


def deltas(calls: Sequence[ToolCall]) -> list[ToolCallDelta]:
    """Whole calls as events, each in one piece."""
    return [ToolCallDelta(index, call.id, call.name, call.arguments) for index, call in enumerate(calls)]


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


class AnsweringProvider(Protocol):
    """Who is asked, as far as an answer has to know them: see `LLMProvider`."""

    name: str
    title: str
    default_model: str
    supports: frozenset[str]


class ResponseBuilder:
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

    def __init__(self, provider: AnsweringProvider, request: ChatRequest) -> None:
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
        self._calls = ToolCallBuilder()
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
        if (name := missing_capability(request, provider.supports)) is not None:
            raise NotOffered(
                f"{self.title} does not take {CAPABILITIES[name]}.",
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

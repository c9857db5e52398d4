"""Puts the pieces of a streamed answer together: text, reasoning and tool calls of any protocol, into one response."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llm_hub.capabilities import AnsweringProvider, check_request
from llm_hub.chat import (
    ChatRequest,
    Done,
    LateText,
    LLMResponse,
    OriginalAnswer,
    ReasoningDelta,
    TextDelta,
    Timing,
    ToolCall,
    ToolCallDelta,
    Usage,
    VendorState,
)
from llm_hub.chat.tool_calls import ToolCallBuilder
from llm_hub.errors import ContentRejected, EmptyAnswer, InvalidRequest, StreamBroken

_BROKEN_OFF = frozenset(
    {
        "abort", "aborted",  # vLLM and SGLang, of a request that the server has given up
        "insufficient_system_resource",  # DeepSeek: api-docs.deepseek.com, "Create Chat Completion"
        "network_error",  # Z.ai: docs.z.ai, "Chat Completion"
        "malformed_function_call", "unexpected_tool_call",  # Gemini: ai.google.dev, "FinishReason"
    }
)  # fmt: skip
"""Finish reasons, in small letters, of an answer that its server did not complete."""
_DECLINED = frozenset(
    {
        "content_filter", "refusal",
        "safety", "recitation", "blocklist", "prohibited_content", "spii",  # Gemini: HKUDS/Vibe-Trading#308
        "image_safety", "image_recitation", "image_prohibited_content",
        "sensitive",  # Z.ai, as above
        "error_toxic",  # Cohere: docs.cohere.com, "Chat"
    }
)  # fmt: skip
"""Finish reasons, in small letters, of an answer that a filter or the model itself ended."""


class ResponseBuilder:
    """Collects one answer while it streams.

    An adapter passes every piece through an `add_…` method, yields the event that it returns, and ends with
    `yield builder.finish()`. Constructing one checks the request: it raises `InvalidRequest` where there is nothing to
    ask, and `NotOffered` where the provider lacks a capability that the request needs.
    """

    __slots__ = (
        "_calls",
        "_first_piece_at",
        "_late_text",
        "_reasoning",
        "_started_at",
        "_text",
        "finish_reason",
        "has_other_content",
        "ignored",
        "is_original",
        "model",
        "notes",
        "original",
        "protocol",
        "provider",
        "refusal",
        "stop_sequence",
        "title",
        "untranslated",
        "usage",
    )

    def __init__(self, provider: AnsweringProvider, request: ChatRequest) -> None:
        self.provider = provider.name
        self.protocol = provider.protocol
        self.title = provider.title or provider.name
        original = request.original
        self.is_original = original is not None and original.protocol == provider.protocol
        """Whether the client speaks the provider's protocol, and is sent what the hub has no word for."""
        self.model = request.model or provider.default_model
        """The model that was asked. An adapter overwrites it with the model that the reply names."""
        self.usage: Usage = {}
        self.finish_reason: str | None = None
        """None until the provider has said that the answer is complete."""
        self.refusal = ""
        """The model's own words for not answering, where the protocol keeps them apart."""
        self.stop_sequence = ""
        """Which of the request's stop texts ended the answer, where the protocol says so."""
        self.ignored: tuple[str, ...] = ()
        """The request's settings that the model was not sent."""
        self.notes: tuple[str, ...] = ()
        """Sentences that a reader should see beside the answer."""
        self.original: OriginalAnswer | None = None
        """What the answer has in the vendor's own shape, beside the hub's words."""
        self.has_other_content = False
        """Whether `original` holds what is an answer by itself, such as an image."""
        self._text: list[str] = []
        self._late_text: list[tuple[int, list[str]]] = []
        """The pieces of text that follow calls of tools, with the number of calls before them."""
        self._reasoning: list[str] = []
        self._calls = ToolCallBuilder()
        self._started_at = time.perf_counter()
        self._first_piece_at: float | None = None
        self.untranslated = tuple(dict.fromkeys(_untranslated(self, request, provider)))
        """What the request has and the provider's protocol has no word for, and other vendors' state."""
        _check_model(self)
        check_request(request, provider, self.model)

    def add_text(self, text: str) -> TextDelta:
        """Adds the next piece of text."""
        if self._first_piece_at is None:
            self._first_piece_at = time.perf_counter()
        self._text.append(text)
        return TextDelta(text)

    def add_late_text(self, text: str) -> LateText:
        """Adds the next piece of text, in a protocol that tells whether it follows a call of a tool, as it does."""
        calls = len(self._calls)
        if self._late_text and self._late_text[-1][0] == calls:
            self._late_text[-1][1].append(text)
        else:
            self._late_text.append((calls, [text]))
        self.add_text(text)
        return LateText(text)

    def add_reasoning(self, text: str) -> ReasoningDelta:
        """Adds the next piece of reasoning."""
        if self._first_piece_at is None:
            self._first_piece_at = time.perf_counter()
        self._reasoning.append(text)
        return ReasoningDelta(text)

    def add_tool_call(
        self,
        position: int | None,
        *,
        id: str = "",  # noqa: A002  # as every protocol calls it
        name: str = "",
        arguments: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> ToolCallDelta | None:
        """Adds the next piece of a tool call, as `ToolCallBuilder.add` describes it. None: it is held back."""
        if self._first_piece_at is None:
            self._first_piece_at = time.perf_counter()
        return self._calls.add(position, id, name, arguments, extra)

    def count_characters(self) -> int:
        """Characters so far: of the text, the reasoning, and the arguments of tool calls."""
        return sum(map(len, self._text)) + sum(map(len, self._reasoning)) + self._calls.count_characters()

    def finish(self) -> Done:
        """The last event, with the whole response.

        Raises `StreamBroken` without a finish reason, for one that tells of a failure, and for a call of a tool that is
        none, `ContentRejected` for a refusal or a content filter, and `EmptyAnswer` for an answer with neither text nor
        tool calls. A refusal is an answer where the client speaks the provider's protocol. An answer that ran out of
        tokens while the model reasoned is not empty: it is complete, and its finish reason is "length". A tool call
        that the limit cut off is left out, and a note says so. An answer with tool calls always has the finish reason
        "tool_calls", also where the server says "stop".
        """
        if self.finish_reason is None:
            raise StreamBroken(
                f"{self.title} ended its answer without saying that it was complete.",
                provider=self.provider,
                model=self.model,
            )
        reason = self.finish_reason.lower()
        if reason in _BROKEN_OFF:
            raise StreamBroken(
                f"{self.title} broke its answer off ({self.finish_reason}).", provider=self.provider, model=self.model
            )
        is_declined = bool(self.refusal) or reason in _DECLINED
        if is_declined and not self.is_original:
            raise ContentRejected(
                f"{self.model} declined to answer.",
                provider=self.provider,
                model=self.model,
                detail=self.refusal,
                code=self.finish_reason,
                hint="Rephrase the prompt, or choose another model.",
            )
        content = "".join(self._text)
        calls, broken = self._calls.build()
        if broken and self.finish_reason != "length":
            problem = f"{broken[0]} with arguments that are no JSON object" if broken[0] else "a tool without a name"
            raise StreamBroken(f"{self.title} called {problem}.", provider=self.provider, model=self.model)
        for name in broken:
            self.notes = (*self.notes, f"A call of {name or 'a tool'} was cut off by the limit, and is left out.")
        if calls and self.finish_reason == "stop":
            self.finish_reason = "tool_calls"
        elif not calls and self.finish_reason == "tool_calls":
            self.finish_reason = "stop"
            self.notes = (*self.notes, f"{self.title} said that it calls a tool, and sent no call.")
        calls = tuple(self._with_state(call, place) for place, call in enumerate(calls))
        is_empty = not (content.strip() or calls or self.has_other_content)
        if is_empty and self.finish_reason != "length" and not is_declined:
            raise EmptyAnswer(f"{self.title} sent an empty answer.", provider=self.provider, model=self.model)
        first_piece = None if self._first_piece_at is None else self._first_piece_at - self._started_at
        return Done(
            LLMResponse(
                content=content,
                model=self.model,
                usage=self.usage,
                finish_reason=self.finish_reason,
                provider=self.provider,
                reasoning="".join(self._reasoning),
                timing=Timing(first_piece, time.perf_counter() - self._started_at),
                ignored=(*self.ignored, *self.untranslated),
                notes=self.notes,
                tool_calls=calls,
                stop_sequence=self.stop_sequence,
                original=self.original,
                late_text=tuple((number, "".join(pieces)) for number, pieces in self._late_text) if calls else (),
            )
        )

    def state_of(self, call: ToolCall, place: int) -> Mapping[str, Any]:  # noqa: ARG002  # a default, for those who want none
        """What the vendor wants back with a call, the `place`th of the answer: see `VendorState`. Empty: nothing."""
        return {}

    def _with_state(self, call: ToolCall, place: int) -> ToolCall:
        data = self.state_of(call, place)
        return replace(call, state=VendorState(self.provider, self.protocol, data)) if data else call


def _untranslated(builder: ResponseBuilder, request: ChatRequest, provider: AnsweringProvider) -> Iterator[str]:
    """How an answer names what of its request the provider was not sent."""
    original = request.original
    is_foreign = original is not None and original.protocol != provider.protocol
    if original is not None and is_foreign:
        yield from original.untranslated
    if "effort" not in provider.supports:
        if request.effort is not None:
            yield "effort"
        if is_foreign and request.thinking_budget is not None:
            yield "thinking"
    for turn in request.messages:
        for call in turn.tool_calls:
            if (state := call.state) is not None and not call.state_for(builder.provider, builder.protocol):
                yield f"reasoning of {state.provider}"


def _check_model(builder: ResponseBuilder) -> None:
    if not builder.model:
        raise InvalidRequest(
            f"No model is named, and {builder.title} has no default.",
            provider=builder.provider,
            hint="Choose a model.",
        )
    if not builder.model.isprintable():
        raise InvalidRequest(
            "The model's name contains a line break or another character that no name has.",
            provider=builder.provider,
            hint="Choose a model from the list.",
        )

"""Reads the chunks of an answer in OpenAI's protocol, in the many dresses in which compatible servers send them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from llm_hub.chat import OriginalAnswer, VendorDelta
from llm_hub.providers.cumulative_usage import update_usage
from llm_hub.providers.joined_pieces import count_characters, has_pieces, join_pieces
from llm_hub.providers.openai_body import STATE_FIELDS
from llm_hub.providers.openai_fields import (
    CALL_FIELDS,
    CONTENT_FIELDS,
    HEAD_FIELDS,
    KNOWN_CHOICE_FIELDS,
    KNOWN_CHUNK_FIELDS,
    KNOWN_FIELDS,
    OTHER_REASONING_FIELDS,
    QUIET_FIELDS,
    REASONING_FIELDS,
    TEXT_ALONE,
    UNKEPT_FIELDS,
    WRITTEN_FIELDS,
)
from llm_hub.providers.openai_finish_reason import FINISH_REASONS, read_finish_reason
from llm_hub.providers.openai_pieces import (
    CustomCalls,
    add_logprobs,
    add_refusal,
    read_arguments,
    read_text,
    says_something,
    unknown_fields,
    wrapped,
)
from llm_hub.providers.openai_usage import read_timings, read_usage
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.wire.validation import parse_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.capabilities import AnsweringProvider
    from llm_hub.chat import ChatRequest, Event, ReasoningDelta, TextDelta, ToolCall, ToolCallDelta, Usage


class OpenAIResponseBuilder(StreamedResponseBuilder):
    """A response builder with what the reading of a chunk has to know about those before it."""

    __slots__ = (
        "_choice_fields", "_custom_calls", "_fields", "_has_delta", "_has_head", "_has_message", "_has_other_choices",
        "_is_late", "_is_unreliable", "_logprobs", "_others", "_others_size", "_reasoning_field", "_reported_usage",
        "_timings", "choice", "is_settled", "is_under_way", "state_fields",
    )  # fmt: skip

    def __init__(self, provider: AnsweringProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        self.state_fields: frozenset[str] = STATE_FIELDS
        """The fields that the vendor wants back with calls, as far as that is known."""
        self._reasoning_field = ""
        """The field in which the answer's reasoning came."""
        self.choice: object = None
        """The index of the choice that is read: the first one's."""
        self._choice_fields: dict[str, Any] = {}
        """Its fields for which the hub has no word."""
        self._has_other_choices = False
        self._has_delta = False
        self._has_head = not (self.is_original and request.original and request.original.body.get("stream"))
        """Whether a client of the same protocol that reads a stream has been told what the answer is called."""
        self._has_message = False
        """Whether a chunk had a whole message, as answers have that are not streamed."""
        self.is_under_way = False
        """Whether the answer has begun in deltas, and has no finish reason."""
        self._is_late = False
        """Whether more of the answer came after its finish reason."""
        self._is_unreliable = False
        """Whether every chunk has a finish reason: then none of them ends the answer."""
        self.is_settled = False
        """Whether the finish reason came without more of the answer, or the usage came after it."""
        self._timings: Usage = {}
        """llama.cpp's counts, which a server may give besides those of the protocol."""
        self._reported_usage: dict[str, Any] = {}
        self._fields: dict[str, Any] = {}
        """The answer's fields for which the hub has no word. Servers repeat them: the last ones hold."""
        self._others: list[dict[str, Any]] = []
        """Pieces of the message for which the hub has no word."""
        self._others_size = 0
        self._logprobs: dict[str, Any] = {}
        """How likely the tokens were, in the protocol's own shape."""
        self._custom_calls = CustomCalls()

    @property
    def is_complete(self) -> bool:
        """Whether the answer's finish reason has come, and ends it."""
        return self.finish_reason is not None and not self._is_unreliable

    def count_characters(self) -> int:
        return super().count_characters() + self._others_size + count_characters(self._fields)

    def read_choice(self, choice: dict[str, Any]) -> Iterator[Event | None]:
        """The events of a choice, and its finish reason."""
        index = choice.get("index")
        if self.choice is None:
            self.choice = index
        elif index != self.choice and index is not None:
            self._has_other_choices = True
            return
        delta = choice.get("delta") or self._other_delta(choice)
        if not KNOWN_CHOICE_FIELDS.issuperset(choice):
            fields = {name: choice[name] for name in choice.keys() - KNOWN_CHOICE_FIELDS}
            self._choice_fields |= fields
            yield VendorDelta("openai", {"choice": fields})
        says_more = any(value for name, value in delta.items() if name != "role")
        self._has_delta = self._has_delta or (says_more and not self._has_message)
        self._is_late = self._is_late or (self.finish_reason is not None and says_more)
        if not TEXT_ALONE.issuperset(delta):
            yield from self._read_other_fields(delta)
        if choice.get("logprobs"):
            yield from self._read_logprobs(choice["logprobs"])
        if text := delta.get("content"):
            yield from self.add_tagged_text(text) if isinstance(text, str) else self._read_parts(text)
        self.add_usage(choice.get("usage"))  # Moonshot's
        if reason := read_finish_reason(choice):
            self._is_unreliable, self.is_settled = self._is_late, not says_more
            self.finish_reason = reason
        self.is_under_way = self._has_delta and self.finish_reason is None

    def read_fields(self, chunk: dict[str, Any]) -> None:
        """Reads what a chunk has beside its choices: counts of llama.cpp and Groq, and what the hub has no word for."""
        if isinstance(timings := chunk.get("timings"), dict):
            self._timings = read_timings(timings)
        self.add_usage((chunk.get("x_groq") or {}).get("usage"))
        self.add_usage(chunk.get("usageMetadata"))  # Gemini's own name
        others = {name: value for name, value in chunk.items() if self._is_kept(name, value, KNOWN_CHUNK_FIELDS)}
        if others and "choices" in chunk:
            self._fields.update(others)

    def keep_quiet_fields(self, chunk: dict[str, Any]) -> None:
        """Keeps what a chunk says of the answer as a whole (its id, who served it) for a client of the same protocol.
        All chunks say the same."""
        if self.is_original:
            for name in QUIET_FIELDS & chunk.keys() - UNKEPT_FIELDS:
                if chunk[name] is not None or name not in self._fields:
                    self._fields[name] = chunk[name]

    def take_head(self, choice: dict[str, Any]) -> VendorDelta | None:
        """What the vendor calls the answer, once, right before its first words or at its end."""
        if self._has_head or not (choice.get("finish_reason") or says_something(choice.get("delta") or {})):
            return None
        self._has_head = True
        return VendorDelta("openai", {name: self._fields[name] for name in HEAD_FIELDS & self._fields.keys()})

    def add_usage(self, reported: object) -> None:
        """Takes over what a server counted."""
        if isinstance(reported, dict) and reported:
            update_usage(self._reported_usage, reported)
            self.usage = read_usage(self._reported_usage)

    def complete(self) -> None:
        """Completes the fields once the stream has ended."""
        if self.finish_reason is None and (self.ended or self._has_message):
            self.finish_reason = "stop"  # the protocol's own end came, or the whole message, though not the reason
        if self.finish_reason is not None and self.finish_reason not in FINISH_REASONS:
            self.notes = (*self.notes, f"The server ended the answer with {self.finish_reason}: it may be incomplete.")
        self.usage = {**self._timings, **self.usage}
        if self._has_other_choices:
            self.notes = (*self.notes, "The server gave more than one answer; this is the first.")
        body = self._fields | (join_pieces(self._others) if self._others else {})
        if self.is_original and self.finish_reason not in FINISH_REASONS:
            self._choice_fields["finish_reason"] = self.finish_reason
        if self._choice_fields or self._logprobs:
            body["choice"] = self._choice_fields | ({"logprobs": self._logprobs} if self._logprobs else {})
        if self._reasoning and self._reasoning_field in OTHER_REASONING_FIELDS:
            body["message"] = {**body.get("message", {}), self._reasoning_field: "".join(self._reasoning)}
        if self._reported_usage:
            body["usage"] = self._reported_usage
        if body:
            self.original = OriginalAnswer("openai", body)
            message = body.get("message")
            self.has_other_content = message is not None and any(message.get(name) for name in CONTENT_FIELDS)

    def add_rest(self) -> list[TextDelta | ReasoningDelta | ToolCallDelta]:
        ends = [self.add_tool_call(at, id=id_, arguments=end) for at, id_, end in self._custom_calls.ends()]
        return [*(end for end in ends if end is not None), *super().add_rest()]

    def state_of(self, call: ToolCall, place: int) -> Mapping[str, Any]:
        """The reasoning and what else belongs to the message go with the first call. Each has its own fields, too."""
        state: dict[str, Any] = {"call": dict(call.extra)} if call.extra else {}
        if place == 0:
            others = (self.original.body.get("message") if self.original else None) or {}
            fields = {name: others[name] for name in others.keys() & self.state_fields if others[name]}
            if "reasoning_details" not in fields and self._reasoning_field in self.state_fields:
                fields[self._reasoning_field] = "".join(self._reasoning)
            state |= {"message": fields} if fields else {}
        return state

    def _keep(self, piece: dict[str, Any]) -> None:
        """Keeps a piece of the message. A list that is only said again is none: no item has an index."""
        if self._others and piece == self._others[-1] and not has_pieces(piece):
            return
        self._others.append(piece)
        self._others_size += count_characters(piece)

    def _other_delta(self, choice: dict[str, Any]) -> dict[str, Any]:
        """What stands in a delta's place: a whole message, or the text of the older completions.

        A message that only repeats at the end what was streamed is left out.
        """
        message = choice.get("message")
        if isinstance(message, dict) and message and not self._has_delta:
            self._has_message = True
            return message
        text = choice.get("text")
        return {"content": text} if isinstance(text, str) and text else {}

    def _read_other_fields(self, delta: dict[str, Any]) -> Iterator[Event | None]:
        """The events of a delta beside its text: reasoning, tool calls, a refusal."""
        for field in REASONING_FIELDS:
            if (value := delta.get(field)) and (thought := read_text(value)):
                if not self._reasoning_field and self.is_original and field in OTHER_REASONING_FIELDS:
                    yield VendorDelta("openai", {"reasoning_field": field})
                self._reasoning_field = field
                yield self.add_reasoning(thought)
                break
        calls = delta.get("tool_calls") or ()
        for place, call in enumerate([calls] if isinstance(calls, dict) else calls):
            yield self._read_call(wrapped(call), place if len(calls) > 1 else None)
        if not calls and isinstance(function := delta.get("function_call"), dict):
            yield self._read_call({"index": 0, "function": function}, None)
        if refusal := delta.get("refusal"):
            self._read_refusal(refusal)
        if others := {name: value for name, value in delta.items() if self._is_kept(name, value, KNOWN_FIELDS)}:
            self._keep({"message": others})

    def _is_kept(self, name: str, value: object, known: Collection[str]) -> bool:
        """Whether a field goes on as it came: for a client of the same protocol also one that says nothing."""
        return name not in known if value else self.is_original and name not in WRITTEN_FIELDS

    def _read_refusal(self, words: Any) -> None:
        """Adds the next words of a refusal. For a client of the same protocol it is a field of the message."""
        if self.is_original:
            self._keep({"message": {"refusal": words}})
        else:
            self.refusal = add_refusal(self.refusal, words)

    def _read_logprobs(self, logprobs: dict[str, Any]) -> Iterator[VendorDelta]:
        """Adds how likely the next tokens were. A client of the same protocol is told before it reads them."""
        self._others_size += count_characters(logprobs)
        add_logprobs(self._logprobs, logprobs)
        if self.is_original:
            yield VendorDelta("openai", {"logprobs": logprobs})

    def _read_call(self, call: dict[str, Any], place: int | None) -> ToolCallDelta | None:
        """`place` is the call's place among several in one chunk, for a server that neither numbers nor names them."""
        if self.is_original:
            extra = unknown_fields(call)
        else:  # what its vendor may want back
            extra = {name: value for name, value in call.items() if value and name not in CALL_FIELDS}
        self._others_size += count_characters(extra) if extra else 0
        if isinstance(custom := call.get("custom"), dict):
            position, id_, name, piece = self._custom_calls.read(call, custom)
            return self.add_tool_call(position, id=id_, name=name, arguments=piece, extra=extra)
        function = call.get("function") or {}
        position = parse_count(call.get("index"))
        return self.add_tool_call(
            place if position is None and not call.get("id") else position,
            id=call.get("id") or "",
            name=function.get("name") or "",
            arguments=read_arguments(function),
            extra=extra,
        )

    def _read_parts(self, parts: Any) -> Iterator[Event]:
        """The events of a content that is a list of parts, or one part."""
        for part in parts if isinstance(parts, list) else (parts,):
            kind = "text" if isinstance(part, str) else part.get("type")
            if kind in ("text", "output_text"):
                yield from self.add_tagged_text(read_text(part))
            elif kind in ("thinking", "reasoning"):
                if thought := read_text(part):
                    yield self.add_reasoning(thought)
            elif kind == "refusal":
                self._read_refusal(part.get("refusal"))
            else:
                self._keep({"message": {"images" if kind == "image_url" else "content_parts": [part]}})

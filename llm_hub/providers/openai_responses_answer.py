"""Reads the events of an answer in OpenAI's Responses: in the hub's words, and as it came for clients of the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from llm_hub.chat import OriginalAnswer, ReasoningBreak, VendorDelta
from llm_hub.chat.exact_json import dump_exactly
from llm_hub.providers.openai_responses_body import SHARED_FIELDS, call_name
from llm_hub.providers.openai_responses_places import CALLS, ItemPlaces
from llm_hub.providers.openai_usage import read_usage
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.wire.validation import MAX_REFUSAL_CHARS, parse_name

if TYPE_CHECKING:
    from llm_hub.capabilities import AnsweringProvider
    from llm_hub.chat import ChatRequest, Event, ReasoningDelta, TextDelta, ToolCall, ToolCallDelta

END_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
"""The events that end a stream. What comes after them is no part of the answer."""

_CALL_EVENTS = ("response.function_call_arguments.", "response.custom_tool_call_input.")
_BEGINNINGS = frozenset({"response.created", "response.in_progress", "response.queued"})
_HUBS_PARTS = frozenset({"output_text", "summary_text", "reasoning_text"})
"""The parts of items that the hub's own events tell of."""
_TEXTS = ("output_text", "reasoning_text", "reasoning_summary_text")
_PARTS = ("content_part", "reasoning_summary_part")
_HUBS_EVENTS = END_EVENTS.union(
    (f"response.{name}.{end}" for name in ("output_item", *_PARTS) for end in ("added", "done")),
    (f"response.{name}.{end}" for name in _TEXTS for end in ("delta", "done")),
    (f"{name}{end}" for name in _CALL_EVENTS for end in ("delta", "done")),
)
"""Events that the hub writes itself, where their part is one of those."""
_KNOWN_FIELDS = frozenset(
    {
        "type", "sequence_number", "output_index", "item_id", "content_index", "summary_index", "delta", "text",
        "arguments", "name", "input", "item", "part", "logprobs", "obfuscation", "response",
    }
)  # fmt: skip
"""The fields of events that the hub's own have as well."""
_KNOWN_PART_FIELDS = frozenset({"type", "text", "annotations", "logprobs"})
_FINISH_REASONS = {
    "completed": "stop",
    "max_output_tokens": "length",
    "max_tokens": "length",
}


class ResponsesBuilder(StreamedResponseBuilder):
    """A response builder with the items of the answer, by their places in it."""

    __slots__ = (
        "_beginning",
        "_late_events",
        "_places",
        "_reasoning_of_calls",
        "_reasoning_state",
        "_vendor_bytes",
    )

    def __init__(self, provider: AnsweringProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        original = request.original
        if original is not None and original.protocol == "openai":
            self.untranslated = tuple(name for name in self.untranslated if name not in SHARED_FIELDS)
        self._places = ItemPlaces()
        self._reasoning_state: list[dict[str, Any]] = []
        """Encrypted reasoning that the next call of a tool has to bring back."""
        self._reasoning_of_calls: dict[str, list[dict[str, Any]]] = {}
        """By the ids of calls: the encrypted reasoning that led to them."""
        self._beginning: list[Mapping[str, Any]] = []
        """The events that begin the response, until clients of the same protocol have been told."""
        self._late_events: dict[str, dict[str, Any]] = {}
        """By the ids of the items of which clients are told with the calls: their `events` that the hub has no word
        for, and by their types the `fields` that others have beside the hub's words. Those of the end have the id "".
        """
        self._vendor_bytes = 0

    def count_characters(self) -> int:
        return super().count_characters() + self._vendor_bytes

    def read_event(self, event: Mapping[str, Any]) -> Iterator[Event | None]:
        """The hub's events of one of the protocol's, but for those that fail or are no text."""
        if event.get("type") in _BEGINNINGS:
            self._beginning += [event] if self.is_original else []
            return
        for read in self._read_event(event):
            if read is not None:
                yield from self._tell_beginning()
            yield read

    def _read_event(self, event: Mapping[str, Any]) -> Iterator[Event | None]:
        kind, place = str(event.get("type")), self._places.of(event)
        delta = event.get("delta")
        if self.is_original:
            yield from self._tell_fields(event)
        match kind:
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if delta:
                self._places.with_pieces.add(place)
                yield self._add_reasoning(delta)
            case "response.function_call_arguments.delta" if delta:
                self._places.with_pieces.add(place)
                yield self.add_tool_call(place, arguments=delta)
            case "response.function_call_arguments.done" if place not in self._places.with_pieces:
                self._places.with_pieces.add(place)
                yield self.add_tool_call(place, arguments=event.get("arguments") or "")
            case "response.output_text.done" if place not in self._places.with_pieces and event.get("text"):
                yield from self.read_text({**event, "delta": event["text"]})
            case "response.custom_tool_call_input.delta":
                yield None
            case "response.refusal.delta" if delta and not self.is_original:
                self._places.with_pieces.add(place)
                self.refusal = (self.refusal + delta)[:MAX_REFUSAL_CHARS]
            case "response.content_part.added" | "response.reasoning_summary_part.added":
                yield from self._begin_part(event)
            case "response.output_item.added":
                yield from self._begin_item(place, event["item"], event)
            case "response.output_item.done":
                yield from self._end_item(place, event["item"], event)
            case _ if kind in END_EVENTS:
                yield from self._end(event["response"])
            case _ if self.is_original and "type" in event and not _is_hubs(event):
                yield from self._tell(event)

    def read_text(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """The events of a piece of text."""
        self._places.with_pieces.add(self._places.of_number(event))
        if self.is_original:
            yield from self._tell_beginning()
            yield from () if _KNOWN_FIELDS.issuperset(event) else self._tell_fields(event)
            if (logprobs := event.get("logprobs")) and not len(self._calls):
                yield VendorDelta("responses", {"type": event["type"], "logprobs": logprobs})
        yield from self._add_text(event["delta"])

    def _tell_beginning(self) -> Iterator[VendorDelta]:
        """Tells clients of the same protocol how the response began, right before the first that they see of it."""
        for event in self._beginning:
            yield VendorDelta("responses", event)
        self._beginning.clear()

    def _tell_fields(self, event: Mapping[str, Any]) -> Iterator[VendorDelta]:
        """Tells them what an event has beside what the hub's own event of its kind has."""
        fields = {name: event[name] for name in event.keys() - _KNOWN_FIELDS}
        if isinstance(part := event.get("part"), dict) and (of_part := part.keys() - _KNOWN_PART_FIELDS):
            fields["part"] = {name: part[name] for name in of_part}
        if not fields or not _is_hubs(event):
            return
        if (late := self._late_of(event)) is None:
            yield VendorDelta("responses", {"type": "fields_of_events", "events": {event["type"]: fields}})
        else:
            late["fields"].setdefault(event["type"], {}).update(fields)

    def _tell(self, event: Mapping[str, Any]) -> Iterator[VendorDelta]:
        """Tells them of an event that the hub has no word for."""
        if (late := self._late_of(event)) is None:
            yield VendorDelta("responses", event)
        else:
            late["events"].append(event)

    def _late_of(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """Where an event is kept of which clients are told with the calls, or at the end; None: at once."""
        kind, item = event["type"], event.get("item") or {}
        is_of_call = item.get("type") in CALLS or kind.startswith(_CALL_EVENTS)
        is_late = "output_index" in event and (is_of_call or len(self._calls) > 0)
        if not is_late and kind not in END_EVENTS:
            return None
        self._vendor_bytes += len(dump_exactly(event))
        return self._late_events.setdefault(
            str(event.get("item_id") or item.get("id") or ""), {"fields": {}, "events": []}
        )

    def _begin_part(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """The events with which the next part of an item begins. The hub's words have one text for all parts."""
        is_late = len(self._calls) > 0
        if self.is_original and not (is_late and _is_hubs(event)):
            yield from self._tell(event)
        if event.get("summary_index") and self._reasoning:
            between = ReasoningBreak()
            self._reasoning.append(between.text)
            if not (self.is_original and is_late):
                yield between

    def _add_text(self, text: str) -> Iterable[TextDelta | ReasoningDelta]:
        return (self.add_late_text(text),) if len(self._calls) else self.add_tagged_text(text)

    def _add_reasoning(self, text: str) -> ReasoningDelta | None:
        """Adds reasoning. Clients of the same protocol are told of what follows a call with the calls."""
        delta = self.add_reasoning(text)
        return None if self.is_original and len(self._calls) else delta

    def read_whole(self, response: dict[str, Any]) -> Iterator[Event | None]:
        """The events of an answer that is not streamed."""
        yield from self._end(response)

    def _begin_item(self, place: int, item: dict[str, Any], event: Mapping[str, Any]) -> Iterator[Event | None]:
        kind = item.get("type")
        if kind == "function_call":
            if arguments := item.get("arguments") or "":
                self._places.with_pieces.add(place)
            yield self._add_call(place, item, arguments)
        elif kind != "custom_tool_call" and self.is_original and not len(self._calls):
            yield VendorDelta("responses", event)

    def _end_item(self, place: int, item: dict[str, Any], event: Mapping[str, Any]) -> Iterator[Event | None]:
        """Takes what the end of an item says, and no event before it did."""
        if self._places.ended.get(place) == item:
            return  # some servers say the same end twice
        kind = item.get("type")
        if self.is_original or kind == "reasoning":
            self._vendor_bytes += len(dump_exactly(item))
        is_new = place not in self._places.ended and place not in self._places.with_pieces
        self._places.ended[place] = item
        match kind:
            case "custom_tool_call":
                yield self._add_call(place, item, orjson.dumps({"input": item.get("input") or ""}).decode())
            case "function_call" if is_new:
                yield self._add_call(place, item, item.get("arguments") or "")
            case "message" if is_new:
                yield from self._read_parts(item.get("content") or ())
            case "reasoning":
                yield from self._read_reasoning(item, is_new=is_new)
            case "function_call" | "message":
                pass
            case _:
                self.has_other_content = True
        if kind not in CALLS and self.is_original and not len(self._calls):
            # What follows a call is told in its place, with the calls: OpenAI refuses reasoning in another one.
            yield VendorDelta("responses", event)

    def _add_call(self, place: int, item: dict[str, Any], arguments: str) -> ToolCallDelta | None:
        """Adds a call, or what its end says of it. The first one after reasoning brings that along."""
        call_id = parse_name(item.get("call_id"))
        if self._reasoning_state:
            self._reasoning_of_calls[call_id], self._reasoning_state = self._reasoning_state, []
        return self.add_tool_call(place, id=call_id, name=call_name(item), arguments=arguments)

    def state_of(self, call: ToolCall, place: int) -> Mapping[str, Any]:  # noqa: ARG002  # each call has its own
        reasoning = self._reasoning_of_calls.get(call.id)
        return {"reasoning": reasoning} if reasoning else {}

    def _read_reasoning(self, item: dict[str, Any], *, is_new: bool) -> Iterator[Event | None]:
        """The text of reasoning, if none of it has come, and its encrypted form."""
        parts = [*(item.get("summary") or ()), *(item.get("content") or ())] if is_new else []
        if thought := "\n\n".join(part.get("text") or "" for part in parts):
            yield self._add_reasoning(thought)
        if item.get("encrypted_content"):
            self._reasoning_state.append({name: value for name, value in item.items() if name != "status"})

    def _read_parts(self, parts: Any) -> Iterator[Event]:
        """The events of a message that comes whole."""
        for part in parts:
            if part.get("type") == "refusal" and self.is_original:
                self.has_other_content = True
            elif part.get("type") == "refusal":
                self.refusal = (self.refusal + (part.get("refusal") or ""))[:MAX_REFUSAL_CHARS]
            elif text := part.get("text"):
                yield from self._add_text(text)

    def _end(self, response: dict[str, Any]) -> Iterator[Event | None]:
        """Takes the response at its end, with the items of which no event has told."""
        for place, done in self._places.missing(response.get("output") or []):
            yield from self._end_item(place, done["item"], done)
        if isinstance(usage := response.get("usage"), dict):
            self.usage = read_usage(usage)
        details = response.get("incomplete_details") or {}
        reason = parse_name(details.get("reason")) or parse_name(response.get("status")) or "completed"
        self.finish_reason = _FINISH_REASONS.get(reason, reason)
        if self.is_original:
            output = response.get("output") or [item for _, item in sorted(self._places.ended.items())]
            body = {**response, "output": output, "stream_events": self._late_events}
            self.original = OriginalAnswer("responses", body)


def _is_hubs(event: Mapping[str, Any]) -> bool:
    """Whether the hub writes an event itself."""
    part = event.get("part")
    return event.get("type") in _HUBS_EVENTS and (not isinstance(part, dict) or part.get("type") in _HUBS_PARTS)

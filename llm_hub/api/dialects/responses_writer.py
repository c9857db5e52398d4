"""Writes the stream of an answer to `POST /v1/responses`: one item after the other, and calls of tools last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from llm_hub.api.dialects.responses_input import is_state_item
from llm_hub.api.dialects.responses_items import (
    CALLS,
    begin_response,
    complete_response,
    end_status,
    failure_of,
    message_item,
    output_items,
    page_annotations,
    reasoning_item,
    streamed_parts,
    vendors_fields,
    with_vendors_fields,
)
from llm_hub.api.dialects.responses_parts import PARTS, OpenPart, PartPlace, announced_place
from llm_hub.api.encoding import dump, sse
from llm_hub.chat import AttemptStarted, Done, LateText, ReasoningBreak, ReasoningDelta, Resumed, TextDelta, VendorDelta
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llm_hub.api.dialects.responses_answer import ItemStatus, OutputItem
    from llm_hub.api.dialects.responses_body import ResponsesBody
    from llm_hub.api.dialects.responses_events import AnyEvent
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse

_STREAMED = ("message", "reasoning")
"""Items whose text streams. Those of any other type come whole."""
_NOTHING_LATE: Mapping[str, Any] = {"fields": {}, "events": ()}


class ResponseWriter:
    """Writes the events of a response. Every item has one id, from its first event to the whole response at the end."""

    protocol = "responses"
    end = b""

    def __init__(self, body: ResponsesBody) -> None:
        self._body = body
        self._response = begin_response(body)
        self._begun = False
        self._number = 0
        self._output: list[OutputItem] = []
        """The items that are complete. The open one follows them."""
        self._open: dict[str, Any] | None = None
        self._open_type = ""
        self._open_id = ""
        self._part: OpenPart | None = None
        """The part of the open item whose text streams."""
        self._parts: list[dict[str, Any]] = []
        """The parts of the open item that are complete."""
        self._next_part: PartPlace | None = None
        """Where the vendor puts the next piece of text."""
        self._logprobs: list[dict[str, Any]] = []
        """How likely the tokens of the next piece of text were."""
        self._late_text: list[str] = []
        """Text that follows calls of tools, until those come, or another model goes on with it."""
        self._fields: dict[str, Mapping[str, Any]] = {}
        """What OpenAI's next events have beside the hub's words, by their type."""
        self._announced: dict[str, dict[str, Any]] = {}
        """By type: an item of OpenAI's own that begins with its first piece of text."""

    @property
    def sign_of_life(self) -> bytes:
        """The event that begins a response, once more: agents that wait for events do not read comments."""
        return self._begin() or self._status("response.in_progress")

    def event(self, event: Event) -> bytes:
        match event:
            case LateText(text):
                self._late_text.append(text)
            case TextDelta(text):
                return self._piece("message", text)
            case ReasoningDelta(text) if not isinstance(event, ReasoningBreak) or self._next_part is None:
                return self._piece("reasoning", text)
            case VendorDelta("responses", {"type": "response.output_text.delta", "logprobs": logprobs}):
                self._logprobs = logprobs
            case VendorDelta("responses", {"type": "fields_of_events", "events": fields}):
                self._fields.update(fields)
            case VendorDelta("responses", {"type": kind, "response": response}):
                if not self._begun:
                    self._response = with_vendors_fields(self._response, response)
                    self._fields[kind] = event.data
            case VendorDelta("responses", data) if place := announced_place(data):
                self._next_part = place
            case VendorDelta("responses", data):
                return self._begin() + self._vendor_event(data)
            case AttemptStarted(provider, model) | Resumed(provider, model):
                if not self._begun:
                    self._response = begin_response(self._body)
                self._response["model"] = redact(f"{provider}/{model}")
                self._announced.clear()
                self._fields.clear()
                self._next_part, self._logprobs = None, []
                late_text = self._write_late_text()
                return self._close("incomplete") if isinstance(event, AttemptStarted) else late_text
            case Done(response):
                return self._end(response)
        return b""

    def error(self, status: int, error: ErrorObject, original: dict[str, Any] | None = None) -> bytes:
        # What broke off is not "done": Codex would keep it, and ask again with half an answer as the last message.
        events = self._begin()
        failure = failure_of(status, error, original)
        self._response |= {"status": "failed", "error": failure, "output": self._output}
        return events + self._status("response.failed")

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._status("response.created") + self._status("response.in_progress")

    def _status(
        self,
        kind: Literal[
            "response.created", "response.in_progress", "response.completed", "response.incomplete", "response.failed"
        ],
    ) -> bytes:
        return self._sse({"type": kind, "sequence_number": self._next(), "response": self._response})

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _sse(self, event: AnyEvent) -> bytes:
        """A server-sent event that is named by its type, with what its vendor's own has beside the hub's words."""
        if self._fields and (fields := self._fields.pop(event["type"], None)):
            written: dict[str, Any] = {**fields, **event}
            if of_part := fields.get("part"):
                written["part"] = {**of_part, **written["part"]}
            event = cast("AnyEvent", written)
        return sse(dump(event), event["type"])

    def _item(self, kind: Literal["added", "done"], item: OutputItem | Mapping[str, Any]) -> bytes:
        return self._sse({
            "type": "response.output_item.added" if kind == "added" else "response.output_item.done",
            "sequence_number": self._next(), "output_index": len(self._output), "item": cast("OutputItem", item),
        })  # fmt: skip

    def _piece(self, kind: Literal["message", "reasoning"], text: str) -> bytes:
        """The events of the next piece of an item's text: it begins the item, and its part, where that is to be."""
        opening = b"" if self._open_type == kind else self._open_item(kind)
        part = self._part
        if part is None or self._next_part is not None:
            next_part, self._next_part = self._next_part, None
            if next_part is None or next_part.kind not in PARTS[kind]:
                next_part = part.place if part is not None else PartPlace(PARTS[kind][0], 0)
            if part is None or part.place != next_part:
                opening += self._close_part()
                part = self._part = OpenPart(next_part, self._open_id, len(self._output))
                opening += self._sse(part.added(self._next()))
        logprobs, self._logprobs = self._logprobs, []
        return opening + self._sse(part.delta(self._next(), text, logprobs))

    def _open_item(self, kind: Literal["message", "reasoning"]) -> bytes:
        """Begins a message or reasoning, under the vendor's id if it gave one."""
        events = self._begin() + self._close("completed")
        made: Any = message_item("", "in_progress") if kind == "message" else reasoning_item("")
        self._open = {**made, **self._announced.pop(kind, {})}
        self._open_type, self._open_id = kind, str(self._open["id"])
        return events + self._item("added", self._open)

    def _close_part(self) -> bytes:
        """Ends the open part."""
        part, self._part = self._part, None
        if part is None:
            return b""
        self._parts.append(part.value("".join(part.pieces)))
        return self._sse(part.text_done(self._next())) + self._sse(part.done(self._next()))

    def _close(self, status: ItemStatus, final: dict[str, Any] | None = None) -> bytes:
        """Ends the open item. `final` is the item as its vendor has it at the end."""
        item = self._open
        if item is None:
            return b""
        events = self._close_part()
        if self._open_type == "message":
            item = {**item, "status": status, "content": self._parts}
        elif self._open_type == "reasoning":
            for field, kind in (("summary", "summary_text"), ("content", "reasoning_text")):
                if parts := [part for part in self._parts if part["type"] == kind]:
                    item = {**item, field: parts}
        item = {**item, **(final or {})}
        events += self._item("done", item)
        self._output.append(cast("OutputItem", item))
        self._open, self._open_type, self._open_id, self._parts = None, "", "", []
        return events

    def _vendor_event(self, event: Mapping[str, Any]) -> bytes:
        """An event of OpenAI's own, for which the hub has no word: about a whole item, or about the open one."""
        kind, item = str(event.get("type")), event.get("item")
        if not isinstance(item, dict):
            opening = b""
            if "item_id" in event and self._announced:  # it begins the item, as a refusal does
                opening = self._open_item("message" if "message" in self._announced else "reasoning")
            if kind == "response.content_part.added":
                opening += self._close_part()
            places: dict[str, Any] = {"output_index": len(self._output)} if "output_index" in event else {}
            if "item_id" in event:
                places["item_id"] = self._open_id
            if self._part is not None and isinstance(annotation := event.get("annotation"), dict):
                self._part.cited.append(annotation)
            return opening + self._sse(cast("AnyEvent", {**event, **places, "sequence_number": self._next()}))
        if kind.endswith(".added"):
            if item.get("type") in _STREAMED:
                self._announced[item["type"]] = item
                return b""
            return self._close("completed") + self._open_whole(item)
        self._next_part = None
        if item.get("type") == self._open_type and self._open is not None:
            return self._close("completed", item)
        return self._close("completed") + self._open_whole(item) + self._close("completed", item)

    def _open_whole(self, item: dict[str, Any]) -> bytes:
        """Begins an item that comes whole."""
        self._announced.pop(str(item.get("type")), None)
        self._open, self._open_type, self._open_id = item, str(item.get("type")), str(item.get("id") or "")
        if self._open_type in _STREAMED:
            self._open_type = f"whole {self._open_type}"
        return self._item("added", item)

    def _end(self, response: LLMResponse) -> bytes:
        late_text = b"" if response.late_text else self._write_late_text()
        events = self._begin() + late_text + self._annotate(response) + self._close(end_status(response))
        shown = {item.get("id") for item in self._output} | {item["type"] for item in self._output} & {*_STREAMED}
        stream_events: Mapping[str, Any] = vendors_fields(response).get("stream_events", {})
        follows_call = False
        for item in output_items(response, self._body.tool_names):
            is_new = follows_call or item["type"] not in shown or is_state_item(cast("dict[str, Any]", item))
            if item.get("id") not in shown and is_new:
                late = stream_events.get(str(item.get("id")), _NOTHING_LATE)
                self._fields.update(late["fields"])
                write = self._late_item if follows_call and streamed_parts(item) else self._whole_item
                events += write(item, late["events"])
            follows_call |= item["type"] in CALLS
        self._response = complete_response(self._response, response, self._output)
        self._body.keep(cast("dict[str, Any]", self._response))
        self._fields.update(stream_events.get("", _NOTHING_LATE)["fields"])
        return events + self._status(
            "response.incomplete" if self._response["status"] == "incomplete" else "response.completed"
        )

    def _annotate(self, response: LLMResponse) -> bytes:
        """The events of what the open message cites, if it is not written in OpenAI's own words anyway."""
        part = self._part
        if part is None or self._open_type != "message":
            return b""
        return b"".join(self._sse(event) for event in part.cite(page_annotations(response), self._next))

    def _write_late_text(self) -> bytes:
        """The events of text that another model has gone on with, which does not know the calls before it."""
        text = "".join(self._late_text)
        self._late_text.clear()
        return self.event(TextDelta(text)) if text else b""

    def _late_item(self, item: OutputItem, late_events: Iterable[Mapping[str, Any]]) -> bytes:
        """The events of a message or of reasoning that followed calls."""
        final, kind = cast("dict[str, Any]", item), cast("Literal['message', 'reasoning']", item["type"])
        empty: dict[str, Any] = {"content": []} if kind == "message" else {"summary": []}
        begun = {name: value for name, value in final.items() if name != "content"} | empty
        self._announced[kind] = begun | ({"status": "in_progress"} if "status" in final else {})
        events = b""
        for place, part in streamed_parts(item):
            self._next_part, self._logprobs = place, part.get("logprobs") or []
            events += self._piece(kind, part.get("text") or "")
        return events + b"".join(map(self._vendor_event, late_events)) + self._close("completed", final)

    def _whole_item(self, item: OutputItem, late_events: Iterable[Mapping[str, Any]]) -> bytes:
        """The events of an item that is written in one go: a call with its arguments, or one of OpenAI's own."""
        index, item_id = len(self._output), str(item.get("id") or "")
        field = {"function_call": "arguments", "custom_tool_call": "input"}.get(item["type"])
        begun: dict[str, Any] = {**item}
        if field:
            begun |= {field: "", "status": "in_progress"}
        events = self._item("added", begun)
        if field:
            text = str(item.get(field))
            name = "function_call_arguments" if field == "arguments" else "custom_tool_call_input"
            place: dict[str, Any] = {"item_id": item_id, "output_index": index}
            delta = {"type": f"response.{name}.delta", "sequence_number": self._next(), **place, "delta": text}
            done = {"type": f"response.{name}.done", "sequence_number": self._next(), **place, field: text}
            if field == "arguments":
                done["name"] = item.get("name")
            events += self._sse(cast("AnyEvent", delta)) + self._sse(cast("AnyEvent", done))
        self._open_id = item_id
        events += b"".join(map(self._vendor_event, late_events)) + self._item("done", item)
        self._output.append(item)
        return events

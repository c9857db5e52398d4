"""Writes the stream of an answer to `POST /v1/responses`: one item after the other, and calls of tools last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from llm_hub.api.dialects.responses_input import is_state_item
from llm_hub.api.dialects.responses_items import (
    CALLS,
    begin_response,
    complete_response,
    end_status,
    message_item,
    output_items,
    page_annotations,
    reasoning_item,
    text_part,
)
from llm_hub.api.encoding import dump, sse
from llm_hub.chat import AttemptStarted, Done, LateText, ReasoningDelta, Resumed, TextDelta, VendorDelta
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.api.dialects.responses_answer import ItemStatus, OutputItem, ResponseFailure, SummaryText
    from llm_hub.api.dialects.responses_body import ResponsesBody
    from llm_hub.api.dialects.responses_events import AnyEvent
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse

_STREAMED = ("message", "reasoning")
"""Items whose text streams. Those of any other type come whole."""
_FAILURES = {429: "rate_limit_exceeded", 400: "invalid_prompt", 404: "invalid_prompt", 413: "invalid_prompt"}
"""By status: OpenAI's codes of answers that failed. Agents ask again after most others, which are `server_error`."""
_NAMED_FAILURES = ("context_length_exceeded",)
"""Codes of the hub's that OpenAI has as well, and that agents act on."""


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
        self._pieces: list[str] = []
        """The text of the open item so far."""
        self._cited: list[dict[str, Any]] = []
        """What the open message cites, once that is known."""
        self._late_text: list[str] = []
        """Text that follows calls of tools, until those come, or another model goes on with it."""
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
                opening = b"" if self._open_type == "message" else self._open_item("message")
                self._pieces.append(text)
                return opening + self._sse({
                    "type": "response.output_text.delta", "sequence_number": self._next(), "item_id": self._open_id,
                    "output_index": len(self._output), "content_index": 0, "delta": text, "logprobs": [],
                })  # fmt: skip
            case ReasoningDelta(text):
                opening = b"" if self._open_type == "reasoning" else self._open_item("reasoning")
                self._pieces.append(text)
                return opening + self._sse({
                    "type": "response.reasoning_summary_text.delta", "sequence_number": self._next(),
                    "item_id": self._open_id, "output_index": len(self._output), "summary_index": 0, "delta": text,
                })  # fmt: skip
            case VendorDelta("responses", data):
                return self._begin() + self._vendor_event(data)
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._response["model"] = redact(f"{provider}/{model}")
                self._announced.clear()
                late_text = self._write_late_text()
                return self._close("incomplete") if isinstance(event, AttemptStarted) else late_text
            case Done(response):
                return self._end(response)
        return b""

    def error(self, status: int, error: ErrorObject, original: dict[str, Any] | None = None) -> bytes:
        code = error["code"] if error["code"] in _NAMED_FAILURES else _FAILURES.get(status, "server_error")
        failure: ResponseFailure = {"code": code or "server_error", "message": error["message"]}
        if "attempts" in error:
            failure["attempts"] = error["attempts"]
        if original is not None:
            vendors = original["error"]
            failure |= {"code": str(vendors.get("code") or failure["code"]), "message": vendors["message"]}
        # What broke off is not "done": Codex would keep it, and ask again with half an answer as the last message.
        events = self._begin()
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
        """A server-sent event that is named by its type."""
        return sse(dump(event), event["type"])

    def _item(self, kind: Literal["added", "done"], item: OutputItem | Mapping[str, Any]) -> bytes:
        return self._sse({
            "type": "response.output_item.added" if kind == "added" else "response.output_item.done",
            "sequence_number": self._next(), "output_index": len(self._output), "item": cast("OutputItem", item),
        })  # fmt: skip

    def _open_item(self, kind: Literal["message", "reasoning"]) -> bytes:
        """Begins a message or reasoning, under the vendor's id if it gave one, and the part that has its text."""
        events = self._begin() + self._close("completed")
        made: Any = message_item("", "in_progress") if kind == "message" else reasoning_item("")
        self._open = {**made, **self._announced.pop(kind, {})}
        self._open_type, self._open_id = kind, str(self._open["id"])
        events += self._item("added", self._open)
        return events + self._part("added", "")

    def _part(self, kind: Literal["added", "done"], text: str) -> bytes:
        """The event with which the part that has the open item's text begins or ends."""
        index = len(self._output)
        if self._open_type == "message":
            return self._sse({
                "type": "response.content_part.added" if kind == "added" else "response.content_part.done",
                "sequence_number": self._next(), "item_id": self._open_id, "output_index": index,
                "content_index": 0, "part": text_part(text, self._cited),
            })  # fmt: skip
        return self._sse({
            "type": (
                "response.reasoning_summary_part.added" if kind == "added" else "response.reasoning_summary_part.done"
            ),
            "sequence_number": self._next(), "item_id": self._open_id, "output_index": index,
            "summary_index": 0, "part": _summary(text),
        })  # fmt: skip

    def _close(self, status: ItemStatus, final: dict[str, Any] | None = None) -> bytes:
        """Ends the open item. `final` is the item as its vendor has it at the end."""
        item = self._open
        if item is None:
            return b""
        events, text, index = b"", "".join(self._pieces), len(self._output)
        if self._open_type == "message":
            item = {**item, "status": status, "content": [text_part(text, self._cited)]}
            events = self._sse({
                "type": "response.output_text.done", "sequence_number": self._next(), "item_id": self._open_id,
                "output_index": index, "content_index": 0, "text": text, "logprobs": [],
            }) + self._part("done", text)  # fmt: skip
        elif self._open_type == "reasoning":
            item = {**item, "summary": [_summary(text)]}
            events = self._sse({
                "type": "response.reasoning_summary_text.done", "sequence_number": self._next(),
                "item_id": self._open_id, "output_index": index, "summary_index": 0, "text": text,
            }) + self._part("done", text)  # fmt: skip
        item = {**item, **(final or {})}
        events += self._item("done", item)
        self._output.append(cast("OutputItem", item))
        self._open, self._open_type, self._open_id, self._cited = None, "", "", []
        self._pieces.clear()
        return events

    def _vendor_event(self, event: Mapping[str, Any]) -> bytes:
        """An event of OpenAI's own, for which the hub has no word: about a whole item, or about the open one."""
        kind, item = str(event.get("type")), event.get("item")
        if not isinstance(item, dict):
            places: dict[str, Any] = {"output_index": len(self._output)} if "output_index" in event else {}
            if "item_id" in event:
                places["item_id"] = self._open_id
            return self._sse(cast("AnyEvent", {**event, **places, "sequence_number": self._next()}))
        if kind.endswith(".added"):
            if item.get("type") in _STREAMED:
                self._announced[item["type"]] = item
                return b""
            return self._close("completed") + self._open_whole(item)
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
        follows_call = False
        for item in output_items(response, self._body.tool_names):
            is_new = follows_call or item["type"] not in shown or is_state_item(cast("dict[str, Any]", item))
            if item.get("id") not in shown and is_new:
                is_late_message = follows_call and item["type"] == "message"
                events += self._late_message(item) if is_late_message else self._whole_item(item)
            follows_call |= item["type"] in CALLS
        self._response = complete_response(self._response, response, self._output)
        self._body.keep(cast("dict[str, Any]", self._response))
        return events + self._status(
            "response.incomplete" if self._response["status"] == "incomplete" else "response.completed"
        )

    def _annotate(self, response: LLMResponse) -> bytes:
        """The events of what the open message cites, if it is not written in OpenAI's own words anyway."""
        self._cited = page_annotations(response) if self._open_type == "message" else []
        events = b""
        for number, annotation in enumerate(self._cited):
            events += self._sse(cast("AnyEvent", {
                "type": "response.output_text.annotation.added", "sequence_number": self._next(),
                "item_id": self._open_id, "output_index": len(self._output), "content_index": 0,
                "annotation_index": number, "annotation": annotation,
            }))  # fmt: skip
        return events

    def _write_late_text(self) -> bytes:
        """The events of text that another model has gone on with, which does not know the calls before it."""
        text = "".join(self._late_text)
        self._late_text.clear()
        return self.event(TextDelta(text)) if text else b""

    def _late_message(self, item: OutputItem) -> bytes:
        """The events of a message that followed calls."""
        final = cast("dict[str, Any]", item)
        self._announced["message"] = {**final, "content": [], "status": "in_progress"}
        text = "".join(part.get("text") or "" for part in final["content"])
        return self.event(TextDelta(text)) + self._close("completed", final)

    def _whole_item(self, item: OutputItem) -> bytes:
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
        events += self._item("done", item)
        self._output.append(item)
        return events


def _summary(text: str) -> SummaryText:
    return {"type": "summary_text", "text": text}

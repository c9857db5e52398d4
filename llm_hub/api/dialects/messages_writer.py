"""How a stream is written for Anthropic's clients, event by event."""

from __future__ import annotations

from itertools import dropwhile
from typing import TYPE_CHECKING, Any, cast

from llm_hub.api.dialects.dialect import calls_and_late_text, hub_report
from llm_hub.api.dialects.messages_content import (
    CALLED_BY_MODEL,
    EMPTY_TEXT,
    EMPTY_THINKING,
    NO_MORE_COUNTS,
    NO_MORE_FIELDS,
    call_arguments,
    count_tokens,
    head,
    state_block,
    stop_fields,
    stream_events,
    tool_use,
    vendors_fields,
)
from llm_hub.api.dialects.messages_error import message_error
from llm_hub.api.encoding import TextFrame, dump, sse
from llm_hub.chat import AttemptStarted, Done, LateText, ReasoningBreak, ReasoningDelta, Resumed, TextDelta, VendorDelta

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llm_hub.api.dialects.messages_answer import (
        AnswerBlock,
        AnswerText,
        BlockDelta,
        BlockDeltaEvent,
        BlockStart,
        BlockStop,
        MessageDelta,
        MessageEvent,
        MessageStart,
        MessageStop,
        StartedMessage,
        StopFields,
        VendorBlock,
        VendorBlockDelta,
    )
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse, ToolCall


class MessageWriter:
    """Writes a stream of Anthropic's events. Blocks come one after the other; calls of tools are whole, and last."""

    protocol = "anthropic"
    end = b""
    sign_of_life = sse(dump({"type": "ping"}), "ping")

    def __init__(self, *, with_thinking: bool) -> None:
        self._with_thinking = with_thinking
        self._model = ""
        self._begun, self._open_block, self._block = False, "", -1
        self._text_frame: TextFrame | None = None  # for the pieces of the open block's text
        self._vendors_message: Mapping[str, Any] = {}
        """The message as Anthropic began it."""
        self._fields_of_start: Mapping[str, Any] = {}
        """What its `message_start` had beside the message."""
        self._fields: dict[str, Mapping[str, Any]] = {}
        """What Anthropic's next events of a block have beside it, by their type, or by that of their delta."""
        self._next_block: Mapping[str, Any] = {}
        """The block of Anthropic's to which the next words belong."""
        self._late_text: list[str] = []
        """Text that follows calls of tools, until those come, or another model goes on with it."""
        self._hidden_reasoning: list[str] = []
        """Reasoning that the client did not ask for. If its vendor signs it, it is shown, to be sent back."""

    def event(self, event: Event) -> bytes:
        if type(event) is TextDelta:  # nearly always: this runs for each token
            return self._text(event.text)
        match event:
            case LateText(text):
                self._late_text.append(text)
            case ReasoningDelta():
                return self._begin() + self._reasoning(event)
            case VendorDelta("anthropic", {"type": "message_start"}):
                self._take_start(event.data)
            case VendorDelta("anthropic", data):
                return self._begin() + self._vendor_delta(data)
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model = f"{provider}/{model}"
                self._hidden_reasoning.clear()
                self._vendors_message = self._next_block = self._fields_of_start = {}
                self._fields.clear()
                return self._write_late_text()
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                if not self._vendors_message and (start := stream_events(response).get("message_start")):
                    self._take_start(start)
                late_text = b"" if response.late_text else self._write_late_text()
                return self._begin() + late_text + self._close() + self._calls(response) + self._end(response)
        return b""

    def error(self, status: int, error: ErrorObject, original: dict[str, Any] | None = None) -> bytes:
        return sse(dump(original or message_error(status, error)[1]), "error")

    def _take_start(self, start: Mapping[str, Any]) -> None:
        self._vendors_message = start["message"]
        self._fields_of_start = {name: value for name, value in start.items() if name != "message"}

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        original = self._vendors_message
        message = {
            **(original or NO_MORE_FIELDS),
            **head(self._model, original),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            # Where they are not known yet, message_delta has them: SDKs and Claude Code take its input_tokens then. An
            # estimate would stay as a figure where nobody counts.
            "usage": original.get("usage") or {**NO_MORE_COUNTS, "input_tokens": 0, "output_tokens": 0},
        }
        start: MessageStart = {"type": "message_start", "message": cast("StartedMessage", message)}
        return _sse(cast("MessageStart", {**self._fields_of_start, **start}))

    def _reasoning(self, piece: ReasoningDelta) -> bytes:
        is_open = self._open_block == "thinking" and not self._vendors_message
        if isinstance(piece, ReasoningBreak) and not (is_open or self._hidden_reasoning):
            return b""  # the next block stands by itself
        if not (self._with_thinking or "thinking" in (self._open_block, self._next_block.get("type"))):
            self._hidden_reasoning.append(piece.text)
            return b""
        return self._delta("thinking", {"type": "thinking_delta", "thinking": piece.text})

    def _text(self, text: str) -> bytes:
        if self._text_frame is not None and not self._fields:
            return self._text_frame.write(text)
        if self._open_block != "text" or self._next_block or self._fields:
            return self._begin() + self._delta("text", {"type": "text_delta", "text": text})
        self._text_frame = TextFrame(self._delta("text", {"type": "text_delta", "text": ""}), "text")
        return self._text_frame.write(text)

    def _delta(self, kind: str, delta: BlockDelta) -> bytes:
        opening = b""
        if self._next_block.get("type") == kind:
            opening = self._start_next()
        elif self._open_block != kind:
            opening = self._close() + self._start(kind, EMPTY_TEXT if kind == "text" else EMPTY_THINKING)
        event: BlockDeltaEvent = {"type": "content_block_delta", "index": self._block, "delta": delta}
        if self._fields:
            return opening + self._write(event, str(delta.get("type")))
        return opening + _sse(event)

    def _vendor_delta(self, data: Mapping[str, Any]) -> bytes:
        """What Anthropic wrote in its own words: a piece of the block before it, a whole block, or another event."""
        kind = str(data.get("type"))
        if kind == "other_event":
            return (self._close() if data["ends_block"] else self._start_next()) + _sse(data["event"])
        if kind == "content_block_start":
            closing = self._close()
            self._next_block, self._fields[kind] = data["content_block"], data
            return closing
        if kind == "fields_of_events":
            self._fields.update(data["events"])
            return b""
        if kind == "whole_block":
            return self._close() + self._whole_block(data)
        delta = cast("VendorBlockDelta", data)
        if kind != "signature_delta":
            return self._delta(self._next_block.get("type") or self._open_block or "text", delta)
        return self._signature(delta)

    def _signature(self, delta: BlockDelta) -> bytes:
        """The signature of reasoning, and the reasoning if it was hidden until then."""
        opening = b""
        if self._hidden_reasoning:
            reasoning = "".join(self._hidden_reasoning)
            self._hidden_reasoning.clear()
            opening = self._delta("thinking", {"type": "thinking_delta", "thinking": reasoning})
        if "thinking" not in (self._open_block, self._next_block.get("type")):
            return opening  # there is nothing that it could sign
        return opening + self._delta("thinking", delta) + self._close()

    def _whole_block(self, told: Mapping[str, Any]) -> bytes:
        """The events of a block of Anthropic's that the hub has no word for, as they came."""
        self._fields.update(told["events"])
        opening = self._start(str(told["begun"].get("type")), cast("VendorBlock", told["begun"]))
        return opening + self._end_block(told["deltas"])

    def _end_block(self, deltas: Iterable[Mapping[str, Any]]) -> bytes:
        """The end of a block, after pieces of it that the hub has no word for."""
        return b"".join(_sse({**delta, "index": self._block}) for delta in deltas) + self._close()

    def _start_next(self) -> bytes:
        """Begins the block that Anthropic has begun."""
        block, self._next_block = cast("AnswerBlock", self._next_block), {}
        return self._start(block["type"], block) if block else b""

    def _start(self, kind: str, block: AnswerBlock) -> bytes:
        self._block += 1
        self._open_block, self._text_frame = kind, None
        event: BlockStart = {"type": "content_block_start", "index": self._block, "content_block": block}
        return self._write(event, "content_block_start")

    def _close(self) -> bytes:
        if not self._open_block:
            self._fields.pop("content_block_stop", None)
            return b""
        self._open_block, self._text_frame = "", None
        event: BlockStop = {"type": "content_block_stop", "index": self._block}
        stop = self._write(event, "content_block_stop")
        self._fields.clear()  # of pieces without words, after which none came
        return stop

    def _write(self, event: BlockStart | BlockDeltaEvent | BlockStop, kind: str) -> bytes:
        """An event of a block, with what Anthropic's own has beside the hub's words."""
        if fields := self._fields.pop(kind, None):
            written: dict[str, Any] = {**fields, **event}
            if of_delta := fields.get("delta"):
                written["delta"] = {**of_delta, **written["delta"]}
            event = cast("BlockDeltaEvent", written)
        return _sse(event)

    def _write_late_text(self) -> bytes:
        """The events of text that another model has gone on with, which does not know the calls before it."""
        text = "".join(self._late_text)
        self._late_text.clear()
        return self._begin() + self._delta("text", {"type": "text_delta", "text": text}) if text else b""

    def _calls(self, response: LLMResponse) -> bytes:
        """The events of the calls, and of the text that followed them."""
        blocks = vendors_fields(response).get("content") or ()
        calls = {call.id: call for call in response.tool_calls}
        originals = {block.get("id"): block for block in blocks if block.get("type") == "tool_use"}
        if originals and calls.keys() <= originals.keys():
            pairs = zip(blocks, stream_events(response)["blocks"], strict=False)
            late_blocks = dropwhile(lambda pair: pair[0].get("type") != "tool_use", pairs)
            return b"".join(self._late_block(block, told, calls) for block, told in late_blocks)
        events = b""
        for call in calls_and_late_text(response):
            if isinstance(call, str):
                events += self._text_block(call, EMPTY_TEXT)
                continue
            if (state := state_block(call)) is not None:
                events += self._start("redacted_thinking", state) + self._close()
            events += self._call(call, originals.get(call.id, CALLED_BY_MODEL))
        return events

    def _late_block(self, block: Mapping[str, Any], told: Mapping[str, Any], calls: Mapping[str, ToolCall]) -> bytes:
        """The events of a call of Anthropic's own, or of a block that followed one, and those that followed it."""
        self._fields = {**told["events"]}
        match block:
            case {"type": "tool_use"}:
                call = calls.get(str(block.get("id")))
                events = self._call(call, block) if call is not None else b""
            case {"type": "text", "text": text}:
                events = self._text_block(text, block, told["deltas"])
            case {"type": "thinking", "thinking": str(thought), "signature": signature} if thought:
                events = self._start("thinking", cast("AnswerBlock", {**block, "thinking": "", "signature": ""}))
                events += self._delta("thinking", {"type": "thinking_delta", "thinking": thought})
                signed = cast("VendorBlockDelta", {"type": "signature_delta", "signature": signature})
                events += self._delta("thinking", signed) + self._end_block(told["deltas"])
            case _:
                events = self._whole_block(told)
        return events + b"".join(map(_sse, told["later_events"]))

    def _call(self, call: ToolCall, original: Mapping[str, Any]) -> bytes:
        """The events of a call. `original` has the fields that Anthropic's own block of it has."""
        arguments = dump(call_arguments(call)).decode()
        events = self._start("tool_use", tool_use(call, {}, original))
        events += self._delta("tool_use", {"type": "input_json_delta", "partial_json": arguments})
        return events + self._close()

    def _text_block(self, text: str, block: Mapping[str, Any], deltas: Iterable[Mapping[str, Any]] = ()) -> bytes:
        """The events of a whole block of text, with its citations."""
        citations = block.get("citations")
        begun = {**block, "text": "", **({"citations": []} if citations else {})}
        events = self._start("text", cast("AnswerText", begun))
        events += self._delta("text", {"type": "text_delta", "text": text})
        for citation in citations or ():
            events += self._delta("text", cast("VendorBlockDelta", {"type": "citations_delta", "citation": citation}))
        return events + self._end_block(deltas)

    def _end(self, response: LLMResponse) -> bytes:
        stream = stream_events(response)
        original = stream["message_delta"]
        last: MessageDelta = {
            "type": "message_delta",
            "delta": cast("StopFields", {**original["delta"], **stop_fields(response)}),
            "usage": count_tokens(response),
            "x_llm_hub": hub_report(response, "anthropic"),
        }
        stop = cast("MessageStop", {**stream["message_stop"], "type": "message_stop"})
        return _sse(cast("MessageDelta", {**original, **last})) + _sse(stop)


def _sse(event: MessageEvent | Mapping[str, Any]) -> bytes:
    """A server-sent event that is named by its type."""
    return sse(dump(event), event["type"])

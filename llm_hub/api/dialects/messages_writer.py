"""How a stream and a refusal are written for Anthropic's clients, event by event."""

from __future__ import annotations

from itertools import dropwhile
from typing import TYPE_CHECKING, Any, cast

from llm_hub.api.dialects.dialect import begins_with_field, calls_and_late_text, hub_report
from llm_hub.api.dialects.messages_content import (
    CALLED_BY_MODEL,
    EMPTY_TEXT,
    NO_MORE_COUNTS,
    NO_MORE_FIELDS,
    call_arguments,
    count_tokens,
    head,
    state_block,
    stop_fields,
    tool_use,
    vendors_fields,
)
from llm_hub.api.encoding import dump, sse
from llm_hub.chat import AttemptStarted, Done, LateText, ReasoningBreak, ReasoningDelta, Resumed, TextDelta, VendorDelta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.api.dialects.messages_answer import (
        AnswerBlock,
        AnswerText,
        AnswerThinking,
        BlockDelta,
        BlockDeltaEvent,
        BlockStart,
        BlockStop,
        MessageDelta,
        MessageError,
        MessageErrorObject,
        MessageEvent,
        MessageStart,
        StartedMessage,
        StopFields,
        VendorBlock,
        VendorBlockDelta,
    )
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse, ToolCall

_FIELDS = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "top_p": "top_p",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
    "format": "output_config.format",
    "effort": "output_config.effort",
    "stop": "stop_sequences",
}
"""Fields of a `ChatRequest`, and what Anthropic calls them."""
_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    508: "loop_detected",
    529: "overloaded_error",
}
_EMPTY_THINKING: AnswerThinking = {"type": "thinking", "thinking": "", "signature": ""}


class MessageWriter:
    """Writes a stream of Anthropic's events. Blocks come one after the other; calls of tools are whole, and last."""

    protocol = "anthropic"
    end = b""
    sign_of_life = sse(dump({"type": "ping"}), "ping")

    def __init__(self, *, with_thinking: bool) -> None:
        self._with_thinking = with_thinking
        self._model = ""
        self._begun = False
        self._block = -1
        self._open_block = ""
        self._vendors_message: Mapping[str, Any] = {}
        """The message as Anthropic began it."""
        self._fields_of_start: Mapping[str, Any] = {}
        """What its `message_start` had beside the message."""
        self._fields_of_delta: Mapping[str, Any] = {}
        """What Anthropic's next piece has beside its words."""
        self._next_block: Mapping[str, Any] = {}
        """The block of Anthropic's to which the next words belong."""
        self._late_text: list[str] = []
        """Text that follows calls of tools, until those come, or another model goes on with it."""
        self._hidden_reasoning: list[str] = []
        """Reasoning that the client did not ask for. It is shown if its vendor signs it: then the client must have it
        to send it back."""

    def event(self, event: Event) -> bytes:
        match event:
            case LateText(text):
                self._late_text.append(text)
            case TextDelta(text):
                return self._begin() + self._delta("text", {"type": "text_delta", "text": text})
            case ReasoningDelta():
                return self._begin() + self._reasoning(event)
            case VendorDelta("anthropic", {"type": "message_start", "message": message, **more}):
                self._vendors_message, self._fields_of_start = message, more
            case VendorDelta("anthropic", {"type": "content_block_start", "content_block": block}):
                self._next_block = block
            case VendorDelta("anthropic", data):
                return self._begin() + self._vendor_delta(data)
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model = f"{provider}/{model}"
                self._hidden_reasoning.clear()
                self._vendors_message = self._next_block = self._fields_of_start = self._fields_of_delta = {}
                return self._write_late_text()
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                self._vendors_message = self._vendors_message or vendors_fields(response)
                late_text = b"" if response.late_text else self._write_late_text()
                return self._begin() + late_text + self._close() + self._calls(response) + self._end(response)
        return b""

    def error(self, status: int, error: ErrorObject, original: dict[str, Any] | None = None) -> bytes:
        return sse(dump(original or message_error(status, error)[1]), "error")

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
        message.pop("message_delta", None)
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

    def _delta(self, kind: str, delta: BlockDelta) -> bytes:
        opening = b""
        if self._next_block.get("type") == kind:
            block, self._next_block = cast("AnswerBlock", self._next_block), {}
            opening = self._close() + self._start(kind, block)
        elif self._open_block != kind:
            opening = self._close() + self._start(kind, EMPTY_TEXT if kind == "text" else _EMPTY_THINKING)
        if self._fields_of_delta:
            delta, self._fields_of_delta = cast("BlockDelta", {**self._fields_of_delta, **delta}), {}
        event: BlockDeltaEvent = {"type": "content_block_delta", "index": self._block, "delta": delta}
        return opening + _sse(event)

    def _vendor_delta(self, data: Mapping[str, Any]) -> bytes:
        """What Anthropic wrote in its own words: a piece of the block before it, a whole block, or another event."""
        kind = str(data.get("type"))
        if kind == "other_event":
            return _sse(data["event"])
        if kind == "fields_of_delta":
            self._fields_of_delta = data["fields"]
            return b""
        if not kind.endswith("_delta"):
            return self._close() + self._start(kind, cast("VendorBlock", data)) + self._close()
        delta = cast("VendorBlockDelta", data)
        if kind != "signature_delta":
            return self._delta("text", delta)
        opening = b""
        if self._hidden_reasoning:
            reasoning = "".join(self._hidden_reasoning)
            self._hidden_reasoning.clear()
            opening = self._delta("thinking", {"type": "thinking_delta", "thinking": reasoning})
        if self._open_block != "thinking":
            return opening  # there is nothing that it could sign
        return opening + self._delta("thinking", delta) + self._close()

    def _start(self, kind: str, block: AnswerBlock) -> bytes:
        self._block += 1
        self._open_block = kind
        event: BlockStart = {"type": "content_block_start", "index": self._block, "content_block": block}
        return _sse(event)

    def _close(self) -> bytes:
        if not self._open_block:
            return b""
        self._open_block = ""
        event: BlockStop = {"type": "content_block_stop", "index": self._block}
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
            late_blocks = dropwhile(lambda block: block.get("type") != "tool_use", blocks)
            return b"".join(self._late_block(block, calls) for block in late_blocks)
        events = b""
        for call in calls_and_late_text(response):
            if isinstance(call, str):
                events += self._text_block(call, EMPTY_TEXT)
                continue
            if (state := state_block(call)) is not None:
                events += self._start("redacted_thinking", state) + self._close()
            events += self._call(call, originals.get(call.id, CALLED_BY_MODEL))
        return events

    def _late_block(self, block: Mapping[str, Any], calls: Mapping[str, ToolCall]) -> bytes:
        """The events of a call of Anthropic's own, or of a block that followed one."""
        match block:
            case {"type": "tool_use"}:
                call = calls.get(str(block.get("id")))
                return self._call(call, block) if call is not None else b""
            case {"type": "text", "text": text}:
                return self._text_block(text, block)
            case {"type": "thinking", "thinking": str(thought), "signature": signature} if thought:
                opening = self._start("thinking", cast("AnswerBlock", {**block, "thinking": "", "signature": ""}))
                words = self._delta("thinking", {"type": "thinking_delta", "thinking": thought})
                signed = self._delta(
                    "thinking", cast("VendorBlockDelta", {"type": "signature_delta", "signature": signature})
                )
                return opening + words + signed + self._close()
        return self._start(str(block.get("type")), cast("VendorBlock", block)) + self._close()

    def _call(self, call: ToolCall, original: Mapping[str, Any]) -> bytes:
        """The events of a call. `original` has the fields that Anthropic's own block of it has."""
        arguments = dump(call_arguments(call)).decode()
        events = self._start("tool_use", tool_use(call, {}, original))
        events += self._delta("tool_use", {"type": "input_json_delta", "partial_json": arguments})
        return events + self._close()

    def _text_block(self, text: str, block: Mapping[str, Any]) -> bytes:
        """The events of a whole block of text, with its citations."""
        citations = block.get("citations")
        begun = {**block, "text": "", "citations": [] if citations else citations}
        events = self._start("text", cast("AnswerText", begun))
        events += self._delta("text", {"type": "text_delta", "text": text})
        for citation in citations or ():
            events += self._delta("text", cast("VendorBlockDelta", {"type": "citations_delta", "citation": citation}))
        return events + self._close()

    def _end(self, response: LLMResponse) -> bytes:
        original: Mapping[str, Any] = vendors_fields(response).get("message_delta") or {"delta": NO_MORE_FIELDS}
        last: MessageDelta = {
            "type": "message_delta",
            "delta": cast("StopFields", {**original["delta"], **stop_fields(response)}),
            "usage": count_tokens(response),
            "x_llm_hub": hub_report(response, "anthropic"),
        }
        return _sse(cast("MessageDelta", {**original, **last})) + _sse({"type": "message_stop"})


def _sse(event: MessageEvent) -> bytes:
    """A server-sent event that is named by its type."""
    return sse(dump(event), event["type"])


def message_error(status: int, error: ErrorObject) -> tuple[int, MessageError]:
    """The refusal. Anthropic knows no 502 and 503: a provider that cannot be used is its 500, one that fails for now
    its 529."""
    if status in (502, 503):
        status = 529 if status == 503 and error["code"] != "not_configured" else 500
    report: MessageErrorObject = {
        "type": _ERROR_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error"),
        "message": error["message"],
    }
    if (field := _FIELDS.get(error["param"] or "")) and not begins_with_field(error):
        report["message"] = f"{field}: {error['message']}"
    if error["param"] == "thread":  # with this code Anthropic's SDKs send the whole conversation again
        report["details"] = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    if "attempts" in error:
        report["attempts"] = error["attempts"]
    return status, {"type": "error", "error": report}

"""`POST /v1/messages`, the dialect of Anthropic's clients: how a message, its events, errors and lists are written."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

from llm_hub.access.model_names import CLAUDE_ALIAS
from llm_hub.api.dialects.dialect import Dialect, ModelListFormat, StreamEvent, begins_with_field, hub_report
from llm_hub.api.dialects.messages_answer import (
    AnthropicModel,
    AnthropicModelList,
    BlockDeltaEvent,
    BlockStart,
    BlockStop,
    MessageAnswer,
    MessageDelta,
    MessageError,
    MessageStart,
    MessageStop,
    Ping,
)
from llm_hub.api.dialects.messages_body import MessagesBody
from llm_hub.api.dialects.messages_content import (
    call_arguments,
    count_tokens,
    stop_fields,
    tool_use,
    vendors_blocks,
    vendors_fields,
)
from llm_hub.api.encoding import dump, sse
from llm_hub.chat import AttemptStarted, Done, ReasoningBreak, ReasoningDelta, Resumed, TextDelta, VendorDelta

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_hub.api.dialects.dialect import ListedModel
    from llm_hub.api.dialects.messages_answer import (
        AnswerBlock,
        AnswerThinking,
        AnswerToolUse,
        BlockDelta,
        MessageErrorObject,
        MessageEvent,
        MessageHead,
        StopFields,
        VendorBlock,
        VendorBlockDelta,
    )
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import Event, LLMResponse

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


def _message(body: MessagesBody, response: LLMResponse) -> MessageAnswer:
    content = vendors_blocks(response)
    if content is None:
        content = []
        if response.reasoning and body.shows_thinking:
            content.append({"type": "thinking", "thinking": response.reasoning, "signature": ""})
        if response.content:
            content.append({"type": "text", "text": response.content})
        content += [tool_use(call, call_arguments(call)) for call in response.tool_calls]
    message: MessageAnswer = {
        **_head(f"{response.provider}/{response.model}"),
        "content": content,
        **stop_fields(response),
        "usage": count_tokens(response),
        "x_llm_hub": hub_report(response, "anthropic"),
    }
    return cast("MessageAnswer", {**vendors_fields(response), **message})


class MessageWriter:
    """Writes a stream of Anthropic's events. Blocks come one after the other; calls of tools are whole, and last."""

    end = b""
    sign_of_life = sse(dump({"type": "ping"}), "ping")

    def __init__(self, *, with_thinking: bool) -> None:
        self._with_thinking = with_thinking
        self._model = ""
        self._begun = False
        self._block = -1
        self._open_block = ""
        self._hidden_reasoning: list[str] = []
        """Reasoning that the client did not ask for. It is shown if its vendor signs it: then the client must have it
        to send it back."""

    def event(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return self._begin() + self._delta("text", {"type": "text_delta", "text": text})
            case ReasoningDelta():
                return self._begin() + self._reasoning(event)
            case VendorDelta("anthropic", data):
                return self._begin() + self._vendor_delta(data)
            case AttemptStarted(provider, model) | Resumed(provider, model):
                self._model = f"{provider}/{model}"
                self._hidden_reasoning.clear()
            case Done(response):
                self._model = f"{response.provider}/{response.model}"
                return self._begin() + self._close() + self._calls(response) + self._end(response)
        return b""

    def error(self, status: int, error: ErrorObject) -> bytes:
        return _sse(_error(status, error)[1])

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        start: MessageStart = {
            "type": "message_start",
            "message": {
                **_head(self._model),
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},  # not known yet: message_delta has them
            },
        }
        return _sse(start)

    def _reasoning(self, piece: ReasoningDelta) -> bytes:
        if isinstance(piece, ReasoningBreak) and self._open_block != "thinking" and not self._hidden_reasoning:
            return b""  # the next block stands by itself
        if not self._with_thinking:
            self._hidden_reasoning.append(piece.text)
            return b""
        return self._delta("thinking", {"type": "thinking_delta", "thinking": piece.text})

    def _delta(self, kind: str, delta: BlockDelta) -> bytes:
        opening = b""
        if self._open_block != kind:
            opening = self._close() + self._start(
                kind, {"type": "text", "text": ""} if kind == "text" else _EMPTY_THINKING
            )
        event: BlockDeltaEvent = {"type": "content_block_delta", "index": self._block, "delta": delta}
        return opening + _sse(event)

    def _vendor_delta(self, data: Mapping[str, Any]) -> bytes:
        """What Anthropic wrote in its own words: a piece of the block before it, or a whole block."""
        kind = str(data.get("type"))
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

    def _calls(self, response: LLMResponse) -> bytes:
        events = b""
        originals = {block["id"]: block for block in vendors_blocks(response) or () if block.get("type") == "tool_use"}
        for call in response.tool_calls:
            arguments = dump(call_arguments(call)).decode()
            block = cast("AnswerToolUse", {**originals.get(call.id, {}), **tool_use(call, {})})
            events += self._start("tool_use", block)
            events += self._delta("tool_use", {"type": "input_json_delta", "partial_json": arguments})
            events += self._close()
        return events

    def _end(self, response: LLMResponse) -> bytes:
        end = {name: value for name, value in vendors_fields(response).items() if name not in ("content", "usage")}
        last: MessageDelta = {
            "type": "message_delta",
            "delta": cast("StopFields", {**end, **stop_fields(response)}),
            "usage": count_tokens(response),
            "x_llm_hub": hub_report(response, "anthropic"),
        }
        return _sse(last) + _sse({"type": "message_stop"})


def _sse(event: MessageEvent) -> bytes:
    """A server-sent event that is named by its type."""
    return sse(dump(event), event["type"])


def _head(model: str) -> MessageHead:
    return {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": model}


def _error(status: int, error: ErrorObject) -> tuple[int, MessageError]:
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
        report["details"] = {"error_code": "thread_unsupported_request"}
    if "attempts" in error:
        report["attempts"] = error["attempts"]
    return status, {"type": "error", "error": report}


def _model(model: ListedModel) -> AnthropicModel:
    """A model. Claude Code shows only those whose name begins with "claude" or "anthropic"."""
    is_shown = model.id.startswith(("claude", "anthropic"))
    return {
        "id": model.id if is_shown else f"{CLAUDE_ALIAS}{model.id}",
        "type": "model",
        "display_name": model.title if is_shown else f"{model.title} ({model.owner})",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": model.context,
    }


def _model_list(models: Sequence[ListedModel]) -> AnthropicModelList:
    listed = [_model(model) for model in models]
    return {"data": listed, "has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}


MESSAGES = Dialect(
    name="messages",
    path="/v1/messages",
    body=MessagesBody,
    answer=_message,
    writer=lambda body: MessageWriter(with_thinking=body.shows_thinking),
    error=_error,
    models=ModelListFormat(
        model=_model, model_list=_model_list, model_shape=AnthropicModel, model_list_shape=AnthropicModelList
    ),
    answer_shape=MessageAnswer,
    error_shape=MessageError,
    events=(
        StreamEvent(MessageStart, "message_start"),
        StreamEvent(BlockStart, "content_block_start"),
        StreamEvent(BlockDeltaEvent, "content_block_delta"),
        StreamEvent(BlockStop, "content_block_stop"),
        StreamEvent(MessageDelta, "message_delta"),
        StreamEvent(MessageStop, "message_stop"),
        StreamEvent(Ping, "ping"),
        StreamEvent(MessageError, "error"),
    ),
    client_header="anthropic-version",
    protocol_headers=("anthropic-version", "anthropic-beta"),
    refused_paths={
        "/v1/messages/count_tokens": "Tokens are not counted here before an answer: each model counts them its own way."
    },
)

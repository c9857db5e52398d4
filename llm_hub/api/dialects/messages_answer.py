"""The shapes of the answers to `POST /v1/messages`: Anthropic's message, the events of its stream, and its errors."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from llm_hub.api.shapes import AttemptReport, Count, HubReport

_OPEN = with_config(ConfigDict(extra="allow"))
"""A shape that has, beside these fields, those of Anthropic's own that came with its answer."""


@_OPEN
class AnswerText(TypedDict):
    type: Literal["text"]
    text: str
    citations: NotRequired[list[dict[str, Any]] | None]


@_OPEN
class AnswerThinking(TypedDict):
    """The model's reasoning. The signature is empty where the model is not Anthropic's."""

    type: Literal["thinking"]
    thinking: str
    signature: str


@_OPEN
class AnswerToolUse(TypedDict):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]
    caller: NotRequired[dict[str, Any]]


@_OPEN
class VendorBlock(TypedDict):
    """A block of another type, in an answer of Anthropic's own: `redacted_thinking`, `web_search_tool_result`, …"""

    type: str


AnswerBlock = AnswerText | AnswerThinking | AnswerToolUse | VendorBlock


@_OPEN
class StopFields(TypedDict):
    """Why the answer ended: `end_turn`, `max_tokens`, `stop_sequence`, `tool_use`, or Anthropic's own word for it.

    Both are null in `message_start`, when it has not.
    """

    stop_reason: str | None
    stop_sequence: str | None


@_OPEN
class OutputTokensDetails(TypedDict):
    thinking_tokens: Count


@_OPEN
class MessageUsage(TypedDict):
    """Tokens. Of input and output Anthropic's clients need a number: 0 where nobody reported it."""

    input_tokens: Count
    cache_creation_input_tokens: NotRequired[Count | None]
    cache_read_input_tokens: NotRequired[Count | None]
    output_tokens: Count
    output_tokens_details: NotRequired[OutputTokensDetails | None]


class MessageHead(TypedDict):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str


@_OPEN
class StartedMessage(MessageHead, StopFields):
    """A message as a stream begins it, without its content."""

    content: list[AnswerBlock]
    usage: MessageUsage


@_OPEN
class MessageAnswer(StartedMessage):
    """The body of an answer."""

    x_llm_hub: HubReport


class MessageStart(TypedDict):
    type: Literal["message_start"]
    message: StartedMessage


class BlockStart(TypedDict):
    type: Literal["content_block_start"]
    index: Count
    content_block: AnswerBlock


class AnswerTextDelta(TypedDict):
    type: Literal["text_delta"]
    text: str


class AnswerThinkingDelta(TypedDict):
    type: Literal["thinking_delta"]
    thinking: str


class InputJSONDelta(TypedDict):
    """The arguments of a call, as JSON."""

    type: Literal["input_json_delta"]
    partial_json: str


@_OPEN
class VendorBlockDelta(TypedDict):
    """A piece of another type, in an answer of Anthropic's own: `signature_delta`, `citations_delta`."""

    type: str


BlockDelta = AnswerTextDelta | AnswerThinkingDelta | InputJSONDelta | VendorBlockDelta


class BlockDeltaEvent(TypedDict):
    type: Literal["content_block_delta"]
    index: Count
    delta: BlockDelta


class BlockStop(TypedDict):
    type: Literal["content_block_stop"]
    index: Count


@_OPEN
class MessageDelta(TypedDict):
    """What is known of the message at its end."""

    type: Literal["message_delta"]
    delta: StopFields
    usage: MessageUsage
    x_llm_hub: HubReport


class MessageStop(TypedDict):
    type: Literal["message_stop"]


@_OPEN
class MessageErrorObject(TypedDict):
    type: str
    message: str
    details: NotRequired[dict[str, Any] | None]
    """What its clients act upon, such as `{"error_code": "thread_unsupported_request", "unsupported": ["thread"]}`."""
    attempts: NotRequired[list[AttemptReport]]


class MessageError(TypedDict):
    """The body of a refusal, and the data of a stream's event `error`."""

    type: Literal["error"]
    error: MessageErrorObject


class TokenCountReport(TypedDict):
    notes: list[str]


@_OPEN
class MessageTokenCount(TypedDict):
    """The tokens of a request. With `x_llm_hub` they are an estimate, which it says."""

    input_tokens: Count
    x_llm_hub: NotRequired[TokenCountReport]


class Ping(TypedDict):
    """A sign of life, which clients skip."""

    type: Literal["ping"]


MessageEvent = (
    MessageStart | BlockStart | BlockDeltaEvent | BlockStop | MessageDelta | MessageStop | Ping | MessageError
)


class AnthropicModel(TypedDict):
    """A model. When it was made nobody says: this date is Anthropic's word for that."""

    id: str
    type: Literal["model"]
    display_name: str
    created_at: str
    lifecycle: Literal["active"]
    max_input_tokens: Count | None


class AnthropicModelList(TypedDict):
    """All models on one page."""

    data: list[AnthropicModel]
    has_more: Literal[False]
    first_id: str
    last_id: str

"""The shapes of the answers to `POST /v1/messages`: Anthropic's message, the events of its stream, and its errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from llm_hub.api.shapes import AttemptReport, Count, HubReport

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]


class AnswerText(TypedDict):
    type: Literal["text"]
    text: str


class AnswerThinking(TypedDict):
    """The model's reasoning. The signature is empty: it would be Anthropic's own."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class AnswerToolUse(TypedDict):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


AnswerBlock = Annotated[AnswerText | AnswerThinking | AnswerToolUse, Field(discriminator="type")]


class StopFields(TypedDict):
    """Why the answer ended. Both are null in `message_start`, when it has not."""

    stop_reason: StopReason | None
    stop_sequence: str | None


class OutputTokensDetails(TypedDict):
    thinking_tokens: Count


class MessageUsage(TypedDict):
    """Tokens. A count that nobody reported is 0, since Anthropic's clients need a number."""

    input_tokens: Count
    cache_creation_input_tokens: NotRequired[Count]
    cache_read_input_tokens: NotRequired[Count]
    output_tokens: Count
    output_tokens_details: NotRequired[OutputTokensDetails]


class MessageHead(TypedDict):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str


class StartedMessage(MessageHead, StopFields):
    """A message as a stream begins it, without its content."""

    content: list[AnswerBlock]
    usage: MessageUsage


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


BlockDelta = Annotated[AnswerTextDelta | AnswerThinkingDelta | InputJSONDelta, Field(discriminator="type")]


class BlockDeltaEvent(TypedDict):
    type: Literal["content_block_delta"]
    index: Count
    delta: BlockDelta


class BlockStop(TypedDict):
    type: Literal["content_block_stop"]
    index: Count


class MessageDelta(TypedDict):
    """What is known of the message at its end."""

    type: Literal["message_delta"]
    delta: StopFields
    usage: MessageUsage
    x_llm_hub: HubReport


class MessageStop(TypedDict):
    type: Literal["message_stop"]


class MessageErrorObject(TypedDict):
    type: str
    message: str
    attempts: NotRequired[list[AttemptReport]]


class MessageError(TypedDict):
    """The body of a refusal, and the data of a stream's event `error`."""

    type: Literal["error"]
    error: MessageErrorObject


MessageEvent = MessageStart | BlockStart | BlockDeltaEvent | BlockStop | MessageDelta | MessageStop | MessageError


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

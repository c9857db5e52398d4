"""The shapes of the answers to `POST /v1/responses`: OpenAI's response, and the items that it is made of."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from llm_hub.api.shapes import AttemptReport, Count, HubReport

_OPEN = with_config(ConfigDict(extra="allow"))
"""A shape that has, beside these fields, those of OpenAI's own that came with its answer."""

ItemStatus = Literal["in_progress", "completed", "incomplete"]


@_OPEN
class OutputText(TypedDict):
    type: Literal["output_text"]
    text: str
    annotations: list[dict[str, Any]]
    logprobs: list[dict[str, Any]]


@_OPEN
class OutputMessage(TypedDict):
    id: str
    type: Literal["message"]
    status: ItemStatus
    role: Literal["assistant"]
    content: list[OutputText]


class SummaryText(TypedDict):
    type: Literal["summary_text"]
    text: str


@_OPEN
class OutputReasoning(TypedDict):
    """The model's reasoning. That of OpenAI's own models has `encrypted_content`, to be sent back as it is."""

    id: str
    type: Literal["reasoning"]
    summary: list[SummaryText]


@_OPEN
class OutputFunctionCall(TypedDict):
    """A call of a function; its arguments are JSON as the model wrote it."""

    id: str
    type: Literal["function_call"]
    status: ItemStatus
    call_id: str
    name: str
    namespace: NotRequired[str]
    arguments: str


@_OPEN
class OutputCustomCall(TypedDict):
    """A call of a custom tool; its input is text."""

    id: str
    type: Literal["custom_tool_call"]
    status: ItemStatus
    call_id: str
    name: str
    namespace: NotRequired[str]
    input: str


@_OPEN
class VendorItem(TypedDict):
    """An item of another type, in an answer of OpenAI's own: `web_search_call`, …"""

    type: str


OutputItem = OutputMessage | OutputReasoning | OutputFunctionCall | OutputCustomCall | VendorItem


@_OPEN
class InputTokensDetails(TypedDict):
    cached_tokens: Count
    cache_write_tokens: Count


@_OPEN
class ResponseOutputTokens(TypedDict):
    reasoning_tokens: Count


@_OPEN
class ResponseUsage(TypedDict):
    """Tokens. OpenAI's clients need a number for each: 0 where nobody reported it."""

    input_tokens: Count
    input_tokens_details: InputTokensDetails
    output_tokens: Count
    output_tokens_details: ResponseOutputTokens
    total_tokens: Count


class IncompleteDetails(TypedDict):
    reason: str


class ResponseFailure(TypedDict):
    """Why an answer broke off."""

    code: str
    message: str
    attempts: NotRequired[list[AttemptReport]]


@_OPEN
class ResponseObject(TypedDict):
    """The body of an answer. What the client set is repeated in it; `model` is the one that really answered, and
    `x_llm_hub`, in a complete one, tells of every attempt."""

    id: str
    object: Literal["response"]
    created_at: Count
    completed_at: Count | None
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    error: ResponseFailure | None
    incomplete_details: IncompleteDetails | None
    model: str
    output: list[OutputItem]
    usage: ResponseUsage | None
    instructions: str | None
    previous_response_id: str | None
    tools: list[dict[str, Any]]
    tool_choice: Any
    parallel_tool_calls: bool
    reasoning: dict[str, Any] | None
    text: dict[str, Any]
    temperature: float
    top_p: float
    presence_penalty: Any
    frequency_penalty: Any
    max_output_tokens: int | None
    max_tool_calls: Any
    top_logprobs: Any
    truncation: Any
    service_tier: Any
    prompt_cache_key: Any
    safety_identifier: Any
    store: bool
    background: Literal[False]
    metadata: dict[str, str]
    x_llm_hub: NotRequired[HubReport]


class DeletedResponse(TypedDict):
    """The body of the answer to a DELETE."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]

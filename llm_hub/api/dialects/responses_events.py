"""The shapes of the events of a stream of `POST /v1/responses`. Each has its name as `type`, and its number."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from llm_hub.api.dialects.dialect import StreamEvent
from llm_hub.api.dialects.responses_answer import OutputItem, OutputText, ResponseObject, SummaryText
from llm_hub.api.shapes import Count


class ResponseEvent(TypedDict):
    """The response as it begins (`response.created`, `response.in_progress`, which is also the sign of life), and as it
    ends (`response.completed`, `response.incomplete`, `response.failed`)."""

    type: Literal[
        "response.created", "response.in_progress", "response.completed", "response.incomplete", "response.failed"
    ]
    sequence_number: Count
    response: ResponseObject


class ItemEvent(TypedDict):
    type: Literal["response.output_item.added", "response.output_item.done"]
    sequence_number: Count
    output_index: Count
    item: OutputItem


class ContentPartEvent(TypedDict):
    type: Literal["response.content_part.added", "response.content_part.done"]
    sequence_number: Count
    item_id: str
    output_index: Count
    content_index: Count
    part: OutputText


class OutputTextDelta(TypedDict):
    type: Literal["response.output_text.delta"]
    sequence_number: Count
    item_id: str
    output_index: Count
    content_index: Count
    delta: str
    logprobs: list[dict[str, Any]]


class OutputTextDone(TypedDict):
    type: Literal["response.output_text.done"]
    sequence_number: Count
    item_id: str
    output_index: Count
    content_index: Count
    text: str
    logprobs: list[dict[str, Any]]


class SummaryPartEvent(TypedDict):
    type: Literal["response.reasoning_summary_part.added", "response.reasoning_summary_part.done"]
    sequence_number: Count
    item_id: str
    output_index: Count
    summary_index: Count
    part: SummaryText


class SummaryTextDelta(TypedDict):
    type: Literal["response.reasoning_summary_text.delta"]
    sequence_number: Count
    item_id: str
    output_index: Count
    summary_index: Count
    delta: str


class SummaryTextDone(TypedDict):
    type: Literal["response.reasoning_summary_text.done"]
    sequence_number: Count
    item_id: str
    output_index: Count
    summary_index: Count
    text: str


class ArgumentsDelta(TypedDict):
    type: Literal["response.function_call_arguments.delta"]
    sequence_number: Count
    item_id: str
    output_index: Count
    delta: str


class ArgumentsDone(TypedDict):
    type: Literal["response.function_call_arguments.done"]
    sequence_number: Count
    item_id: str
    output_index: Count
    name: str
    arguments: str


class CustomInputDelta(TypedDict):
    type: Literal["response.custom_tool_call_input.delta"]
    sequence_number: Count
    item_id: str
    output_index: Count
    delta: str


class CustomInputDone(TypedDict):
    type: Literal["response.custom_tool_call_input.done"]
    sequence_number: Count
    item_id: str
    output_index: Count
    input: str


@with_config(ConfigDict(extra="allow"))
class VendorEvent(TypedDict):
    """An event of OpenAI's own about an item of its answer: `response.output_text.annotation.added`, …"""

    type: str
    sequence_number: Count


AnyEvent = (
    ResponseEvent
    | ItemEvent
    | ContentPartEvent
    | OutputTextDelta
    | OutputTextDone
    | SummaryPartEvent
    | SummaryTextDelta
    | SummaryTextDone
    | ArgumentsDelta
    | ArgumentsDone
    | CustomInputDelta
    | CustomInputDone
    | VendorEvent
)
EVENTS = (
    *(StreamEvent(ResponseEvent, f"response.{end}") for end in ("created", "in_progress", "completed", "incomplete")),
    StreamEvent(ResponseEvent, "response.failed"),
    *(StreamEvent(ItemEvent, f"response.output_item.{end}") for end in ("added", "done")),
    *(StreamEvent(ContentPartEvent, f"response.content_part.{end}") for end in ("added", "done")),
    StreamEvent(OutputTextDelta, "response.output_text.delta"),
    StreamEvent(OutputTextDone, "response.output_text.done"),
    *(StreamEvent(SummaryPartEvent, f"response.reasoning_summary_part.{end}") for end in ("added", "done")),
    StreamEvent(SummaryTextDelta, "response.reasoning_summary_text.delta"),
    StreamEvent(SummaryTextDone, "response.reasoning_summary_text.done"),
    StreamEvent(ArgumentsDelta, "response.function_call_arguments.delta"),
    StreamEvent(ArgumentsDone, "response.function_call_arguments.done"),
    StreamEvent(CustomInputDelta, "response.custom_tool_call_input.delta"),
    StreamEvent(CustomInputDone, "response.custom_tool_call_input.done"),
)

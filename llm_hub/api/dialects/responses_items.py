"""What an answer to `POST /v1/responses` is made of: items, tokens, and what the response says about itself."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, cast

from llm_hub.api.carried_state import write_state
from llm_hub.api.dialects.citations import cited_pages
from llm_hub.api.dialects.custom_tools import custom_input
from llm_hub.api.dialects.dialect import as_told, calls_and_late_text, hub_report
from llm_hub.api.dialects.responses_input import OWN_REASONING
from llm_hub.api.dialects.responses_parts import PARTS, PartPlace
from llm_hub.api.dialects.responses_tools import ResponseToolName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.api.dialects.responses_answer import (
        ItemStatus,
        OutputCustomCall,
        OutputFunctionCall,
        OutputItem,
        OutputMessage,
        OutputReasoning,
        OutputText,
        ResponseFailure,
        ResponseObject,
        ResponseUsage,
    )
    from llm_hub.api.dialects.responses_body import ResponsesBody
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import LLMResponse, ToolCall

_OWN_FIELDS = frozenset({
    "id", "object", "completed_at", "status", "error", "incomplete_details", "model", "output", "usage",
    "previous_response_id", "store", "background", "metadata", "stream_events",
})  # fmt: skip
"""Fields of a response that are the hub's to say. The others, if it is OpenAI's, are as they came."""
_FAILURES = {429: "rate_limit_exceeded", 400: "invalid_prompt", 404: "invalid_prompt", 413: "invalid_prompt"}
"""By status: OpenAI's codes of answers that failed. Agents ask again after most others, which are `server_error`."""
_NAMED_FAILURES = ("context_length_exceeded",)
"""Codes of the hub's that OpenAI has as well, and that agents act on."""
CALLS = ("function_call", "custom_tool_call")


def begin_response(body: ResponsesBody, model: str = "") -> ResponseObject:
    """A response that has no content yet, with what the client has set. Clients want all fields: what is missing has
    the value that OpenAI documents for it."""
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        "instructions": body.instructions,
        "previous_response_id": body.previous_response_id,
        "tools": [_described(tool) for tool in body.sent("tools") or ()],
        "tool_choice": body.sent("tool_choice") or "auto",
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "reasoning": body.sent("reasoning"),
        "text": {"format": {"type": "text"}, **(body.sent("text") or {})},
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "presence_penalty": body.sent("presence_penalty") or 0.0,
        "frequency_penalty": body.sent("frequency_penalty") or 0.0,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.sent("max_tool_calls"),
        "top_logprobs": body.sent("top_logprobs") or 0,
        "truncation": body.sent("truncation") or "disabled",
        "service_tier": "default",
        "prompt_cache_key": body.sent("prompt_cache_key"),
        "safety_identifier": body.sent("safety_identifier"),
        "store": body.store is not False,
        "background": False,
        "metadata": body.metadata or {},
    }


def _described(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as a response repeats it: functions with all their fields."""
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": None, **tool}


def failure_of(status: int, error: ErrorObject, original: Mapping[str, Any] | None) -> ResponseFailure:
    """Why an answer broke off. `original` is the error in the words of a vendor of this protocol."""
    code = error["code"] if error["code"] in _NAMED_FAILURES else _FAILURES.get(status, "server_error")
    failure: ResponseFailure = {"code": code or "server_error", "message": error["message"]}
    if "attempts" in error:
        failure["attempts"] = error["attempts"]
    if original is not None:
        vendors = original["error"]
        failure |= {"code": str(vendors.get("code") or failure["code"]), "message": vendors["message"]}
    return failure


def with_vendors_fields(begun: ResponseObject, vendors: Mapping[str, Any]) -> ResponseObject:
    """The response as it begins, with what it has in its vendor's own words."""
    return cast("ResponseObject", {**begun, **_vendors_own(vendors)})


def _vendors_own(vendors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in vendors.items() if name not in _OWN_FIELDS}


def complete_response(begun: ResponseObject, response: LLMResponse, output: list[OutputItem]) -> ResponseObject:
    """The response at its end."""
    vendors = vendors_fields(response)
    is_cut = end_status(response) == "incomplete"
    cut_by = vendors.get("incomplete_details") or {"reason": "max_output_tokens"}
    end: dict[str, Any] = {
        "completed_at": vendors.get("completed_at", None if is_cut else int(time.time())),
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": cut_by if is_cut else None,
        "model": f"{response.provider}/{response.model}",
        "output": output,
        "usage": _usage(response),
        "x_llm_hub": hub_report(response, "responses"),
    }
    return cast("ResponseObject", {**begun, **_vendors_own(vendors), **end})


def vendors_fields(response: LLMResponse) -> Mapping[str, Any]:
    """What the answer has in its vendor's own words, where that speaks this protocol."""
    original = response.original
    return original.body if original is not None and original.protocol == "responses" else {}


def output_items(response: LLMResponse, names: Mapping[str, ResponseToolName]) -> list[OutputItem]:
    """The items of an answer: as they came, with those calls that the answer makes, or made of the hub's words."""
    made = {call.id for call in response.tool_calls}
    items: list[OutputItem] = [
        item
        for item in vendors_fields(response).get("output") or ()
        if item.get("type") not in CALLS or item.get("call_id") in made
    ]
    written = {item.get("call_id") for item in items}
    if not items and response.reasoning:
        items.append(reasoning_item(response.reasoning))
    has_message = any(item["type"] == "message" for item in items)
    if response.early_text and not has_message:
        items.append(message_item(response.early_text, end_status(response), page_annotations(response)))
    for call in calls_and_late_text(response):
        if isinstance(call, str):
            items += [] if has_message else [message_item(call, end_status(response))]
        elif call.id not in written:
            if state := write_state(call, "responses"):
                items.append(cast("OutputReasoning", {**reasoning_item(""), "encrypted_content": state}))
            items.append(call_item(call, names))
    return items


def streamed_parts(item: OutputItem) -> list[tuple[PartPlace, dict[str, Any]]]:
    """The parts of a message or of reasoning, if it has nothing but text that streams."""
    fields = {"message": ("content",), "reasoning": ("summary", "content")}.get(item["type"], ())
    of_fields = [cast("dict[str, Any]", item).get(field) or () for field in fields]
    parts = [(part.get("type"), number, part) for given in of_fields for number, part in enumerate(given)]
    if not {kind for kind, _, _ in parts} <= {*PARTS.get(item["type"], ())}:
        return []
    return [(PartPlace(kind, number), part) for kind, number, part in parts]


def end_status(response: LLMResponse) -> ItemStatus:
    """The status of an answer, and of the message that ends it."""
    is_cut = response.finish_reason == "length" or vendors_fields(response).get("status") == "incomplete"
    return "incomplete" if is_cut else "completed"


def reasoning_item(text: str) -> OutputReasoning:
    """Reasoning that came in another protocol."""
    return {
        "id": f"{OWN_REASONING}{uuid.uuid4().hex}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if text else [],
    }


def page_annotations(response: LLMResponse) -> list[dict[str, Any]]:
    """What the text of an answer cites."""
    return [{"type": "url_citation", **page} for page in cited_pages(response)]


def text_part(text: str, cited: list[dict[str, Any]] | None = None) -> OutputText:
    return {"type": "output_text", "text": text, "annotations": cited or [], "logprobs": []}


def message_item(text: str, status: ItemStatus, cited: list[dict[str, Any]] | None = None) -> OutputMessage:
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [text_part(text, cited)] if text else [],
    }


def call_item(call: ToolCall, names: Mapping[str, ResponseToolName]) -> OutputFunctionCall | OutputCustomCall:
    """A call of a tool, by the name that the client gave it."""
    name = names.get(call.name) or ResponseToolName(call.name)
    item: dict[str, Any] = {
        "id": f"{'ctc' if name.is_custom else 'fc'}_{uuid.uuid4().hex}",
        "type": "custom_tool_call" if name.is_custom else "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": name.name,
    }
    if name.namespace is not None:
        item["namespace"] = name.namespace
    if name.is_custom:
        return cast("OutputCustomCall", {**item, "input": custom_input(call)})
    return cast("OutputFunctionCall", {**item, "arguments": call.arguments})


def _usage(response: LLMResponse) -> ResponseUsage | None:
    usage = response.usage
    if not usage:
        return None
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    counts: ResponseUsage = {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": usage.get("cached_tokens", 0),
            "cache_write_tokens": usage.get("cache_write_tokens", 0),
        },
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens", 0)},
        "total_tokens": usage.get("total_tokens", prompt + completion),
    }
    return cast("ResponseUsage", as_told(vendors_fields(response).get("usage"), counts))

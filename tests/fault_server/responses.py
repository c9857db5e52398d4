"""OpenAI's Responses: the same faults and answers as its chat completions, in events that each have a name."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from openai.types.responses.response_create_params import ResponseCreateParamsBase

from tests.fault_server.calls import ToolRequest
from tests.fault_server.dialect import Answer, Refused, dump
from tests.fault_server.dictated import dictated_frames
from tests.fault_server.faults import Fault, Frame
from tests.fault_server.openai import OpenAI, check_parameters
from tests.fault_server.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.fault_server.calls import Call
    from tests.fault_server.log import Exchange

FIELDS = frozenset({"stream", "client_metadata", *ResponseCreateParamsBase.__annotations__})
"""The parameters that OpenAI takes, with the one that Codex sends: it refuses every other. Null is none at all."""
ENCRYPTED = "gAAAA-encrypted-reasoning"
"""What the models that reason want back with the results of their calls."""
_NESTED = ("reasoning", "text")


class Responses(OpenAI):
    """`POST /v1/responses`, streamed as server-sent events."""

    name = "responses"
    chat = "/v1/responses"
    ping = b'event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n'
    no_progress = (
        b'event: response.in_progress\ndata: {"type":"response.in_progress","sequence_number":1,"response":{"id":'
        b'"resp_1","object":"response","status":"in_progress","model":"role-only-forever","output":[]}}\n\n'
    )

    def check(self, exchange: Exchange) -> None:
        body = {name: value for name, value in exchange.body.items() if value is not None}
        if unknown := body.keys() - FIELDS:
            name = min(unknown)
            raise Refused("unknown_parameter", f"Unknown parameter: '{name}'.", name)
        items = body.get("input")
        if not isinstance(items, str | list) or not items:
            raise Refused("bad-request", "Invalid type for 'input': expected a non-empty array or a text.", "input")
        open_calls: list[str] = []
        for number, item in enumerate(items if isinstance(items, list) else ()):
            _check_item(number, item, open_calls)
        if open_calls:
            raise Refused("bad-request", f"No tool output found for function call {open_calls[0]}.", "input")
        for tool in body.get("tools", ()):
            if tool["type"] == "function" and not re.fullmatch(r"[\w-]{1,64}", tool.get("name", "")):
                raise Refused("bad-request", "Invalid 'tools[0].name'.", "tools[0].name")
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in body and not body.get("tools"):
                raise Refused("bad-request", f"'{name}' is only allowed when 'tools' are specified.", name)
        form = (body.get("text") or {}).get("format") or {"type": "text"}
        if form["type"] == "json_schema" and {"name", "schema"} - form.keys():
            raise Refused("bad-request", "Missing required parameter: 'text.format.name'.", "text.format.name")
        check_parameters(exchange, {"temperature": (int, float), "top_p": (int, float), "max_output_tokens": int})

    def tool_request(self, body: Mapping[str, Any]) -> ToolRequest:
        functions = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
        tools = {function["name"]: function.get("parameters") or {} for function in functions}
        choice = (body.get("tool_choice") or "auto") if tools else "auto"
        if not isinstance(choice, str):
            choice = choice.get("name") or choice.get("mode") or "auto"
        return ToolRequest(tools, choice, body.get("parallel_tool_calls") is not False)

    def sent(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters of the request, those inside of others under their paths."""
        inner = {f"{outer}.{name}": value for outer in _NESTED for name, value in (body.get(outer) or {}).items()}
        return {**body, **inner}

    def schema(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        form = (body.get("text") or {}).get("format") or {}
        return form.get("schema", {}) if "json" in form.get("type", "") else None

    def sampling(self, body: Mapping[str, Any]) -> dict[str, Any]:
        effort = (body.get("reasoning") or {}).get("effort")
        return {"stop": None, "seed": None, "top_p": body.get("top_p"), "effort": effort}

    def has_results(self, body: Mapping[str, Any]) -> bool:
        last = body["input"][-1]
        return isinstance(last, dict) and last.get("type") in ("function_call_output", "custom_tool_call_output")

    def result_count(self, body: Mapping[str, Any]) -> int:
        items = body["input"] if isinstance(body["input"], list) else []
        return sum(item.get("type") in ("function_call_output", "custom_tool_call_output") for item in items)

    def turns(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        items = body.get("input")
        if isinstance(items, str):
            return [("user", items)]
        turns = [("system", body["instructions"])] if body.get("instructions") else []
        for item in items or ():
            if item.get("type", "message") == "message":
                role = "system" if item["role"] == "developer" else item["role"]
                turns.append((role, plain(item.get("content"))))
            elif "output" in item:
                turns.append(("tool", plain(item["output"])))
        return turns

    def error_event(self, fault: Fault, model: str) -> bytes:
        if "shape" in fault.options:
            return super().error_event(fault, model)
        message = "An error occurred while processing your request."
        code = fault.options.get("code", "server_error")
        if fault.options.get("as") == "failed":
            response = _response(model, "failed") | {"error": {"code": code, "message": message}}
            return _event({"type": "response.failed", "response": response}, 99)
        return _event({"type": "error", "code": code, "message": message, "param": None}, 99)

    def oddity(self, name: str) -> bytes:
        if name == "blank-lines":
            return super().oddity(name)
        return b'event: response.aura.delta\ndata: {"type":"response.aura.delta","delta":"blue","x":{"y":[1]}}\n\n'

    def frames(self, answer: Answer, exchange: Exchange) -> list[Frame]:
        if (dictated := dictated_frames(answer, self.turns(exchange.body))) is not None:
            return dictated
        events = enumerate(_events(answer, exchange.body))
        frames = [Frame(_event(event, number, ascii_only=answer.fault.name == "surrogates"), kind)
                  for number, (kind, event) in events]  # fmt: skip
        return [*frames[:-1], Frame(frames[-1].data, "end")]

    def whole(self, answer: Answer) -> dict[str, Any]:
        return _ended(answer, list(_items(answer)))


def _events(answer: Answer, body: Mapping[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The events of an answer, each with the kind of its frame."""
    if answer.fault.name != "no-role":
        begun = _response(answer.model, "in_progress")
        yield "head", {"type": "response.created", "response": begun}
        yield "head", {"type": "response.in_progress", "response": begun}
    items = list(_items(answer, encrypted="reasoning.encrypted_content" in (body.get("include") or ())))
    for index, item in enumerate(items):
        place: dict[str, Any] = {"item_id": item["id"], "output_index": index}
        last = index == len(items) - 1
        match item["type"]:
            case "reasoning":
                yield from _reasoning_events(answer, item, place)
            case "message":
                yield from _message_events(answer, item, place)
            case _:
                yield from _call_events(item, place)
        yield "finish" if last else "head", {"type": "response.output_item.done", "output_index": index, "item": item}
    yield "end", _end_event(answer, items)


def _reasoning_events(
    answer: Answer, item: dict[str, Any], place: dict[str, Any]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    begun = {"id": item["id"], "type": "reasoning", "summary": []}
    yield "head", {"type": "response.output_item.added", "output_index": place["output_index"], "item": begun}
    text = "".join(answer.reasoning)
    if answer.fault.options.get("field") == "text":
        for piece in answer.reasoning:
            yield "token", {"type": "response.reasoning_text.delta", **place, "content_index": 0, "delta": piece}
        yield "head", {"type": "response.reasoning_text.done", **place, "content_index": 0, "text": text}
        return
    part = {**place, "summary_index": 0}
    empty = {"type": "summary_text", "text": ""}
    yield "head", {"type": "response.reasoning_summary_part.added", **part, "part": empty}
    for piece in answer.reasoning:
        yield "token", {"type": "response.reasoning_summary_text.delta", **part, "delta": piece}
    yield "head", {"type": "response.reasoning_summary_text.done", **part, "text": text}
    yield "head", {"type": "response.reasoning_summary_part.done", **part, "part": {**empty, "text": text}}


def _message_events(
    answer: Answer, item: dict[str, Any], place: dict[str, Any]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    begun = {**item, "status": "in_progress", "content": []}
    yield "head", {"type": "response.output_item.added", "output_index": place["output_index"], "item": begun}
    field = "refusal" if answer.finish == "refusal" else "text"
    kind = "refusal" if field == "refusal" else "output_text"
    part = {**place, "content_index": 0}
    empty = {"type": kind, field: "", **({"annotations": []} if field == "text" else {})}
    yield "head", {"type": "response.content_part.added", **part, "part": empty}
    logprobs: dict[str, Any] = {"logprobs": []} if field == "text" else {}
    for piece in answer.text:
        yield "token", {"type": f"response.{kind}.delta", **part, "delta": piece, **logprobs}
    text = "".join(answer.text)
    done = "head" if answer.calls else "finish"
    yield done, {"type": f"response.{kind}.done", **part, field: text, **logprobs}
    yield done, {"type": "response.content_part.done", **part, "part": item["content"][0]}


def _call_events(item: dict[str, Any], place: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    begun = {**item, "arguments": "", "status": "in_progress"}
    yield "token", {"type": "response.output_item.added", "output_index": place["output_index"], "item": begun}
    arguments = item["arguments"]
    for start in range(0, len(arguments), 4):
        piece = arguments[start : start + 4]
        yield "token", {"type": "response.function_call_arguments.delta", **place, "delta": piece}
    done = {"type": "response.function_call_arguments.done", **place, "name": item["name"], "arguments": arguments}
    yield "finish", done


def _items(answer: Answer, *, encrypted: bool = False) -> Iterator[dict[str, Any]]:
    """The items of the answer, complete."""
    if answer.reasoning:
        text = "".join(answer.reasoning)
        item: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}
        if answer.fault.options.get("field") == "text":
            item |= {"summary": [], "content": [{"type": "reasoning_text", "text": text}]}
        yield item | ({"encrypted_content": ENCRYPTED} if encrypted else {})
    if answer.text or not (answer.calls or answer.reasoning):
        text = "".join(answer.text)
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        if answer.finish == "refusal":
            part = {"type": "refusal", "refusal": text}
        status = "incomplete" if answer.finish == "length" else "completed"
        yield {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [part]}
    for number, call in enumerate(answer.calls):
        yield _call(number, call)


def _call(number: int, call: Call) -> dict[str, Any]:
    return {
        "id": f"fc_{number}", "type": "function_call", "status": "completed", "call_id": call.id, "name": call.name,
        "arguments": call.arguments,
    }  # fmt: skip


def _response(model: str, status: str) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "created_at": 1_790_000_000, "status": status, "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "model": model, "output": [],
        "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "service_tier": "default", "store": False, "usage": None,
    }  # fmt: skip


def _ended(answer: Answer, items: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole response at its end."""
    reason = {"stop": None, "tool_calls": None, "refusal": None, "length": "max_output_tokens"}.get(
        answer.finish, answer.finish
    )
    response = _response(answer.model, "incomplete" if reason else "completed") | {"output": items}
    if reason:
        response["incomplete_details"] = {"reason": reason}
    if answer.fault.name != "no-usage":
        response["usage"] = {
            "input_tokens": answer.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": answer.tokens,
            "output_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
            "total_tokens": answer.prompt_tokens + answer.tokens,
        }
    return response


def _end_event(answer: Answer, items: list[dict[str, Any]]) -> dict[str, Any]:
    response = _ended(answer, items)
    return {"type": f"response.{response['status']}", "response": response}


def _event(event: dict[str, Any], number: int, *, ascii_only: bool = False) -> bytes:
    event = {**event, "sequence_number": number}
    data = json.dumps(event).encode() if ascii_only else dump(event)
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), data)


def _check_item(number: int, item: dict[str, Any], open_calls: list[str]) -> None:
    where = f"input[{number}]"
    kind = item.get("type", "message")
    if kind in ("function_call", "custom_tool_call"):
        if not item.get("call_id") or not item.get("name"):
            raise Refused("bad-request", f"Missing required parameter: '{where}.call_id'.", f"{where}.call_id")
        open_calls.append(item["call_id"])
    elif kind in ("function_call_output", "custom_tool_call_output"):
        if item.get("call_id") not in open_calls:
            raise Refused("bad-request", f"No tool call found for call_id {item.get('call_id')}.", "input")
        open_calls.remove(item["call_id"])
    elif kind == "reasoning":
        if not str(item.get("encrypted_content") or ENCRYPTED).startswith("gAAAA"):
            words = f"The encrypted content for item {item.get('id')} could not be verified."
            raise Refused("invalid_encrypted_content", words)
    elif kind == "message":
        _check_message(where, item)


def _check_message(where: str, item: dict[str, Any]) -> None:
    if item.get("role") not in ("system", "developer", "user", "assistant"):
        raise Refused("bad-request", f"Invalid value: '{item.get('role')}'.", f"{where}.role")
    content = item.get("content")
    if not isinstance(content, str | list):
        raise Refused("bad-request", f"Invalid type for '{where}.content'.", f"{where}.content")
    for part in content if isinstance(content, list) else ():
        text = "output_text" if item["role"] == "assistant" else "input_text"
        is_image = part.get("type") == "input_image" and part["image_url"].startswith(("data:image/", "https://"))
        has_data = part.get("filename") and str(part.get("file_data")).startswith("data:")
        is_file = part.get("type") == "input_file" and ("file_id" in part or has_data or "file_url" in part)
        if is_file and "file_url" in part and "filename" in part:
            words = f"Mutually exclusive parameters: '{where}'. Ensure you are only providing one of them."
            raise Refused("bad-request", words, where)
        if part.get("type") not in (text, "refusal") and not is_image and not is_file:
            raise Refused("bad-request", f"Invalid value: '{part.get('type')}'.", f"{where}.content")

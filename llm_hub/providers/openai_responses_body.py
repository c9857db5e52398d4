"""A chat request in the shape of OpenAI's Responses: items instead of messages, and nothing kept on the server.

While a request is built and revised, the fields inside `reasoning` and `text` stand beside the others under the names
that OpenAI's refusals give them, such as `reasoning.effort`: each can be refused alone. `nested` puts them in place.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from llm_hub.chat import ChatRequest, Document, Image, JSONFormat, Message, OneTool, OriginalRequest, Role, Text, Tool
from llm_hub.providers.openai_body import NO_ARGUMENTS
from llm_hub.wire.validation import parse_name

FIELDS = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tools": "parallel_tool_calls",
    "format": "text.format",
    "stop": "stop",
    "seed": "seed",
    "top_p": "top_p",
    "effort": "reasoning.effort",
}
"""The optional fields of a `ChatRequest`, and their names on the wire. The protocol has none for `stop` and `seed`,
which an answer is good without."""
REQUIRED = frozenset(
    {"model", "input", "instructions", "stream", "store", "tools", "tool_choice", "text.format", "prompt"}
)
"""The parameters without which the answer would be to another question: these are never left out."""
SHARED_FIELDS = {
    "metadata": "metadata",
    "prompt_cache_key": "prompt_cache_key",
    "prompt_cache_retention": "prompt_cache_retention",
    "safety_identifier": "safety_identifier",
    "service_tier": "service_tier",
    "store": "store",
    "user": "user",
    "verbosity": "text.verbosity",
}
"""Fields of chat completions for which the hub has no word, and their names in Responses."""
_DISPENSABLE = {
    "temperature": "temperature",
    "max_tokens": "max_output_tokens",
    "parallel_tools": "parallel_tool_calls",
    "top_p": "top_p",
    "effort": "reasoning.effort",
}
_NESTED = ("reasoning", "text")
_OWN_FIELDS = frozenset({"model", "models", "stream", "max_output_tokens"})
"""The fields of a client's body that are for the hub, or that the hub writes itself."""


def input_items(turns: tuple[Message, ...], provider: str = "") -> list[dict[str, Any]]:
    """The conversation. Every call of a tool, and every result, is an item of its own. The reasoning that `provider`
    gave in encrypted form goes back to it."""
    return [item for turn in turns for item in _items(turn, provider)]


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, except its model and limit. A choice of tools is left out where there are no tools."""
    body: dict[str, Any] = {}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            choice = request.tool_choice
            body["tool_choice"] = {"type": "function", "name": choice.name} if isinstance(choice, OneTool) else choice
        if request.parallel_tools is not None:
            body["parallel_tool_calls"] = request.parallel_tools
    if request.format is not None:
        body["text.format"] = _format(request.format)
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if (effort := request.wanted_effort) is not None:
        body["reasoning.effort"] = effort
    return body


def unsupported_options(request: ChatRequest) -> tuple[str, ...]:
    """What the request sets and the protocol has no word for."""
    return tuple(name for name, value in (("stop", request.stop), ("seed", request.seed)) if value not in (None, ()))


def translated(request: ChatRequest, provider: str, *, reasons: bool) -> dict[str, Any]:
    """The body of a request that came in other words, except its model and limit.

    The server keeps nothing. Where the model `reasons`, it is asked for a summary, and with tools also for the
    reasoning in encrypted form: it wants that back with the results of its calls.
    """
    body = {"input": input_items(request.messages, provider), "store": False, **options(request)}
    if reasons:
        body["reasoning.summary"] = "auto"
        if request.tools:
            body["include"] = ["reasoning.encrypted_content"]
    if request.original is not None and request.original.protocol == "openai":
        sent = request.original.body
        body |= {name: sent[field] for field, name in SHARED_FIELDS.items() if sent.get(field) is not None}
    return body


def from_original(request: ChatRequest, original: OriginalRequest) -> dict[str, Any]:
    """The client's own body with what the hub has changed, except its model and limit."""
    body = flat({name: value for name, value in original.body.items() if name not in _OWN_FIELDS or value is None})
    added = input_items(request.messages[original.messages :])
    if added:
        items = body["input"]
        items = [{"role": "user", "content": items}] if isinstance(items, str) else items
        body["input"] = [*items, *added]
        if request.format is None:
            body.pop("text.format", None)
    return body


def flat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the fields inside `reasoning` and `text` beside the others."""
    fields: dict[str, Any] = {}
    for name, value in body.items():
        if name in _NESTED and isinstance(value, dict) and value:
            fields |= {f"{name}.{inner}": inner_value for inner, inner_value in value.items()}
        else:
            fields[name] = value
    return fields


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body as it is sent."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        outer, _, inner = name.partition(".")
        if inner and outer in _NESTED:
            body[outer] = {**body.get(outer, {}), inner: value}
        else:
            body[name] = value
    return body


def without_reasoning(sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body without earlier reasoning, which another account's server cannot read; None: it has none."""
    items = sent["input"]
    kept = [item for item in items if item.get("type") != "reasoning"] if isinstance(items, list) else items
    return {**sent, "input": kept} if len(kept) < len(items) else None


def left_out(body: Mapping[str, Any], sent: Mapping[str, Any], *, is_original: bool) -> tuple[str, ...]:
    """The fields of the request that are in `body`, and not in what was sent of it. What the hub itself put in is not
    named."""
    fields = [field for field, name in _DISPENSABLE.items() if name in body and name not in sent]
    if is_original:
        fields += [name for name in body if name not in sent and name not in _DISPENSABLE.values()]
        fields += ["reasoning"] if len(sent["input"]) < len(body["input"]) else []
    return tuple(fields)


def dispensable(sent: Mapping[str, Any]) -> frozenset[str]:
    """What of a body an answer is good without, save the limit: without it an answer may cost what nobody wanted."""
    names = {name for field, name in _DISPENSABLE.items() if field != "max_tokens"}
    return frozenset({"include", "reasoning.summary", *names} & sent.keys())


def _items(turn: Message, provider: str) -> Iterator[dict[str, Any]]:
    role = str(turn.role if turn.role is not Role.TOOL else Role.USER)
    if turn.role is Role.SYSTEM:
        role = "developer"
    if isinstance(turn.content, str):
        yield {"role": role, "content": turn.content}
        return
    for result in turn.tool_results:
        yield {"type": "function_call_output", "call_id": result.call_id, "output": result.marked_text}
    if (turn.images or turn.documents) and role == "user":
        parts = (part for part in turn.content if isinstance(part, Text | Image | Document))
        yield {"role": role, "content": [_part(part) for part in parts]}
    elif turn.text or not (turn.tool_results or turn.tool_calls):
        yield {"role": role, "content": turn.text}
    for call in turn.tool_calls:
        yield from _earlier_reasoning(call.state_for(provider, "responses"))
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _earlier_reasoning(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The reasoning that led to a call, in the vendor's encrypted form."""
    items = state.get("reasoning")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == "reasoning":
            yield item


def call_name(item: Mapping[str, Any]) -> str:
    """The hub's name for the tool that an item calls: the tools of a namespace have its name before their own."""
    name, namespace = parse_name(item.get("name")), parse_name(item.get("namespace"))
    return f"{namespace}__{name}" if namespace else name


def _part(part: Text | Image | Document) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    url = f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    if isinstance(part, Document):
        if part.url:  # with which OpenAI takes no name (0xPlaygrounds/rig#1429)
            return {"type": "input_file", "file_url": part.url}
        return {"type": "input_file", "filename": part.name, "file_data": url}
    return {"type": "input_image", "image_url": part.url or url, "detail": "auto"}


def _tool(tool: Tool) -> dict[str, Any]:
    """A tool. Unlike chat completions, the protocol takes a schema for a strict one where nothing is said."""
    function: dict[str, Any] = {"type": "function", "name": tool.name, "strict": bool(tool.strict)}
    function["parameters"] = dict(tool.parameters or NO_ARGUMENTS)
    if tool.description:
        function["description"] = tool.description
    return function


def _format(json_format: JSONFormat) -> dict[str, Any]:
    if json_format.schema is None:
        return {"type": "json_object"}
    description: dict[str, Any] = {
        "type": "json_schema", "name": json_format.name, "schema": dict(json_format.schema),
    }  # fmt: skip
    if json_format.strict is not None:
        description["strict"] = json_format.strict
    return description

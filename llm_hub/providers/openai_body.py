"""A chat request in the shape of OpenAI's chat completions, which many more servers and engines understand."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from llm_hub.capabilities import CAPABILITIES
from llm_hub.chat import ChatRequest, Image, JSONFormat, Message, OneTool, Role, Text, Tool, ToolChoice
from llm_hub.errors import ModelNotFound, NotOffered, ProviderError, UnsupportedParameter

NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool without arguments: several servers want one all the same."""
FIELDS = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tools": "parallel_tool_calls",
    "format": "response_format",
    "stop": "stop",
    "seed": "seed",
    "top_p": "top_p",
    "effort": "reasoning_effort",
}
"""The optional fields of a `ChatRequest`, and their names on the wire."""
OTHER_NAMES = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_completion_tokens",
    "seed": "random_seed",  # Mistral's
}
"""Parameters that some models take under another name only."""
_DISPENSABLE = {
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "parallel_tools": ("parallel_tool_calls",),
    "stop": ("stop",),
    "seed": ("seed", "random_seed"),
    "top_p": ("top_p",),
    "effort": ("reasoning_effort",),
}
"""The fields that an answer is good without, and their names on the wire. Tools and formats are what it is for."""
OPTIONAL = frozenset({"stream_options", *(name for names in _DISPENSABLE.values() for name in names)})
"""The parameters that may be left out for a model that refuses them."""


def messages(turns: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The conversation. Every result of a tool becomes a message of its own."""
    return [message for turn in turns for message in _messages(turn)]


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, except its model and limit. A choice of tools is left out where there are no tools."""
    body: dict[str, Any] = {}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [describe_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _choice(request.tool_choice)
        if request.parallel_tools is not None:
            body["parallel_tool_calls"] = request.parallel_tools
    if request.format is not None:
        body["response_format"] = _format(request.format)
    if request.stop:
        body["stop"] = list(request.stop)
    if request.seed is not None:
        body["seed"] = request.seed
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.effort is not None:
        body["reasoning_effort"] = request.effort
    return body


def left_out(body: dict[str, Any], sent: dict[str, Any]) -> tuple[str, ...]:
    """The fields of the request that are in `body` and, under none of their names, in what was sent of it."""
    return tuple(
        field
        for field, names in _DISPENSABLE.items()
        if not body.keys().isdisjoint(names) and sent.keys().isdisjoint(names)
    )


def explain_refusal(refusal: ProviderError, sent: dict[str, Any]) -> ProviderError:
    """The refusal of a request with tools or a format: where the model does not take them, it is `NotOffered`."""
    if isinstance(refusal, ModelNotFound) and {"tools", "response_format"} & sent.keys():
        # OpenRouter says 404 as well where no server behind it takes tools: the model may be there for others.
        refusal.breaker = "ignores"
    parameter = refusal.parameter if isinstance(refusal, UnsupportedParameter) else None
    field = next((field for field, name in FIELDS.items() if name == parameter), None)
    if field is None:
        return refusal
    return NotOffered(
        f"{refusal.model} does not take {CAPABILITIES[field]}.",
        parameter=field,
        provider=refusal.provider,
        model=refusal.model,
        detail=refusal.detail,
        status=refusal.status,
        code=refusal.code,
    )


def describe_tool(tool: Tool) -> dict[str, Any]:
    """A tool in OpenAI's shape, which Ollama takes as well."""
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.parameters or NO_ARGUMENTS)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _messages(turn: Message) -> Iterator[dict[str, Any]]:
    if isinstance(turn.content, str):
        yield {"role": str(turn.role), "content": turn.content}
        return
    for result in turn.tool_results:
        yield {"role": "tool", "tool_call_id": result.call_id, "content": result.marked_text}
    message: dict[str, Any] = {"role": str(turn.role if turn.role is not Role.TOOL else Role.USER)}
    if turn.tool_calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.tool_calls
        ]
        yield message | {"content": turn.text or None, "tool_calls": calls}
    elif turn.images:
        yield message | {"content": [_part(part) for part in turn.content if isinstance(part, Text | Image)]}
    elif turn.text or not turn.tool_results:
        yield message | {"content": turn.text}


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    encoded = base64.b64encode(part.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{encoded}"}}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if isinstance(choice, OneTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def _format(json_format: JSONFormat) -> dict[str, Any]:
    if json_format.schema is None:
        return {"type": "json_object"}
    description: dict[str, Any] = {"name": json_format.name, "schema": dict(json_format.schema)}
    if json_format.strict is not None:
        description["strict"] = json_format.strict
    return {"type": "json_schema", "json_schema": description}

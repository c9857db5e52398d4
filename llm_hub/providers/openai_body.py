"""A chat request in the shape of OpenAI's chat completions, which many more servers and engines understand."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from llm_hub.chat import ChatRequest, Image, JSONFormat, Message, OneTool, Role, Text, Tool, ToolChoice

NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool that takes none: several servers want one all the same."""
NAMES = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tools": "parallel_tool_calls",
    "format": "response_format",
    "stop": "stop",
    "seed": "seed",
    "top_p": "top_p",
    "effort": "reasoning_effort",
}
"""What the optional fields of a request are called here."""


def messages(turns: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The conversation. Every result of a tool is a message of its own."""
    return [message for turn in turns for message in _messages(turn)]


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, but for its model and limit. A choice among tools means nothing where there are none."""
    wanted: dict[str, Any] = {}
    if request.temperature is not None:
        wanted["temperature"] = request.temperature
    if request.tools:
        wanted["tools"] = [tool(one) for one in request.tools]
        if request.tool_choice is not None:
            wanted["tool_choice"] = _choice(request.tool_choice)
        if request.parallel_tools is not None:
            wanted["parallel_tool_calls"] = request.parallel_tools
    if request.format is not None:
        wanted["response_format"] = _format(request.format)
    if request.stop:
        wanted["stop"] = list(request.stop)
    if request.seed is not None:
        wanted["seed"] = request.seed
    if request.top_p is not None:
        wanted["top_p"] = request.top_p
    if request.effort is not None:
        wanted["reasoning_effort"] = request.effort
    return wanted


def tool(offered: Tool) -> dict[str, Any]:
    """A tool, as Ollama has it, too."""
    function: dict[str, Any] = {"name": offered.name, "parameters": dict(offered.parameters or NO_ARGUMENTS)}
    if offered.description:
        function["description"] = offered.description
    if offered.strict is not None:
        function["strict"] = offered.strict
    return {"type": "function", "function": function}


def _messages(turn: Message) -> Iterator[dict[str, Any]]:
    if isinstance(turn.content, str):
        yield {"role": str(turn.role), "content": turn.content}
        return
    for result in turn.tool_results:
        yield {"role": "tool", "tool_call_id": result.call_id, "content": result.text}
    said: dict[str, Any] = {"role": str(turn.role if turn.role is not Role.TOOL else Role.USER)}
    if turn.tool_calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.tool_calls
        ]
        yield said | {"content": turn.text or None, "tool_calls": calls}
    elif turn.images:
        yield said | {"content": [_part(part) for part in turn.content if isinstance(part, Text | Image)]}
    elif turn.text or not turn.tool_results:
        yield said | {"content": turn.text}


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    encoded = base64.b64encode(part.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{encoded}"}}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if isinstance(choice, OneTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def _format(wanted: JSONFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    described: dict[str, Any] = {"name": wanted.name, "schema": dict(wanted.schema)}
    if wanted.strict is not None:
        described["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": described}

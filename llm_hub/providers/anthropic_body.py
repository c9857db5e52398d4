"""A chat request in the shape of Anthropic's messages API of 2026-10-21."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from anthropic import transform_schema

from llm_hub.chat import ChatRequest, Image, Message, OneTool, Role, Text, Tool, ToolCall, ToolChoice, ToolResult

_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")
_SETTINGS = ("top_p", "temperature", "effort")
"""What an answer is good without, and some models refuse: the likeliest first."""


def turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The conversation as the API takes it: without system or blank turns, same-role neighbours merged, user first.

    What tools gave is the user's here, and comes before anything else in its turn.
    """
    merged: list[dict[str, Any]] = []
    for message in messages:
        blocks = list(_blocks(message))
        if message.role is Role.SYSTEM or not blocks:
            continue
        role = Role.ASSISTANT if message.role is Role.ASSISTANT else Role.USER
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += blocks
        elif merged or role is Role.USER:
            merged.append({"role": str(role), "content": blocks})
    return merged


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, but for its model, system prompt and limit."""
    wanted: dict[str, Any] = {}
    if request.temperature is not None:
        wanted["temperature"] = min(request.temperature, 1.0)
    if request.top_p is not None:
        wanted["top_p"] = request.top_p
    if request.stop:
        wanted["stop_sequences"] = list(request.stop)
    if request.tools:
        wanted["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None or request.parallel_tools is False:
            wanted["tool_choice"] = _choice(request.tool_choice or "auto", one=request.parallel_tools is False)
    output: dict[str, Any] = {}
    if request.format is not None and request.format.schema is not None:
        output["format"] = {"type": "json_schema", "schema": _schema(dict(request.format.schema))}
    if request.effort in EFFORTS:
        output["effort"] = request.effort
    if output:
        wanted["output_config"] = output
    return wanted


def settings(wanted: dict[str, Any]) -> tuple[str, ...]:
    """Those settings of a body that a model may refuse and that an answer is good without."""
    return tuple(name for name in _SETTINGS if name in wanted or name in wanted.get("output_config", ()))


def ways(asked: frozenset[str]) -> list[tuple[str, ...]]:
    """What to leave out, in turn, until the request is taken: nothing, one, one more, …, everything."""
    names = [name for name in _SETTINGS if name in asked]
    found = [(), *((name,) for name in names), *(tuple(names[:number]) for number in range(2, len(names) + 1))]
    return list(dict.fromkeys(found))


def without(wanted: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The body without some of its settings."""
    if not names:
        return wanted
    left = {name: value for name, value in wanted.items() if name not in (*names, "output_config")}
    output = {name: value for name, value in wanted.get("output_config", {}).items() if name not in names}
    return left | {"output_config": output} if output else left


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if isinstance(message.content, str):
        if message.content.strip():
            yield {"type": "text", "text": message.content}
        return
    for part in sorted(message.content, key=lambda part: not isinstance(part, ToolResult)):
        if isinstance(part, Text):
            if part.text.strip():
                yield {"type": "text", "text": part.text}
        elif isinstance(part, Image):
            encoded = base64.b64encode(part.data).decode()
            source = {"type": "base64", "media_type": part.media_type, "data": encoded}
            yield {"type": "image", "source": source}
        elif isinstance(part, ToolCall):
            yield {"type": "tool_use", "id": _id(part.id), "name": part.name, "input": part.decoded()}
        else:
            yield {"type": "tool_result", "tool_use_id": _id(part.call_id), **_given(part)}


def _given(result: ToolResult) -> dict[str, Any]:
    given: dict[str, Any] = {"content": result.text} if result.text.strip() else {}
    return given | {"is_error": True} if result.failed else given


def _id(call: str) -> str:
    """A call's id in the letters that are allowed here: another provider's may have others."""
    return _NO_ID.sub("_", call)


def _tool(tool: Tool) -> dict[str, Any]:
    described: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object", **tool.parameters}}
    if tool.description:
        described["description"] = tool.description
    if tool.strict is not None:
        described["strict"] = tool.strict
    return described


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema in the part of JSON schema that the API takes: the SDK turns the rest into words of descriptions.

    What the SDK makes nothing of goes as it is: the API knows more of it, or says what is wrong.
    """
    try:
        return transform_schema(schema)
    except (AssertionError, AttributeError, TypeError, ValueError):
        return schema


def _choice(choice: ToolChoice, *, one: bool) -> dict[str, Any]:
    chosen: dict[str, Any] = (
        {"type": "tool", "name": choice.name} if isinstance(choice, OneTool) else {"type": _CHOICES[choice]}
    )
    return chosen | {"disable_parallel_tool_use": True} if one and chosen["type"] != "none" else chosen

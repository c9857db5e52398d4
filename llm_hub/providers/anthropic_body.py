"""A chat request in the shape of Anthropic's messages API of 2026-10-21."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from anthropic import transform_schema

from llm_hub.chat import (
    ChatRequest,
    Document,
    Image,
    Message,
    OneTool,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

MAX_TOKENS = 8192
"""Tokens of an answer where the request sets no limit, which the API requires. It is within every current model's."""
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_BUDGETS = {"low": 4096, "medium": 16_384}
MIN_BUDGET, MAX_BUDGET = 1024, 32_000
"""Tokens of reasoning: the fewest that the API takes, and those that any other effort stands for."""
REASONING_BLOCKS = ("thinking", "redacted_thinking")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]")
_SETTINGS = ("top_p", "top_k", "temperature", "effort")
"""The settings that some models refuse, and that an answer is good without. Where a refusal names several
("`temperature` and `top_p` cannot both be specified", litellm#15097), the first of them is left out."""


def messages(turns: tuple[Message, ...], *, provider: str = "", continues: bool = False) -> list[dict[str, Any]]:
    """The conversation as the API takes it: no system or blank turns, neighbours of one role merged, the user first.

    Results of tools belong to the user's turn here, and come before anything else in it. `continues`: the turns follow
    others, so that an assistant's may be the first. The reasoning that `provider` signed goes back to it.
    """
    merged: list[dict[str, Any]] = []
    for message in turns:
        blocks = [*_signed_reasoning(message, provider), *_blocks(message)]
        if message.role is Role.SYSTEM or not blocks:
            continue
        role = Role.ASSISTANT if message.role is Role.ASSISTANT else Role.USER
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += blocks
        elif merged or continues or role is Role.USER:
            merged.append({"role": str(role), "content": blocks})
    return merged


def unsupported_value(request: ChatRequest) -> tuple[str, str] | None:
    """The field whose value the API does not take, and the end of a sentence about it; None if it takes all."""
    if request.format is not None and request.format.schema is None:
        return "format", "writes JSON of a given schema only"
    if any(not stop.strip() for stop in request.stop):
        return "stop", "does not stop at white space alone"
    return None


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, except its model and conversation. An effort in another vendor's words is left out."""
    body: dict[str, Any] = {"max_tokens": request.max_tokens if request.max_tokens is not None else MAX_TOKENS}
    if system := "\n\n".join(turn.text for turn in request.messages if turn.role is Role.SYSTEM and turn.text.strip()):
        body["system"] = system
    if request.temperature is not None:
        body["temperature"] = min(request.temperature, 1.0)
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.tools:
        body["tools"] = [_describe_tool(tool) for tool in request.tools]
        if request.tool_choice is not None or request.parallel_tools is False:
            body["tool_choice"] = _choice(request.tool_choice or "auto", one_at_once=request.parallel_tools is False)
    output: dict[str, Any] = {}
    if request.format is not None and request.format.schema is not None:
        output["format"] = {"type": "json_schema", "schema": _schema(dict(request.format.schema))}
    if request.effort in _EFFORTS:
        output["effort"] = request.effort
    if output:
        body["output_config"] = output
    return body


def settings(body: dict[str, Any]) -> tuple[str, ...]:
    """The settings in a body that a model may refuse and that an answer is good without."""
    return tuple(name for name in _SETTINGS if name in body or name in (body.get("output_config") or ()))


def left_out(body: dict[str, Any], sent: dict[str, Any]) -> tuple[str, ...]:
    """The settings of a body that are not in what was sent of it."""
    remaining = settings(sent)
    return tuple(name for name in settings(body) if name not in remaining)


def named_setting(text: str, sent: dict[str, Any]) -> str | None:
    """The setting among those sent that a refusal names: no code does."""
    words = set(re.findall(r"\w+", text.lower()))
    return next((name for name in settings(sent) if name in words), None)


def without(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The body without some of its settings."""
    if not names:
        return body
    rest = {name: value for name, value in body.items() if name not in (*names, "output_config")}
    output = {name: value for name, value in (body.get("output_config") or {}).items() if name not in names}
    return rest | {"output_config": output} if output else rest


def with_budget(body: dict[str, Any], left_out: tuple[str, ...]) -> dict[str, Any]:
    """What is sent of a body: without some settings, and with a budget of tokens where the effort is among them.

    The models before Claude Opus 4.5 know no effort, and reason only where they are told for how many tokens. They take
    that with neither a temperature nor a forced call, and want the reasoning of earlier calls back
    (platform.claude.com, "Extended thinking"). "thinking" in `left_out`: the model refused that, too.
    """
    sent = without(body, left_out)
    effort = (body.get("output_config") or {}).get("effort")
    if (
        "effort" not in left_out
        or "thinking" in left_out
        or "thinking" in body
        or {"temperature", "top_p"} & body.keys()
    ):
        return sent
    budget = min(_BUDGETS.get(str(effort), MAX_BUDGET), body["max_tokens"] // 2)  # which is a part of the limit
    forces_call = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    if budget < MIN_BUDGET or forces_call or any(map(_calls_without_reasoning, body["messages"])):
        return sent
    return sent | {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _calls_without_reasoning(turn: dict[str, Any]) -> bool:
    kinds = [block.get("type") for block in turn.get("content") or () if isinstance(block, dict)]
    return "tool_use" in kinds and not set(REASONING_BLOCKS) & set(kinds)


def count_bytes(body: dict[str, Any]) -> int:
    """Bytes of the text in a body, roughly: the conversation's, the system prompt's and the tools'."""
    return _count_text([body["messages"], body.get("system"), body.get("tools")])


def _count_text(value: Any) -> int:
    """Bytes of all texts in a JSON value, without those of images and files."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if isinstance(value, dict):
        return sum(_count_text(inner) for name, inner in value.items() if name != "source")
    return sum(map(_count_text, value)) if isinstance(value, list) else 0


def _signed_reasoning(message: Message, provider: str) -> Iterator[dict[str, Any]]:
    """The reasoning of a turn that calls tools, which comes before everything else in it."""
    for call in message.tool_calls:
        blocks = call.state_for(provider, "anthropic").get("reasoning")
        for block in blocks if isinstance(blocks, list) else ():
            if isinstance(block, dict) and block.get("type") in REASONING_BLOCKS:
                yield block


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if isinstance(message.content, str):
        if message.content.strip():
            yield {"type": "text", "text": message.content}
        return
    for part in sorted(message.content, key=lambda part: not isinstance(part, ToolResult)):
        if isinstance(part, Text):
            if part.text.strip():
                yield {"type": "text", "text": part.text}
        elif isinstance(part, Image | Document):
            encoded = base64.b64encode(part.data).decode()
            source = {"type": "base64", "media_type": part.media_type, "data": encoded}
            if part.url:
                source = {"type": "url", "url": part.url}
            if isinstance(part, Document):
                yield {"type": "document", "source": source, "title": part.name}
            else:
                yield {"type": "image", "source": source}
        elif isinstance(part, ToolCall):
            yield {"type": "tool_use", "id": call_id(part.id), "name": part.name, "input": part.decoded()}
        else:
            yield {"type": "tool_result", "tool_use_id": call_id(part.call_id), **_result(part)}


def _result(result: ToolResult) -> dict[str, Any]:
    content: dict[str, Any] = {"content": result.text} if result.text.strip() else {}
    return content | {"is_error": True} if result.failed else content


def call_id(call_id: str) -> str:
    """A call's id with the characters that the API allows: another provider's may have others."""
    return _NOT_IN_IDS.sub("_", call_id)


def _describe_tool(tool: Tool) -> dict[str, Any]:
    description: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object", **tool.parameters}}
    if tool.description:
        description["description"] = tool.description
    if tool.strict is not None:
        description["strict"] = tool.strict
    return description


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema in the part of JSON schema that the API takes: the SDK turns the rest into words of descriptions.

    A schema that the SDK cannot read is sent as it is: the API may know more of it, or says what is wrong.
    """
    try:
        return transform_schema(schema)
    except (AssertionError, AttributeError, TypeError, ValueError):
        return schema


def _choice(choice: ToolChoice, *, one_at_once: bool) -> dict[str, Any]:
    body: dict[str, Any] = (
        {"type": "tool", "name": choice.name} if isinstance(choice, OneTool) else {"type": _CHOICES[choice]}
    )
    return body | {"disable_parallel_tool_use": True} if one_at_once and body["type"] != "none" else body
